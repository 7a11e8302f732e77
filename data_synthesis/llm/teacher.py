"""The teacher behind `--teacher openai`: holds every title's conversation with a chat model, online or in batches."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from creator.core.progress import Progress
from creator.engine.chat.batch import BatchDesk
from creator.engine.chat.budget import Budget, Prices
from creator.engine.chat.desk import Desk
from creator.engine.chat.endpoint import Address, Endpoint, Traffic
from creator.engine.chat.exchange import converse, converse_in_rounds
from creator.engine.chat.ledger import Ledger
from creator.engine.chat.question import Answer, Question, Reply, Wording
from data_synthesis.commands import SynthesizeOptions
from data_synthesis.llm.conversation import with_receipt, write_title
from data_synthesis.llm.forecast import Forecast, forecast
from data_synthesis.llm.prompts import PROMPT_VERSION
from data_synthesis.screen import Screen
from data_synthesis.teacher import Task, Written

CONVERSATIONS_PER_REQUEST = 4
"""Conversations open for each request that may be out: some wait for the profile that another is asking for."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a job asked and paid.

    Args:
        asked: questions that went to the endpoint, by step.
        known: questions that the file of answers decided, by step.
        answers: paid answers that this job's titles rest on.
        tokens_in: of those answers' conversations.
        tokens_out: of those answers.
        cost_usd: of those answers; the sum over all rows, kept and rejected.
        paid_usd: of everything in the file of answers.
        paid_tokens: of everything in the file of answers.
        batches: batches handed in or found again.
        traffic: what went over the wire; nothing of it in batch mode.
        stopped: whether the budget ended the asking.
    """

    asked: dict[str, int]
    known: dict[str, int]
    answers: int
    tokens_in: int
    tokens_out: int
    cost_usd: float
    paid_usd: float
    paid_tokens: int
    batches: int
    traffic: Traffic
    stopped: bool


@dataclass(frozen=True, slots=True)
class _Job:
    """Where one start of a job asks."""

    desk: Desk | BatchDesk
    budget: Budget
    endpoint: Endpoint

    def settle(self, answers: Sequence[Answer], ledger: Ledger) -> Receipt:
        return Receipt(
            asked=_by_step(self.desk.asked),
            known=_by_step(self.desk.known),
            answers=len(answers),
            tokens_in=sum(answer.tokens_in for answer in answers),
            tokens_out=sum(answer.tokens_out for answer in answers),
            cost_usd=round(sum(answer.cost_usd for answer in answers), 6),
            paid_usd=round(ledger.cost_usd, 6),
            paid_tokens=ledger.tokens,
            batches=self.desk.batches if isinstance(self.desk, BatchDesk) else 0,
            traffic=self.endpoint.traffic,
            stopped=self.budget.exhausted,
        )


class OpenAITeacher(AbstractContextManager["OpenAITeacher"]):
    """Writes titles with a chat model. Holds its file of answers from entering to leaving.

    Args:
        options: of `synthesize`.
        answers: the file of answers.
        screen: the fact check.

    Raises:
        UsageError: the environment names no endpoint and no key.
    """

    def __init__(self, options: SynthesizeOptions, answers: Path, screen: Screen) -> None:
        self._options, self._path, self._screen = options, answers, screen
        self._address = Address.from_environment()
        self._wording = Wording(
            options.model or "", options.seed, options.temperature, options.schema, options.thinking_tokens
        )
        self._prices = Prices(options.price_in, options.price_out)
        self._ledger: Ledger | None = None
        self.receipt: Receipt | None = None

    @property
    def name(self) -> str:
        """As recorded in the examples."""
        return f"openai:{self._options.model}"

    @property
    def prompt_version(self) -> str:
        """The versions of its prompts."""
        return PROMPT_VERSION

    def __enter__(self) -> OpenAITeacher:
        if not self._options.dry_run or self._path.exists():
            self._ledger = Ledger(self._path)
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._ledger is not None:
            self._ledger.close()

    def forecast(self, tasks: Iterable[Task]) -> Forecast:
        """What is still to be asked, and what it may cost."""
        key = self._wording.key
        return forecast(tasks, self._screen, key, self._known, self._prices, self._options.thinking_tokens)

    def _known(self, question: Question) -> Answer | None:
        return self._ledger.get(self._wording.key(question)) if self._ledger is not None else None

    def write(self, tasks: Iterable[Task]) -> Iterator[Written]:
        """Answer the tasks, in their order; `receipt` is there afterwards.

        Raises:
            EngineError: the endpoint answers nobody; answers so far are kept.
            InputError: another process uses the file of answers.
        """
        if self._ledger is None:
            raise RuntimeError("the teacher is not open")
        listed = list(tasks)
        slips: list[list[tuple[str, str, Answer]]] = [[] for _ in listed]
        job = self._job(self._ledger)
        written = asyncio.run(self._hold(job, listed, slips))
        paid: dict[str, Answer] = {}
        for answer, slip in zip(written, slips, strict=True):
            own = {key: reply for key, _, reply in slip if key not in paid}
            paid |= own
            cost = sum(reply.cost_usd for reply in own.values())
            yield with_receipt(answer, cost, [(step, reply.thought) for _, step, reply in slip if reply.thought])
        self.receipt = job.settle(list(paid.values()), self._ledger)

    def _job(self, ledger: Ledger) -> _Job:
        options = self._options
        budget = Budget(self._prices, options.budget_tokens, options.budget_usd, options.thinking_tokens)
        endpoint = Endpoint(
            self._address,
            self._wording,
            self._prices,
            concurrency=options.concurrency,
            timeout_s=options.timeout_s,
            retries=options.retries,
        )
        desk = (
            BatchDesk(self._wording, ledger, budget, self._prices, endpoint.client, options.batch_poll_s)
            if options.mode == "batch"
            else Desk(self._wording, ledger, budget, endpoint)
        )
        return _Job(desk, budget, endpoint)

    async def _hold(
        self, job: _Job, tasks: Sequence[Task], slips: Sequence[list[tuple[str, str, Answer]]]
    ) -> list[Written]:
        progress = Progress("titles", len(tasks), "titles")
        talks = (self._noting(task, slip) for task, slip in zip(tasks, slips, strict=True))
        try:
            if isinstance(job.desk, BatchDesk):
                return await converse_in_rounds(talks, job.desk, progress.advance)
            width = CONVERSATIONS_PER_REQUEST * self._options.concurrency
            written = await converse(talks, job.desk, width, progress.advance)
            job.desk.conclude()
            return written
        finally:
            progress.close()
            await job.endpoint.close()

    def _noting(self, task: Task, slip: list[tuple[str, str, Answer]]) -> Generator[Question, Reply, Written]:
        """A conversation that notes every answer it was given."""
        talk = write_title(task, self._screen)
        try:
            question = next(talk)
            while True:
                reply = yield question
                if isinstance(reply, Answer):
                    slip.append((self._wording.key(question), question.step, reply))
                question = talk.send(reply)
        except StopIteration as end:
            return end.value


def _by_step(counts: Counter[str]) -> dict[str, int]:
    return {step: counts[step] for step in sorted(counts)}

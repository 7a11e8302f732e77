"""The Batch API: questions handed in as a file, answers fetched hours later at a lower price.

A batch is written into the ledger as soon as it is handed in, and carries a digest of its questions: whoever is killed
meanwhile finds it again, whether or not the ledger heard of it, and pays for it once.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import openai

from creator.core.artefacts import config_digest
from creator.core.errors import EngineError
from creator.core.progress import say
from creator.engine.chat.budget import Budget, Prices
from creator.engine.chat.desk import NOT_ASKED
from creator.engine.chat.endpoint import FATAL, read_completion
from creator.engine.chat.ledger import Ledger
from creator.engine.chat.question import Answer, NoAnswer, Question, Reply, Wording

MOST_QUESTIONS, MOST_BYTES = 20_000, 90_000_000
"""Of one batch; the endpoint takes 50,000 and 200 MB (https://platform.openai.com/docs/guides/batch)."""
MARK = "hllm_creator_questions"
OVER = ("completed", "expired", "cancelled", "failed")


class BatchDesk:
    """Answers questions by batches.

    Args:
        wording: decides a question's identity.
        ledger: the answers paid for.
        budget: what may be spent.
        prices: of tokens in a batch.
        client: the official client.
        poll_s: seconds between looks at a batch.
    """

    def __init__(
        self,
        wording: Wording,
        ledger: Ledger,
        budget: Budget,
        prices: Prices,
        client: openai.AsyncOpenAI,
        poll_s: float,
    ) -> None:
        self._wording, self._ledger, self._budget, self._prices = wording, ledger, budget, prices
        self._client, self._poll_s = client, poll_s
        self.asked: Counter[str] = Counter()
        self.known: Counter[str] = Counter()
        self.batches = 0

    async def ask_all(self, questions: Sequence[Question]) -> list[Reply]:
        """The replies of one round, in the order of the questions.

        Raises:
            EngineError: the endpoint takes no batches, or refused one as a whole.
        """
        keys = [self._wording.key(question) for question in questions]
        self.known.update(q.step for q, key in zip(questions, keys, strict=True) if self._ledger.get(key) is not None)
        async with _told_plainly():
            for batch, steps in self._ledger.open_batches().items():
                await self._collect(batch, steps)
            left = {k: q for k, q in zip(keys, questions, strict=True) if self._ledger.get(k) is None}
            failed: dict[str, NoAnswer] = {}
            while left:
                chunk = self._within_budget(left)
                if not chunk:
                    failed |= dict.fromkeys(left, NOT_ASKED)
                    break
                failed |= await self._answer(chunk)
                left = {key: question for key, question in left.items() if key not in chunk}
        return [self._ledger.get(key) or failed[key] for key in keys]

    def _within_budget(self, left: Mapping[str, Question]) -> dict[str, Question]:
        chunk: dict[str, Question] = {}
        size = 0
        tokens, usd = self._ledger.tokens, self._ledger.cost_usd
        for key, question in left.items():
            size += 4 * question.tokens
            allowed = self._budget.allows(question, tokens, usd) and self._budget.fits(question, tokens, usd)
            if not allowed or len(chunk) >= MOST_QUESTIONS or size > MOST_BYTES:
                break
            self._budget.hold(question)
            chunk[key] = question
        for question in chunk.values():
            self._budget.free(question)
        return chunk

    async def _answer(self, chunk: Mapping[str, Question]) -> dict[str, NoAnswer]:
        digest = config_digest(sorted(chunk))
        batch = await self._find(digest) or await self._hand_in(chunk, digest)
        steps = {key: question.step for key, question in chunk.items()}
        self.batches += 1
        self.asked.update(steps.values())
        self._ledger.record_batch(batch, steps)
        return await self._collect(batch, steps)

    async def _find(self, digest: str) -> str | None:
        page = await self._client.batches.list(limit=100)
        for batch in page.data:
            if (batch.metadata or {}).get(MARK) == digest and batch.status not in ("failed", "cancelled", "expired"):
                return batch.id
        return None

    async def _hand_in(self, chunk: Mapping[str, Question], digest: str) -> str:
        lines = [
            json.dumps(
                {
                    "custom_id": key,
                    "method": "POST",
                    "url": "/v1/chat/completions",
                    "body": self._wording.body(question),
                },
                ensure_ascii=False,
            )
            for key, question in chunk.items()
        ]
        content = ("\n".join(lines) + "\n").encode()
        file = await self._client.files.create(file=("questions.jsonl", content), purpose="batch")
        made = await self._client.batches.create(
            input_file_id=file.id,
            endpoint="/v1/chat/completions",
            completion_window="24h",
            metadata={MARK: digest},
        )
        return made.id

    async def _collect(self, batch: str, steps: Mapping[str, str]) -> dict[str, NoAnswer]:
        """Wait for a batch, keep its answers; why the others have none."""
        say(f"batch of {len(steps):,} questions handed in")
        state = await self._client.batches.retrieve(batch)
        while state.status not in OVER:
            await asyncio.sleep(self._poll_s)
            state = await self._client.batches.retrieve(batch)
        failed = dict.fromkeys(steps, NoAnswer(f"batch: {state.status}"))
        for file in (state.output_file_id, state.error_file_id):
            if file is not None:
                content = (await self._client.files.content(file)).content
                for line in content.splitlines():
                    self._take(line, steps, failed)
        self._ledger.record_collected(batch)
        if state.status == "failed":
            raise EngineError(
                "the endpoint refused a whole batch",
                got=f"{len(steps):,} questions",
                cure="check --model, and whether it may be used in batches",
            )
        return failed

    def _take(self, line: bytes, steps: Mapping[str, str], failed: dict[str, NoAnswer]) -> None:
        try:
            row: dict[str, Any] = json.loads(line)
            key, response = row["custom_id"], row.get("response") or {}
            status = int(response.get("status_code") or 0)
        except (ValueError, TypeError, KeyError, AttributeError):
            return
        if key not in steps:
            return
        reply = (
            read_completion(response.get("body"), 0, self._prices)
            if status == 200
            else NoAnswer(f"endpoint: HTTP {status}" if status else "batch: no answer")
        )
        if isinstance(reply, Answer):
            self._ledger.record(key, steps[key], reply)
            failed.pop(key, None)
        else:
            failed[key] = reply


@asynccontextmanager
async def _told_plainly() -> AsyncGenerator[None]:
    """The client's errors as ours: no text of the endpoint's."""
    try:
        yield
    except openai.APIStatusError as error:
        status = error.status_code
        raise EngineError(
            f"the endpoint {FATAL.get(status, 'cannot take or give a batch now')}",
            got=f"HTTP {status}",
            cure="run the same command again, or without --mode batch; answers so far are kept",
        ) from None
    except openai.APIConnectionError:
        raise EngineError(
            "the endpoint cannot be reached", cure="run the same command again; a batch handed in is found again"
        ) from None

"""The desk before the endpoint: known answers for nothing, the budget kept, nothing asked twice at once."""

from __future__ import annotations

import asyncio
from collections import Counter

from creator.core.errors import EngineError
from creator.engine.chat.budget import Budget
from creator.engine.chat.endpoint import Endpoint
from creator.engine.chat.ledger import Ledger
from creator.engine.chat.question import Answer, NoAnswer, Question, Reply, Wording

NOT_ASKED = NoAnswer("budget: not asked")
FAILURES_IN_A_ROW = 20


class Desk:
    """Answers questions, each once.

    Args:
        wording: decides a question's identity.
        ledger: the answers paid for.
        budget: what may be spent.
        endpoint: where unknown questions go.
    """

    def __init__(self, wording: Wording, ledger: Ledger, budget: Budget, endpoint: Endpoint) -> None:
        self._wording, self._ledger, self._budget, self._endpoint = wording, ledger, budget, endpoint
        self._under_way: dict[str, asyncio.Future[Reply]] = {}
        self._changed = asyncio.Condition()
        self._failures = self._successes = 0
        self._last = ""
        self.asked: Counter[str] = Counter()
        self.known: Counter[str] = Counter()

    async def ask(self, question: Question) -> Reply:
        """The answer to a question; the same question asked by several at once goes out once.

        Raises:
            EngineError: the endpoint answers nobody, so that going on would only lose rows.
        """
        key = self._wording.key(question)
        if (found := self._ledger.get(key)) is not None:
            self.known[question.step] += 1
            return found
        if key in self._under_way:
            return await asyncio.shield(self._under_way[key])
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._under_way[key] = future
        try:
            reply = await self._ask(question, key)
        except EngineError as error:
            future.set_exception(error)
            future.exception()  # whoever waits for it raises it; if nobody does, that is no fault
            raise
        except BaseException:
            future.cancel()
            raise
        finally:
            del self._under_way[key]
        future.set_result(reply)
        return reply

    async def _ask(self, question: Question, key: str) -> Reply:
        async with self._changed:
            while True:
                if not self._budget.allows(question, self._ledger.tokens, self._ledger.cost_usd):
                    return NOT_ASKED
                if self._budget.fits(question, self._ledger.tokens, self._ledger.cost_usd):
                    break
                await self._changed.wait()
            self._budget.hold(question)
        try:
            self.asked[question.step] += 1
            reply = await self._endpoint.ask(question)
            if isinstance(reply, Answer):
                self._ledger.record(key, question.step, reply)
        finally:
            async with self._changed:
                self._budget.free(question)
                self._changed.notify_all()
        self._watch(reply)
        return reply

    def _watch(self, reply: Reply) -> None:
        if isinstance(reply, NoAnswer):
            self._failures, self._last = self._failures + 1, reply.reason
            if self._failures >= FAILURES_IN_A_ROW:
                self._give_up()
        else:
            self._failures, self._successes = 0, self._successes + 1

    def conclude(self) -> None:
        """At the end of a job: that the endpoint answered at all.

        Raises:
            EngineError: questions were asked and not one was answered.
        """
        if self._failures and not self._successes:
            self._give_up()

    def _give_up(self) -> None:
        raise EngineError(
            f"{self._failures} questions in a row had no answer",
            got=self._last,
            cure="look after the endpoint and run the same command again; answers so far are kept",
        )

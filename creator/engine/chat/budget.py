"""What may be spent: checked before a question goes out, so that the limit is never passed."""

from __future__ import annotations

from dataclasses import dataclass

from creator.engine.chat.question import Question


@dataclass(frozen=True, slots=True)
class Prices:
    """What a million tokens cost.

    Args:
        usd_in: of the conversation, USD.
        usd_out: of the answer, USD.
    """

    usd_in: float = 0.0
    usd_out: float = 0.0

    def cost_usd(self, tokens_in: float, tokens_out: float) -> float:
        """What a request costs."""
        return (tokens_in * self.usd_in + tokens_out * self.usd_out) / 1e6


class Budget:
    """Limits of tokens and money over everything in a ledger, earlier starts included.

    Args:
        prices: of the endpoint.
        tokens: tokens in and out, at most; None for no limit.
        usd: money, at most; None for no limit.
        thinking_tokens: what an answer may take besides (`Wording.thinking_tokens`).
    """

    def __init__(
        self, prices: Prices, tokens: int | None = None, usd: float | None = None, thinking_tokens: int = 0
    ) -> None:
        self.prices, self._tokens, self._usd, self._thinking = prices, tokens, usd, thinking_tokens
        self._held_tokens, self._held_usd = 0, 0.0
        self.exhausted = False

    def most_of(self, question: Question) -> tuple[int, float]:
        """Tokens and money that a question takes at the most: its answer as long as it may be."""
        answer = question.most_tokens + self._thinking
        return question.tokens + answer, self.prices.cost_usd(question.tokens, answer)

    def allows(self, question: Question, tokens: int, usd: float) -> bool:
        """Whether a question could be asked if nothing else were out, after so much was spent; the first no stays."""
        more_tokens, more_usd = self.most_of(question)
        over_tokens = self._tokens is not None and tokens + more_tokens > self._tokens
        over_usd = self._usd is not None and usd + more_usd > self._usd
        self.exhausted = self.exhausted or over_tokens or over_usd
        return not self.exhausted

    def fits(self, question: Question, tokens: int, usd: float) -> bool:
        """Whether it can be asked beside everything that is out."""
        more_tokens, more_usd = self.most_of(question)
        return (self._tokens is None or tokens + self._held_tokens + more_tokens <= self._tokens) and (
            self._usd is None or usd + self._held_usd + more_usd <= self._usd
        )

    def hold(self, question: Question) -> None:
        """Set aside what a question takes at the most."""
        more_tokens, more_usd = self.most_of(question)
        self._held_tokens, self._held_usd = self._held_tokens + more_tokens, self._held_usd + more_usd

    def free(self, question: Question) -> None:
        """Give back what was set aside: its true cost is in the ledger now."""
        more_tokens, more_usd = self.most_of(question)
        self._held_tokens, self._held_usd = self._held_tokens - more_tokens, self._held_usd - more_usd

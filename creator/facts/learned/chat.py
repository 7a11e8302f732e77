"""A chat model as judge of titles: `--verifier openai:NAME`, over an OpenAI-compatible endpoint with a JSON schema.

It reads what the rules let pass, one question a title, through the same client, ledger and budget as the teacher. What
it quotes is looked for in title and ad; a quotation that is not there counts for nothing. A title without a verdict is
not passed: it is reported as not judged.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from creator.core.records import Ad, FindingKind
from creator.engine.chat.ads import ad_data
from creator.engine.chat.budget import Budget, Prices
from creator.engine.chat.desk import Desk
from creator.engine.chat.endpoint import Address, Endpoint
from creator.engine.chat.exchange import converse
from creator.engine.chat.fence import RULE, fence
from creator.engine.chat.ledger import Ledger
from creator.engine.chat.question import Message, NoAnswer, Question, Reply, Wording
from creator.engine.chat.reading import UnusableAnswerError, read_answer
from creator.facts.learned.judge import Judgement, Unjudged
from creator.facts.passages import passages_of

PREFIX = "openai:"
VERSION = "verifier-1"
MOST_TOKENS = 300
SCORE = 0.9
"""Of what a chat model objects to: it gives no probability that could be calibrated."""

_SYSTEM = f"You check whether an ad bears out what a title says. {RULE}"
_USER = """An ad, and a title that is to stand for it:

{ad}

{title}

Does everything that the title claims follow from the ad alone? Read each claim with its conditions, its figures and
what it is said of: a title is wrong if it gives to one part what the ad says of another, drops or widens a condition,
changes a figure, turns a denial round, names what the ad does not, or promises what the ad does not. Exact rewordings
and conversions are fine; so is mood that claims nothing.
`verdict` is "supported", "unverifiable" (it claims nothing that could be checked) or "unsupported". If unsupported,
`words` are the title's words at fault, `kind` the kind of error, and `evidence` the ad's words that speak against it,
quoted exactly or empty; else all three are empty. `reason` is one short sentence."""


class Opinion(BaseModel):
    """A judge's answer."""

    model_config = ConfigDict(extra="forbid", strict=True)
    reason: str
    words: str
    evidence: str
    kind: Literal[
        "", "number", "unit", "entity", "negation", "unsupported", "superlative", "scope", "personal_attribute",
        "wrong_product", "injection",
    ]  # fmt: skip
    verdict: Literal["supported", "unverifiable", "unsupported"]


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """How a chat model is asked.

    Args:
        model: the endpoint's name of it.
        answers: file that keeps every answer paid for.
        concurrency: requests at once, at most.
        timeout_s: for one attempt, to the last byte.
        retries: repetitions of one request, at most.
        schema_mode: how the endpoint is told the answer's form.
        thinking_tokens: room for thinking.
        prices: of tokens.
        budget_tokens: tokens in the answers file, at most.
        budget_usd: USD that the answers file has cost, at most.
    """

    model: str
    answers: Path
    concurrency: int = 16
    timeout_s: float = 120.0
    retries: int = 6
    schema_mode: Literal["json_schema", "json_object"] = "json_schema"
    thinking_tokens: int = 0
    prices: Prices = field(default_factory=Prices)
    budget_tokens: int | None = None
    budget_usd: float | None = None


class ChatVerifier:
    """Judges titles with a chat model; holds the answers file until it is closed.

    Raises:
        UsageError: the environment names no endpoint and no key.
        InputError: another process uses the answers file.
    """

    def __init__(self, settings: ChatSettings) -> None:
        self._address, self._settings = Address.from_environment(), settings
        self._ledger = Ledger(settings.answers)
        self._loop = asyncio.Runner()
        self._opened: tuple[Endpoint, Desk] | None = None

    def judge(self, pairs: Sequence[tuple[str, Ad]]) -> list[Judgement | Unjudged]:
        """What the model says of every (title, ad), in order.

        Raises:
            EngineError: the endpoint answers nobody; answers so far are kept.
        """
        return self._loop.run(self._judge(pairs))

    async def _judge(self, pairs: Sequence[tuple[str, Ad]]) -> list[Judgement | Unjudged]:
        _, desk = self._opened = self._opened or self._open()
        talks = (read_title(title, ad) for title, ad in pairs)
        judged = await converse(talks, desk, self._settings.concurrency, lambda: None)
        desk.conclude()
        return judged

    def _open(self) -> tuple[Endpoint, Desk]:
        asked = self._settings
        wording = Wording(asked.model, 0, None, asked.schema_mode, asked.thinking_tokens)
        budget = Budget(asked.prices, asked.budget_tokens, asked.budget_usd, asked.thinking_tokens)
        endpoint = Endpoint(self._address, wording, asked.prices, concurrency=asked.concurrency,
                            timeout_s=asked.timeout_s, retries=asked.retries)  # fmt: skip
        return endpoint, Desk(wording, self._ledger, budget, endpoint)

    def close(self) -> None:
        """Let connections and the answers file go."""
        if self._opened is not None:
            self._loop.run(self._opened[0].close())
        self._loop.close()
        self._ledger.close()


def read_title(title: str, ad: Ad) -> Generator[Question, Reply, Judgement | Unjudged]:
    """Ask about one title; an unusable answer is asked for once more, a refusal is not."""
    question = title_question(title, ad)
    reason = ""
    for _ in range(2):
        reply = yield question
        if isinstance(reply, NoAnswer):
            return Unjudged(reply.reason)
        try:
            return as_judgement(read_answer(reply, Opinion), title, ad)
        except UnusableAnswerError as error:
            reason = str(error)
        if reason == "refused":
            break
        question = question.again()
    return Unjudged(reason)


def title_question(title: str, ad: Ad) -> Question:
    """The question about a title: ad and title as data."""
    text = _USER.format(ad=fence("ad", ad_data(ad)), title=fence("title", {"title": title}))
    return Question("verifier", VERSION, (Message("system", _SYSTEM), Message("user", text)), Opinion, MOST_TOKENS)


def as_judgement(said: Opinion, title: str, ad: Ad) -> Judgement:
    """An opinion as a judgement; words that the title or the ad does not hold are not quoted."""
    wrong = said.verdict == "unsupported"
    kind = FindingKind(said.kind) if said.kind else FindingKind.UNSUPPORTED
    words = said.words.strip()
    found = re.search(re.escape(words), title, re.IGNORECASE) if words else None
    quoted = said.evidence.strip()
    field = next((p.field for p in passages_of(ad) if quoted in p.text), "") if quoted else ""
    return Judgement(
        SCORE if wrong else 0.0, kind, wrong, found.span() if found else None, quoted if field else "", field
    )

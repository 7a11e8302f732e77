"""What a job will ask and cost, before it asks: known answers are followed, the rest is estimated."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from creator.engine.chat.budget import Prices
from creator.engine.chat.exchange import replay
from creator.engine.chat.question import Answer, Question
from data_synthesis.llm.conversation import write_title
from data_synthesis.llm.prompts import choice_question, correction_question, title_question
from data_synthesis.screen import Screen
from data_synthesis.teacher import Task, Written

TOKENS_OUT = {"profile": 320, "choice": 60, "title": 40, "correction": 40}
"""Of a usual answer: about eight phrases with their lines; a sentence and some numbers; a title."""
CORRECTED = 0.5
"""Share of titles assumed to be sent back."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is still to be asked.

    Args:
        titles: titles wanted.
        finished: those that known answers decide already.
        questions: how many of each step, corrections as assumed.
        tokens_in: of their conversations, estimated.
        tokens_out: of their answers, estimated.
        cost_usd: at the prices given.
    """

    titles: int
    finished: int
    questions: dict[str, int]
    tokens_in: int
    tokens_out: int
    cost_usd: float

    def lines(self, priced: bool) -> Iterator[str]:
        """The forecast for a person."""
        asked = ", ".join(f"{count:,} {step}" for step, count in self.questions.items() if count)
        yield f"titles wanted: {self.titles:,}; {self.finished:,} of them decided by answers that are here"
        yield f"questions to ask, about: {asked or 'none'}"
        yield f"tokens, about: {self.tokens_in:,} in, {self.tokens_out:,} out"
        yield f"cost, about: {self.cost_usd:,.2f} USD" if priced else "cost: unknown (--price-in, --price-out)"


def forecast(
    tasks: Iterable[Task],
    screen: Screen,
    key: Callable[[Question], str],
    known: Callable[[Question], Answer | None],
    prices: Prices,
    thinking_tokens: int = 0,
) -> Forecast:
    """Estimate a job.

    Args:
        tasks: the titles wanted.
        screen: the fact check, which decides whether known titles are sent back.
        key: identity of a question.
        known: the answer to a question, if it is there.
        prices: of tokens.
        thinking_tokens: room for thinking; half of it is assumed to be used.
    """
    counts: dict[str, float] = dict.fromkeys(TOKENS_OUT, 0.0)
    tokens_in = 0.0
    seen: set[str] = set()
    titles = finished = 0
    for task in tasks:
        titles += 1
        reached = replay(write_title(task, screen), known)
        if isinstance(reached, Written):
            finished += 1
            continue
        if (name := key(reached)) not in seen:
            seen.add(name)
            counts[reached.step] += 1
            tokens_in += reached.tokens
        for question, share in _following(task, reached.step):
            counts[question.step] += share
            tokens_in += share * question.tokens
    tokens_out = sum((TOKENS_OUT[step] + thinking_tokens // 2) * count for step, count in counts.items())
    return Forecast(
        titles,
        finished,
        {step: round(count) for step, count in counts.items()},
        round(tokens_in),
        round(tokens_out),
        prices.cost_usd(tokens_in, tokens_out),
    )


def _following(task: Task, step: str) -> Iterator[tuple[Question, float]]:
    """The questions that come after one, as far as they can be guessed, and how likely each is."""
    profile = _USUAL_PROFILE
    first = title_question(profile, task.ad, 1, ())
    later = {
        "choice": (choice_question(profile, task.ad), 1.0),
        "title": (first, 1.0),
        "correction": (correction_question(first, task.ad.title, _USUAL_FINDINGS), CORRECTED),
    }
    order = ["profile", "choice", "title", "correction"]
    yield from (later[name] for name in order[order.index(step) + 1 :])


_USUAL_PROFILE = '{"long_term": ["' + "x" * 160 + '"], "short_term": [], "preferences": [], "needs": []}'
_USUAL_FINDINGS: list[dict[str, object]] = [{"words": "x" * 20, "problem": "x" * 40, "ad_says": "x" * 20}]

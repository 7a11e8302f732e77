"""Preference pairs from fact verdicts: of the titles drawn for a pair, those that may be published go first.

Where all drawn titles may be published, the one that is likeliest under its reader beside the mean reader goes before
the least; where none may, the teacher's goes before one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from creator.align.asked import Asked
from creator.align.draws import Drawn
from creator.align.reward import Written, publishable

LEAST_GAP = 2.0
"""Nats of difference from which one publishable title is preferred to another."""


@dataclass(frozen=True, slots=True)
class Preference:
    """One title before another.

    Args:
        asked: what they were written for.
        chosen, rejected: token ids, ends included.
        reason: "fact" or "personal".
    """

    asked: Asked
    chosen: list[int]
    rejected: list[int]
    reason: str


def prefer(asked: Asked, drawn: Sequence[Drawn], personal: Sequence[float], example: Sequence[int]) -> list[Preference]:
    """The preferences that the titles drawn for one pair give.

    Args:
        asked: the pair.
        drawn: its titles.
        personal: [len(drawn)] see `creator.align.draws.personal`.
        example: token ids of the teacher's title.
    """
    may = [publishable(Written(title.text, asked.ad, asked.reader, finished=title.finished)) for title in drawn]
    good = sorted((n for n in range(len(drawn)) if may[n]), key=lambda n: -personal[n])
    bad = [n for n in range(len(drawn)) if not may[n]]
    if not bad:
        best, worst = good[0], good[-1]
        if personal[best] - personal[worst] < LEAST_GAP:
            return []
        return [Preference(asked, drawn[best].token_ids, drawn[worst].token_ids, "personal")]
    if not good:
        if not publishable(Written(asked.example, asked.ad, asked.reader)):
            return []
        return [Preference(asked, list(example), drawn[bad[0]].token_ids, "fact")]
    return [
        Preference(asked, drawn[good[n % len(good)]].token_ids, drawn[wrong].token_ids, "fact")
        for n, wrong in enumerate(bad[: len(good)])
    ]

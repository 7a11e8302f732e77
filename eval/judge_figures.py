"""The figures of `evaluate judge`: shares of good, same and bad with intervals, and how far to trust the judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eval.figures import Figure, share

DATA = "Pairs with a verdict in both orders."


@dataclass(frozen=True, slots=True)
class Judged:
    """A pair with the verdicts of both orders.

    Args:
        group: what the interval resamples.
        first: the verdict when the title under judgement stood first: good, same, bad or failed.
        second: the verdict when it stood second.
    """

    group: str
    first: str
    second: str

    @property
    def outcome(self) -> str:
        """What both orders say; "order decides" when they differ, "failed" when one of them is missing."""
        if "failed" in (self.first, self.second):
            return "failed"
        return self.first if self.first == self.second else "order decides"


def judge_figures(judged: Sequence[Judged], *, resample_count: int, seed: int) -> list[Figure]:
    """Shares among the pairs that both orders judged.

    Args:
        judged: all pairs; failed ones are left out of every figure but the first.
        resample_count: bootstrap resamples of the groups.
        seed: of the resampling.
    """
    whole = [one for one in judged if one.outcome != "failed"]
    groups = np.unique([one.group for one in whole], return_inverse=True)[1].astype(np.int64)

    def figure(key: str, label: str, what: str, outcomes: Sequence[float], chance: float | None = None) -> Figure:
        values = np.asarray(outcomes, dtype=np.float64)
        value, low, high = share(values, groups, resample_count=resample_count, seed=seed)
        return Figure(key, label, value, len(values), "pairs", what, DATA, low, high, chance=chance)

    def points(one: Judged) -> float:
        worth = {"good": 1.0, "same": 0.5, "bad": 0.0}
        return (worth[one.first] + worth[one.second]) / 2

    def shown_first(one: Judged) -> float:
        """Whether the title that stood first was preferred: 1 in both orders, 0 in neither, ties half."""
        worth = {"good": 1.0, "same": 0.5, "bad": 0.0}
        return (worth[one.first] + 1 - worth[one.second]) / 2

    return [
        figure("judge_preference", "preferred (a tie is half)",
               "How often the title is preferred over the other, a tie counting half, both orders averaged.",
               [points(one) for one in whole], 0.5),
        figure("judge_good", "good in both orders", "The title is better whichever stands first.",
               [one.outcome == "good" for one in whole]),
        figure("judge_same", "same in both orders", "Neither is better, whichever stands first.",
               [one.outcome == "same" for one in whole]),
        figure("judge_bad", "bad in both orders", "The other title is better whichever stands first.",
               [one.outcome == "bad" for one in whole]),
        figure("judge_agreement", "agreement between orders", "The judge says the same when the titles change places.",
               [one.first == one.second for one in whole]),
        figure("judge_first_preferred", "preference for what stands first",
               "How often the title shown first is preferred, a tie counting half: half for a judge without a bias.",
               [shown_first(one) for one in whole], 0.5),
    ]  # fmt: skip

"""How titles differ: what they lead with, how long they are, whether they only repeat the original."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


def same_wording(first: str, second: str) -> bool:
    """Whether two titles are the same but for case and white space."""
    return first.casefold().split() == second.casefold().split()


@dataclass(frozen=True, slots=True)
class Lengths:
    """Lengths of some titles.

    Args:
        n: how many titles.
        words: (5th percentile, median, 95th percentile) in words.
        characters: the same in characters.
    """

    n: int
    words: tuple[float, float, float]
    characters: tuple[float, float, float]


def lengths(titles: Sequence[str]) -> Lengths | None:
    """Lengths of titles; None when there are none."""
    if not titles:
        return None

    def three(values: list[int]) -> tuple[float, float, float]:
        low, middle, high = np.percentile(values, [5, 50, 95])
        return float(low), float(middle), float(high)

    return Lengths(
        len(titles), three([len(title.split()) for title in titles]), three([len(title) for title in titles])
    )

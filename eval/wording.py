"""How titles differ: what they lead with, how long they are, whether they only repeat the original."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

import numpy as np

from creator.core.records import Ad

_WORD = re.compile(r"[^\W_]+(?:['’.&-][^\W_]+)*")
_FUNCTION_WORDS = """
a an and are as at be by for from in into is it its of off on or our out over that the their this to up with you your
"""
_EMPTY = frozenset(_FUNCTION_WORDS.split())


def content_words(text: str) -> list[str]:
    """The words of a text that carry meaning, in order: folded, without function words, plural s removed."""
    words = [word.casefold() for word in _WORD.findall(text)]
    return [_stem(word) for word in words if word not in _EMPTY]


def _stem(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def leading_point(title: str, ad: Ad) -> int | None:
    """Which selling point a title leads with: the one whose content words appear earliest in it.

    Of two that appear equally early, the one that the title follows for more words leads; then the one of fewer words;
    then the one with more of its words in the title.

    Returns:
        index into `ad.selling_points`; None when no selling point's words appear.
    """
    words = content_words(title)
    best: tuple[int, int, int, int] | None = None
    leader: int | None = None
    for index, point in enumerate(ad.selling_points):
        own = set(content_words(point))
        where = next((place for place, word in enumerate(words) if word in own), None)
        if where is None:
            continue
        run = sum(1 for _ in takewhile(own.__contains__, words[where:]))
        rank = (where, -run, len(own), -len(own.intersection(words)))
        if best is None or rank < best:
            best, leader = rank, index
    return leader


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

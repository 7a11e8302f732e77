"""Which of its ad's selling points a title leads with."""

from __future__ import annotations

import re
from itertools import takewhile

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

"""What a title says in other words than an ad would: "ring us" for phone support, "lift it out" for removing it."""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from importlib.resources import files

from creator.facts.text import stem_of

_LEXICON = "creator.facts.lexicon"


@lru_cache(maxsize=1)
def _families() -> tuple[tuple[frozenset[str], re.Pattern[str]], ...]:
    raw = tomllib.loads(files(_LEXICON).joinpath("paraphrases.toml").read_text(encoding="utf-8"))
    return tuple(
        (frozenset(stem_of(word) for word in family["words"].split()), re.compile(family["says"]))
        for family in raw["same"]
    )


@lru_cache(maxsize=1)
def _any() -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern.pattern})" for _, pattern in _families()))


@lru_cache(maxsize=64)
def paraphrased(folded: str) -> tuple[tuple[frozenset[str], int, int], ...]:
    """Every place where a title says something in other words.

    Args:
        folded: the folded title.

    Returns:
        for each place the stems of the words that an ad would use, and its folded [start, end).
    """
    if _any().search(folded) is None:
        return ()
    return tuple((stems, *match.span()) for stems, pattern in _families() if (match := pattern.search(folded)))


def paraphrased_stems(folded: str) -> frozenset[str]:
    """The stems of all words that an ad would use for what a title says in others."""
    return frozenset[str]().union(*(stems for stems, _, _ in paraphrased(folded)))

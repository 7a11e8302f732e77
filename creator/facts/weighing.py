"""How much speaks for a word of a title being a claim, a name or another product that its ad does not carry.

What each feature counts for was learned from labelled titles (`lexicon/fit.py`); the sum is turned into a score, and
one half is where a claim begins.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.resources import files

from creator.facts.features import meaning_features


@lru_cache(maxsize=1)
def weights() -> Mapping[str, float]:
    """What each feature counts for."""
    return json.loads(files("creator.facts.lexicon").joinpath("weights.json").read_text(encoding="utf-8"))


@lru_cache(maxsize=65536)
def _of_meaning(text: str) -> float:
    return _sum(meaning_features(text))


def _sum(features: Iterable[str]) -> float:
    known = weights()
    return sum(known.get(name, 0.0) for name in features)


def weigh(text: str, features: Iterable[str]) -> float:
    """Score of a word, from 0 (framing) to 1 (surely a claim).

    Args:
        text: the word.
        features: what is seen of it where it stands.
    """
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, _of_meaning(text) + _sum(features)))))

"""How much speaks for a word of a title being a claim, a name or another product that its ad does not carry.

What each feature counts for was learned from labelled titles (`lexicon/fit.py`), which tell the chance that a word is
at fault. A title is stopped from a chance of `AT_FAULT` on: an untrue title costs more than a true one withheld.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.resources import files

from creator.facts.features import meaning_features

AT_FAULT = 0.35


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
    """The chance that a word is at fault.

    Args:
        text: the word.
        features: what is seen of it where it stands.
    """
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, _of_meaning(text) + _sum(features)))))


def joint(chances: Iterable[float]) -> float:
    """The chance that one of several words is at fault: several doubtful ones make a doubtful title."""
    return 1 - math.prod(1 - chance for chance in chances)


def score_of(chance: float) -> float:
    """The score of a chance: one half at `AT_FAULT`, rising with its odds."""
    return chance * (1 - AT_FAULT) / (chance * (1 - AT_FAULT) + (1 - chance) * AT_FAULT)

"""One worker of the scores: log-probabilities of titles under their own centroid and under the mean user.

Titles of one ad are scored together, and under the mean user each of them once, however many clusters got it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from creator.core.records import Ad
from creator.generation.pairs import Audience
from creator.generation.score import ScoreRequest, score_titles
from creator.models.assembly import HllmCreator
from creator.models.checkpoint import load_model


@dataclass(frozen=True, slots=True)
class Wanted:
    """Titles of a pair that are to be scored: the centroid's row, the ad, the titles."""

    key: str
    row: int
    ad: Ad
    titles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scored:
    """Each title's log-probability in nats, under the own centroid and under the mean user."""

    key: str
    own: tuple[float, ...]
    average: tuple[float, ...]


@dataclass(frozen=True)
class MakeScorer:
    """Makes a worker; see `creator.generation.writer.MakeWriter`."""

    model: Path
    audience: Audience = field(repr=False)

    def __call__(self) -> Scorer:
        """Load the model."""
        return Scorer(load_model(self.model, device=best_device()), self.audience)


def best_device() -> str:
    """The GPU where there is one: once the engine is closed it is free."""
    return "cuda" if torch.cuda.is_available() else "cpu"


class Scorer:
    """Scores titles with a loaded model."""

    def __init__(self, model: HllmCreator, audience: Audience) -> None:
        self._model, self._soft_tokens, self._mean = model, audience.soft_tokens, audience.mean

    def run(self, block: Sequence[Wanted], keep: Callable[[Scored], None]) -> None:
        """Score the titles of some pairs, those of one ad together."""
        own = [ScoreRequest(one.ad, self._soft_tokens[one.row], title) for one in block for title in one.titles]
        alike = {
            (one.ad.ad_id, title): ScoreRequest(one.ad, self._mean, title) for one in block for title in one.titles
        }
        scores = score_titles(self._model, [*own, *alike.values()]).tolist()
        averages = dict(zip(alike, scores[len(own) :], strict=True))
        at = 0
        for one in block:
            count = len(one.titles)
            average = tuple(averages[one.ad.ad_id, title] for title in one.titles)
            keep(Scored(one.key, tuple(scores[at : at + count]), average))
            at += count

    def close(self) -> None:
        """Nothing is held beyond the model."""

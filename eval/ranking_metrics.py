"""Recall, NDCG and coverage of ranked lists, with intervals that resample whole users.

Shapes: N targets, M moments, I items, K places, R resamples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from eval.figures import interval, resamples
from eval.ranking_split import Split

PLACES = (10, 50, 200)
NOWHERE = -1
"""Fills up a list that a model cannot make long enough."""

Lists = npt.NDArray[np.int32]
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ranked:
    """What one model under one seed answers.

    Args:
        full: [M, K] the items of the whole catalogue, best first.
        cold: [M, K] the same of the items unseen in training alone.
        took_s: seconds to train and to rank.
    """

    full: Lists
    cold: Lists
    took_s: float


@dataclass(frozen=True, slots=True)
class Measure:
    """One number of one model, the mean over its seeds, with its 95% interval."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Scores:
    """How one model did.

    Args:
        model: its name.
        n: targets by part ("all", "seen", "cold", "cold apart").
        measures: by part, then by metric ("recall@10").
        lead: by part: NDCG@10 of the reference model minus this one's, on the same resamples; None for itself.
        coverage: by K, the share of the catalogue that stands in somebody's first K.
        took_s: seconds to train and rank, the mean over seeds.
        by_seed: NDCG@10 on all targets under each seed.
    """

    model: str
    n: Mapping[str, int]
    measures: Mapping[str, Mapping[str, Measure]]
    lead: Mapping[str, Measure | None]
    coverage: Mapping[str, float]
    took_s: float
    by_seed: Sequence[float]


def places(lists: Lists, of_target: npt.NDArray[np.int64], items: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Where each target stands in its list, from 0; K when it does not; [N]."""
    hits = lists[of_target] == items[:, None]
    return np.where(hits.any(axis=1), hits.argmax(axis=1), lists.shape[1])


def gains(at: npt.NDArray[np.int64]) -> dict[str, Doubles]:
    """Recall@K and NDCG@K of each target from its place; with one target a list, the ideal DCG is 1."""
    found: dict[str, Doubles] = {}
    for k in PLACES:
        inside = at < k
        found[f"recall@{k}"] = inside.astype(np.float64)
        found[f"ndcg@{k}"] = np.where(inside, 1.0 / np.log2(at + 2.0), 0.0)
    return found


def coverage(lists: Lists, items: int) -> dict[str, float]:
    """Share of the catalogue that stands in somebody's first K, by K."""
    return {f"coverage@{k}": len(np.setdiff1d(lists[:, :k], [NOWHERE])) / items for k in PLACES}


def measure(
    split: Split, answers: Mapping[str, Sequence[Ranked]], reference: str | None, *, resample_count: int, seed: int
) -> list[Scores]:
    """Score every model.

    Args:
        split: the question.
        answers: by model, one for each of its seeds.
        reference: the model that the others are compared with; None for no comparison.
        resample_count: bootstrap resamples of users.
        seed: of the resampling.
    """
    parts = {"all": np.ones(len(split), bool), "seen": ~split.cold, "cold": split.cold, "cold apart": split.cold}
    _, user = np.unique(split.users, return_inverse=True)
    drawn = resamples(int(user.max()) + 1, resample_count, seed).astype(np.float64)
    per_target = {model: _mean_gains(split, found) for model, found in answers.items()}

    def replicates(values: Doubles, inside: npt.NDArray[np.bool_]) -> Doubles:
        won = np.bincount(user[inside], weights=values[inside], minlength=len(drawn)) @ drawn
        asked = np.bincount(user[inside], minlength=len(drawn)) @ drawn
        return np.divide(won, asked, out=np.full_like(won, np.nan), where=asked > 0)

    def one(values: Doubles, inside: npt.NDArray[np.bool_]) -> Measure:
        if not inside.any():
            return Measure(None, None, None)
        return Measure(float(values[inside].mean()), *interval(replicates(values, inside)))

    scores: list[Scores] = []
    for model, found in answers.items():
        own = per_target[model]
        lead: dict[str, Measure | None] = dict.fromkeys(parts)
        if reference is not None and model != reference:
            better = per_target[reference]
            lead = {part: one(better[_kind(part)]["ndcg@10"] - own[_kind(part)]["ndcg@10"], inside)
                    for part, inside in parts.items()}  # fmt: skip
        covered = [coverage(ranked.full, len(split.texts)) for ranked in found]
        scores.append(
            Scores(
                model,
                {part: int(inside.sum()) for part, inside in parts.items()},
                {part: {name: one(values, inside) for name, values in own[_kind(part)].items()}
                 for part, inside in parts.items()},
                lead,
                {name: float(np.mean([one_seed[name] for one_seed in covered])) for name in covered[0]},
                float(np.mean([ranked.took_s for ranked in found])),
                [float(gains(places(ranked.full, split.of_target, split.items))["ndcg@10"].mean()) for ranked in found],
            )
        )  # fmt: skip
    return scores


def _kind(part: str) -> str:
    return "cold" if part == "cold apart" else "full"


def _mean_gains(split: Split, found: Sequence[Ranked]) -> dict[str, dict[str, Doubles]]:
    """Each target's gains, the mean over seeds: by kind of list, then by metric, [N]."""
    means: dict[str, dict[str, Doubles]] = {}
    for kind in ("full", "cold"):
        lists: list[Lists] = [getattr(ranked, kind) for ranked in found]
        each = [gains(places(one, split.of_target, split.items)) for one in lists]
        means[kind] = {name: np.mean([seed[name] for seed in each], axis=0) for name in each[0]}
    return means

"""Measures of clusterings for several K, and which K they speak for. Shapes: B users, D width, G values of K."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations

import numpy as np
from sklearn.metrics import adjusted_rand_score

from clustering.kmeans import Metric, assign, default_iterations, default_restarts, fit, useful_rows
from clustering.vectors import Floats, draw_rows

LOW_SHARE = 0.05
ENOUGH_REACH = 0.95


@dataclass(frozen=True, slots=True)
class Trial:
    """What one K gives, on average over the seeds.

    Args:
        k: clusters.
        inertia_per_user: mean squared distance to the nearest centroid.
        explained: share of the users' variance that the clusters explain, 0 to 1.
        similarity_low: the cosine to their centroid that all but 5% of the users reach.
        similarity_median: half of them.
        stability: adjusted Rand index between the clusterings of two seeds, 1 when they agree.
        reach: share of users in a cluster that is large enough, and at or above the floor.
        pairs: titles to write, clusters x ads x share of pairs kept.
        cost_s: seconds to write them.
    """

    k: int
    inertia_per_user: float
    explained: float
    similarity_low: float
    similarity_median: float
    stability: float
    reach: float
    pairs: float
    cost_s: float

    def record(self) -> dict[str, object]:
        """As JSON carries it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Cost:
    """What writing titles costs.

    Args:
        ads: ads to write for.
        kept_share: share of all pairs that pruning keeps, 0 to 1.
        seconds_per_pair: of generation.
    """

    ads: int
    kept_share: float
    seconds_per_pair: float


def try_k(
    rows: Floats, k: int, *, metric: Metric, seeds: Sequence[int], floor: float | None, min_size: int, cost: Cost
) -> Trial:
    """Cluster for each seed and average the measures.

    Args:
        rows: [B, D], in memory, every row fit for the metric.
        k: clusters, at most B.
        metric: that trains and assigns.
        seeds: two at least, for the stability.
        floor: least cosine of a member to its centroid, or None.
        min_size: least users in a cluster.
        cost: of the titles.
    """
    labels: list[np.ndarray[tuple[int], np.dtype[np.int64]]] = []
    measures: list[tuple[float, float, float, float]] = []
    for seed in seeds:
        sample = draw_rows(rows, useful_rows(k), seed)
        restarts, iterations = default_restarts(k), default_iterations(len(sample))
        fitted = fit(sample, k, metric=metric, seed=seed, restarts=restarts, iterations=iterations)
        placed = assign(rows, fitted.centroids, metric=metric)
        inside = np.ones(len(rows), bool) if floor is None else placed.similarity >= floor
        large = np.bincount(placed.cluster_id[inside], minlength=k) >= min_size
        labels.append(placed.cluster_id)
        low, middle = np.quantile(placed.similarity, [LOW_SHARE, 0.5])
        inertia = float(placed.distance.mean(dtype=np.float64))
        measures.append((inertia, float(low), float(middle), float((inside & large[placed.cluster_id]).mean())))
    inertia, low, middle, reach = np.mean(measures, axis=0).tolist()
    agreements = [float(adjusted_rand_score(one, other)) for one, other in combinations(labels, 2)]
    pairs = k * cost.ads * cost.kept_share
    total = _spread(rows, metric)
    return Trial(
        k,
        inertia,
        1 - inertia / total if total else 1.0,
        low,
        middle,
        float(np.mean(agreements)),
        reach,
        pairs,
        pairs * cost.seconds_per_pair,
    )


def _spread(rows: Floats, metric: Metric) -> float:
    """Mean squared distance to the one best centroid of all rows."""
    one = fit(rows, 1, metric=metric, seed=0, restarts=1, iterations=2).centroids
    return float(assign(rows, one, metric=metric).distance.mean(dtype=np.float64))


def recommend(trials: Sequence[Trial]) -> tuple[int, str]:
    """The K beyond which more titles explain little more.

    Of the K whose reach is at least 95% of the best, the one that lies highest above the straight line from the first
    to the last in the plane of log cost and explained variance (the knee: Satopaa and others 2011).

    Args:
        trials: for different K, in any order; at least one.

    Returns:
        K, and the reason in words.
    """
    most = max(trial.reach for trial in trials)
    able = sorted((t for t in trials if t.reach >= ENOUGH_REACH * most), key=lambda trial: trial.k)
    left_out = len(trials) - len(able)
    aside = f"; {left_out} values of K reach too few users" if left_out else ""
    if len(able) < 3:
        chosen = able[-1]
        return chosen.k, f"the largest K that reaches {chosen.reach:.1%} of the users{aside}"
    cost = np.log([trial.k for trial in able])
    explained = np.array([trial.explained for trial in able])
    across = (cost - cost[0]) / (cost[-1] - cost[0])
    height = explained - explained[0]
    up = height / height[-1] if height[-1] > 0 else np.zeros(len(able))
    chosen = able[int(np.argmax(up - across))]
    reason = f"{chosen.explained:.1%} of the variance explained for {chosen.pairs:,.0f} titles"
    reason += f", reach {chosen.reach:.1%}{aside}"
    if chosen is able[-1] or chosen is able[0]:
        reason += "; it is an end of the range: try K beyond it"
    if chosen.stability < 0.5:
        reason += f"; another seed would group users differently (adjusted Rand index {chosen.stability:.2f})"
    return chosen.k, reason

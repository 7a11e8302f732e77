"""K-means with faiss: greedy k-means++ seeds, several restarts, and assignment by the very metric that trained.

Under "euclidean" a centroid is its members' mean and distance is the squared L2 distance. Under "cosine" (spherical
k-means) rows and centroids are scaled to length 1 first; the squared distance of two such vectors is 2 (1 - cosine),
so that both metrics assign by one routine. Shapes: B users, N rows trained on, K clusters, D width.

Sources: Arthur and Vassilvitskii 2007 (k-means++), Dhillon and Modha 2001 (spherical k-means).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import faiss
import numpy as np
from sklearn.cluster import kmeans_plusplus

from clustering.vectors import Floats, Integers, blocks
from creator.core.errors import InputError

Metric = Literal["euclidean", "cosine"]

SEED_ROWS = 20_000
SEED_ROWS_PER_CLUSTER = 40
TRIAL_ITERATIONS = 10
STILL = 1e-6
"""Polishing ends when ten iterations lower the inertia by less than this share."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A k-means solution.

    Args:
        centroids: [K, D]; under "cosine" of length 1.
        inertia: sum over the rows trained on of the squared distance to the nearest centroid.
        trials: inertia of each restart before the best was polished, in the order tried.
        distinct: different rows among those trained on; K is never above it.
    """

    centroids: Floats
    inertia: float
    trials: tuple[float, ...]
    distinct: int


@dataclass(frozen=True, slots=True)
class Placement:
    """Where each row belongs.

    Args:
        cluster_id: [B] int64, row of the nearest centroid.
        distance: [B] float32, squared distance to it under the metric.
        similarity: [B] float32, cosine to it, whatever the metric.
    """

    cluster_id: Integers
    distance: Floats
    similarity: Floats


def prepare(rows: Floats, metric: Metric) -> Floats:
    """Rows as the metric sees them: contiguous and, under "cosine", of length 1.

    Args:
        rows: [N, D], no row zero under "cosine".
        metric: "euclidean" or "cosine".
    """
    rows = np.ascontiguousarray(rows, dtype=np.float32)
    return rows / _lengths(rows)[:, None] if metric == "cosine" else rows


def default_k(users: int, min_size: int) -> int:
    """How many clusters when nobody says: half the square root of the users, and no more than leaves every cluster
    twice its smallest allowed size on average.

    Args:
        users: users to cluster, at least 1.
        min_size: smallest cluster allowed.
    """
    return max(1, min(round(users**0.5 / 2), users // (2 * min_size)))


def fit(
    rows: Floats,
    k: int,
    *,
    metric: Metric,
    seed: int,
    restarts: int,
    iterations: int,
    told: Callable[[str], None] | None = None,
) -> Fit:
    """Cluster rows; the same rows, settings and number of threads give the same answer.

    Args:
        rows: [N, D], finite and not zero.
        k: clusters wanted; fewer come back when fewer different rows exist.
        metric: "euclidean" or "cosine".
        seed: of the seeding.
        restarts: seedings tried for a few iterations each; the best goes on.
        iterations: most Lloyd iterations in all for the best.
        told: called once a restart is done, with a note.

    Raises:
        InputError: `k` is larger than the number of rows.
    """
    if k > len(rows):
        raise InputError("more clusters than users", got=f"k = {k}, users to cluster: {len(rows)}", cure="a smaller -k")
    ready = prepare(rows, metric)
    distinct = len(np.unique(ready.view(np.dtype((np.void, ready.shape[1] * 4)))))
    k = min(k, distinct)
    best: Floats | None = None
    trials: list[float] = []
    for restart in range(restarts):
        centroids = _lloyd(ready, _seeds(ready, k, seed + restart), metric, min(TRIAL_ITERATIONS, iterations))
        trials.append(_inertia(ready, centroids))
        if best is None or trials[-1] < min(trials[:-1]):
            best = centroids
        if told:
            told(f"inertia {min(trials):,.4g}")
    assert best is not None
    centroids, inertia = polish(ready, best, metric=metric, iterations=iterations - TRIAL_ITERATIONS)
    return Fit(centroids, inertia, tuple(trials), distinct)


def polish(rows: Floats, centroids: Floats, *, metric: Metric, iterations: int) -> tuple[Floats, float]:
    """Lloyd iterations from given centroids until the inertia stands still.

    Args:
        rows: [N, D].
        centroids: [K, D], K at most N.
        metric: "euclidean" or "cosine".
        iterations: the most to do.

    Returns:
        centroids [K, D], never of higher inertia than those given, and the inertia.
    """
    ready = prepare(rows, metric)
    centroids = prepare(centroids, metric)
    inertia = _inertia(ready, centroids)
    for done in range(0, iterations, TRIAL_ITERATIONS):
        moved = _lloyd(ready, centroids, metric, min(TRIAL_ITERATIONS, iterations - done))
        lower = _inertia(ready, moved)
        gain = inertia - lower
        if gain > 0:
            centroids, inertia = moved, lower
        if gain <= STILL * inertia:
            break
    return centroids, inertia


def assign(rows: Floats, centroids: Floats, *, metric: Metric, told: Callable[[int], None] | None = None) -> Placement:
    """Place every row at its nearest centroid under the metric, streaming over blocks of rows.

    Args:
        rows: [B, D], possibly memory-mapped; finite and, under "cosine", not zero.
        centroids: [K, D]; under "cosine" their lengths do not matter.
        metric: the one that trained the centroids.
        told: called with the number of rows done, block by block.
    """
    count = len(rows)
    cluster_id = np.empty(count, np.int64)
    distance, similarity = np.empty(count, np.float32), np.empty(count, np.float32)
    ready_centroids = prepare(centroids, metric)
    unit_centroids = prepare(centroids, "cosine")
    # ||x||² + ||c||² - 2 x·c loses its digits where all vectors lie close together, as fresh embeddings do
    shift = ready_centroids.mean(axis=0)
    for part in blocks(*rows.shape):
        block = np.asarray(rows[part])
        near, ids = faiss.knn(prepare(block, metric) - shift, ready_centroids - shift, 1)
        cluster_id[part], distance[part] = ids[:, 0], np.maximum(near[:, 0], 0)
        similarity[part] = np.einsum("bd,bd->b", block, unit_centroids[ids[:, 0]]) / _lengths(block)
        if told:
            told(len(block))
    return Placement(cluster_id, distance, np.clip(similarity, -1, 1))


def at_members_length(centroids: Floats, rows: Floats, cluster_id: Integers) -> Floats:
    """Unit centroids stretched to their members' mean length, so that the model meets a vector of a user's size.

    Args:
        centroids: [K, D], of length 1.
        rows: [B, D].
        cluster_id: [B], or -1; every cluster has a member.

    Returns:
        [K, D]; cosines to them are unchanged.
    """
    total, members = np.zeros(len(centroids)), np.bincount(cluster_id[cluster_id >= 0], minlength=len(centroids))
    for part in blocks(*rows.shape):
        ids = cluster_id[part]
        inside = ids >= 0
        total += np.bincount(ids[inside], weights=_lengths(np.asarray(rows[part])[inside]), minlength=len(centroids))
    return (centroids * (total / members)[:, None]).astype(np.float32)


def _lengths(rows: Floats) -> Floats:
    return np.maximum(np.linalg.norm(rows, axis=1), np.finfo(np.float32).tiny)


def _seeds(ready: Floats, k: int, seed: int) -> Floats:
    limit = max(SEED_ROWS, SEED_ROWS_PER_CLUSTER * k)
    if len(ready) > limit:
        ready = ready[np.sort(np.random.default_rng(seed).choice(len(ready), limit, replace=False))]
    return np.asarray(kmeans_plusplus(ready, k, random_state=seed)[0], dtype=np.float32)


def _lloyd(ready: Floats, centroids: Floats, metric: Metric, iterations: int) -> Floats:
    if iterations < 1 or len(centroids) == len(ready):
        return centroids
    means = faiss.Kmeans(
        ready.shape[1],
        len(centroids),
        niter=iterations,
        spherical=metric == "cosine",
        min_points_per_centroid=1,
        max_points_per_centroid=len(ready),
        seed=1,
    )
    means.train(ready, init_centroids=centroids)
    return np.asarray(means.centroids, dtype=np.float32)


def _inertia(ready: Floats, centroids: Floats) -> float:
    return float(assign(ready, centroids, metric="euclidean").distance.sum(dtype=np.float64))

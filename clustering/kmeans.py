"""K-means with faiss: seeds by k-means++ and local search on a sample, Lloyd iterations on growing samples.

Under "euclidean" a centroid is its members' mean and distance is the squared L2 distance. Under "cosine" (spherical
k-means) rows and centroids are scaled to length 1 first; the squared distance of two such vectors is 2 (1 - cosine),
so that both metrics assign by one routine. Shapes: B users, N rows trained on, K clusters, D width.

The first iterations move centroids far and need few rows to know where, the last ones need many: samples grow as in
Newling and Fleuret 2016 (nested mini-batches). Source of spherical k-means: Dhillon and Modha 2001.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import faiss
import numpy as np

from clustering.seeds import greedy_seeds, swap_seeds
from clustering.vectors import Floats, Integers, blocks, count_distinct, release
from creator.core.errors import InputError

Metric = Literal["euclidean", "cosine"]

SEED_ROWS_PER_CLUSTER = 32
LEAST_SEED_ROWS = 1_024
SETTLING = 2
"""Iterations between k-means++ and the swaps."""
GROWTH = ((32, 5), (128, 4))
"""Rows for each cluster, and iterations on so many, before those on all rows."""
ROWS_PER_CLUSTER, LEAST_ROWS = 512, 65_536
STEP = 2
STILL = 1e-5
"""The iterations end when one of them lowers the inertia by less than this share."""
POLISHED_ROWS = 32_768
RESTARTS_UP_TO_K = 32
RESTARTS = 5


@dataclass(frozen=True, slots=True)
class Fit:
    """A k-means solution.

    Args:
        centroids: [K, D]; under "cosine" of length 1. K is at most the number of different rows.
        trials: inertia per row of each restart on the sample it was seeded from, in the order tried.
    """

    centroids: Floats
    trials: tuple[float, ...]


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


def default_restarts(k: int) -> int:
    """How many seedings when nobody says: several for few clusters; of many clusters all seedings end much alike."""
    return RESTARTS if k <= RESTARTS_UP_TO_K else 1


def default_iterations(rows: int) -> int:
    """How many iterations on all rows trained on when nobody says: until they stand still, or two where there are many
    rows, since the growing samples have brought the centroids close."""
    return 100 if rows <= POLISHED_ROWS else STEP


def useful_rows(k: int) -> int:
    """Rows beyond which training on more of them hardly lowers the inertia over all: a centroid of n rows lies off the
    true mean by 1/n of its rows' variance."""
    return max(LEAST_ROWS, ROWS_PER_CLUSTER * k)


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
        iterations: most Lloyd iterations on all rows.
        told: called once a restart is done, with a note.

    Raises:
        InputError: `k` is larger than the number of rows.
    """
    if k > len(rows):
        raise InputError("more clusters than users", got=f"k = {k}, users to cluster: {len(rows)}", cure="a smaller -k")
    ready = prepare(rows, metric)
    draw = np.random.default_rng(seed)
    order = draw.permutation(len(ready))
    samples = [ready[np.sort(order[: max(rows_each * k, LEAST_SEED_ROWS)])] for rows_each, _ in GROWTH]
    trials: list[tuple[float, Floats]] = []
    for _ in range(restarts):
        centroids, _ = _lloyd(samples[0], _seed(ready, samples[0], k, metric, draw), metric, GROWTH[0][1])
        trials.append((_inertia(samples[0], centroids), centroids))
        if told:
            told(f"inertia per user {min(inertia for inertia, _ in trials) / len(samples[0]):,.4g}")
    centroids = min(trials, key=lambda trial: trial[0])[1]
    if iterations and len(samples[1]) < len(ready):
        centroids, _ = _lloyd(samples[1], centroids, metric, min(iterations, GROWTH[1][1]))
    centroids = polish(ready, centroids, metric=metric, iterations=iterations)
    return Fit(centroids, tuple(inertia / len(samples[0]) for inertia, _ in trials))


def polish(rows: Floats, centroids: Floats, *, metric: Metric, iterations: int) -> Floats:
    """Lloyd iterations from given centroids until the inertia stands still.

    Args:
        rows: [N, D].
        centroids: [K, D], K at most N.
        metric: "euclidean" or "cosine".
        iterations: the most to do.

    Returns:
        [K, D].
    """
    ready = prepare(rows, metric)
    moved = prepare(centroids, metric)
    for done in range(0, iterations, STEP):
        moved, inertias = _lloyd(ready, moved, metric, min(STEP, iterations - done))
        if not inertias or inertias[0] - inertias[-1] <= STILL * inertias[0]:
            break
    return moved


def assign(rows: Floats, centroids: Floats, *, metric: Metric, told: Callable[[int], None] | None = None) -> Placement:
    """Place every row at its nearest centroid under the metric, streaming over blocks of rows in bounded memory.

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
        release(rows)
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


def _seed(ready: Floats, sample: Floats, k: int, metric: Metric, draw: np.random.Generator) -> Floats:
    """K seeds from the sample; from all rows, and fewer, where too few different ones exist."""
    middle = sample.mean(axis=0)  # distances keep their digits where all rows lie close together
    centred = sample - middle
    seeds = greedy_seeds(centred, k, draw)
    if count_distinct(seeds) < k:
        different = np.unique(ready, axis=0) - middle
        seeds = greedy_seeds(different, k, draw) if k < len(different) else different
    if 1 < len(seeds) < len(centred):
        settled, _ = _lloyd(centred, seeds, "euclidean", SETTLING)
        seeds = swap_seeds(centred, settled, draw)
    return prepare(seeds + middle, metric)


def _lloyd(ready: Floats, centroids: Floats, metric: Metric, iterations: int) -> tuple[Floats, list[float]]:
    """Centroids after so many iterations, and the inertia that each of them started from."""
    if iterations < 1 or len(centroids) == len(ready):
        return centroids, []
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
    return np.asarray(means.centroids, dtype=np.float32), [float(stats["obj"]) for stats in means.iteration_stats or ()]


def _inertia(ready: Floats, centroids: Floats) -> float:
    middle = centroids.mean(axis=0)
    total = 0.0
    for part in blocks(*ready.shape):
        near, _ = faiss.knn(ready[part] - middle, centroids - middle, 1)
        total += float(np.maximum(near, 0).sum(dtype=np.float64))
    return total

"""What a cluster must hold to before a title may speak to it: enough members, each close enough to its centroid.

A member below the similarity floor keeps the original title (cluster_id -1) or, where enough of them are alike, gets
a cluster of their own kind. A cluster with fewer members than the k-anonymity floor is dissolved into its neighbours,
so that a title never speaks to one person. Whatever is merged or added, every user's cluster is in the end the nearest
of the centroids that are left. Ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from clustering.cover import cover
from clustering.kmeans import Metric, Placement, assign, fit
from clustering.vectors import Floats, Integers, draw_rows
from creator.core.errors import InputError

ORIGINAL = -1
"""The cluster id of a user who keeps the original title."""

OWN_KIND_ROUNDS = 3
OWN_KIND_ROWS = 65_536
OWN_KIND_CANDIDATES = 1_024


class Outside(StrEnum):
    """Why a user is in no cluster."""

    BELOW_FLOOR = "below_floor"
    NOT_FINITE = "not_finite"
    ZERO = "zero"
    ATTRIBUTES_UNKNOWN = "attributes_unknown"
    ATTRIBUTES_RARE = "attributes_rare"
    TOO_FEW = "too_few"


@dataclass(frozen=True, slots=True)
class Rules:
    """What clusters must hold to.

    Args:
        metric: the one that trained the centroids.
        floor: least cosine of a member to its centroid, -1 to 1, or None.
        min_size: least number of members of a cluster, at least 1.
        refit: moves centroids [K, D] to their members' means; called after clusters were dissolved.
    """

    metric: Metric
    floor: float | None
    min_size: int
    refit: Callable[[Floats], Floats]


@dataclass(frozen=True, slots=True)
class Guarded:
    """Clusters that keep the rules.

    Args:
        centroids: [K, D], the largest cluster first.
        cluster_id: [B], or ORIGINAL.
        placement: nearest centroid of every row, floor or not, in the new numbering.
        dissolved: clusters that were too small.
    """

    centroids: Floats
    cluster_id: Integers
    placement: Placement
    dissolved: int


def guard(rows: Floats, centroids: Floats, rules: Rules, told: Callable[[int], None] | None = None) -> Guarded:
    """Place all users and enforce the floor and the smallest size.

    Args:
        rows: [B, D], every row fit for the metric.
        centroids: [K, D].
        rules: what to enforce.
        told: called with the number of rows placed, block by block.

    Raises:
        InputError: no cluster can be large enough.
    """
    started = len(centroids)
    while True:
        placement = assign(rows, centroids, metric=rules.metric, told=told)
        left = _dissolve(rows, centroids, placement, rules)
        if len(left) == len(centroids):
            break
        centroids = rules.refit(centroids[left])
    inside = _inside(placement.similarity, rules.floor)
    order = np.argsort(-np.bincount(placement.cluster_id[inside], minlength=len(centroids)), kind="stable")
    numbered = np.argsort(order)[placement.cluster_id]
    placement = Placement(numbered, placement.distance, placement.similarity)
    return Guarded(centroids[order], np.where(inside, numbered, ORIGINAL), placement, started - len(centroids))


def add_own_kind(rows: Floats, guarded: Guarded, rules: Rules, *, seed: int) -> Guarded:
    """Clusters for members below the floor, wherever enough of them lie within the floor of one centre.

    The centres are found by greedy set cover over the centroids of those left outside; all users are then placed anew.

    Args:
        rows: [B, D], every row fit for the metric.
        guarded: what `guard` made of them under the same rules.
        rules: with a floor.
        seed: of the sample and the seeding.
    """
    for turn in range(OWN_KIND_ROUNDS if rules.floor is not None else 0):
        outside = np.flatnonzero(guarded.cluster_id == ORIGINAL)
        if len(outside) < rules.min_size:
            break
        left = draw_rows(rows[outside], OWN_KIND_ROWS, seed)
        least = max(1, rules.min_size * len(left) // len(outside))
        k = max(1, min(OWN_KIND_CANDIDATES, len(left) // least))
        micro = fit(left, k, metric="cosine", seed=seed + turn, restarts=1, iterations=10).centroids
        own = micro[cover(left, micro, floor=rules.floor or 0.0, least=least)]
        if not len(own):
            break
        if rules.metric == "euclidean":
            own = own * np.float32(np.median(np.linalg.norm(left, axis=1)))
        again = guard(rows, np.concatenate([guarded.centroids, own]), rules)
        if (again.cluster_id == ORIGINAL).sum() >= len(outside):
            break
        guarded = replace(again, dissolved=guarded.dissolved + again.dissolved)
    return guarded


def _inside(similarity: Floats, floor: float | None) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.ones(len(similarity), bool) if floor is None else similarity >= floor


def _dissolve(rows: Floats, centroids: Floats, placement: Placement, rules: Rules) -> Integers:
    """Centroids to keep: the smallest cluster goes first, its rows move to the nearest that is left, until all fit."""
    floor, min_size = rules.floor, rules.min_size
    cluster_id, similarity = placement.cluster_id.copy(), placement.similarity.copy()
    sizes = np.bincount(cluster_id[_inside(similarity, floor)], minlength=len(centroids))
    left = np.arange(len(centroids))
    while sizes[left].min() < min_size:
        smallest = left[sizes[left].argmin()]
        if len(left) == 1:
            held = f"{sizes[smallest]} of {len(rows)} users"
            bar = "" if floor is None else f" with a similarity of at least {floor:g}"
            raise InputError(
                "no cluster is large enough",
                got=held + bar,
                expected=f"at least {min_size}",
                cure="a lower --min-size" + ("" if floor is None else ", or a lower --floor"),
            )
        left = left[left != smallest]
        moving = np.flatnonzero(cluster_id == smallest)
        if not len(moving):
            continue
        again = assign(np.asarray(rows[moving]), centroids[left], metric=rules.metric)
        cluster_id[moving], similarity[moving] = left[again.cluster_id], again.similarity
        joined = cluster_id[moving][_inside(again.similarity, floor)]
        sizes += np.bincount(joined, minlength=len(sizes))
    return left

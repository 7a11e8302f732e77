"""Which (cluster, ad) pairs are worth writing a title for, and why.

The expected reach of a pair is match probability x cluster size: the users it is expected to win over.

* coverage P keeps, for each ad, the fewest clusters that hold the share P of the ad's expected reach;
* budget N keeps the N pairs of most expected reach overall.

Ties go to the cluster and then to the ad that comes first. A pair of no reach is never kept. Source: the method's
section 4. Shapes: K clusters, A ads.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from clustering.vectors import Floats, Integers, Mask
from creator.core.errors import UsageError

Doubles = npt.NDArray[np.float64]

SLACK = 1e-6
"""Relative; a share that misses P by the rounding of float32 probabilities alone counts as reached."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """The decision on every pair.

    Args:
        kept: [K, A].
        expected_reach: [K, A], users.
        reason: [K, A], why it was kept or dropped, with the figures.
    """

    kept: Mask
    expected_reach: Doubles
    reason: npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a budget ends.

    Args:
        budget: pairs asked for.
        pairs: pairs there are.
        flat: kept pairs as ad x K + cluster, ascending.
        reach: the least expected reach kept, or 0 when nothing was.
    """

    budget: int
    pairs: int
    flat: Integers
    reach: float


def keep_pairs(
    match: Floats,
    sizes: Integers,
    *,
    coverage: float | None = None,
    budget: int | None = None,
    max_clusters_per_ad: int | None = None,
) -> Pruned:
    """Decide on every pair.

    Args:
        match: [K, A], match probabilities.
        sizes: [K], users in each cluster.
        coverage: share of each ad's expected reach to hold, above 0 and at most 1; or
        budget: pairs to keep overall, at least 1. Exactly one of the two.
        max_clusters_per_ad: most clusters of one ad, at least 1, or None; it goes before coverage and budget.

    Raises:
        UsageError: not exactly one of coverage and budget, or one of them out of range.
    """
    faults = find_faults(coverage, budget, max_clusters_per_ad)
    if (coverage is None) == (budget is None):
        faults.append("exactly one of coverage and budget is needed")
    if faults:
        raise UsageError(faults)
    reach = expect_reach(match, sizes)
    if coverage is not None:
        return keep_coverage(reach, coverage, max_clusters_per_ad)
    assert budget is not None
    return keep_budget(reach, 0, find_cut([(0, reach)], budget, max_clusters_per_ad), max_clusters_per_ad)


def find_faults(coverage: float | None, budget: int | None, max_clusters_per_ad: int | None) -> list[str]:
    """What is out of range, in words."""
    faults: list[str] = []
    if coverage is not None and not 0 < coverage <= 1:
        faults.append(f"coverage: got {coverage}, expected a share above 0 and at most 1")
    if budget is not None and budget < 1:
        faults.append(f"budget: got {budget}, expected at least 1 pair")
    if coverage is not None and budget is not None:
        faults.append("coverage and budget exclude each other; give one")
    if max_clusters_per_ad is not None and max_clusters_per_ad < 1:
        faults.append(f"max_clusters_per_ad: got {max_clusters_per_ad}, expected at least 1")
    return faults


def expect_reach(match: Floats, sizes: Integers) -> Doubles:
    """Expected reach of every pair, in users; [K, A]."""
    return match.astype(np.float64) * sizes[:, None]


def rank_in_ad(reach: Doubles) -> Integers:
    """Each cluster's place within its ad, 0 for the most expected reach; [K, A]."""
    return np.argsort(np.argsort(-reach, axis=0, kind="stable"), axis=0, kind="stable")


def keep_coverage(reach: Doubles, coverage: float, most: int | None) -> Pruned:
    """Keep, for each ad, the fewest clusters that hold `coverage` of its expected reach.

    Args:
        reach: [K, A].
        coverage: above 0, at most 1.
        most: most clusters of one ad, or None.
    """
    rank = rank_in_ad(reach)
    best_first = -np.sort(-reach, axis=0)
    total = reach.sum(axis=0)
    share = np.cumsum(best_first, axis=0) / np.where(total > 0, total, 1)
    needed = (share < coverage * (1 - SLACK)).sum(axis=0) + 1
    allowed = np.minimum(needed, len(reach) if most is None else min(most, len(reach)))
    kept = (rank < allowed) & (reach > 0)
    held = np.where(allowed > 0, share[allowed - 1, np.arange(reach.shape[1])], 0)
    reason = np.empty(reach.shape, object)
    for k, a in np.ndindex(reach.shape):
        place = int(rank[k, a])
        if not reach[k, a]:
            reason[k, a] = "dropped: no user of the cluster is expected to match"
        elif kept[k, a]:
            before = f"with the better ones {share[place, a]:.1%}" if place else f"{share[0, a]:.1%} alone"
            reason[k, a] = (
                f"kept: number {place + 1} for the ad, holds {before} of its expected reach (goal {coverage:.1%})"
            )
        elif place >= needed[a]:
            reason[k, a] = (
                f"dropped: number {place + 1} for the ad; the best {allowed[a]} hold {held[a]:.1%} of its expected "
                f"reach (goal {coverage:.1%})"
            )
        else:
            reason[k, a] = f"dropped: number {place + 1} for the ad, and at most {most} clusters are wanted of one"
    return Pruned(kept, reach, reason)


def find_cut(parts: Iterable[tuple[int, Doubles]], budget: int, most: int | None) -> Cut:
    """The `budget` pairs of most expected reach, from blocks of ads, in memory for one block and the budget.

    Args:
        parts: for each block, the number of its first ad and its reach [K, ads].
        budget: pairs to keep, at least 1.
        most: most clusters of one ad, or None.
    """
    flat, best = np.empty(0, np.int64), np.empty(0, np.float64)
    pairs = 0
    for first, reach in parts:
        pairs += reach.size
        clusters = len(reach)
        able = (reach > 0) & (rank_in_ad(reach) < (clusters if most is None else most))
        k, a = np.nonzero(able)
        flat = np.concatenate([flat, (first + a) * clusters + k])
        best = np.concatenate([best, reach[k, a]])
        # equal reach: the cluster that comes first, then the ad
        order = np.lexsort((flat // clusters, flat % clusters, -best))[:budget]
        flat, best = flat[order], best[order]
    return Cut(budget, pairs, np.sort(flat), float(best.min()) if len(best) else 0.0)


def keep_budget(reach: Doubles, first: int, cut: Cut, most: int | None) -> Pruned:
    """The decisions on a block of ads, once the cut is known.

    Args:
        reach: [K, A] of the block.
        first: number of the block's first ad.
        cut: from `find_cut` over all blocks.
        most: most clusters of one ad, or None.
    """
    clusters, ads = reach.shape
    rank = rank_in_ad(reach)
    ids = (first + np.arange(ads))[None, :] * clusters + np.arange(clusters)[:, None]
    kept = np.isin(ids, cut.flat)
    reason = np.empty(reach.shape, object)
    for k, a in np.ndindex(reach.shape):
        value = f"expected reach {reach[k, a]:.4g}"
        if kept[k, a]:
            reason[k, a] = (
                f"kept: {value} is among the best {len(cut.flat):,} of {cut.pairs:,} pairs (budget {cut.budget:,})"
            )
        elif not reach[k, a]:
            reason[k, a] = "dropped: no user of the cluster is expected to match"
        elif most is not None and rank[k, a] >= most:
            reason[k, a] = f"dropped: number {rank[k, a] + 1} for the ad, and at most {most} clusters are wanted of one"
        else:
            reason[k, a] = f"dropped: {value}; the budget of {cut.budget:,} ends at {cut.reach:.4g}"
    return Pruned(kept, reach, reason)

"""Which (cluster, ad) pairs are worth writing a title for, and why.

The expected reach of a pair is match probability x cluster size: the users it is expected to win over.

* coverage P keeps, for each ad, the fewest clusters that hold the share P of the ad's expected reach;
* budget N keeps the N pairs of most expected reach overall.

Ties go to the cluster and then to the ad that comes first. A pair of no reach is never kept. Source: the method's
section 4. Shapes: K clusters, A ads; arrays of pairs lie in memory ad by ad.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from clustering.reasons import UNREACHED, Reasons, Table, spell_figures
from clustering.vectors import Floats, Integers, Mask
from creator.core.errors import UsageError

Doubles = npt.NDArray[np.float64]

SLACK = 1e-6
"""Relative; a share that misses P by the rounding of float32 probabilities alone counts as reached."""
TENTHS = 1_000
"""Shares are told in tenths of a percent."""
ROOM = 1_000_000
"""Candidates a budget gathers before it drops those that cannot be among its best."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """The decision on every pair.

    Args:
        kept: [K, A].
        expected_reach: [K, A], users.
        reasons: of the pairs ad by ad: the pair of cluster k and ad a is number a x K + k.
    """

    kept: Mask
    expected_reach: Doubles
    reasons: Reasons

    def reason(self, cluster: int, ad: int) -> str:
        """Why this pair was kept or dropped, with the figures."""
        return self.reasons[ad * len(self.kept) + cluster]


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
    return np.multiply(match, sizes[:, None], dtype=np.float64, order="F")


def rank_in_ad(reach: Doubles) -> tuple[Integers, Integers]:
    """The clusters of each ad, that of the most expected reach first, and each cluster's place; both [K, A]."""
    best = np.argsort(-reach, axis=0, kind="stable")
    place = np.empty_like(best)
    np.put_along_axis(place, best, np.broadcast_to(np.arange(len(reach))[:, None], best.shape), axis=0)
    return best, place


def keep_coverage(reach: Doubles, coverage: float, most: int | None) -> Pruned:
    """Keep, for each ad, the fewest clusters that hold `coverage` of its expected reach.

    Args:
        reach: [K, A].
        coverage: above 0, at most 1.
        most: most clusters of one ad, or None.
    """
    clusters, ads = reach.shape
    best, place = rank_in_ad(reach)
    total = reach.sum(axis=0)
    share = np.cumsum(np.take_along_axis(reach, best, axis=0), axis=0) / np.where(total > 0, total, 1)
    needed = (share < coverage * (1 - SLACK)).sum(axis=0) + 1
    allowed = np.minimum(needed, clusters if most is None else min(most, clusters))
    kept = (place < allowed) & (reach > 0)
    tenths = np.rint(share * TENTHS).astype(np.int64)
    held = tenths[allowed - 1, np.arange(ads)]

    goal = f"of its expected reach (goal {coverage:.1%})"
    shares = [f"{n / TENTHS:.1%}" for n in range(TENTHS + 1)]
    firsts, seconds = Table(), Table()
    none, empty = firsts.add([UNREACHED]), seconds.add([""])
    numbers = [f"number {n} for the ad" for n in range(1, clusters + 1)]
    keep = firsts.add(
        [f"kept: {text}, holds {'' if text == numbers[0] else 'with the better ones '}" for text in numbers]
    )
    drop = firsts.add([f"dropped: {text}" for text in numbers])
    alone, together = (seconds.add([f"{text}{how} {goal}" for text in shares]) for how in (" alone", ""))
    capped = seconds.add([f", and at most {most} clusters are wanted of one"])
    behind = seconds.add(
        [
            f"; the best {n} hold {shares[tenth]} {goal}"
            for n, tenth in zip(allowed.tolist(), held.tolist(), strict=True)
        ]
    )
    share_of = np.take_along_axis(tenths, place, axis=0)
    first = np.where(kept, keep, drop) + place
    second = np.where(kept, np.where(place == 0, alone, together) + share_of,
                      np.where(place >= needed, behind + np.arange(ads), capped))  # fmt: skip
    reached = reach > 0
    first, second = np.where(reached, first, none), np.where(reached, second, empty)
    return Pruned(kept, reach, Reasons(first.T.ravel(), second.T.ravel(), firsts.array(), seconds.array()))


def find_cut(parts: Iterable[tuple[int, Doubles]], budget: int, most: int | None) -> Cut:
    """The `budget` pairs of most expected reach, from blocks of ads, in memory for one block and the budget.

    Args:
        parts: for each block, the number of its first ad and its reach [K, ads].
        budget: pairs to keep, at least 1.
        most: most clusters of one ad, or None.
    """
    flat: list[Integers] = [np.empty(0, np.int64)]
    best: list[Doubles] = [np.empty(0, np.float64)]
    least = 0.0
    pairs, gathered, clusters = 0, 0, 1
    for first, reach in parts:
        pairs += reach.size
        clusters = len(reach)
        able = (reach > 0) & (reach >= least)
        if most is not None and most < clusters:
            able &= rank_in_ad(reach)[1] < most
        a, k = np.nonzero(able.T)
        flat.append((first + a) * clusters + k)
        best.append(reach[k, a])
        gathered += len(k)
        if gathered > budget + max(budget, ROOM):
            held, reaches = _best(np.concatenate(flat), np.concatenate(best), budget, clusters)
            flat, best = [held], [reaches]
            gathered, least = len(flat[0]), float(best[0].min())
    kept, reaches = _best(np.concatenate(flat), np.concatenate(best), budget, clusters)
    return Cut(budget, pairs, np.sort(kept), float(reaches.min()) if len(reaches) else 0.0)


def _best(flat: Integers, reach: Doubles, budget: int, clusters: int) -> tuple[Integers, Doubles]:
    """The `budget` pairs of most reach; of equal reach, the cluster that comes first, then the ad."""
    if len(flat) <= budget:
        return flat, reach
    least = np.partition(reach, len(reach) - budget)[len(reach) - budget]
    above, equal = np.flatnonzero(reach > least), np.flatnonzero(reach == least)
    order = np.lexsort((flat[equal] // clusters, flat[equal] % clusters))[: budget - len(above)]
    chosen = np.concatenate([above, equal[order]])
    return flat[chosen], reach[chosen]


def keep_budget(reach: Doubles, first: int, cut: Cut, most: int | None) -> Pruned:
    """The decisions on a block of ads, once the cut is known.

    Args:
        reach: [K, A] of the block.
        first: number of the block's first ad.
        cut: from `find_cut` over all blocks.
        most: most clusters of one ad, or None.
    """
    clusters, ads = reach.shape
    inside = slice(*np.searchsorted(cut.flat, [first * clusters, (first + ads) * clusters]))
    flat = np.zeros(reach.size, bool)
    flat[cut.flat[inside] - first * clusters] = True
    kept = flat.reshape(ads, clusters).T

    which, figures = spell_figures(reach.T.ravel())
    firsts, seconds = Table(), Table()
    none, empty = firsts.add([UNREACHED]), seconds.add([""])
    keep, drop = (
        firsts.add([f"{done}: expected reach {figure}" for figure in figures]) for done in ("kept", "dropped")
    )
    among = seconds.add([f" is among the best {len(cut.flat):,} of {cut.pairs:,} pairs (budget {cut.budget:,})"])
    below = seconds.add([f"; the budget of {cut.budget:,} ends at {cut.reach:.4g}"])
    begins, ends = which + np.where(flat, keep, drop), np.where(flat, among, below)
    if most is not None and most < clusters:
        place = rank_in_ad(reach)[1].T.ravel()
        beyond = ~flat & (place >= most)
        begins[beyond] = place[beyond] + firsts.add([f"dropped: number {n} for the ad" for n in range(1, clusters + 1)])
        ends[beyond] = seconds.add([f", and at most {most} clusters are wanted of one"])
    reached = reach.T.ravel() > 0
    begins, ends = np.where(reached, begins, none), np.where(reached, ends, empty)
    return Pruned(kept, reach, Reasons(begins, ends, firsts.array(), seconds.array()))

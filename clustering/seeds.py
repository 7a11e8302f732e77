"""Seeds for k-means: greedy k-means++ on a sample, then swaps of seeds that lower the inertia.

Plain k-means++ leaves some dense region with two seeds and some other pair of regions with one. Local search mends
that: rows are drawn by their squared distance, and one takes the place of the seed that is missed least, if that lowers
the sum.

Sources: Arthur and Vassilvitskii 2007 (k-means++, its greedy variant in section 6), Lattanzi and Sohler 2019 (local
search). Several rows are drawn at once so that their distances are one matrix product; ours. Shapes: N rows, K seeds, D
width, C candidates.
"""

from __future__ import annotations

from dataclasses import dataclass

import faiss
import numpy as np

from clustering.vectors import Floats, Integers

SWAP_CANDIDATES = 8
LEAST_GAIN = 1e-4
"""A swap that lowers the sum by a smaller share is not made."""
VAIN_ROUNDS = 4
"""Local search ends after so many rounds without a swap."""


def greedy_seeds(rows: Floats, k: int, draw: np.random.Generator) -> Floats:
    """K rows by greedy k-means++: of 2 + ln K rows drawn by squared distance, the one that lowers the sum most.

    Args:
        rows: [N, D]; with fewer than `k` different rows, seeds repeat.
        k: seeds wanted, at least 1.
        draw: source of randomness.

    Returns:
        [K, D].
    """
    squares = np.einsum("nd,nd->n", rows, rows)
    trials = 2 + int(np.log(k))
    chosen = [int(draw.integers(len(rows)))]
    near = _distances(rows, squares, rows[chosen])[:, 0]
    for _ in range(k - 1):
        drawn = _draw(near, trials, draw)
        closer = np.minimum(_distances(rows, squares, rows[drawn]), near[:, None])
        best = int(closer.sum(axis=0).argmin())
        near = np.ascontiguousarray(closer[:, best])
        chosen.append(int(drawn[best]))
    return rows[chosen]


def swap_seeds(rows: Floats, seeds: Floats, draw: np.random.Generator) -> Floats:
    """Exchange seeds for rows while that lowers the sum of squared distances; K rounds at most.

    Args:
        rows: [N, D].
        seeds: [K, D], K at least 2.
        draw: source of randomness.

    Returns:
        [K, D], never of a higher sum over the rows.
    """
    squares, seeds, vain = np.einsum("nd,nd->n", rows, rows), seeds.copy(), 0
    nearest = _Nearest.of(rows, seeds)
    for _ in range(len(seeds)):
        drawn = _draw(nearest.first, SWAP_CANDIDATES, draw)
        to_drawn = _distances(rows, squares, rows[drawn])
        swaps = [nearest.swap(to_drawn[:, c], len(seeds)) for c in range(len(drawn))]
        best = int(np.argmin([total for total, _ in swaps]))
        total, out = swaps[best]
        if total >= (1 - LEAST_GAIN) * nearest.first.sum(dtype=np.float64):
            vain += 1
            if vain == VAIN_ROUNDS:
                break
            continue
        vain = 0
        seeds[out] = rows[drawn[best]]
        nearest.replace(out, to_drawn[:, best], rows, seeds)
    return seeds


@dataclass(slots=True)
class _Nearest:
    """Each row's two nearest seeds: squared distances [N] and which seeds [N]."""

    first: Floats
    second: Floats
    first_id: Integers
    second_id: Integers

    @classmethod
    def of(cls, rows: Floats, seeds: Floats) -> _Nearest:
        distances, ids = faiss.knn(rows, seeds, 2)
        return cls(distances[:, 0].copy(), distances[:, 1].copy(), ids[:, 0].copy(), ids[:, 1].copy())

    def swap(self, to_new: Floats, k: int) -> tuple[float, int]:
        """The least sum that taking in a new seed and giving up an old one leads to, and which one that is."""
        kept = np.minimum(self.first, to_new)
        missed = np.bincount(self.first_id, weights=np.minimum(self.second, to_new) - kept, minlength=k)
        out = int(missed.argmin())
        return float(kept.sum(dtype=np.float64) + missed[out]), out

    def replace(self, out: int, to_new: Floats, rows: Floats, seeds: Floats) -> None:
        """Bring the rows up to date after seed `out` was replaced."""
        stale = np.flatnonzero((self.first_id == out) | (self.second_id == out))
        wins = to_new < self.first
        places = ~wins & (to_new < self.second)
        self.second_id = np.where(wins, self.first_id, np.where(places, out, self.second_id))
        self.second = np.where(wins, self.first, np.where(places, to_new, self.second))
        self.first_id, self.first = np.where(wins, out, self.first_id), np.where(wins, to_new, self.first)
        again = _Nearest.of(rows[stale], seeds)
        self.first[stale], self.second[stale] = again.first, again.second
        self.first_id[stale], self.second_id[stale] = again.first_id, again.second_id


def _distances(rows: Floats, squares: Floats, others: Floats) -> Floats:
    """Squared distances [N, C] from rows, whose squared lengths are known, to others [C, D]."""
    found = rows @ others.T
    found *= -2
    found += squares[:, None]
    found += np.einsum("cd,cd->c", others, others)
    return np.maximum(found, 0, out=found)


def _draw(weights: Floats, count: int, draw: np.random.Generator) -> Integers:
    heap = np.cumsum(weights, dtype=np.float64)
    if not heap[-1]:
        return draw.integers(len(weights), size=count)
    return np.searchsorted(heap, draw.random(count) * heap[-1]).clip(max=len(weights) - 1)

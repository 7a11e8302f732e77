"""Greedy set cover over similarity balls: centres such that every covered user is within the floor of one of them.

A ball is the users whose cosine to a centre is at least the floor. Again and again the centre whose ball holds most
users not yet covered is taken, until no ball holds enough of them. Greedy is within 1 + ln B of the fewest centres
(Chvatal 1979); over the centroids of a mini-batch k-means it is the method of OpenReview 4eqA2quXbQ. Shapes: B users, C
candidates, D width.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from clustering.kmeans import prepare
from clustering.vectors import Floats, Integers, blocks


def cover(rows: Floats, candidates: Floats, *, floor: float, least: int) -> Integers:
    """The candidates to take, in the order taken.

    Args:
        rows: [B, D], none zero.
        candidates: [C, D], none zero.
        floor: least cosine of a covered row to a centre.
        least: a centre is taken only if it covers so many rows that no earlier one covers, at least 1.

    Returns:
        numbers of candidates.
    """
    balls = _balls(rows, prepare(candidates, "cosine"), floor)
    gains = np.asarray(balls.sum(axis=0), dtype=np.int64).ravel()
    by_candidate, covered = sparse.csc_array(balls), np.zeros(len(rows), bool)
    taken: list[int] = []
    while len(gains) and gains.max() >= least:
        best = int(gains.argmax())
        taken.append(best)
        ball = by_candidate.indices[by_candidate.indptr[best] : by_candidate.indptr[best + 1]]
        fresh = ball[~covered[ball]]
        covered[fresh] = True
        gains -= np.asarray(balls[fresh].sum(axis=0), dtype=np.int64).ravel()
    return np.array(taken, np.int64)


def _balls(rows: Floats, centres: Floats, floor: float) -> sparse.csr_array:
    """Which row lies in which centre's ball [B, C], made in blocks."""
    parts = [
        sparse.csr_array(prepare(rows[part], "cosine") @ centres.T >= floor, dtype=np.int32)
        for part in blocks(len(rows), max(rows.shape[1], len(centres)))
    ]
    return sparse.csr_array(sparse.vstack(parts, format="csr"))

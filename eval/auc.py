"""Area under the ROC curve with bootstrap intervals that resample whole users.

A user's impressions are alike, so intervals that resample impressions would be far too narrow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from sklearn.metrics import roc_auc_score

from eval.figures import interval, resamples

RESAMPLES_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Area:
    """An AUC with its 95% interval.

    Args:
        value: 0 to 1; None when there is no positive or no negative.
        low: lower end; None when it cannot be computed.
        high: upper end; None when it cannot be computed.
        replicates: [R], the AUC in each resample, NaN where a resample has one class only.
    """

    value: float | None
    low: float | None
    high: float | None
    replicates: npt.NDArray[np.float64]


def area(
    scores: npt.NDArray[np.float64],
    clicked: npt.NDArray[np.bool_],
    users: npt.NDArray[np.int64],
    drawn: npt.NDArray[np.float32],
) -> Area:
    """AUC of scores against clicks.

    Args:
        scores: [N], higher means likelier.
        clicked: [N].
        users: [N], row of the user in `drawn`.
        drawn: [U, R], how often each user is drawn in each resample (`figures.resamples`).

    Returns:
        the point value (scikit-learn's), and the interval from the resamples.
    """
    nothing = np.full(drawn.shape[1], np.nan)
    if clicked.all() or not clicked.any():
        return Area(None, None, None, nothing)
    value = float(roc_auc_score(clicked, scores))
    replicates = _replicates(scores, clicked, users, drawn)
    return Area(value, *interval(replicates), replicates)


def difference(first: Area, second: Area) -> tuple[float | None, float | None, float | None]:
    """First minus second with the 95% interval of the paired difference (same resamples)."""
    if first.value is None or second.value is None:
        return None, None, None
    return first.value - second.value, *interval(first.replicates - second.replicates)


def draw_users(users: int, count: int, seed: int) -> npt.NDArray[np.float32]:
    """Resamples of users; [U, R]."""
    return resamples(users, count, seed)


def _replicates(
    scores: npt.NDArray[np.float64],
    clicked: npt.NDArray[np.bool_],
    users: npt.NDArray[np.int64],
    drawn: npt.NDArray[np.float32],
) -> npt.NDArray[np.float64]:
    """AUC of every resample at once.

    Negatives only matter by where they fall among the distinct scores of the positives: bin 2k + 1 ties with the
    k-th such score, bin 2k lies below it. Per resample the AUC is then a sum over those few scores.
    """
    levels, level = np.unique(scores[clicked], return_inverse=True)
    below = np.searchsorted(levels, scores[~clicked], side="left")
    tied = np.searchsorted(levels, scores[~clicked], side="right") - below
    shape = (2 * len(levels) + 1, drawn.shape[0])
    negatives = csr_matrix((np.ones(len(below)), (2 * below + tied, users[~clicked])), shape=shape)
    positives = csr_matrix((np.ones(len(level)), (level, users[clicked])), shape=(len(levels), drawn.shape[0]))
    areas: list[npt.NDArray[np.float64]] = []
    for start in range(0, drawn.shape[1], RESAMPLES_AT_ONCE):
        some = drawn[:, start : start + RESAMPLES_AT_ONCE].astype(np.float64)
        mass, won = negatives @ some, positives @ some
        cumulated = np.cumsum(mass, axis=0)
        beaten = cumulated[0:-1:2] + 0.5 * mass[1::2]
        trials = won.sum(axis=0) * cumulated[-1]
        with np.errstate(invalid="ignore", divide="ignore"):
            areas.append(np.where(trials > 0, (won * beaten).sum(axis=0) / trials, np.nan))
    return np.concatenate(areas)

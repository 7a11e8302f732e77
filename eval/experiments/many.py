"""Many comparisons at once: corrected p-values, and estimates without the winner's curse."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import stats

from creator.statistics.ratio import Floats


def holm(p: npt.ArrayLike) -> Floats:
    """P-values that keep the chance of any false finding below alpha (Holm 1979, step-down); [M]."""
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    stepped = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    found = np.empty_like(values)
    found[order] = np.minimum(stepped, 1.0)
    return found


def benjamini_hochberg(p: npt.ArrayLike) -> Floats:
    """P-values that keep the share of false findings among all below alpha (scipy's); [M]."""
    values = np.asarray(p, dtype=np.float64)
    return np.asarray(stats.false_discovery_control(values)) if len(values) else values


def between_variance(estimates: npt.ArrayLike, errors: npt.ArrayLike) -> tuple[float, float]:
    """How much true effects differ, and their weighted mean (DerSimonian and Laird 1986).

    Args:
        estimates: [M], M >= 2.
        errors: [M], their standard errors.
    """
    x, w = np.asarray(estimates, dtype=np.float64), 1 / np.square(np.asarray(errors, dtype=np.float64))
    q = float((w * (x - (w * x).sum() / w.sum()) ** 2).sum())
    spread = max(0.0, (q - (len(x) - 1)) / float(w.sum() - (w**2).sum() / w.sum()))
    weights = 1 / (1 / w + spread)
    return spread, float((weights * x).sum() / weights.sum())


def shrink(estimates: npt.ArrayLike, errors: npt.ArrayLike) -> Floats:
    """Each estimate drawn to their mean by how much of its distance is noise (empirical Bayes); [M].

    The largest of many estimates is too large for being the largest; this is the plain remedy. With fewer than two
    estimates there is nothing to draw to, and they stay.
    """
    x, s = np.asarray(estimates, dtype=np.float64), np.asarray(errors, dtype=np.float64)
    if len(x) < 2:
        return x.copy()
    spread, mean = between_variance(x, s)
    return mean + (x - mean) * spread / (spread + s**2)

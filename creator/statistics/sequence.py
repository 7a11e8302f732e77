"""Intervals that stay right however often one looks: the asymptotic confidence sequence with a normal mixture.

Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit theory and asymptotic confidence
sequences" (arXiv 2103.06476, version 7), eq. (7); here in terms of the information 1 / se^2 that an estimate has
gathered, which grows both with new users and with what known users do next. Of all looks together at most a share
alpha of experiments ever has an interval without the truth, in the limit of large samples.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from creator.statistics.ratio import Floats, quantile


def sharpness(alpha: float) -> float:
    """Information over mixture precision at which the interval is tightest (the paper's choice of rho)."""
    return -2 * math.log(alpha) + math.log(1 - 2 * math.log(alpha))


def precision(alpha: float, information: float) -> float:
    """The mixture's precision that makes intervals tightest when this much information is there.

    It must be chosen before the data are seen. Any choice is valid; a good one is what the test was designed for.

    Args:
        alpha: share of experiments that may ever be wrong.
        information: 1 / se^2, in the estimate's unit.
    """
    return information / sharpness(alpha)


def designed_precision(alpha: float, effect: float, power: float = 0.8) -> float:
    """The same for a test that is to find `effect` with this power at its planned end."""
    return precision(alpha, ((quantile(1 - alpha / 2) + quantile(power)) / effect) ** 2)


def half_width(se: npt.ArrayLike, alpha: float, tau: float) -> Floats:
    """Half of the interval at a look.

    Args:
        se: the estimate's standard error at that look.
        alpha: share of experiments that may ever be wrong.
        tau: the mixture's precision, the same at every look.
    """
    information = 1 / np.square(np.asarray(se, dtype=np.float64))
    grown = information + tau
    return np.sqrt(grown * np.log(grown / (tau * alpha**2))) / information


def p_value(estimate: npt.ArrayLike, se: npt.ArrayLike, tau: float) -> Floats:
    """The always-valid p-value of no effect at a look: the smallest alpha whose interval leaves 0 out.

    Args:
        estimate: at that look.
        se: its standard error.
        tau: the mixture's precision.
    """
    z, information = np.asarray(estimate) / np.asarray(se), 1 / np.square(np.asarray(se, dtype=np.float64))
    exponent = -0.5 * np.square(z) * information / (information + tau)
    return np.minimum(1.0, np.sqrt((information + tau) / tau) * np.exp(exponent))

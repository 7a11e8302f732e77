"""The effect on a ratio of two sums, clicks over exposures, when users are randomised and not exposures.

A user's exposures are alike, so a test of proportions would be far too sure of itself; the delta method keeps users
as the unit (Deng, Knoblich and Lu, "Applying the Delta Method in Metric Analytics", KDD 2018). Shapes: R runs or looks
(possibly none), N users. A user outside the arm counts as N only where the mask says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Arm:
    """Sufficient statistics of one arm; every field a number, or [R].

    Args:
        users: how many.
        clicks: their mean.
        exposures: their mean.
        variance: of the ratio's estimate, by the delta method; NaN with fewer than two users or no exposure.
    """

    users: Floats
    clicks: Floats
    exposures: Floats
    variance: Floats

    @property
    def ratio(self) -> Floats:
        """Clicks over exposures; NaN without exposures."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.clicks / self.exposures

    @property
    def total_clicks(self) -> Floats:
        """Their sum."""
        return self.clicks * self.users

    @property
    def user_variance(self) -> Floats:
        """Variance of the ratio's estimate times the users: what one user adds."""
        return self.variance * self.users


def arm(clicks: npt.ArrayLike, exposures: npt.ArrayLike, inside: npt.ArrayLike | None = None) -> Arm:
    """Summarise users.

    Args:
        clicks: [..., N], each user's.
        exposures: [..., N], each user's.
        inside: [..., N], which users belong to the arm; None for all.
    """
    y, e = np.asarray(clicks, dtype=np.float64), np.asarray(exposures, dtype=np.float64)
    mask = np.ones_like(y) if inside is None else np.broadcast_to(np.asarray(inside, dtype=np.float64), y.shape)
    n = mask.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_y, mean_e = (y * mask).sum(axis=-1) / n, (e * mask).sum(axis=-1) / n
        residual = (y - (mean_y / mean_e)[..., None] * e) * mask  # sums to 0 in each arm
        spread = np.where(n > 1, (residual**2).sum(axis=-1) / (n - 1), np.nan)
        return Arm(n, mean_y, mean_e, spread / (n * mean_e**2))


@dataclass(frozen=True, slots=True)
class Effect:
    """Treatment against control; every field a number, or [R].

    Args:
        difference: of the two ratios.
        difference_se: its standard error.
        lift: the difference over the control's ratio.
        lift_se: its standard error.
    """

    difference: Floats
    difference_se: Floats
    lift: Floats
    lift_se: Floats

    @property
    def p_value(self) -> Floats:
        """Two-sided, of no difference, by the normal distribution."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return two_sided(self.difference / self.difference_se)


def effect(
    control: Arm,
    treatment: Arm,
    shifts: tuple[float, float] = (0.0, 0.0),
    variances: tuple[Floats, Floats] | None = None,
) -> Effect:
    """The effect and its standard errors, both by the delta method.

    Args:
        control: one arm.
        treatment: the other.
        shifts: what to take from each ratio, control's first, because its users differed from all before (CUPED).
        variances: of the two ratios' estimates, control's first, where an adjustment has made them smaller.
    """
    of_control, of_treatment = variances if variances is not None else (control.variance, treatment.variance)
    base, ratio = control.ratio - shifts[0], treatment.ratio - shifts[1]
    with np.errstate(invalid="ignore", divide="ignore"):
        return Effect(
            ratio - base,
            np.sqrt(of_control + of_treatment),
            ratio / base - 1,
            np.sqrt(of_treatment / base**2 + of_control * ratio**2 / base**4),
        )


def adjusted(
    clicks: Floats, exposures: Floats, treated: npt.NDArray[np.bool_], before: Floats
) -> tuple[Effect, float] | None:
    """The effect with CUPED: what users did before the experiment explains part of what they do in it.

    The ratio is linearised, (clicks - ratio * exposures) / mean exposures, and regressed on the covariates within the
    arms (Deng, Xu, Kohavi and Walker, "Improving the Sensitivity of Online Controlled Experiments by Utilizing
    Pre-Experiment Data", WSDM 2013, for the mean; the KDD 2018 paper for the ratio).

    Args:
        clicks: [N], in the experiment.
        exposures: [N], in the experiment.
        treated: [N], who is in the treatment.
        before: [N, C], covariates from before the experiment, untouched by it.

    Returns:
        the effect, and the share of the variance that is gone; None where the covariates say nothing.
    """
    arms = [arm(clicks[chosen], exposures[chosen]) for chosen in (~treated, treated)]
    if any(not np.isfinite(found.variance) for found in arms):
        return None
    value = np.zeros(len(clicks))
    centred = np.zeros(before.shape)
    for chosen, found in zip((~treated, treated), arms, strict=True):
        value[chosen] = (clicks[chosen] - found.ratio * exposures[chosen]) / found.exposures
        centred[chosen] = before[chosen] - before[chosen].mean(axis=0)
    scale = centred.std(axis=0)
    if not (scale > 0).any():
        return None
    centred, covariates = centred[:, scale > 0] / scale[scale > 0], before[:, scale > 0] / scale[scale > 0]
    slope = np.linalg.lstsq(centred, value, rcond=None)[0]
    # a user who pulls the slope hides the own residual: put back as HC3 does (MacKinnon and White 1985)
    pull = np.einsum("nc,nc->n", centred @ np.linalg.pinv(centred.T @ centred), centred)
    left = (value - centred @ slope) / np.maximum(1 - pull, 1e-9)
    middle = covariates.mean(axis=0)
    shifts = [float((covariates[chosen].mean(axis=0) - middle) @ slope) for chosen in (~treated, treated)]
    variances = [np.asarray(left[chosen].var(ddof=1) / chosen.sum()) for chosen in (~treated, treated)]
    gone = 1 - float((variances[0] + variances[1]) / (arms[0].variance + arms[1].variance))
    return effect(arms[0], arms[1], (shifts[0], shifts[1]), (variances[0], variances[1])), gone


def stratified(
    clicks: Floats, exposures: Floats, treated: npt.NDArray[np.bool_], strata: npt.NDArray[np.int64]
) -> Effect | None:
    """The effect with each stratum weighing as much as it has users, however the draw spread them over the arms.

    Post-stratification (Miratrix, Sekhon and Yu, "Adjusting treatment effect estimates by post-stratification in
    randomized experiments", JRSS B 2013), for a ratio of sums.

    Args:
        clicks: [N], in the experiment.
        exposures: [N], in the experiment.
        treated: [N], who is in the treatment.
        strata: [N], whole numbers from 0 that were settled before the experiment, such as clusters. Those with fewer
            than two users in an arm are taken for one.

    Returns:
        the effect; None where an arm has no two users of its own in what is left over.
    """
    counts = np.stack([np.bincount(strata[side], minlength=int(strata.max()) + 1) for side in (~treated, treated)])
    rest = counts.shape[1]
    strata = np.where((counts.min(axis=0) < 2)[strata], rest, strata)
    weights = np.bincount(strata, minlength=rest + 1) / len(strata)
    arms: list[Arm] = []
    for side in (~treated, treated):
        group, y, e = strata[side], clicks[side], exposures[side]
        n = np.bincount(group, minlength=rest + 1)
        if (n[weights > 0] < 2).any():
            return None
        share = weights / np.maximum(n, 1)
        top, base = float((share[group] * y).sum()), float((share[group] * e).sum())
        left = y - top / base * e
        middle = np.bincount(group, left, rest + 1) / np.maximum(n, 1)
        spread = np.bincount(group, (left - middle[group]) ** 2, rest + 1) / np.maximum(n - 1, 1)
        variance = float((weights**2 * spread / np.maximum(n, 1)).sum()) / base**2
        arms.append(Arm(*(np.asarray(value) for value in (float(len(y)), top, base, variance))))
    control, treatment = arms
    return effect(control, treatment)


def two_sided(z: npt.ArrayLike) -> Floats:
    """The two-sided p-value of a standard normal statistic; NaN stays NaN."""
    from scipy.special import erfc

    return erfc(np.abs(np.asarray(z, dtype=np.float64)) / np.sqrt(2.0))


def quantile(share: float) -> float:
    """The standard normal's quantile."""
    return NormalDist().inv_cdf(share)

"""Power of an experiment on a ratio: how many users find an effect, and the smallest one that so many find."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from creator.statistics.ratio import Arm, quantile
from creator.statistics.sequence import sharpness

ROUNDS, LARGEST_LIFT = 60, 10.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the experiment is to be.

    Args:
        effect: the lift to find.
        alpha: share of experiments without an effect that may find one.
        power: share of experiments with that effect that find it.
        traffic: share of users that take part.
        treated: share of those in the treatment.
    """

    effect: float
    alpha: float = 0.05
    power: float = 0.8
    traffic: float = 1.0
    treated: float = 0.5

    @property
    def reach(self) -> float:
        """How many standard errors the effect must be away from nought."""
        return quantile(1 - self.alpha / 2) + quantile(self.power)

    @property
    def sequential_reach(self) -> float:
        """The same when looking is free: at its tightest, the confidence sequence in place of the normal quantile."""
        c = sharpness(self.alpha)
        return float(np.sqrt((c + 1) / c * np.log((c + 1) / self.alpha**2))) + quantile(self.power)


def needed_users(past: Arm, wanted: Wanted, *, sequential: bool = False) -> float:
    """Users of both arms together that find the effect with the wanted power.

    Args:
        past: users as they were, over as long as the experiment will run.
        wanted: effect, levels and shares.
        sequential: for reading the sequential interval at that end.
    """
    reach = wanted.sequential_reach if sequential else wanted.reach
    return reach**2 * _unit_variance(past, wanted, wanted.effect) / wanted.effect**2


def detectable(past: Arm, users: float, wanted: Wanted, *, sequential: bool = False) -> float:
    """The smallest lift that so many users of both arms find with the wanted power."""
    reach = wanted.sequential_reach if sequential else wanted.reach
    lift = 0.0
    for _ in range(ROUNDS if users > 0 else 0):  # the treatment's variance grows with the lift: a fixed point
        lift = reach * float(np.sqrt(_unit_variance(past, wanted, lift) / users))
    return lift if 0 < lift < LARGEST_LIFT else float("nan")


def _unit_variance(past: Arm, wanted: Wanted, lift: float) -> float:
    """Variance of the difference over the control's rate, times the users of both arms.

    What a lift does to the treatment's variance: the part that comes of clicking by chance is rate * (1 - rate), the
    part that comes of users being different grows with the rate's square.
    """
    total, chance = float(past.user_variance), min(float(past.user_variance), binomial_variance(past))
    left = max(0.0, 1 - float(past.ratio) * (1 + lift)) / (1 - float(past.ratio))
    of_treatment = chance * (1 + lift) * left + (total - chance) * (1 + lift) ** 2
    return (total / (1 - wanted.treated) + of_treatment / wanted.treated) / float(past.ratio) ** 2


def binomial_variance(past: Arm) -> float:
    """What one user would add to the rate's variance if every exposure were clicked independently."""
    return float(past.ratio * (1 - past.ratio) / past.exposures)

"""A simulator of clicks with a known effect, as untidy as the real thing.

Users come at different times, differ in how often they come and in what they click, and are the same people every
day; the base rate drifts by weekday and over time; some are bots, who come often and hardly click; some events are
sent twice under new names.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from creator.statistics.ratio import Floats

RATE, SPREAD = 0.08, 0.5  # the mean user's click rate, and the spread of its logarithm
VISITS, SHAPE = 3.0, 1.2  # exposures a day, and the shape of their gamma distribution over users
BOTS, BOT_VISITS, BOT_RATE = 0.005, 10.0, 0.1  # their share, and how they differ from users
DOUBLED = 0.02  # share of a user's days whose events are counted twice
LOOKS_A_DAY = 2
PAST_DAYS, HAVE_PAST = 7.0, 0.7


@dataclass(frozen=True, slots=True)
class Sample:
    """One simulated experiment.

    Args:
        treated: [N].
        clicks, exposures: [L, N], cumulative at each look.
        past: [N, 2], clicks and exposures before the experiment.
    """

    treated: npt.NDArray[np.bool_]
    clicks: Floats
    exposures: Floats
    past: Floats


def draw(source: np.random.Generator, users: int, days: int, lift: float) -> Sample:
    """Simulate one experiment.

    Args:
        source: of the randomness.
        users: N.
        days: its length; L is twice that.
        lift: what the treatment does to every user's click rate, relatively.
    """
    steps = days * LOOKS_A_DAY
    bot = source.random(users) < BOTS
    visits = source.gamma(SHAPE, VISITS / SHAPE, users) * np.where(bot, BOT_VISITS, 1.0)
    rate = RATE * np.exp(source.normal(-(SPREAD**2) / 2, SPREAD, users)) * np.where(bot, BOT_RATE, 1.0)
    treated = source.random(users) < 0.5
    arrives = np.floor(source.random(users) ** 2 * steps)  # more come early, as under a ramp that stands
    step = np.arange(steps)[:, None]
    drift = (1 + 0.25 * np.sin(2 * np.pi * step / (7 * LOOKS_A_DAY))) * (1 + 0.3 * step / steps)
    exposures = source.poisson(np.where(step >= arrives, visits / LOOKS_A_DAY, 0.0))
    chance = np.minimum(rate * np.where(treated, 1 + lift, 1.0) * drift, 1.0)
    clicks = source.binomial(exposures, chance)
    doubled = 1 + (source.random((steps, users)) < DOUBLED)
    known = (source.random(users) < HAVE_PAST) * PAST_DAYS
    before = source.poisson(visits * known)
    past = np.column_stack([source.binomial(before, np.minimum(rate, 1.0)), before]).astype(np.float64)
    return Sample(treated, np.cumsum(clicks * doubled, axis=0).astype(np.float64),
                  np.cumsum(exposures * doubled, axis=0).astype(np.float64), past)  # fmt: skip

"""How often the lift's interval holds the truth, on more tests than `experiment simulate` can look at day by day.

    python bench/interval_coverage.py --runs 8000 --lift 0.146

The users are those of `eval.experiments.clicker`; a user's whole test is drawn at once instead of look by look, so that
a test costs 1.5 ms of CPU. Beside the interval in use stand three others: Fieller's, that of the logarithm, and
residuals as in HC3.
"""

from __future__ import annotations

import argparse

import numpy as np

from eval.experiments.clicker import (
    BOT_RATE,
    BOT_VISITS,
    BOTS,
    DOUBLED,
    LOOKS_A_DAY,
    RATE,
    SHAPE,
    SPREAD,
    VISITS,
)

Z = 1.959963984540054


def tests(given: argparse.Namespace) -> np.ndarray:
    """[runs, 6]: rates of control and treatment, their variances, and those with residuals as in HC3."""
    source, steps = np.random.default_rng(given.seed), given.days * LOOKS_A_DAY
    step = np.arange(steps)
    drift = (1 + 0.25 * np.sin(2 * np.pi * step / (7 * LOOKS_A_DAY))) * (1 + 0.3 * step / steps)
    mean = np.cumsum(drift[::-1])[::-1] / (steps - step)  # over what is left of the test from a step on
    out = np.zeros((given.runs, 6))
    for row in out:
        bot = source.random(given.users) < given.bots
        visits = source.gamma(SHAPE, VISITS / SHAPE, given.users) * np.where(bot, BOT_VISITS, 1.0)
        rate = RATE * np.exp(source.normal(-(SPREAD**2) / 2, SPREAD, given.users)) * np.where(bot, BOT_RATE, 1.0)
        treated = source.random(given.users) < 0.5
        arrives = np.floor(source.random(given.users) ** 2 * steps).astype(int)
        exposures = source.poisson(visits / LOOKS_A_DAY * (steps - arrives))
        chance = np.minimum(rate * np.where(treated, 1 + given.lift, 1.0) * mean[arrives], 1.0)
        clicks = source.binomial(exposures, chance)
        twice = 1 + source.binomial(steps - arrives, DOUBLED) / (steps - arrives)
        for side, inside in enumerate((~treated, treated)):
            seen = inside & (exposures > 0)
            c, e = np.round(clicks * twice)[seen], np.round(exposures * twice)[seen]
            row[side] = c.sum() / e.sum()
            left = c - row[side] * e
            row[2 + side] = (left**2).sum() / (len(c) - 1) / (len(c) * e.mean() ** 2)
            row[4 + side] = ((left / (1 - e / e.sum())) ** 2).sum() / (len(c) - 1) / (len(c) * e.mean() ** 2)
    return out


def main() -> None:
    """Print the shares of tests whose intervals hold the truth, in percent."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=8_000)
    parser.add_argument("--users", type=int, default=3_000)
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument("--lift", type=float, default=0.146)
    parser.add_argument("--bots", type=float, default=BOTS, help="share of users")
    parser.add_argument("--seed", type=int, default=5)
    given = parser.parse_args()
    found, truth = tests(given), 1 + given.lift
    control, treatment = found[:, 0], found[:, 1]

    def errors(first: int) -> np.ndarray:
        """Standard errors of the lift from the variances in two columns."""
        return np.sqrt(found[:, first + 1] / control**2 + found[:, first] * treatment**2 / control**4)

    off = treatment / control - truth
    pivot = (treatment - truth * control) / np.sqrt(found[:, 3] + truth**2 * found[:, 2])
    log = np.log1p(off / truth) / np.sqrt(found[:, 3] / treatment**2 + found[:, 2] / control**2)
    for name, z in (("in use", off / errors(2)), ("HC3", off / errors(4)), ("Fieller", pivot), ("logarithm", log)):
        held, low, high = (100 * float(np.mean(part)) for part in (np.abs(z) <= Z, z < -Z, z > Z))
        print(f"{name:<10}{held:7.2f}   too low {low:5.2f}   too high {high:5.2f}")
    print(f"Monte Carlo error {100 * np.sqrt(0.05 * 0.95 / given.runs):.2f}")


if __name__ == "__main__":
    main()

"""The confidence sequence against a published implementation's numbers and against the integral it comes from."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, stats

from creator.statistics.sequence import designed_precision, half_width, p_value, precision, sharpness


def test_the_interval_is_growthbooks() -> None:
    """The expectations of GrowthBook's gbstats, TestSequentialTTest: a relative effect, tuned to 1,000 users."""
    n_a, sum_a, squares_a = 3000, 1396.87, 52377.9767
    n_b, sum_b, squares_b = 3461, 2422.7, 134698.29
    mean_a, mean_b = sum_a / n_a, sum_b / n_b
    var_a = (squares_a - sum_a**2 / n_a) / (n_a - 1)
    var_b = (squares_b - sum_b**2 / n_b) / (n_b - 1)
    lift = mean_b / mean_a - 1
    se = math.sqrt(var_b / n_b / mean_a**2 + var_a / n_a * mean_b**2 / mean_a**4)
    assert (round(lift, 5), round(se, 5)) == (0.50336, 0.33341)
    tau = precision(0.05, 1_000 / ((n_a + n_b) * se**2))  # the information that 1,000 such users bring
    width = half_width(se, 0.05, tau)
    assert lift - width == pytest.approx(-0.55844, abs=1e-5)
    assert lift + width == pytest.approx(1.56516, abs=1e-5)
    assert p_value(lift, se, tau) == 1


@pytest.mark.parametrize(("information", "tau"), [(3.0, 1.0), (50.0, 6.3), (400.0, 50.0)])
def test_at_the_interval_s_end_the_mixture_of_likelihood_ratios_is_one_over_alpha(
    information: float, tau: float
) -> None:
    alpha, se = 0.05, 1 / math.sqrt(information)
    total = float(half_width(se, alpha, tau)) * information

    def integrand(theta: float) -> float:
        return math.exp(theta * total - theta**2 * information / 2) * stats.norm.pdf(theta, scale=1 / math.sqrt(tau))

    mixture, _ = integrate.quad(integrand, -20, 20, points=[total / (information + tau)], limit=200)
    assert mixture == pytest.approx(1 / alpha, rel=1e-6)
    assert p_value(total / information, se, tau) == pytest.approx(alpha, rel=1e-6)


def test_it_is_tightest_about_where_it_was_tuned() -> None:
    tau = precision(0.05, 900.0)
    grid = np.geomspace(30, 27_000, 400)
    over_fixed = half_width(1 / np.sqrt(grid), 0.05, tau) * np.sqrt(grid)
    assert grid[over_fixed.argmin()] == pytest.approx(900, rel=0.25)
    assert over_fixed.min() > stats.norm.isf(0.025)
    assert sharpness(0.05) == pytest.approx(2 * math.log(20) + math.log(1 + 2 * math.log(20)))


def test_a_design_tunes_it_to_the_information_of_its_end() -> None:
    planned = ((stats.norm.isf(0.025) + stats.norm.isf(0.2)) / 0.05) ** 2
    assert designed_precision(0.05, 0.05) == pytest.approx(precision(0.05, planned))

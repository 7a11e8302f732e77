"""Effects on a ratio, held to scipy, to a weighted regression with robust errors, and to a bootstrap."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from creator.statistics.ratio import adjusted, arm, effect


def people(seed: int, count: int = 400) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    exposures = 1 + draw.poisson(draw.gamma(1.5, 4.0, count))
    return draw.binomial(exposures, draw.beta(2, 30, count)).astype(float), exposures.astype(float)


def test_one_exposure_each_is_welchs_test_of_means() -> None:
    draw = np.random.default_rng(5)
    first, second = draw.normal(3, 1, 80), draw.normal(3.4, 2, 120)
    found = effect(arm(first, np.ones(80)), arm(second, np.ones(120)))
    welch = stats.ttest_ind(second, first, equal_var=False)
    assert found.difference / found.difference_se == pytest.approx(welch.statistic)
    assert found.p_value == pytest.approx(2 * stats.norm.sf(abs(welch.statistic)))


def test_the_standard_error_is_that_of_a_weighted_regression_with_robust_errors() -> None:
    """Click rates regressed on the arm with exposures as weights: the sandwich, with n / (n - 1) in each arm."""
    (y0, e0), (y1, e1) = people(1), people(2, 300)
    y, e, treated = np.concatenate([y0, y1]), np.concatenate([e0, e1]), np.repeat([0.0, 1.0], [400, 300])
    x = np.column_stack([np.ones(700), treated])
    bread = np.linalg.inv(x.T @ (x * e[:, None]))
    slope = bread @ (x.T @ y)
    scores = x * (y - e * (x @ slope))[:, None]
    scores *= np.sqrt(np.where(treated == 1, 300 / 299, 400 / 399))[:, None]
    sandwich = bread @ scores.T @ scores @ bread
    found = effect(arm(y0, e0), arm(y1, e1))
    assert found.difference == pytest.approx(slope[1])
    assert found.difference_se == pytest.approx(np.sqrt(sandwich[1, 1]))


def test_both_standard_errors_agree_with_scipys_bootstrap_of_users() -> None:
    (y0, e0), (y1, e1) = people(3, 1500), people(4, 1500)
    found = effect(arm(y0, e0), arm(y1, e1))
    draw = np.random.default_rng(0)
    ratios = [
        stats.bootstrap((y, e), lambda a, b, axis: a.sum(axis=axis) / b.sum(axis=axis), paired=True, vectorized=True,
                        n_resamples=2_000, method="percentile", rng=draw).bootstrap_distribution
        for y, e in ((y0, e0), (y1, e1))
    ]  # fmt: skip
    assert found.difference_se == pytest.approx(np.std(ratios[1] - ratios[0]), rel=0.06)
    assert found.lift_se == pytest.approx(np.std(ratios[1] / ratios[0]), rel=0.06)


def test_a_mask_is_the_same_as_leaving_users_out_and_runs_do_not_mix() -> None:
    y, e = people(6)
    inside = np.arange(400) % 3 == 0
    masked = arm(np.stack([y, y]), np.stack([e, e]), np.stack([inside, ~inside]))
    for row, chosen in enumerate((inside, ~inside)):
        alone = arm(y[chosen], e[chosen])
        assert masked.users[row] == alone.users
        assert masked.ratio[row] == pytest.approx(alone.ratio)
        assert masked.variance[row] == pytest.approx(alone.variance)


def test_what_cannot_be_computed_is_nan_and_never_nought() -> None:
    assert np.isnan(arm([3.0], [5.0]).variance)
    assert np.isnan(arm([0.0, 0.0], [0.0, 0.0]).ratio)
    assert np.isnan(effect(arm([3.0], [5.0]), arm([1.0, 0.0], [4.0, 4.0])).p_value)


def test_cuped_equals_the_arms_coefficient_of_a_regression_on_arm_and_covariates() -> None:
    """With one exposure each the linearised value is the value: numpy's least squares gives the same estimate."""
    draw = np.random.default_rng(8)
    before = draw.normal(0, 1, (500, 2))
    treated = draw.random(500) < 0.4
    y = 5 + 0.2 * treated + before @ [1.0, -0.5] + draw.normal(0, 0.5, 500)
    found = adjusted(y, np.ones(500), treated, before)
    assert found is not None
    design = np.column_stack([np.ones(500), treated, before])
    slope, squares, *_ = np.linalg.lstsq(design, y, rcond=None)
    assert found[0].difference == pytest.approx(slope[1])
    # the same error up to the loss of balance between covariates and arms, which least squares charges for
    error = np.sqrt(squares[0] / (500 - 4) * np.linalg.inv(design.T @ design)[1, 1])
    assert found[0].difference_se == pytest.approx(error, rel=0.02)
    explained = 1 - 0.25 / (1.25 + 0.25)
    assert found[1] == pytest.approx(explained, abs=0.05)


def test_cuped_has_nothing_to_say_without_a_past() -> None:
    y, e = people(9)
    treated = np.arange(400) % 2 == 0
    assert adjusted(y, e, treated, np.zeros((400, 2))) is None

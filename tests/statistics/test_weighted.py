"""Weighted and stratified effects: by hand, against regressions, and on bandits whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from creator.statistics.ratio import arm, effect, stratified
from creator.statistics.weighted import doubly_robust, inverse, paired

Z = 1.959963984540054


def test_inverse_propensities_by_hand() -> None:
    """Four exposures of two users. Control: one click of weight 2, exposures 2 + 4; treatment: 2 clicks, 2 + 4/3."""
    clicked = np.array([1.0, 0.0, 1.0, 1.0])
    drawn = np.array([0, 0, 1, 1])
    propensity = np.array([0.5, 0.25, 0.5, 0.75])
    found, rates = inverse(clicked, drawn, propensity, np.array([0, 1, 0, 1]), 2)
    assert rates == pytest.approx((2 / 6, 1.0))
    assert float(found.lift) == pytest.approx(2.0)
    # pulls: control (2 - 2/3, 0 - 4/3) over the mean 3; treatment 0 and 0
    pulls = np.array([4 / 9, -4 / 9])
    assert float(found.difference_se) == pytest.approx(np.sqrt((pulls**2).sum() / 1 / 2))


def test_fixed_shares_of_users_give_the_delta_methods_own_effect() -> None:
    """Users in one arm each and one propensity: the ratio of sums, its error up to what the common mean adds."""
    draw = np.random.default_rng(3)
    treated = draw.random(4_000) < 0.5
    exposures = 1 + draw.poisson(4, 4_000)
    user = np.repeat(np.arange(4_000), exposures)
    clicked = (draw.random(len(user)) < 0.1).astype(float)
    weighted, _ = inverse(clicked, treated[user].astype(int), np.full(len(user), 0.5), user, 4_000)
    clicks = np.bincount(user, clicked, 4_000)
    plain = effect(*(arm(clicks[side], exposures[side].astype(float)) for side in (~treated, treated)))
    assert float(weighted.lift) == pytest.approx(float(plain.lift))
    assert float(weighted.lift_se) == pytest.approx(float(plain.lift_se), rel=0.01)


def test_a_model_that_is_wrong_does_no_harm_and_one_user_says_nothing() -> None:
    assert np.isnan(float(paired(np.ones((1, 2)), np.ones((1, 2)))[0].lift_se))
    draw = np.random.default_rng(5)
    user = np.repeat(np.arange(3_000), 4)
    drawn = (draw.random(len(user)) < 0.2).astype(int)
    clicked = (draw.random(len(user)) < np.where(drawn, 0.2, 0.1)).astype(float)
    propensity = np.where(drawn, 0.2, 0.8)
    found, _ = doubly_robust(clicked, drawn, propensity, user, 3_000, draw.integers(0, 500, len(user)))
    assert abs(float(found.lift) - 1.0) < 4 * float(found.lift_se)


def bandit(draw: np.random.Generator, rates: np.ndarray, epochs: int = 8, users: int = 1_000) -> tuple[np.ndarray, ...]:
    """Thompson sampling in two contexts; a row an exposure: clicked, drawn, propensity, user, context."""
    contexts = len(rates)
    counts = np.zeros((contexts, 2, 2))  # context, arm, (exposures, clicks)
    rows: list[tuple[np.ndarray, ...]] = []
    taste = np.exp(draw.normal(-0.125, 0.5, users))
    home = draw.integers(0, contexts, users)
    for _ in range(epochs):
        drawn_rates = draw.beta(1 + counts[..., 1], 9 + counts[..., 0] - counts[..., 1], (400, contexts, 2))
        share = 0.1 + 0.8 * (drawn_rates.argmax(-1) == 1).mean(axis=0)
        user = np.repeat(np.arange(users), draw.poisson(1.0, users))
        context = home[user]
        # a user keeps the draw for an epoch
        chosen = (draw.random(users)[user] < share[context]).astype(int)
        clicked = (draw.random(len(user)) < np.minimum(rates[context, chosen] * taste[user], 1)).astype(float)
        rows.append((clicked, chosen, np.where(chosen, share[context], 1 - share[context]), user, context))
        np.add.at(counts, (context, chosen, 0), 1)
        np.add.at(counts, (context, chosen, 1), clicked)
    return tuple(np.concatenate(column) for column in zip(*rows, strict=True))


def test_a_bandits_bias_is_mended_and_its_intervals_hold_the_truth() -> None:
    """300 bandits; the better arm differs by context, so that plain rates compare other mixes of contexts."""
    rates = np.array([[0.05, 0.08], [0.20, 0.14]])
    truth = rates[:, 1].mean() / rates[:, 0].mean() - 1
    held = {"inverse": 0, "robust": 0, "plain": 0}
    lifts: dict[str, list[float]] = {name: [] for name in held}
    runs = 300
    for run in range(runs):
        clicked, drawn, propensity, user, context = bandit(np.random.default_rng([9, run]), rates)
        made = {
            "inverse": inverse(clicked, drawn, propensity, user, 1_000),
            "robust": doubly_robust(clicked, drawn, propensity, user, 1_000, context),
            "plain": inverse(clicked, drawn, np.ones(len(drawn)), user, 1_000),
        }
        for name, (found, _) in made.items():
            lifts[name].append(float(found.lift))
            held[name] += abs(float(found.lift) - truth) <= Z * float(found.lift_se)
    for name in ("inverse", "robust"):
        assert binomtest(held[name], runs, 0.95).pvalue > 0.01, (name, held[name])
        off = (np.mean(lifts[name]) - truth) / (np.std(lifts[name]) / np.sqrt(runs))
        assert abs(off) < 4, (name, off)
    assert held["plain"] < 0.8 * runs  # what the weights are for
    assert np.std(lifts["robust"]) <= 1.02 * np.std(lifts["inverse"])


def test_strata_by_hand() -> None:
    """Two strata, one exposure a user: the weighted mean of each stratum's means."""
    strata = np.array([0] * 6 + [1] * 4)
    treated = np.array([True, True, True, True, False, False, True, True, False, False])
    clicks = np.array([1.0, 0, 1, 1, 1, 0, 0, 1, 0, 0])
    found = stratified(clicks, np.ones(10), treated, strata)
    assert found is not None
    control, treatment = 0.6 * 1 / 2 + 0.4 * 0, 0.6 * 3 / 4 + 0.4 * 1 / 2
    assert float(found.difference) == pytest.approx(treatment - control)
    # variances within strata: control 1/2, 0; treatment 1/4, 1/2
    want = 0.36 * (0.5 / 2 + 0.25 / 4) + 0.16 * (0 / 2 + 0.5 / 2)
    assert float(found.difference_se) == pytest.approx(np.sqrt(want))


def test_strata_that_differ_take_variance_away_and_keep_the_coverage() -> None:
    held, gone, runs = 0, [], 300
    for run in range(runs):
        draw = np.random.default_rng([11, run])
        strata = draw.integers(0, 5, 2_000)
        treated = draw.random(2_000) < 0.5
        exposures = (1 + draw.poisson(3, 2_000)).astype(float)
        base = np.array([0.02, 0.05, 0.1, 0.2, 0.4])[strata]
        clicks = draw.binomial(exposures.astype(int), np.where(treated, 1.2, 1.0) * base).astype(float)
        found = stratified(clicks, exposures, treated, strata)
        plain = effect(*(arm(clicks[side], exposures[side]) for side in (~treated, treated)))
        assert found is not None
        held += abs(float(found.lift) - 0.2) <= Z * float(found.lift_se)
        gone.append(float(found.lift_se) / float(plain.lift_se))
    assert binomtest(held, runs, 0.95).pvalue > 0.01
    assert np.mean(gone) < 0.8


def test_strata_of_one_user_are_taken_together_and_too_few_users_say_nothing() -> None:
    clicks, treated = np.array([1.0, 0, 1, 0, 1, 0, 0, 1]), np.array([True, False] * 4)
    alone = stratified(clicks, np.ones(8), treated, np.arange(8))
    plain = effect(*(arm(clicks[side], np.ones(4)) for side in (~treated, treated)))
    assert alone is not None
    assert float(alone.lift) == pytest.approx(float(plain.lift))
    assert stratified(clicks[:2], np.ones(2), treated[:2], np.arange(2)) is None

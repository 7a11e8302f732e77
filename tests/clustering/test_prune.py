from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from clustering.prune import expect_reach, find_cut, keep_budget, keep_coverage, keep_pairs
from creator.core.errors import UsageError

# three clusters of 100, 50 and 10 users, two ads: reach is
#            ad 0   ad 1
# cluster 0   10      0
# cluster 1   25      5
# cluster 2    5      5
MATCH = np.array([[0.1, 0.0], [0.5, 0.1], [0.5, 0.5]], np.float32)
SIZES = np.array([100, 50, 10])


def told(decided):
    """The reasons of all pairs, ad by ad, as PAIRS holds them."""
    return decided.reasons.texts().to_pylist()


@st.composite
def problems(draw):
    clusters, ads = draw(st.integers(1, 6)), draw(st.integers(1, 5))
    # eighths of one and sizes to match: sums are exact, and ties are common
    match = draw(arrays(np.float32, (clusters, ads), elements=st.integers(0, 8).map(lambda n: n / 8)))
    return match, draw(arrays(np.int64, clusters, elements=st.integers(1, 40)))


def test_expected_reach_is_match_times_size():
    np.testing.assert_allclose(expect_reach(MATCH, SIZES), [[10, 0], [25, 5], [5, 5]], rtol=1e-6)


@pytest.mark.parametrize(
    ("coverage", "kept"),
    [
        # ad 0 holds 40 in all: 25 are 62.5%, 35 are 87.5%; ad 1 holds 10: one cluster has 50%
        (0.5, [[False, False], [True, True], [False, False]]),
        (0.6, [[False, False], [True, True], [False, True]]),
        (0.625, [[False, False], [True, True], [False, True]]),
        (0.875, [[True, False], [True, True], [False, True]]),
        (1.0, [[True, False], [True, True], [True, True]]),
    ],
)
def test_coverage_keeps_the_fewest_clusters_that_hold_the_share(coverage, kept):
    assert keep_pairs(MATCH, SIZES, coverage=coverage).kept.tolist() == kept


@pytest.mark.parametrize(
    ("budget", "kept"),
    [
        (1, [[False, False], [True, False], [False, False]]),
        (2, [[True, False], [True, False], [False, False]]),
        # three pairs tie at 5: the first cluster, then the first ad
        (3, [[True, False], [True, True], [False, False]]),
        (4, [[True, False], [True, True], [True, False]]),
        (99, [[True, False], [True, True], [True, True]]),
    ],
)
def test_budget_keeps_the_best_pairs_overall(budget, kept):
    assert keep_pairs(MATCH, SIZES, budget=budget).kept.tolist() == kept


def test_every_pair_says_why_with_its_figures():
    by_coverage = keep_pairs(MATCH, SIZES, coverage=0.6)
    assert by_coverage.reason(1, 0) == "kept: number 1 for the ad, holds 62.5% alone of its expected reach (goal 60.0%)"
    assert (
        by_coverage.reason(2, 1)
        == "kept: number 2 for the ad, holds with the better ones 100.0% of its expected reach (goal 60.0%)"
    )
    assert (
        by_coverage.reason(0, 0)
        == "dropped: number 2 for the ad; the best 1 hold 62.5% of its expected reach (goal 60.0%)"
    )
    assert by_coverage.reason(0, 1) == "dropped: no user of the cluster is expected to match"
    by_budget = keep_pairs(MATCH, SIZES, budget=2)
    assert by_budget.reason(0, 0) == "kept: expected reach 10 is among the best 2 of 6 pairs (budget 2)"
    assert by_budget.reason(2, 0) == "dropped: expected reach 5; the budget of 2 ends at 10"
    capped = keep_pairs(MATCH, SIZES, coverage=1.0, max_clusters_per_ad=1)
    assert capped.kept.tolist() == [[False, False], [True, True], [False, False]]
    assert capped.reason(0, 0) == "dropped: number 2 for the ad, and at most 1 clusters are wanted of one"
    assert keep_pairs(MATCH, SIZES, budget=9, max_clusters_per_ad=1).kept.tolist() == capped.kept.tolist()


@settings(max_examples=150, deadline=None)
@given(problem=problems(), percent=st.integers(1, 100))
def test_coverage_is_reached_and_no_fewer_clusters_could(problem, percent):
    match, sizes = problem
    decided = keep_pairs(match, sizes, coverage=percent / 100)
    reach = match.astype(np.float64) * sizes[:, None]
    for ad in range(match.shape[1]):
        total, kept = reach[:, ad].sum(), np.flatnonzero(decided.kept[:, ad])
        if not total:
            assert not len(kept)
            continue
        # in hundredths, so that the arithmetic is exact
        assert 100 * reach[kept, ad].sum() >= percent * total
        fewer = (sum(reach[list(some), ad]) for some in combinations(range(len(sizes)), len(kept) - 1))
        assert all(100 * held < percent * total for held in fewer)


@settings(max_examples=150, deadline=None)
@given(problem=problems(), budget=st.integers(1, 40), most=st.none() | st.integers(1, 6))
def test_the_budget_is_spent_exactly_on_the_best_pairs(problem, budget, most):
    match, sizes = problem
    decided = keep_pairs(match, sizes, budget=budget, max_clusters_per_ad=most)
    reach, kept = decided.expected_reach, decided.kept
    able = (reach > 0).sum(axis=0) if most is None else np.minimum((reach > 0).sum(axis=0), most)
    assert kept.sum() == min(budget, able.sum())
    if most is not None:
        assert kept.sum(axis=0).max() <= most
    elif kept.any():
        assert (~kept).sum() == 0 or reach[kept].min() >= reach[~kept].max()


@settings(max_examples=100, deadline=None)
@given(problem=problems(), low=st.integers(1, 100), high=st.integers(1, 100))
def test_more_coverage_or_budget_only_adds_pairs(problem, low, high):
    low, high = sorted((low, high))
    for less, more in (
        (keep_pairs(*problem, coverage=low / 100), keep_pairs(*problem, coverage=high / 100)),
        (keep_pairs(*problem, budget=low), keep_pairs(*problem, budget=high)),
    ):
        assert not (less.kept & ~more.kept).any()


@settings(max_examples=100, deadline=None)
@given(problem=problems(), most=st.none() | st.integers(1, 6), coverage=st.booleans())
def test_kept_and_the_reason_agree_and_a_pair_without_reach_is_never_kept(problem, most, coverage):
    decided = keep_pairs(*problem, max_clusters_per_ad=most, **({"coverage": 0.7} if coverage else {"budget": 4}))
    for kept, reason, reach in zip(
        decided.kept.T.ravel(), told(decided), decided.expected_reach.T.ravel(), strict=True
    ):
        assert reason.startswith("kept: " if kept else "dropped: ")
        assert not kept or reach > 0


def test_a_million_reasons_are_told_in_the_words_of_one():
    reach = np.random.default_rng(0).lognormal(-3, 3, (1_000, 40))
    reach[::7] = 0
    for decided in (keep_coverage(reach, 0.8, 300), keep_budget(reach, 0, find_cut([(0, reach)], 9_000, 300), 300)):
        words = told(decided)
        for k, a in ((0, 0), (1, 0), (999, 39), (512, 17)):
            assert words[a * 1_000 + k] == decided.reason(k, a)
        shown = {
            (k, a): words[a * 1_000 + k] for k, a in np.ndindex(reach.shape) if "expected reach" in words[a * 1_000 + k]
        }
        for (k, a), text in list(shown.items())[::97]:
            if "budget" in text:
                assert f"expected reach {reach[k, a]:.4g}" in text
            elif text.startswith("kept"):
                held = reach[reach[:, a] >= reach[k, a], a].sum() / reach[:, a].sum()
                assert f"{held:.1%}" in text


@settings(max_examples=100, deadline=None)
@given(problem=problems(), budget=st.integers(1, 20), most=st.none() | st.integers(1, 6), step=st.integers(1, 3))
def test_a_budget_over_blocks_of_ads_decides_as_over_all_at_once(problem, budget, most, step):
    match, sizes = problem
    whole = keep_pairs(match, sizes, budget=budget, max_clusters_per_ad=most)
    reach = expect_reach(match, sizes)
    parts = [(first, reach[:, first : first + step]) for first in range(0, reach.shape[1], step)]
    cut = find_cut(parts, budget, most)
    decided = [keep_budget(part, first, cut, most) for first, part in parts]
    np.testing.assert_array_equal(np.hstack([d.kept for d in decided]), whole.kept)
    assert [reason for d in decided for reason in told(d)] == told(whole)


@pytest.mark.parametrize(
    ("settings_given", "fault"),
    [
        ({"budget": 0}, "budget: got 0, expected at least 1 pair"),
        ({"coverage": 0.0}, "coverage: got 0.0, expected a share above 0"),
        ({"coverage": 1.5}, "coverage: got 1.5"),
        ({"coverage": 0.5, "budget": 5}, "exclude each other"),
        ({}, "exactly one of coverage and budget"),
        ({"budget": 3, "max_clusters_per_ad": 0}, "max_clusters_per_ad: got 0"),
    ],
)
def test_an_empty_or_contradictory_goal_is_refused(settings_given, fault):
    with pytest.raises(UsageError, match=fault):
        keep_pairs(MATCH, SIZES, **settings_given)


def test_a_limit_above_the_number_of_clusters_limits_nothing():
    decided = keep_coverage(np.array([[0.0, 2.0]]), 0.7, 2)
    np.testing.assert_array_equal(decided.kept, [[False, True]])

"""AUC and its intervals, against scikit-learn with explicit resamples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from eval.auc import area, difference
from eval.figures import resamples


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 9), st.integers(5, 120), st.integers(1, 6))
def test_every_replicate_equals_sklearn_on_the_repeated_rows(seed: int, users: int, rows: int, levels: int) -> None:
    draw = np.random.default_rng(seed)
    scores = draw.integers(0, levels, rows).astype(float)
    clicked = draw.random(rows) < 0.4
    owner = draw.integers(0, users, rows)
    drawn = resamples(users, 70, seed)
    found = area(scores, clicked, owner, drawn)
    if clicked.all() or not clicked.any():
        assert found.value is None
        return
    assert found.value == pytest.approx(roc_auc_score(clicked, scores))
    for r in (0, 33, 69):
        times = drawn[owner, r].astype(int)
        again = np.repeat(np.arange(rows), times)
        if clicked[again].all() or not clicked[again].any():
            assert np.isnan(found.replicates[r])
        else:
            assert found.replicates[r] == pytest.approx(roc_auc_score(clicked[again], scores[again]))


def test_interval_covers_the_value_and_shrinks_with_more_users() -> None:
    draw = np.random.default_rng(3)

    def width(users: int) -> float:
        owner = np.repeat(np.arange(users), 10)
        clicked = draw.random(len(owner)) < 0.2
        found = area(draw.normal(size=len(owner)) + clicked, clicked, owner, resamples(users, 200, 1))
        assert found.low is not None
        assert found.high is not None
        assert found.value is not None
        assert found.low < found.value < found.high
        return found.high - found.low

    assert width(400) < 0.6 * width(40)


def test_a_scorer_does_not_differ_from_itself() -> None:
    draw = np.random.default_rng(5)
    owner = np.repeat(np.arange(30), 10)
    clicked = draw.random(300) < 0.3
    found = area(draw.normal(size=300), clicked, owner, resamples(30, 100, 2))
    assert difference(found, found) == (0.0, 0.0, 0.0)

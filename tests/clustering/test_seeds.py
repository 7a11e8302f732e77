from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from clustering.seeds import greedy_seeds, swap_seeds
from clustering.vectors import count_distinct


def nearest_sum(rows, seeds):
    return ((rows[:, None, :].astype(float) - seeds[None].astype(float)) ** 2).sum(axis=2).min(axis=1).sum()


def test_one_seed_lands_in_each_of_the_groups_that_lie_far_apart():
    draw = np.random.default_rng(0)
    group = np.repeat(np.arange(12), 20)
    rows = (np.eye(12)[group] * 100 + draw.normal(size=(240, 12))).astype(np.float32)
    for seed in range(5):
        assert sorted(greedy_seeds(rows, 12, np.random.default_rng(seed)).argmax(axis=1)) == list(range(12))


def test_two_seeds_in_one_group_and_none_in_another_are_mended_by_a_swap():
    rows = np.array([[0, 0], [0, 1], [50, 0], [50, 1], [0, 90], [0, 91]], np.float32)
    found = swap_seeds(rows, rows[[0, 1, 2]], np.random.default_rng(0))
    assert sorted({round(float(np.abs(seed).max()), -1) for seed in found}) == [0, 50, 90]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), users=st.integers(12, 60), k=st.integers(2, 10))
def test_swaps_never_raise_the_sum_and_keep_the_number_of_seeds(seed, users, k):
    draw = np.random.default_rng(seed)
    rows = draw.normal(size=(users, 4)).astype(np.float32)
    start = rows[draw.choice(users, k, replace=False)]
    found = swap_seeds(rows, start, draw)
    assert found.shape == start.shape
    assert nearest_sum(rows, found) <= nearest_sum(rows, start) * (1 + 1e-5)


def test_equal_rows_are_counted_once_whatever_the_sign_of_their_zeros(monkeypatch):
    monkeypatch.setattr("clustering.vectors.BLOCK_BYTES", 64)
    rows = np.eye(4, dtype=np.float32)[np.array([0, 1, 2, 3, 0, 1, 0])]
    rows[4, 1] = -0.0
    assert count_distinct(rows) == 4

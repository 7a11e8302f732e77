"""Counts of behaviour by hand; nothing at or after the moment of reading is ever counted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creator.core.acts import AdActs, past_events, users_of
from creator.core.data import Histories
from tests.training.hand import ad, write_hand_data

ITEMS = ["i0", "i1", "i2", "i3"]
EVENTS = [
    ("u0", "i0", 10.0), ("u0", "i1", 20.0), ("u0", "i2", 20.0), ("u0", "i0", 30.0), ("u0", "i3", 40.0),
    ("u1", "i3", 15.0), ("u1", "i3", 25.0),
]  # fmt: skip
ADS = [ad("a0", item_ids=["i0", "i1", "i0", "unheard of"]), ad("a1", item_id="i3"), ad("a2")]
IDS = ["a0", "a1", "a2"]


def shop(folder, events=EVENTS, train_until=30.0):
    return write_hand_data(folder / "data", items=ITEMS, events=events, ads=ADS, train_until=train_until)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return shop(tmp_path_factory.mktemp("acts"))


@pytest.fixture(scope="module")
def acts(data):
    return AdActs(data, IDS)


def test_acts_within_the_horizon_by_hand(acts):
    users, as_of = np.array([0, 0, 1, 1]), np.array([20.0, 31.0, 15.0, 26.0])
    # u0 from 20 to 35: i1, i2, i0; u0 from 31 to 46: i3; u1 from 15 to 30: i3 twice; u1 from 26: nothing
    assert acts.after(users, as_of, 15.0).tolist() == [[1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert acts.after(np.array([0]), np.array([20.0]), 10.0).tolist() == [[1, 0, 0]]
    assert acts.after(np.array([0]), np.array([31.0]), 9.0).tolist() == [[0, 0, 0]]  # the horizon's end is outside


@pytest.mark.parametrize("moments_at_once", [1, 2, 1000])
def test_acts_before_the_moment_are_counted_by_hand_and_an_item_named_twice_once(acts, monkeypatch, moments_at_once):
    monkeypatch.setattr("creator.core.acts.MOMENTS_AT_ONCE", moments_at_once)
    rows = [(0, 0, 30.0, 2), (0, 1, 99.0, 1), (1, 1, 25.0, 1), (0, 0, 99.0, 3), (1, 1, 15.0, 0), (0, 2, 99.0, 0),
            (0, 1, 40.0, 0), (0, 0, 30.0, 2)]  # fmt: skip
    users, ads, as_of, expected = (np.array(column) for column in zip(*rows, strict=True))
    assert acts.before(users, ads, as_of).tolist() == expected.tolist()
    assert acts.before(users[:0], ads[:0], as_of[:0]).tolist() == []


def test_the_three_counts_of_a_pair_by_hand(acts):
    known = acts.log_counts(np.array([0, 1]), np.array([30.0, 16.0]))
    # popularity counts what happened before 30: i0 and i1 once each, i3 twice; u0's second i0 falls on the 30
    assert np.expm1(known.ads).round(5).tolist() == [2, 2, 0]
    assert np.expm1(known.own).round(5).tolist() == [[2, 0, 0], [0, 1, 0]]
    assert np.expm1(known.users).round(5).tolist() == [3, 1]
    pairs = known.pairs(np.array([1, 0]), np.array([1, 0]))
    np.testing.assert_allclose(np.expm1(pairs), [[1, 2, 1], [2, 2, 3]], rtol=1e-5)
    alone = acts.log_pairs(np.array([1, 0]), np.array([1, 0]), np.array([16.0, 30.0]))
    np.testing.assert_allclose(alone, pairs, rtol=1e-6)
    np.testing.assert_array_equal(known.block(slice(1, 2))[0, 1], pairs[0])
    np.testing.assert_array_equal(known.of_ads(np.array([1])).block(slice(0, 2))[1, 0], pairs[0])


@pytest.mark.parametrize("users_at_once", [1, 2, 100])
def test_a_groups_counts_are_the_means_of_its_members_logarithms(acts, users_at_once):
    users, groups = np.array([1, 0, 0]), np.array([2, 0, 2])
    known = acts.mean_log_counts(users, groups, 3, 30.0, slice(0, 2), users_at_once=users_at_once)
    # group 0: u0; group 1: nobody; group 2: u1 and u0
    own = [[np.log(3), 0], [0, 0], [np.log(3) / 2, np.log(3) / 2]]
    np.testing.assert_allclose(known.own, own, rtol=1e-6)
    np.testing.assert_allclose(known.users, [np.log(4), 0, (np.log(4) + np.log(3)) / 2], rtol=1e-6)
    np.testing.assert_allclose(known.ads, np.log([3, 3]), rtol=1e-6)
    later = acts.mean_log_counts(users, groups, 3, 30.0, slice(1, 3))
    np.testing.assert_array_equal(later.own[:, 0], known.own[:, 1])


def test_what_happens_at_or_after_the_moment_changes_no_count(data, acts, tmp_path):
    future = [(u, i, t) for u in ("u0", "u1") for i in ITEMS for t in (30.0, 31.0, 77.0)]
    changed = AdActs(shop(tmp_path, [e for e in EVENTS if e[2] < 30.0] + future), IDS)
    users, as_of, everyone = np.array([0, 1]), np.full(2, 30.0), slice(0, 3)
    for before, after in [
        (acts.log_counts(users, as_of), changed.log_counts(users, as_of)),
        (
            acts.mean_log_counts(users, users, 2, 30.0, everyone),
            changed.mean_log_counts(users, users, 2, 30.0, everyone),
        ),
    ]:
        np.testing.assert_array_equal(before.own, after.own)
        np.testing.assert_array_equal(before.ads, after.ads)
        np.testing.assert_array_equal(before.users, after.users)


def test_without_named_items_or_events_every_count_is_zero(tmp_path):
    acts = AdActs(shop(tmp_path, events=[("u0", "i0", 50.0)]), ["a2"])
    known = acts.log_counts(np.array([0]), np.array([50.0]))
    assert (known.own.tolist(), known.ads.tolist(), known.users.tolist()) == ([[0]], [0], [0])


def test_users_are_found_by_id(data):
    assert users_of(data, ["u1", "nobody", "u0"]).tolist() == [1, -1, 0]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 6)), min_size=1, max_size=30), st.integers(0, 7))
def test_the_end_of_the_past_agrees_with_the_window_of_the_histories(rows, before):
    events = pd.DataFrame(
        [(f"u{user}", "i0", float(when)) for user, when in rows], columns=["user_id", "item_id", "timestamp"]
    )
    histories = Histories.of(events, pd.DataFrame({"item_id": ITEMS}))
    users = np.arange(len(histories.user_ids))
    ends = past_events(histories, users, np.full(len(users), float(before)))
    lengths = [len(histories.window(int(user), float(before), 100)) for user in users]
    assert (ends - histories.offsets[:-1]).tolist() == lengths

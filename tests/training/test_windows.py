from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from creator.core.data import Histories
from creator.training.windows import WindowBatch, WindowSampler

ITEMS = ["i0", "i1", "i2", "i3"]
EVENTS = [
    ("u0", "i0", 10.0), ("u0", "i1", 20.0), ("u0", "i2", 20.0), ("u0", "i0", 30.0), ("u0", "i3", 40.0),
    ("u1", "i3", 15.0), ("u1", "i3", 25.0),
]  # fmt: skip


def histories_of(events):
    frame = pd.DataFrame(events, columns=["user_id", "item_id", "timestamp"])
    return Histories.of(frame, pd.DataFrame({"item_id": ITEMS}))


def test_windows_by_hand_end_strictly_before_their_moment():
    batch = WindowBatch.read(histories_of(EVENTS), np.array([0, 0, 1, 0]), np.array([20.0, 30.0, 15.0, 99.0]), 2)
    assert [list(window) for window in batch.items] == [[0], [1, 2], [], [0, 3]]
    assert [list(ages) for ages in batch.ages_s] == [[10], [10, 10], [], [69, 59]]


events = st.lists(
    st.tuples(st.sampled_from(["u0", "u1", "u2"]), st.sampled_from(ITEMS), st.integers(0, 30).map(float)), min_size=1
)


@given(events, st.integers(0, 31).map(float), st.integers(1, 6))
def test_a_window_holds_the_latest_events_before_the_moment_and_none_at_or_after_it(rows, moment, length):
    histories = histories_of(rows)
    users = np.arange(len(histories.user_ids))
    batch = WindowBatch.read(histories, users, np.full(len(users), moment), length)
    for user, window, ages in zip(histories.user_ids, batch.items, batch.ages_s, strict=True):
        before = sorted((t for u, _, t in rows if u == user and t < moment), reverse=True)[:length]
        assert list(moment - ages) == before[::-1]
        assert all(age > 0 for age in ages)
        known = {(ITEMS.index(i), t) for u, i, t in rows if u == user}
        assert {(int(i), moment - a) for i, a in zip(window, ages, strict=True)} <= known


def test_drawn_windows_leave_their_horizon_and_hold_enough_events():
    rows = [("busy", ITEMS[n % 4], float(n)) for n in range(60)]
    rows += [("rare", "i0", float(n)) for n in range(4)]
    rows += [("late", "i0", 50.0 + n) for n in range(10)]
    sampler = WindowSampler(histories_of(rows), until=60.0, horizon_s=15.0, least=5)
    assert len(sampler) == 1
    batch = sampler.draw(np.random.default_rng(0), 2000, 50)
    assert set(batch.users) == {0}
    # moments fall on the user's own events, from the sixth on to the last that leaves 15 s of future
    assert set(batch.as_of) == set(map(float, range(5, 45)))
    assert all(len(window) == moment for window, moment in zip(batch.items, batch.as_of, strict=True))

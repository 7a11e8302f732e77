from __future__ import annotations

import math

import numpy as np
import pytest

from creator.training.impressions import ClickedImpressions
from tests.training.hand import ad, write_hand_data

SHOWN = [
    ("u1", "a1", 100.0, False),
    ("u0", "a0", 100.0, True),
    ("u0", "a1", 100.0, False),
    ("u0", "a0", 50.0, False),
    ("u0", "later", 100.0, True),  # not trainable
    ("u0", "a1", 200.0, True),  # at the moment training ends
    ("nobody", "a0", 100.0, True),  # without any event
]


def read(folder, impressions):
    data = write_hand_data(
        folder / "data",
        items=["i0"],
        events=[("u0", "i0", 1.0), ("u1", "i0", 2.0)],
        ads=[ad("a0"), ad("later", trainable=False), ad("a1")],
        impressions=impressions,
        train_until=200.0,
    )
    return ClickedImpressions.of(data, ["a0", "a1"])


def test_groups_by_user_and_moment_by_hand(tmp_path):
    found = read(tmp_path, SHOWN)
    assert found
    assert (found.users.tolist(), found.as_of.tolist()) == ([0, 0, 1], [50, 100, 100])
    assert found.starts.tolist() == [0, 1, 3, 4]
    assert found.ads.tolist() == [0, 0, 1, 1]
    assert found.clicked.tolist() == [False, True, False, False]
    assert found.with_click.tolist() == [1]


def test_half_of_the_drawn_groups_hold_a_click_and_labels_are_the_clicks(tmp_path):
    groups, ads, label = read(tmp_path, SHOWN).draw(np.random.default_rng(0), 40)
    assert groups[:20].tolist() == [1] * 20
    assert set(groups[20:]) == {0, 1, 2}
    by_hand = {0: {0: 0.0}, 1: {0: 1.0, 1: 0.0}, 2: {1: 0.0}}
    for row, group in enumerate(groups):
        shown = ~np.isnan(label[row])
        assert dict(zip(ads[row, shown].tolist(), label[row, shown].tolist(), strict=True)) == by_hand[group]


def test_a_large_group_keeps_its_clicks_and_is_cut(tmp_path):
    many = [("u0", f"a{n % 2}", 100.0, n < 3) for n in range(120)]
    found = read(tmp_path, many)
    _, _, label = found.draw(np.random.default_rng(0), 1)
    assert label.shape == (1, found.shown)
    assert np.nansum(label) == 3
    assert not np.isnan(label).any()


def test_the_prior_undoes_how_often_clicks_are_drawn(tmp_path):
    # every second group is the one of three with a click, the rest are drawn evenly: it is seen 0.5 (1 + 3) times as
    # often as it happens, and every impression of it is read
    assert read(tmp_path, SHOWN).prior == pytest.approx(math.log(2))


@pytest.mark.parametrize("impressions", [[], [("u0", "a0", 100.0, False)], SHOWN[4:]])
def test_without_a_click_that_may_be_trained_on_there_is_nothing_to_learn(tmp_path, impressions):
    assert not read(tmp_path, impressions)

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from creator.models.config import ModelConfig
from creator.training.calibration import calibrate
from creator.training.matching import Matching
from creator.training.windows import DAY_S
from tests.training.hand import ad, write_hand_data

EVENTS = [("u0", "i0", 1.0), ("u0", "i1", 5.0), ("u0", "i2", 9.0), ("u1", "i2", 2.0), ("u1", "i2", 6.0)]


def binary_cross_entropy(logit, label):
    return float(np.log1p(np.exp(-logit if label else logit)))


@pytest.fixture(scope="module")
def model(backbones):
    return backbones.build(ModelConfig(match_width=8))


def matching_of(model, folder, **tables):
    data = write_hand_data(
        folder / "data", items=["i0", "i1", "i2"], events=[(u, i, t * DAY_S) for u, i, t in EVENTS], **tables
    )
    items = torch.from_numpy(model.encode_texts(data.item_texts))
    return Matching(model, data, items, horizon_days=4.0), data


def logit(model, users, user, text):
    ad_embedding = torch.from_numpy(model.encode_texts([text]))
    return model.match(users[user : user + 1] @ model.creative.user_projector.weight.T, ad_embedding).item()


def test_the_loss_on_acts_by_hand_leaves_out_what_is_not_known_yet(model, tmp_path):
    ads = [ad("a0", item_ids=["i1"]), ad("none"), ad("a1", item_id="i2"), ad("later", item_id="i0", trainable=False)]
    matching, _ = matching_of(model, tmp_path, ads=ads, train_until=10 * DAY_S)
    assert (matching.has_acts, matching.has_clicks) == (True, False)
    users = torch.randn(3, 64, generator=torch.Generator().manual_seed(0))
    rows, as_of = np.array([0, 1, 0]), np.array([3.0, 6.0, 7.0]) * DAY_S
    # u0 from day 3 to 7: i1. u1 from day 6 to 10: i2. u0 from day 7 on: day 11 is not known
    labels = {(0, "a0"): 1, (0, "a1"): 0, (1, "a0"): 0, (1, "a1"): 1}
    text = {"a0": "Sale a0. point a0", "a1": "Sale a1. point a1"}
    with torch.no_grad():
        found = matching.on_acts(users, rows, as_of, np.random.default_rng(0)).item()
        expected = [binary_cross_entropy(logit(model, users, u, text[a]), y) for (u, a), y in labels.items()]
        unknown = matching.on_acts(users[2:], rows[2:], as_of[2:], np.random.default_rng(0))
    assert found == pytest.approx(np.mean(expected), rel=1e-4)
    assert unknown.item() == 0


def test_the_loss_on_clicks_is_that_of_the_shifted_logits(model, tmp_path):
    shown = [("u0", "a0", 8 * DAY_S, True), ("u0", "a1", 8 * DAY_S, False)]
    matching, data = matching_of(model, tmp_path, ads=[ad("a0"), ad("a1")], impressions=shown, train_until=10 * DAY_S)
    assert (matching.has_acts, matching.has_clicks) == (False, True)
    items = torch.from_numpy(model.encode_texts(data.item_texts))
    with torch.no_grad():
        users = model.user_batch(items, [np.array([0, 1], np.int32)], None)
        found = matching.on_clicks(2, np.random.default_rng(0)).item()
        # one group of one: every draw is that group, and its prior is ln(0.5 (1 + 1 / 1)) = 0
        expected = [binary_cross_entropy(logit(model, users, 0, "Sale a0. point a0"), 1),
                    binary_cross_entropy(logit(model, users, 0, "Sale a1. point a1"), 0)]  # fmt: skip
    assert found == pytest.approx(np.mean(expected), rel=1e-4)


def test_the_references_loss_sets_each_users_own_ad_against_others(model, tmp_path):
    matching, _ = matching_of(model, tmp_path, ads=[ad("a0"), ad("a1")], train_until=10 * DAY_S)
    assert (matching.has_acts, matching.has_clicks) == (False, False)
    users = torch.randn(2, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found = [matching.on_examples(users, [0, 1], 400, np.random.default_rng(seed)).item() for seed in range(3)]
        own = [logit(model, users, n, f"Sale a{n}. point a{n}") for n in (0, 1)]
        other = [logit(model, users, n, f"Sale a{1 - n}. point a{1 - n}") for n in (0, 1)]
    # half of the random ads are the user's own, which then counts as a match
    expected = np.mean([0.5 * binary_cross_entropy(o, 1) + 0.5 * binary_cross_entropy(x, 0)
                        for o, x in zip(own, other, strict=True)])  # fmt: skip
    assert np.mean(found) == pytest.approx(expected, rel=0.1)


def test_calibrated_probabilities_are_right_on_average(backbones, shop):
    model = backbones.build(ModelConfig(match_width=8))
    items = model.encode_texts(shop.data.item_texts)
    shown = shop.data.impressions[shop.data.impressions["timestamp"] < shop.data.train_until]
    model.config = replace(model.config, match_calibration=calibrate(model, shop.data, items))
    histories = shop.data.histories
    keys = shown.drop_duplicates("user_id")
    rows = [histories.row_of[u] for u in keys["user_id"]]
    windows = [histories.window(r, t, 50) for r, t in zip(rows, keys["timestamp"], strict=True)]
    users = model.encode_users(items, windows)
    ad_ids = list(shop.data.ads)
    chance = model.match_probabilities(users, model.encode_texts([shop.data.ads[a].text for a in ad_ids]))
    row_of = {u: n for n, u in enumerate(keys["user_id"])}
    given = np.array(
        [chance[row_of[u], ad_ids.index(a)] for u, a in zip(shown["user_id"], shown["ad_id"], strict=True)]
    )
    # a logistic regression with an offset reproduces the rate of clicks
    assert len(given) > 200
    assert given.mean() == pytest.approx(shown["clicked"].mean(), abs=2e-3)
    # and calibrating what is calibrated changes nothing
    assert calibrate(model, shop.data, items) == pytest.approx(model.config.match_calibration, rel=1e-2, abs=1e-3)


@pytest.mark.parametrize("clicked", [[], [False, False]])
def test_without_clicks_probabilities_stay_as_they_are(model, tmp_path, clicked):
    shown = [("u0", "a0", float(n), c) for n, c in enumerate(clicked)]
    _, data = matching_of(model, tmp_path, ads=[ad("a0")], impressions=shown, train_until=10 * DAY_S)
    assert calibrate(model, data, model.encode_texts(data.item_texts)) == (1.0, 0.0)

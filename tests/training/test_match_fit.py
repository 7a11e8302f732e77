from __future__ import annotations

import numpy as np
import pytest
import torch

from creator.core.acts import AdActs
from creator.models.config import ModelConfig
from creator.training.calibration import calibrate
from creator.training.impressions import ClickedImpressions
from creator.training.match_fit import MatchFitSettings, fit_match
from creator.training.windows import DAY_S, WindowBatch
from tests.training.hand import ad, write_hand_data


def clicked_above_not(model, data, items):
    """How often a clicked impression is held likelier than one that was not (AUC, by counting pairs)."""
    ad_ids = list(data.ads)
    shown = ClickedImpressions.of(data, ad_ids)
    batch = WindowBatch.read(data.histories, shown.users, shown.as_of, model.config.history)
    users = model.encode_users(items, batch.items, batch.ages_s)
    counts = AdActs(data, ad_ids).log_counts(shown.users, shown.as_of) if model.reads_counts else None
    chance = model.match_probabilities(users, model.encode_texts([data.ads[a].text for a in ad_ids]), counts)
    group = np.repeat(np.arange(len(shown.users)), np.diff(shown.starts))
    given = chance[group, shown.ads]
    return (given[shown.clicked][:, None] > given[~shown.clicked][None]).mean()


def test_the_head_learns_who_clicks_and_nothing_else_moves(backbones, shop):
    model = backbones.build(ModelConfig(history=20, match_width=16, match_head="mixer_dot"), user_layers=1)
    items = model.encode_texts(shop.data.item_texts)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    started = clicked_above_not(model, shop.data, items)
    fit_match(model, shop.data, items, MatchFitSettings(steps=150, groups=24, learning_rate=5e-3))
    assert clicked_above_not(model, shop.data, items) > max(0.65, started + 0.1)
    moved = {name for name, parameter in model.named_parameters() if not torch.equal(parameter, before[name])}
    assert moved
    assert all(name.startswith("match.") for name in moved)


def test_without_clicks_and_acts_nothing_happens(backbones, tmp_path):
    model = backbones.build(ModelConfig(match_width=8))
    before = [parameter.detach().clone() for parameter in model.parameters()]
    data = write_hand_data(tmp_path / "data", items=["i0"], events=[("u0", "i0", 1.0)], ads=[ad("a0")], train_until=9.0)
    fit_match(model, data, model.encode_texts(data.item_texts), MatchFitSettings(steps=3))
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(model.parameters(), before, strict=True))


@pytest.fixture(scope="module")
def repeated(tmp_path_factory):
    """Who bought the thing before clicks its ad; texts are noise, and nothing else tells users apart."""
    random = np.random.default_rng(0)
    items, users = [f"i{n}" for n in range(8)], [f"u{n}" for n in range(80)]
    ads = [ad(f"a{n}", item_ids=[f"i{n}"]) for n in range(8)]
    events, shown = [], []
    for user in users:
        for number, bought in enumerate(random.random(8) < 0.5):
            events.append((user, f"i{number if bought else (number + 3) % 8}", number * DAY_S))
        mine = {item for owner, item, _ in events if owner == user}
        shown += [
            (user, f"a{n}", 50 * DAY_S, bool(random.random() < (0.9 if f"i{n}" in mine else 0.02))) for n in range(8)
        ]
    return write_hand_data(
        tmp_path_factory.mktemp("repeated") / "data", items=items, events=events, ads=ads, impressions=shown,
        train_until=100.0 * DAY_S,
    )  # fmt: skip


def test_a_wide_head_learns_that_who_bought_it_before_clicks_and_its_constants_are_those_of_the_counts(
    backbones, repeated
):
    model = backbones.build(ModelConfig(history=20, match_width=8, match_head="wide"), user_layers=1)
    items = model.encode_texts(repeated.item_texts)
    fit_match(model, repeated, items, MatchFitSettings(steps=150, groups=24, users=16, learning_rate=5e-3))
    assert clicked_above_not(model, repeated, items) > 0.85
    wide = model.match.wide
    # eight events each, whoever the user: a constant count keeps its scale
    assert (wide.centre[2].item(), wide.spread[2].item()) == (pytest.approx(np.log(9)), 1.0)
    counts = AdActs(repeated, list(repeated.ads))
    known = counts.log_counts(np.arange(80), np.full(80, 50 * DAY_S))
    assert wide.centre[0].item() == pytest.approx(known.own.mean(), abs=0.1)
    assert wide.spread[1].item() == pytest.approx(known.ads.std(), rel=0.2)
    # and the probabilities are then set right with the counts in them
    scale, offset = calibrate(model, repeated, items)
    assert 0.3 < scale < 3
    assert abs(offset) < 2


def test_a_wide_head_reads_no_count_that_the_future_could_change(backbones, repeated, tmp_path):
    events = list(repeated.events[["user_id", "item_id", "timestamp"]].itertuples(index=False, name=None))
    future = [(user, "i0", (60 + n) * DAY_S) for user, _, _ in events for n in range(3)]
    frame = repeated.impressions
    shown = list(frame[["user_id", "ad_id", "timestamp", "clicked"]].itertuples(index=False, name=None))
    ads = [ad(f"a{n}", item_ids=[f"i{n}"]) for n in range(8)]
    fitted = []
    for n, more in enumerate(([], future)):
        data = write_hand_data(
            tmp_path / f"data{n}", items=[f"i{n}" for n in range(8)], events=[*events, *more], ads=ads,
            impressions=shown, train_until=55 * DAY_S,
        )  # fmt: skip
        model = backbones.build(ModelConfig(history=20, match_width=8, match_head="wide"), user_layers=1)
        fit_match(model, data, model.encode_texts(data.item_texts), MatchFitSettings(steps=3, groups=4))
        fitted.append([parameter.detach().clone() for parameter in model.match.parameters()])
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(*fitted, strict=True))


def test_where_nobody_was_shown_an_ad_the_wide_part_learns_from_acts(backbones, tmp_path):
    events = [(f"u{u}", f"i{(u + n) % 3}", (n + 0.5) * DAY_S) for u in range(9) for n in range(40)]
    data = write_hand_data(
        tmp_path / "data", items=["i0", "i1", "i2"], events=events, train_until=40 * DAY_S,
        ads=[ad("a0", item_ids=["i0"]), ad("a1", item_id="i1"), ad("a2")],
    )  # fmt: skip
    model = backbones.build(ModelConfig(history=20, match_width=8, match_head="wide"), user_layers=1)
    before = model.match.wide.outer.weight.detach().clone()
    fit_match(model, data, model.encode_texts(data.item_texts), MatchFitSettings(steps=3, windows=20))
    assert not torch.equal(model.match.wide.outer.weight, before)
    assert model.match.wide.centre[0] > 0

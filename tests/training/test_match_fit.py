from __future__ import annotations

import numpy as np
import torch

from creator.models.config import ModelConfig
from creator.training.impressions import ClickedImpressions
from creator.training.match_fit import MatchFitSettings, fit_match
from creator.training.windows import WindowBatch
from tests.training.hand import ad, write_hand_data


def clicked_above_not(model, data, items):
    """How often a clicked impression is held likelier than one that was not (AUC, by counting pairs)."""
    ad_ids = list(data.ads)
    shown = ClickedImpressions.of(data, ad_ids)
    batch = WindowBatch.read(data.histories, shown.users, shown.as_of, model.config.history)
    users = model.encode_users(items, batch.items, batch.ages_s)
    chance = model.match_probabilities(users, model.encode_texts([data.ads[a].text for a in ad_ids]))
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

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from creator.core.errors import InputError
from creator.models.checkpoint import build_model
from creator.models.config import ModelConfig
from creator.training.loop import LoopSettings
from creator.training.pretrain import PretrainSettings, PretrainStep, pretrain
from tests.training.hand import ad, write_hand_data


def test_a_small_pretraining_lowers_its_losses_and_leaves_both_frozen_llms_alone(backbones, shop, tmp_path):
    torch.manual_seed(0)
    model = build_model(
        ModelConfig(history=20, match_width=16), item_folder=backbones.item, creative_folder=backbones.creative,
        user_layers=1,
    )  # fmt: skip
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    items = model.encode_texts(shop.data.item_texts)
    settings = PretrainSettings(windows=16, negatives=24, impressions=8, horizon_days=1.0)
    pretrain(model, shop.data, items, tmp_path, settings, LoopSettings(40, 3e-3, 3, log_every=1, bf16=False))
    rows = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    for name in ("next_item", "clicks", "total"):
        first, last = (np.mean([row[name] for row in part]) for part in (rows[:5], rows[-5:]))
        assert last < first, name
    assert all(0 < row["live_negatives"] <= 24 for row in rows)
    for name, parameter in model.named_parameters():
        if name.startswith(("item.", "creative.llm.", "creative.profile_projector")):
            torch.testing.assert_close(parameter.detach(), before[name], rtol=0, atol=0)


def test_histories_too_short_to_learn_from_are_an_error_that_says_so(backbones, tmp_path):
    model = backbones.build(ModelConfig(match_width=8))
    data = write_hand_data(
        tmp_path / "data", items=["i0"], events=[("u0", "i0", 1.0), ("u0", "i0", 2.0)], ads=[ad("a0")], train_until=9.0
    )
    with pytest.raises(InputError, match="no history to pretrain on"):
        PretrainStep(model, data, model.encode_texts(data.item_texts), PretrainSettings(horizon_days=1e-5))


def test_events_that_share_one_moment_have_nothing_that_comes_next(backbones, tmp_path):
    model = backbones.build(ModelConfig(match_width=8))
    events = [("u0", f"i{n}", 5.0) for n in range(9)]
    data = write_hand_data(
        tmp_path / "data", items=[f"i{n}" for n in range(9)], events=events, ads=[ad("a0")], train_until=1e9
    )
    step = PretrainStep(model, data, model.encode_texts(data.item_texts), PretrainSettings(windows=4))
    losses = step(0)
    assert losses["next_item"].item() == 0
    losses["total"].backward()

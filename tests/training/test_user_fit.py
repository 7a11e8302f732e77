from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from creator.models.checkpoint import build_model
from creator.models.config import ModelConfig
from creator.training.examples import Examples, apart
from creator.training.loop import LoopSettings
from creator.training.user_fit import UserFitSettings, UserStep, fit_users

CONFIG = ModelConfig(history=20, match_width=16)
SETTINGS = UserFitSettings(windows=6, impressions=4)


def build(backbones):
    torch.manual_seed(0)
    return build_model(CONFIG, item_folder=backbones.item, creative_folder=backbones.creative, user_layers=1)


def test_examples_of_one_history_are_kept_together(shop):
    examples = Examples(shop.examples, shop.data)
    groups = examples.by_window()
    assert sorted(np.concatenate(groups)) == list(range(len(examples)))
    moments = [{(examples.users[row], examples.as_of[row]) for row in rows} for rows in groups]
    assert all(len(group) == 1 for group in moments)
    assert len(set.union(*moments)) == len(groups)


def test_users_who_validate_are_the_same_ones_whatever_else_there_is(shop):
    training, held = apart(shop.examples)
    assert len(training) + len(held) == len(shop.examples)
    assert not set(training["user_id"]) & set(held["user_id"])
    _, again = apart(shop.examples[::3])
    assert set(again["user_id"]) <= set(held["user_id"])


def test_a_step_depends_on_its_number_and_seed_alone_and_weighs_its_losses(backbones, shop):
    model = build(backbones)
    items, examples = model.encode_texts(shop.data.item_texts), Examples(shop.examples, shop.data)
    settings = UserFitSettings(windows=6, impressions=4, choice=2.0, alignment=0.0, matching=0.5)
    with torch.no_grad():
        step, again = (UserStep(model, shop.data, examples, items, settings) for _ in range(2))
        found = [{name: loss.item() for name, loss in step(n).items()} for n in (0, 1)]
        assert found[::-1] == [{name: loss.item() for name, loss in again(n).items()} for n in (1, 0)]
    assert set(found[0]) == {"choice", "matching", "total"}
    assert found[0]["total"] == pytest.approx(2.0 * found[0]["choice"] + 0.5 * found[0]["matching"], rel=1e-6)


def test_fitting_learns_the_choice_leaves_the_creative_llm_alone_and_resumes_exactly(backbones, shop, tmp_path):
    loop = LoopSettings(40, 3e-3, warmup_steps=3, save_every_s=0.0, log_every=1, bf16=False)

    def fit(folder, dies_at=None):
        folder.mkdir(exist_ok=True)
        model = build(backbones)
        before = {name: p.clone() for name, p in model.creative.llm.named_parameters()}
        items = model.encode_texts(shop.data.item_texts)
        call = UserStep.__call__

        def stopping(self, step):
            if step == dies_at:
                raise KeyboardInterrupt
            return call(self, step)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(UserStep, "__call__", stopping)
            fit_users(model, shop.data, shop.examples, items, folder, SETTINGS, loop, validate_every=20)
        for name, parameter in model.creative.llm.named_parameters():
            torch.testing.assert_close(parameter, before[name], rtol=0, atol=0)
        return model

    calm = fit(tmp_path / "calm")
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "stopped", dies_at=23)
    resumed = fit(tmp_path / "stopped")
    for (name, ours), theirs in zip(resumed.named_parameters(), calm.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0, msg=name)
    rows = [json.loads(line) for line in (tmp_path / "calm/history.jsonl").read_text().splitlines()]
    first, last = (np.mean([row["choice"] for row in part]) for part in (rows[:5], rows[-5:]))
    assert last < first - 0.1

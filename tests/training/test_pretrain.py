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
from creator.training.windows import DAY_S, WindowSampler
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


def step_of(model, shop, **settings):
    items = model.encode_texts(shop.data.item_texts)
    chosen = PretrainSettings(windows=8, negatives=24, impressions=8, horizon_days=1.0, **settings)
    return PretrainStep(model, shop.data, items, chosen)


def grown(backbones, **config):
    torch.manual_seed(0)
    return build_model(
        ModelConfig(history=20, match_width=16, **config), item_folder=backbones.item,
        creative_folder=backbones.creative, user_layers=1,
    )  # fmt: skip


def test_the_next_item_loss_by_hand(backbones, shop):
    model = grown(backbones)
    items = torch.from_numpy(model.encode_texts(shop.data.item_texts))
    texts = shop.data.item_texts
    with torch.no_grad():
        losses = step_of(model, shop)(3)
        random = np.random.default_rng((0, 3))
        batch = WindowSampler(shop.data.histories, shop.data.train_until, DAY_S).draw(random, 8, 20)
        drawn = random.integers(0, len(items), 24)
        every = []
        for window in batch.items:
            embeds = (items[window.astype(int)] + model.user.item_offset).unsqueeze(0)
            states = model.user.llm(inputs_embeds=embeds).last_hidden_state[0]
            for at, wanted in enumerate(window[1:]):
                others = [n for n in drawn if texts[n] != texts[wanted]]
                vectors = torch.nn.functional.normalize(items[[int(wanted), *others]], dim=-1)
                cosines = vectors @ torch.nn.functional.normalize(states[at], dim=-1)
                every.append(-torch.log_softmax(cosines / 0.07, dim=0)[0].item())
    assert losses["next_item"].item() == pytest.approx(np.mean(every), rel=1e-4)
    assert losses["tokens"].item() == sum(len(window) + 1 for window in batch.items)


@pytest.mark.parametrize("pooling", ["item_token", "mean"])
def test_stage_one_trains_the_item_llm_and_its_losses_fall(backbones, shop, tmp_path, pooling):
    early = {"fusion": "early", "time_features": "calendar"} if pooling == "item_token" else {}
    model = grown(backbones, item_text_tokens=16, item_pooling=pooling, **early)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    settings = PretrainSettings(windows=8, negatives=24, impressions=8, horizon_days=1.0, train_items=True)
    table = np.zeros((len(shop.data.item_texts), 64), np.float32)  # not read
    loop = LoopSettings(30, 3e-3, 3, log_every=1, bf16=False)
    pretrain(model, shop.data, table, tmp_path, settings, loop, validate_every=15)
    rows = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    for name in ("next_item", "clicks", *(["early"] if pooling == "item_token" else [])):
        first, last = (np.mean([row[name] for row in part]) for part in (rows[:5], rows[-5:]))
        assert last < first, name
    assert all(-1 < row["parallel_items"] < 1 and -1 < row["parallel_users"] < 1 for row in rows)
    moved = [name for name, p in model.named_parameters() if not torch.equal(p.detach(), before[name])]
    assert {name.split(".")[0] for name in moved} >= {"item", "user", "match"}
    assert not any(name.startswith(("creative.llm", "creative.profile")) for name in moved)


def test_a_trained_item_llm_s_losses_are_those_of_its_table(backbones, shop):
    model = grown(backbones, fusion="early")
    with torch.no_grad():
        frozen, live = (step_of(model, shop, train_items=live, batch_negatives=True)(5) for live in (False, True))
    for name in ("next_item", "clicks", "early", "live_negatives"):
        assert live[name].item() == pytest.approx(frozen[name].item(), rel=1e-4), name


def test_a_resumed_stage_one_remembers_its_queue(backbones, shop):
    first, second = (step_of(grown(backbones), shop, train_items=True, queue=60) for _ in range(2))
    losses = [first(n) for n in range(3)]
    second.remember(first.memory())
    assert first.memory()["queue_rows"].tolist() == second.memory()["queue_rows"].tolist()
    assert len(first.memory()["queue_rows"]) == 60
    assert losses[2]["live_negatives"] > losses[0]["live_negatives"] + 30
    assert first(3)["next_item"].item() == second(3)["next_item"].item()


def test_batch_negatives_are_the_step_s_other_items_and_never_the_same_text(backbones, shop):
    model = grown(backbones)
    with torch.no_grad():
        alone, more = (step_of(model, shop, batch_negatives=both)(2)["live_negatives"] for both in (False, True))
    texts, random = shop.data.item_texts, np.random.default_rng((0, 2))
    batch = WindowSampler(shop.data.histories, shop.data.train_until, DAY_S).draw(random, 8, 20)
    drawn = random.integers(0, len(texts), 24)
    targets = np.concatenate([window[1:] for window in batch.items])
    for live, candidates in ((alone, drawn), (more, np.unique(np.r_[drawn, targets]))):
        expected = np.mean([sum(texts[c] != texts[t] for c in candidates) for t in targets])
        assert live.item() == pytest.approx(expected, rel=1e-6)


def test_the_reference_s_mask_by_cosine_hides_parallel_items_only_when_asked(backbones, shop):
    model = grown(backbones)
    items = np.ones((len(shop.data.item_texts), 64), np.float32)  # all parallel
    with torch.no_grad():
        live = [
            PretrainStep(model, shop.data, items, PretrainSettings(windows=4, horizon_days=1.0, near_duplicates=limit))(
                0
            )
            for limit in (0.0, 0.99)
        ]
    assert live[0]["live_negatives"] > 400
    assert live[1]["live_negatives"] == 0


def test_users_who_validate_are_never_trained_on(backbones, shop):
    held = np.zeros(len(shop.data.histories.user_ids), bool)
    held[3] = True
    sampler = WindowSampler(shop.data.histories, shop.data.train_until, DAY_S, users=~held)
    drawn = sampler.draw(np.random.default_rng(0), 400, 20).users
    assert 3 not in drawn
    assert set(WindowSampler(shop.data.histories, shop.data.train_until, DAY_S, users=held).draw(
        np.random.default_rng(0), 9, 20).users) == {3}  # fmt: skip

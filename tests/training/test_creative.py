from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import AutoModelForCausalLM

from creator.core.errors import InputError
from creator.models.config import ModelConfig
from creator.training.creative import (
    CreativeSettings,
    CreativeStep,
    Examples,
    train_creative,
    train_drills,
)
from creator.training.loop import LoopSettings
from creator.training.projectors import start_projectors
from tests.domain import THINGS
from tests.training.hand import ad, write_hand_data

CONFIG = ModelConfig(history=20, match_width=16)
SETTINGS = CreativeSettings(ads=3, titles_per_ad=4, profiles=3, impressions=4)


@pytest.fixture
def model(backbones):
    """As it would be trained: weights of the usual size."""
    from creator.models.checkpoint import build_model

    torch.manual_seed(0)
    return build_model(CONFIG, item_folder=backbones.item, creative_folder=backbones.creative, user_layers=1)


@pytest.fixture
def items(model, shop):
    return model.encode_texts(shop.data.item_texts)


def losses_of(model, shop, items, settings=SETTINGS):
    return CreativeStep(model, shop.data, Examples(shop.examples, shop.data), items, settings)


def figures(losses):
    return {name: loss.item() for name, loss in losses.items()}


def test_a_step_depends_on_its_number_and_seed_alone(model, shop, items):
    with torch.no_grad():
        first, again = losses_of(model, shop, items), losses_of(model, shop, items)
        forwards = [figures(first(step)) for step in (0, 1, 2)]
        backwards = [figures(again(step)) for step in (2, 1, 0)]
    assert forwards == backwards[::-1]
    assert forwards[0] != forwards[1]


def test_the_total_weighs_the_losses_and_a_weight_of_zero_leaves_one_out(model, shop, items):
    weighed = CreativeSettings(ads=3, titles_per_ad=4, profiles=3, impressions=4, creative=2.0, reconstruction=0.5,
                               alignment=0.0, matching=3.0)  # fmt: skip
    with torch.no_grad():
        found = figures(losses_of(model, shop, items, weighed)(0))
    assert "alignment" not in found
    weights = {"creative": 2.0, "reconstruction": 0.5, "matching": 3.0}
    by_hand = sum(weights.get(name, 1.0) * value for name, value in found.items() if name != "total")
    assert found["total"] == pytest.approx(by_hand, rel=1e-6)


def test_the_choice_loss_by_hand(model, shop, items):
    """Of its own ad's points, which one does a title lead with: a softmax over cosines with the points' mean words."""
    step = losses_of(model, shop, items)
    examples = step._examples
    rows = examples.draw(np.random.default_rng(0), 3, 2)
    words = model.creative.base.get_input_embeddings().weight.detach()
    windows = [shop.data.histories.window(examples.users[row], examples.as_of[row], 20) for row in rows]
    soft = torch.from_numpy(model.soft_tokens(model.encode_users(items, windows)))
    by_hand = []
    for n, row in enumerate(rows):
        points = shop.data.ads[examples.ad_ids[row]].selling_points
        ids = [model.creative.tokenizer.encode(" " + point, add_special_tokens=False) for point in points]
        means = torch.stack([words[tokens].mean(0) for tokens in ids])
        logits = torch.cosine_similarity(soft[n].unsqueeze(0), means - means.mean(0)) / 0.05
        by_hand.append(-torch.log_softmax(logits, 0)[points.index(shop.examples["selling_points"].iloc[row][0])].item())
    with torch.no_grad():
        found = step.losses(rows, np.random.default_rng(0))["choice"].item()
    assert found == pytest.approx(np.mean(by_hand), rel=1e-4)


def test_ads_and_titles_without_selling_points_can_be_trained_on(model, tmp_path):
    events = [("u0", f"i{n % 2}", float(n)) for n in range(8)]
    data = write_hand_data(
        tmp_path / "data",
        items=["i0", "i1"],
        events=events,
        ads=[ad("a0") | {"selling_points": []}, ad("a1") | {"selling_points": []}],
        train_until=9.0,
    )
    frame = pd.DataFrame(
        {"user_id": "u0", "as_of": [5.0, 7.0], "title": ["Buy it", "Have it"], "profile": ["a", "b"],
         "ad_id": ["a0", "a1"], "selling_points": [[], ["gone"]]}
    )  # fmt: skip
    step = CreativeStep(model, data, Examples(frame, data), model.encode_texts(data.item_texts), SETTINGS)
    losses = step(0)
    losses["total"].backward()
    assert losses["choice"].item() == 0
    assert torch.isfinite(losses["total"])


def test_fixed_users_are_embedded_once_and_left_alone(model, shop, items):
    """The same losses as when they are read in every step, and no gradient into the User LLM."""
    joint = replace(SETTINGS, alignment=0.0, matching=0.0, bf16=False)
    fixed = replace(joint, train_user=False)
    along, alone = losses_of(model, shop, items, joint)(0), losses_of(model, shop, items, fixed)(0)
    assert figures(alone) == pytest.approx(figures(along), rel=1e-5)
    alone["total"].backward()
    assert all(parameter.grad is None for parameter in model.user.parameters())
    assert model.creative.user_projector.weight.grad.abs().sum() > 0


def test_drills_hear_the_words_of_their_point_and_not_the_user(model, shop, items):
    alone = replace(SETTINGS, choice=0.0, reconstruction=0.0, alignment=0.0, matching=0.0)
    losses_of(model, shop, items, replace(alone, drills=1.0))(0)["total"].backward()
    assert model.creative.user_projector.weight.grad is None
    losses_of(model, shop, items, alone)(0)["total"].backward()
    assert model.creative.user_projector.weight.grad.abs().sum() > 0


def test_drills_alone_read_no_user_and_validate_by_exchanging_what_is_heard(model, shop, items, tmp_path, monkeypatch):
    """The words are learnt, the users are as they were; titles heard under another's leading point are less likely."""
    monkeypatch.setattr(type(model), "user_batch", lambda *_: pytest.fail("a user was read"))
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    loop = LoopSettings(60, 1e-2, warmup_steps=3, log_every=1, bf16=False)
    settings = replace(SETTINGS, ads=6, train_user=False)
    train_drills(model, shop.data, shop.examples, items, tmp_path, settings, loop, validate_every=60)
    moved = {name for name, parameter in model.named_parameters() if not torch.equal(before[name], parameter)}
    assert moved
    assert all(name.startswith("creative.llm.") for name in moved)
    rows = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    for name in ("creative", "reconstruction"):
        assert rows[-1][name] < 0.7 * rows[0][name], name
    assert rows[-1]["valid_creative"] != rows[-1]["valid_creative_of_others"]


def test_drills_of_ads_that_name_nothing_are_refused(model, tmp_path):
    bare = [ad(name) | {"selling_points": []} for name in ("a0", "a1")]
    data = write_hand_data(tmp_path / "data", items=["i0"], events=[("u0", "i0", 1.0)], ads=bare, train_until=9.0)
    frame = pd.DataFrame({"ad_id": ["a0", "a1"]})
    with pytest.raises(InputError, match="drills could exchange"):
        train_drills(model, data, frame, np.zeros((1, 1)), tmp_path, SETTINGS, LoopSettings(1, 1e-3))


def test_words_that_users_were_fitted_to_stay(model, shop, items, tmp_path):
    words = model.creative.base.get_input_embeddings().weight
    parts = {name: getattr(model.creative, name).weight for name in ("user_projector", "profile_projector")}
    layer = model.creative.llm.model.layers[0].mlp.up_proj.weight
    before = {"words": words.detach().clone(), **{name: part.detach().clone() for name, part in parts.items()}}
    was, loop = layer.detach().clone(), LoopSettings(2, 1e-2, warmup_steps=1, bf16=False)
    settings = replace(SETTINGS, alignment=0.0, matching=0.0, choice=0.0, train_user=False, train_words=False)
    train_creative(model, shop.data, shop.examples, items, tmp_path, settings, loop, validate_every=0)
    assert not torch.equal(layer, was)
    torch.testing.assert_close(words, before["words"], rtol=0, atol=0)
    head = model.creative.base.get_output_embeddings().weight
    assert not torch.equal(head, words)  # what is written is free to learn
    model.creative.base.save_pretrained(tmp_path / "llm")
    read = AutoModelForCausalLM.from_pretrained(tmp_path / "llm")
    torch.testing.assert_close(read.get_output_embeddings().weight, head, rtol=0, atol=0)
    torch.testing.assert_close(read.get_input_embeddings().weight, words, rtol=0, atol=0)
    for name, part in parts.items():
        scaled = before[name] * (part.norm() / before[name].norm())
        torch.testing.assert_close(part, scaled, rtol=1e-5, atol=1e-7, msg=f"more than the length of {name}")


def test_fixed_users_get_soft_tokens_of_two_words_length_and_match_as_before(model, shop, items):
    step = losses_of(model, shop, items, replace(SETTINGS, train_user=False, bf16=False))
    model.creative.user_projector.weight.data.mul_(40.0)
    examples = step._examples
    windows = [shop.data.histories.window(u, t, 20) for u, t in zip(examples.users, examples.as_of, strict=True)]
    users = model.encode_users(items, windows)
    ads = model.encode_texts([ad.text for ad in shop.data.ads.values()])
    matched = model.match_probabilities(users, ads)
    step.settle()
    words = model.creative.base.get_input_embeddings().weight.detach()
    lengths = np.linalg.norm(model.soft_tokens(users), axis=1)
    assert lengths.mean() == pytest.approx(2 * words.norm(dim=1).mean().item(), rel=1e-4)
    np.testing.assert_allclose(model.match_probabilities(users, ads), matched, rtol=1e-3, atol=1e-5)


def test_draws_take_a_few_ads_and_distinct_examples_of_each(shop):
    examples = Examples(shop.examples, shop.data)
    for seed in range(5):
        rows = examples.draw(np.random.default_rng(seed), 3, 4)
        assert len(set(rows)) == len(rows)
        counts = shop.examples["ad_id"].iloc[rows].value_counts()
        assert len(counts) == 3
        assert counts.max() <= 4


def test_examples_of_users_who_validate_are_never_trained_on(model, shop, items, tmp_path, monkeypatch):
    seen = []
    step = CreativeStep.losses
    monkeypatch.setattr(CreativeStep, "losses", lambda self, *a, **how: seen.append(self) or step(self, *a, **how))
    loop = LoopSettings(2, 1e-4, bf16=False)
    train_creative(model, shop.data, shop.examples, items, tmp_path, SETTINGS, loop, validate_every=2)
    training, checking = (set(part._examples.users) for part in (seen[0], seen[-1]))
    assert seen[0] is not seen[-1]
    assert checking
    assert not training & checking
    assert training | checking == set(Examples(shop.examples, shop.data).users)


def test_without_anybody_to_validate_on_training_goes_on(model, shop, items, tmp_path):
    hashes = pd.util.hash_array(shop.examples["user_id"].to_numpy(dtype=object))
    loop = LoopSettings(2, 1e-4, bf16=False)
    train_creative(
        model, shop.data, shop.examples[hashes % 100 >= 3], items, tmp_path, SETTINGS, loop, validate_every=1
    )
    assert "valid" not in (tmp_path / "history.jsonl").read_text()


def test_starting_the_projections_carries_the_match_tower_over_exactly(model, shop, items):
    """Two hundred different profiles, so that the regression has a full-rank answer."""
    random = np.random.default_rng(0)
    words = sorted({word for things in THINGS.values() for thing in things for word in thing.split()})
    frame = pd.concat([shop.examples] * (1 + 600 // len(shop.examples)), ignore_index=True)
    frame = frame.assign(profile=[" ".join(random.choice(words, 5)) for _ in range(len(frame))])
    frame = frame.assign(as_of=frame["as_of"] - random.uniform(0, 5 * 86_400, len(frame)))
    examples = Examples(frame, shop.data)
    windows = [
        shop.data.histories.window(u, t, 20) for u, t in zip(examples.users[:50], examples.as_of[:50], strict=True)
    ]
    users = model.encode_users(items, windows)
    ads = model.encode_texts([ad.text for ad in shop.data.ads.values()])
    before = model.match_probabilities(users, ads)
    old = model.creative.user_projector.weight.clone()
    start_projectors(model, examples, shop.data, items, carry_match=True)
    assert not torch.allclose(old, model.creative.user_projector.weight, atol=1e-2)
    torch.testing.assert_close(model.creative.profile_projector.weight, model.creative.user_projector.weight)
    np.testing.assert_allclose(model.match_probabilities(users, ads), before, rtol=1e-4, atol=1e-5)


def test_started_soft_tokens_lean_towards_the_words_of_their_own_profile(model, shop, items):
    examples = Examples(shop.examples, shop.data)
    tower = model.match.user_tower.weight.clone()
    start_projectors(model, examples, shop.data, items)
    torch.testing.assert_close(model.match.user_tower.weight, tower, rtol=0, atol=0)
    first = np.unique(np.stack([examples.users, examples.as_of]), axis=1, return_index=True)[1]
    windows = [shop.data.histories.window(examples.users[n], examples.as_of[n], 20) for n in first]
    soft = model.soft_tokens(model.encode_users(items, windows))
    words = model.creative.base.get_input_embeddings().weight.detach().numpy()
    own = np.stack([words[model.prompts.profile(examples.profiles[n])].mean(0) for n in first])
    soft, own = (rows - rows.mean(0) for rows in (soft, own))
    cosines = (soft @ own.T) / np.outer(np.linalg.norm(soft, axis=1), np.linalg.norm(own, axis=1))
    assert np.diag(cosines).mean() > cosines.mean() + 0.4


def test_a_small_training_lowers_every_loss_and_going_on_after_a_stop_gives_the_same_weights(backbones, shop, tmp_path):
    from creator.models.checkpoint import build_model

    steps = 30
    loop = LoopSettings(steps, 6e-3, warmup_steps=3, save_every_s=0.0, log_every=1, bf16=False)

    def train(folder, dies_at=None):
        folder.mkdir(exist_ok=True)
        torch.manual_seed(0)
        model = build_model(CONFIG, item_folder=backbones.item, creative_folder=backbones.creative, user_layers=1)
        items = model.encode_texts(shop.data.item_texts)
        call = CreativeStep.__call__

        def stopping(self, step):
            if step == dies_at:
                raise KeyboardInterrupt
            return call(self, step)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(CreativeStep, "__call__", stopping)
            train_creative(model, shop.data, shop.examples, items, folder, SETTINGS, loop, validate_every=steps // 2)
        return model

    calm = train(tmp_path / "calm")
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "stopped", dies_at=17)
    resumed = train(tmp_path / "stopped")
    for (name, ours), theirs in zip(resumed.named_parameters(), calm.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0, msg=name)
    rows = [json.loads(line) for line in (tmp_path / "calm/history.jsonl").read_text().splitlines()]
    for name in ("creative", "reconstruction", "matching", "total"):
        first, last = (np.mean([row[name] for row in part]) for part in (rows[:4], rows[-4:]))
        assert last < (0.9 if name == "creative" else 1) * first, name
    valid = [row for row in rows if "valid_creative" in row]
    assert valid[-1]["valid_creative"] < valid[0]["valid_creative"] < rows[0]["creative"]


@pytest.mark.parametrize(("rank", "trained"), [(0, "creative.llm.model.layers.0"), (2, "lora_")])
def test_what_is_trained_is_what_the_settings_say(backbones, shop, tmp_path, rank, trained):
    from creator.models.checkpoint import build_model

    torch.manual_seed(0)
    config = ModelConfig(history=20, match_width=16, lora_rank=rank, profile_encoder="item")
    model = build_model(config, item_folder=backbones.item, creative_folder=backbones.creative, user_layers=1)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    items = model.encode_texts(shop.data.item_texts)
    settings = CreativeSettings(ads=2, titles_per_ad=2, profiles=2, impressions=2, train_user=False)
    loop = LoopSettings(2, 1e-2, warmup_steps=1, bf16=False)
    train_creative(model, shop.data, shop.examples, items, tmp_path, settings, loop, validate_every=0)
    moved = {name for name, parameter in model.named_parameters() if not torch.equal(before[name], parameter)}
    assert any(trained in name for name in moved)
    assert {"creative.user_projector.weight", "creative.profile_projector.weight", "match.user_tower.weight"} <= moved
    assert not [name for name in moved if name.startswith(("item.", "user.", "next_item"))]
    if rank:
        assert not [name for name in moved if name.startswith("creative.llm.") and "lora_" not in name]

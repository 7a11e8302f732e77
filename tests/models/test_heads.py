from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from torch.nn import functional

from creator.core.acts import LogCounts
from creator.core.errors import ModelError
from creator.models.assembly import directions
from creator.models.config import ModelConfig
from creator.models.heads import MatchHead
from tests.models.tiny import AD, sharpen

MIXER_SHAPES = {
    "user_tower.weight": (6, 10),
    "item_tower.weight": (6, 7),
    **{
        f"blocks.{n}.{name}": shape
        for n in (0, 1)
        for name, shape in {
            "pair_norm.weight": (6,),
            "pair_norm.bias": (6,),
            "pair_mlp.0.weight": (8, 2),
            "pair_mlp.0.bias": (8,),
            "pair_mlp.2.weight": (2, 8),
            "pair_mlp.2.bias": (2,),
            "channel_norm.weight": (6,),
            "channel_norm.bias": (6,),
            "channel_mlp.0.weight": (18, 6),
            "channel_mlp.0.bias": (18,),
            "channel_mlp.2.weight": (6, 18),
            "channel_mlp.2.bias": (6,),
        }.items()
    },
    "norm.weight": (6,),
    "norm.bias": (6,),
    "out.weight": (1, 6),
    "out.bias": (1,),
}
WIDE_SHAPES = MIXER_SHAPES | {
    "wide.centre": (3,),
    "wide.spread": (3,),
    "wide.trust": (1,),
    "wide.inner.weight": (16, 3),
    "wide.inner.bias": (16,),
    "wide.outer.weight": (1, 16),
    "wide.outer.bias": (1,),
}
LINEAR_SHAPES = {
    "user_tower.weight": (6, 10),
    "item_tower.weight": (6, 7),
    "out.0.weight": (6, 12),
    "out.0.bias": (6,),
    "out.2.weight": (1, 6),
    "out.2.bias": (1,),
}


def head(kind):
    torch.manual_seed(0)
    made = MatchHead(10, 7, 6, kind)
    sharpen(made, 0.5)
    return made


@pytest.fixture(scope="module")
def pairs():
    torch.manual_seed(1)
    return torch.randn(5, 10), torch.randn(5, 7)


@pytest.mark.parametrize(
    ("kind", "shapes"),
    [("mixer", MIXER_SHAPES), ("mixer_dot", MIXER_SHAPES), ("linear", LINEAR_SHAPES), ("wide", WIDE_SHAPES)],
)
def test_parameters_are_those_of_the_reference_and_a_pair_has_one_logit(kind, shapes, pairs):
    assert {name: tuple(p.shape) for name, p in head(kind).named_parameters()} == shapes
    assert head(kind)(*pairs).shape == (5,)


def mixer_by_hand(weights, users, ads):
    """Two blocks: across the pair, then across channels, residual; norm, mean over the pair, linear."""
    pair = torch.stack([users @ weights["user_tower.weight"].T, ads @ weights["item_tower.weight"].T], dim=1)
    for n in ("0", "1"):
        w = {name[9:]: t for name, t in weights.items() if name.startswith(f"blocks.{n}.")}
        normed = functional.layer_norm(pair, (6,), w["pair_norm.weight"], w["pair_norm.bias"])
        hidden = functional.gelu(
            torch.einsum("hp,bpw->bhw", w["pair_mlp.0.weight"], normed) + w["pair_mlp.0.bias"][:, None]
        )
        pair = pair + torch.einsum("ph,bhw->bpw", w["pair_mlp.2.weight"], hidden) + w["pair_mlp.2.bias"][:, None]
        normed = functional.layer_norm(pair, (6,), w["channel_norm.weight"], w["channel_norm.bias"])
        hidden = functional.gelu(normed @ w["channel_mlp.0.weight"].T + w["channel_mlp.0.bias"])
        pair = pair + hidden @ w["channel_mlp.2.weight"].T + w["channel_mlp.2.bias"]
    normed = functional.layer_norm(pair, (6,), weights["norm.weight"], weights["norm.bias"])
    return normed.mean(1) @ weights["out.weight"][0] + weights["out.bias"]


@torch.no_grad()
def test_the_mixer_by_its_formula_and_mixer_dot_adds_the_scaled_inner_product(pairs):
    users, ads = pairs
    mixer, mixer_dot = head("mixer"), head("mixer_dot")
    mixer_dot.load_state_dict(mixer.state_dict())
    expected = mixer_by_hand(dict(mixer.named_parameters()), users, ads)
    torch.testing.assert_close(mixer(users, ads), expected, rtol=1e-5, atol=1e-5)
    left, right = users @ mixer.user_tower.weight.T, ads @ mixer.item_tower.weight.T
    dot = torch.stack([left[n] @ right[n] for n in range(5)]) / 6**0.5
    torch.testing.assert_close(mixer_dot(users, ads), expected + dot, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_the_linear_head_by_its_formula(pairs):
    users, ads = pairs
    made = head("linear")
    w = dict(made.named_parameters())
    joined = torch.cat([users @ w["user_tower.weight"].T, ads @ w["item_tower.weight"].T], dim=1)
    hidden = torch.relu(joined @ w["out.0.weight"].T + w["out.0.bias"])
    torch.testing.assert_close(made(users, ads), hidden @ w["out.2.weight"][0] + w["out.2.bias"])


@torch.no_grad()
def test_the_wide_head_adds_an_mlp_on_standardised_counts_to_mixer_dot(pairs):
    wide, mixer_dot = head("wide"), head("mixer_dot")
    wide.load_state_dict(mixer_dot.state_dict(), strict=False)
    counts = torch.tensor([[0.0, 2.0, 5.0], [1.0, 2.0, 7.0], [2.0, 2.0, 9.0], [0.0, 2.0, 5.0], [2.0, 2.0, 9.0]])
    wide.wide.measure(counts)
    torch.testing.assert_close(wide.wide.centre, torch.tensor([1.0, 2.0, 7.0]))
    # deviations of -1, 0, 1, -1, 1, and twice as much; a count that never varies is not divided
    torch.testing.assert_close(wide.wide.spread, torch.tensor([0.8**0.5, 1.0, 2 * 0.8**0.5]))
    w = dict(wide.wide.named_parameters())
    standard = (counts - w["centre"]) / w["spread"]
    hidden = functional.gelu(standard @ w["inner.weight"].T + w["inner.bias"])
    added = hidden @ w["outer.weight"][0] + w["outer.bias"]
    assert added.abs().min() > 1e-3
    torch.testing.assert_close(wide(*pairs, counts), mixer_dot(*pairs) + added)
    wide.wide.trust.fill_(0.25)
    torch.testing.assert_close(wide(*pairs, counts), 0.25 * mixer_dot(*pairs) + added)
    torch.testing.assert_close(wide(*pairs), mixer_dot(*pairs))


@torch.no_grad()
def test_counts_that_were_never_trained_say_nothing(pairs):
    made = MatchHead(10, 7, 6, "wide")
    torch.testing.assert_close(made(*pairs, torch.rand(5, 3)), made(*pairs))


def test_a_wide_head_asks_for_counts_and_reads_those_of_each_pair(backbones):
    model = backbones.build(ModelConfig(match_head="wide", match_width=16))
    sharpen(model.match.wide, 0.5)
    random = np.random.default_rng(0)
    users, ads = random.normal(size=(4, 64)).astype(np.float32), random.normal(size=(3, 64)).astype(np.float32)
    own, popular, active = (random.random(shape).astype(np.float32) for shape in ((4, 3), 3, 4))
    counts = LogCounts(own, popular, active)
    found = model.match_probabilities(users, ads, counts)
    np.testing.assert_allclose(model.match_probabilities(users, ads, counts, block=1), found, rtol=1e-5)
    with torch.no_grad():
        for k in range(4):
            for a in range(3):
                soft = torch.from_numpy(users[k : k + 1]) @ model.creative.user_projector.weight.T
                three = torch.tensor([[own[k, a], popular[a], active[k]]])
                logit = model.match(soft, torch.from_numpy(ads[a : a + 1]), three).item()
                assert found[k, a] == pytest.approx(1 / (1 + np.exp(-logit)), rel=1e-4)
    with pytest.raises(ModelError, match="reads behaviour counts"):
        model.match_probabilities(users, ads)


@pytest.mark.parametrize("kind", ["mixer", "linear", "mixer_dot"])
def test_probabilities_are_the_calibrated_logits_of_each_pair_in_blocks_of_any_size(backbones, kind):
    model = backbones.build(ModelConfig(match_head=kind, match_width=16))
    model.config = replace(model.config, match_calibration=(0.5, -1.0))
    random = np.random.default_rng(0)
    users, ads = random.normal(size=(4, 64)).astype(np.float32), random.normal(size=(3, 64)).astype(np.float32)
    found = model.match_probabilities(users, ads)
    assert found.shape == (4, 3)
    np.testing.assert_allclose(model.match_probabilities(users, ads, block=1), found, rtol=1e-5)
    with torch.no_grad():
        for k in range(4):
            for a in range(3):
                soft = torch.from_numpy(users[k : k + 1]) @ model.creative.user_projector.weight.T
                logit = model.match(soft, torch.from_numpy(ads[a : a + 1])).item()
                assert found[k, a] == pytest.approx(1 / (1 + np.exp(-(0.5 * logit - 1.0))), rel=1e-4)


def test_points_are_chosen_by_a_softmax_over_cosines_with_their_mean_words(backbones):
    model = backbones.build(ModelConfig())
    soft = np.random.default_rng(0).normal(size=(3, 64)).astype(np.float32)
    words = model.creative.base.get_input_embeddings().weight.detach().numpy().astype(np.float64)
    encode = model.creative.tokenizer.encode
    means = np.stack([words[encode(" " + p, add_special_tokens=False)].mean(0) for p in AD.selling_points])
    means -= means.mean(0)  # seen from the middle of the ad's own points
    cosines = soft @ means.T / np.outer(np.linalg.norm(soft, axis=1), np.linalg.norm(means, axis=1))
    logits = cosines / 0.05
    expected = logits - logsumexp(logits, axis=1, keepdims=True)
    np.testing.assert_allclose(model.choose_points(AD, soft), expected, rtol=1e-4, atol=1e-4)


def test_directions_are_seen_from_the_middle_of_what_is_there():
    means = torch.tensor([[[3.0, 1.0], [1.0, 1.0], [50.0, 50.0]], [[2.0, 5.0], [9.0, 9.0], [9.0, 9.0]]])
    there = torch.tensor([[True, True, False], [True, False, False]])
    expected = torch.tensor([[[1.0, 0.0], [-1.0, 0.0], [0.0, 0.0]], [[0.0, 0.0]] * 3])
    torch.testing.assert_close(directions(means, there), expected)
    torch.testing.assert_close(directions(means[:1, :2]), expected[:1, :2])

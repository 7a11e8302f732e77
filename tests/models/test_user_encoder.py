from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from creator.core.errors import ModelError
from creator.models.config import ModelConfig
from creator.models.user_encoder import AGE_BUCKETS, UserEncoder, age_bucket, parallel_share, start_as_mean
from tests.models.tiny import sharpen

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0


@pytest.fixture(scope="module")
def model(backbones):
    """With ages; a prompt; the item offset and ages away from their zero start."""
    config = ModelConfig(history=6, time_features="age", user_prompt="climbing gear")
    model = backbones.build(config, user_folder=backbones.item, user_layers=1)
    with torch.no_grad():
        model.user.item_offset.normal_()
    return model


@pytest.fixture(scope="module")
def items():
    return torch.randn(20, 64, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def by_hand(user: UserEncoder, items, ages):
    """One user in a plain pass: items with offset and age, the prompt's words, [USER]."""
    words = user.llm.get_input_embeddings()(torch.tensor(user.prompt_ids, dtype=torch.long))
    history = user.item_projection(items) + user.item_offset + user.age.weight[ages]
    embeds = torch.cat([history, words, user.user_token.unsqueeze(0)]).unsqueeze(0)
    return user.llm(inputs_embeds=embeds).last_hidden_state[0]


@pytest.mark.parametrize(
    ("age_s", "bucket"),
    [
        (0.0, 0),
        (59.0, 0),
        (84.0, 0),  # 60 x sqrt(2) = 84.85
        (85.0, 1),
        (119.0, 1),
        (120.0, 2),
        (HOUR, 11),  # 2 log2(60) = 11.81
        (DAY, 20),  # 2 log2(1440) = 20.98
        (365 * DAY, 38),  # 2 log2(525600) = 38.007
        (1e30, AGE_BUCKETS - 1),
    ],
)
def test_ages_fall_into_half_octaves_from_a_minute(age_s, bucket):
    assert age_bucket(torch.tensor([age_s])).tolist() == [bucket]


def test_a_user_is_the_last_state_of_history_prompt_and_user_vector(model, items):
    assert len(model.user.prompt_ids) >= 2
    windows = [np.array([3, 7, 1], np.int32), np.array([5], np.int32)]
    ages = [np.array([HOUR, 120.0, 30.0]), np.array([DAY])]
    with torch.no_grad():
        found = model.user_batch(items, windows, ages)
    torch.testing.assert_close(found[0], by_hand(model.user, items[[3, 7, 1]], [11, 2, 0])[-1], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found[1], by_hand(model.user, items[[5]], [20])[-1], rtol=1e-5, atol=1e-5)
    assert (found[0] - found[1]).abs().max() > 0.01


def test_padding_on_the_left_changes_no_embedding_whatever_it_holds(model, items):
    mask, ages = torch.ones(1, 3), torch.full((1, 3), HOUR)
    padded_items = torch.cat([torch.full((1, 5, 64), 9.0), items[None, :3]], dim=1)
    padded_mask = torch.cat([torch.zeros(1, 5), mask], dim=1)
    padded_ages = torch.cat([torch.full((1, 5), DAY), ages], dim=1)
    with torch.no_grad():
        alone = model.user(items[None, :3], mask, ages)
        padded = model.user(padded_items, padded_mask, padded_ages)
    torch.testing.assert_close(padded, alone, rtol=1e-5, atol=1e-5)


def test_ages_matter_and_must_be_given(model, items):
    mask = torch.ones(1, 3)
    with torch.no_grad():
        fresh, old = (model.user(items[None, :3], mask, torch.full((1, 3), age)) for age in (HOUR, 30 * DAY))
    assert (fresh - old).abs().max() > 0.01
    with pytest.raises(ModelError, match="reads the age of each event"):
        model.user(items[None, :3], mask)


def test_states_of_the_history_are_the_same_whether_or_not_prompt_and_user_follow(model, items):
    embeds = items[:8].reshape(2, 4, 64)
    mask = torch.tensor([[0.0, 1, 1, 1], [1, 1, 1, 1]])
    ages = torch.full((2, 4), DAY)
    with torch.no_grad():
        padded = model.user.states(embeds, mask, ages)
        followed, users = model.user.read(embeds[mask == 1], [3, 4], ages[mask == 1])
        alone, none = model.user.read(embeds[mask == 1], [3, 4], ages[mask == 1], with_user=False)
    assert (len(users), len(none)) == (2, 0)
    torch.testing.assert_close(followed, padded[mask == 1], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(alone, padded[mask == 1], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(alone[3:], by_hand(model.user, embeds[1], [20] * 4)[:4], rtol=1e-5, atol=1e-5)


def test_only_the_latest_items_are_read_and_who_stands_beside_does_not_matter(model, items):
    random = np.random.default_rng(0)
    windows = [random.integers(0, 20, n).astype(np.int32) for n in (9, 2, 6, 1, 12, 4)]
    ages = [np.sort(random.uniform(60, 90 * DAY, len(w)))[::-1] for w in windows]
    table = items.numpy()
    whole = model.encode_users(table, windows, ages)
    cut = model.encode_users(table, [w[-6:] for w in windows], [a[-6:] for a in ages], batch=14)
    np.testing.assert_allclose(cut, whole, rtol=1e-5, atol=1e-5)
    for row, (window, age) in enumerate(zip(windows, ages, strict=True)):
        np.testing.assert_allclose(model.encode_users(table, [window], [age])[0], whole[row], rtol=1e-5, atol=1e-5)


def test_a_user_without_history_is_a_finite_vector(model, items):
    assert np.isfinite(model.encode_users(items.numpy(), [np.zeros(0, np.int32)], [np.zeros(0)])).all()


def test_items_of_another_width_are_projected(backbones):
    model = backbones.build(ModelConfig(item_pooling="mean"), user_folder=backbones.item, user_layers=1)
    items = torch.randn(5, 32, generator=torch.Generator().manual_seed(2))
    user = model.user
    with torch.no_grad():
        found = model.user_batch(items, [np.arange(5, dtype=np.int32)], None)[0]
        embeds = torch.cat([items @ user.item_projection.weight.T, user.user_token.unsqueeze(0)]).unsqueeze(0)
        expected = user.llm(inputs_embeds=embeds).last_hidden_state[0, -1]
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_a_new_user_llm_passes_the_mean_of_its_centred_history_on(backbones, items):
    from creator.models.checkpoint import build_model

    torch.manual_seed(0)
    user = build_model(
        replace(ModelConfig(), history=20), item_folder=backbones.item, creative_folder=backbones.creative
    ).user
    start_as_mean(user, items, gain=3.0)
    torch.testing.assert_close(user.item_offset.detach(), -items.mean(0))
    seen = []
    user.llm.layers[0].self_attn.register_forward_hook(lambda *call: seen.append(call[2][0]))
    history = items[[4, 9, 16]]
    with torch.no_grad():
        user(history[None], torch.ones(1, 3))
        read = torch.cat([history - items.mean(0), user.user_token.unsqueeze(0)])
        unit = read / (read.pow(2).mean(-1, keepdim=True) + 1e-6).sqrt()  # RMS norm, as Llama has it
    torch.testing.assert_close(seen[0][0, -1], 3.0 * unit.mean(0), rtol=0.1, atol=0.3)
    cosine = torch.nn.functional.cosine_similarity(seen[0][0, -1], unit.mean(0), dim=0)
    assert cosine > 0.99


def test_similar_users_start_more_similar_than_strangers(backbones, items):
    model = backbones.build(ModelConfig())
    model.user.llm.apply(lambda part: sharpen(part, 0.02))
    start_as_mean(model.user, items)
    table = items.numpy()
    windows = [np.array(w, np.int32) for w in ([0, 1, 2, 3], [3, 2, 1, 0], [10, 11, 12, 13])]
    unit = torch.nn.functional.normalize(torch.from_numpy(model.encode_users(table, windows)), dim=1)
    assert unit[0] @ unit[1] > 0.9
    assert unit[0] @ unit[2] < 0.6


def test_share_of_parallel_vectors():
    # cosines of the three pairs: 0, 1/sqrt(2), 1/sqrt(2)
    found = parallel_share(torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 3.0]]))
    assert found == pytest.approx((0 + 0.70710678 * 2) / 3, abs=1e-6)
    assert np.isnan(parallel_share(torch.ones(1, 2)))


@pytest.fixture(scope="module")
def early(backbones):
    """Early fusion and the calendar, their starts moved away from zero."""
    config = ModelConfig(history=8, time_features="calendar", fusion="early")
    model = backbones.build(config, user_folder=backbones.item, user_layers=1)
    with torch.no_grad():
        model.user.item_offset.normal_()
        model.user.calendar.projection.weight.normal_()
    return model


def test_the_calendar_reads_each_event_s_moment(early, items):
    window, ages, as_of = np.array([3, 7, 1], np.int32), np.array([9 * DAY, 3 * HOUR, 61.0]), 1_700_000_000.0
    times = torch.tensor([as_of - age for age in ages], dtype=torch.float64)
    with torch.no_grad():
        found = early.user_batch(items, [window], [ages], np.array([as_of]))[0]
        embeds = items[[3, 7, 1]] + early.user.item_offset + early.user.calendar(times)
        embeds = torch.cat([embeds, early.user.user_token.unsqueeze(0)]).unsqueeze(0)
        expected = early.user.llm(inputs_embeds=embeds).last_hidden_state[0, -1]
        a_second_on = early.user_batch(items, [window], [ages], np.array([as_of + 1]))[0]
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    assert (a_second_on - found).abs().max() > 1e-3  # float32 would not tell the two apart
    with pytest.raises(ModelError, match="reads the date of each event"):
        early.user_batch(items, [window], [ages])
    whole = early.encode_users(items.numpy(), [window, window[:2]], [ages, ages[:2]], np.array([as_of, as_of]))
    np.testing.assert_allclose(whole[0], found.numpy(), rtol=1e-5, atol=1e-5)


def test_early_fusion_reads_each_target_behind_the_history_and_no_other_target(early, items):
    windows = [np.array([3, 7, 1], np.int32), np.array([5], np.int32), np.zeros(0, np.int32)]
    ages = [np.full(len(window), DAY) for window in windows]
    as_of = np.full(3, 1_700_000_000.0)
    targets = torch.randn(3, 4, 64, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        found = early.early_logits(items, windows, targets, ages, as_of)
        for b, window in enumerate(windows):
            times = torch.full((len(window),), as_of[b] - DAY, dtype=torch.float64)
            history = items[window.astype(int)] + early.user.item_offset + early.user.calendar(times)
            for c in range(4):
                embeds = torch.cat([history, targets[b, c].unsqueeze(0) + early.user.item_offset]).unsqueeze(0)
                state = early.user.llm(inputs_embeds=embeds).last_hidden_state[0, -1]
                torch.testing.assert_close(found[b, c], early.early(state)[0], rtol=1e-4, atol=1e-4)
    assert found.std() > 0.05


def test_a_model_of_late_fusion_has_no_early_logits(model, items):
    with pytest.raises(ModelError, match="no early fusion"):
        model.early_logits(items, [np.zeros(1, np.int32)], torch.zeros(1, 1, 64), [np.ones(1)])

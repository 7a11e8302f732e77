from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from creator.core.acts import LogCounts
from creator.core.errors import ModelError
from creator.models.checkpoint import build_model, load_model, save_model
from creator.models.config import ModelConfig
from creator.models.creative import Branch, Row, RowBatch
from tests.models.tiny import WORDS

ADAPTED = ModelConfig(lora_rank=2, time_features="age", match_calibration=(1.5, -0.5), match_head="wide")


@torch.no_grad()
def answers(model):
    """Everything a model is asked for, as one vector."""
    items = model.encode_texts(WORDS[:6])
    windows = [np.arange(n, dtype=np.int32) for n in (2, 5)]
    users = model.encode_users(items, windows, [np.full(len(w), 7200.0) for w in windows])
    rows = [Row([5, 6, 7], [Branch(0, [8], [9, 10, 1]), Branch(1, [8], [11, 1])])]
    soft = torch.from_numpy(model.soft_tokens(users))
    counts = LogCounts(np.ones((2, 6), np.float32), np.full(6, 2, np.float32), np.full(2, 3, np.float32))
    parts = (
        items,
        users,
        soft.numpy(),
        model.match_probabilities(users, items, counts),
        model.creative.answer_logprobs(RowBatch.of(rows), soft).numpy(),
        model.embed_profiles(["climbing"]).numpy(),
        model.align_projector(torch.from_numpy(users)).numpy(),
        model.creative.profile_projector(torch.from_numpy(users)).numpy(),
    )
    return np.concatenate([part.ravel() for part in parts])


def saved(model, folder, **how):
    folder.mkdir()
    save_model(model, folder, **how)
    return folder


@pytest.fixture(scope="module")
def whole(backbones, tmp_path_factory):
    """A trained-whole model's folder and its answers."""
    model = backbones.build(ModelConfig(history=9), user_layers=1)
    return saved(model, tmp_path_factory.mktemp("whole") / "model"), answers(model)


@pytest.fixture
def copy(whole, tmp_path):
    return shutil.copytree(whole[0], tmp_path / "model")


def test_a_whole_folder_loads_to_the_very_same_answers(whole):
    folder, expected = whole
    assert {path.name for path in folder.iterdir()} == {
        "model.json", "heads.safetensors", "item_llm", "user_llm", "creative_llm"}  # fmt: skip
    loaded = load_model(folder)
    assert not loaded.training
    assert loaded.config.history == 9
    np.testing.assert_array_equal(answers(loaded), expected)


def test_an_adapted_model_answers_the_same_after_its_adapters_are_merged_and_from_a_light_folder_within_half_precision(
    backbones, tmp_path
):
    model = backbones.build(ADAPTED)
    expected = answers(model)
    light = saved(model, tmp_path / "light", light=True)
    np.testing.assert_array_equal(answers(model), expected)  # saving changes nothing
    whole = saved(model, tmp_path / "whole")
    assert {path.name for path in light.iterdir()} == {
        "model.json", "heads.safetensors", "adapter.safetensors", "user_llm"}  # fmt: skip
    assert load_file(light / "heads.safetensors")["creative.user_projector.weight"].dtype == torch.float16
    np.testing.assert_allclose(answers(load_model(whole)), expected, rtol=1e-4, atol=1e-4)


def test_a_light_folder_takes_the_rest_from_its_backbones(backbones, tmp_path):
    torch.manual_seed(0)
    config = ModelConfig(
        lora_rank=2, item_backbone=str(backbones.item), creative_backbone=str(backbones.creative), creative_layers=1
    )
    model = build_model(config, item_folder=backbones.item, creative_folder=backbones.creative).eval()
    with torch.no_grad():
        for name, parameter in model.creative.llm.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.1)
    expected = answers(model)
    folder = saved(model, tmp_path / "light", light=True)
    for adapters in (False, True):
        loaded = load_model(folder, adapters=adapters)
        assert hasattr(loaded.creative.llm, "merge_and_unload") == adapters
        np.testing.assert_allclose(answers(loaded), expected, rtol=5e-3, atol=5e-3)
    again = load_model(folder, adapters=True)
    with torch.no_grad():
        for name, parameter in again.creative.llm.named_parameters():
            if "lora_B" in name:
                parameter.zero_()
    assert np.abs(answers(again) - expected).max() > 0.05  # the adapters do count


def test_a_light_folder_keeps_a_creative_llm_that_was_trained_whole_in_half_precision(backbones, tmp_path):
    torch.manual_seed(0)
    config = ModelConfig(item_backbone=str(backbones.item))
    model = build_model(config, item_folder=backbones.item, creative_folder=backbones.creative).eval()
    expected = answers(model)
    light = saved(model, tmp_path / "light", light=True)
    np.testing.assert_array_equal(answers(model), expected)  # saving changes nothing
    assert not (light / "item_llm").exists()
    assert {t.dtype for t in load_file(light / "creative_llm/model.safetensors").values()} == {torch.float16}
    np.testing.assert_allclose(answers(load_model(light)), expected, rtol=5e-3, atol=5e-3)


def test_the_creative_folder_is_an_ordinary_causal_language_model(whole):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = whole[0] / "creative_llm"
    plain, words = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    ids = torch.tensor([words.encode("Title: chalk bag for climbing")])
    model = load_model(whole[0])
    with torch.no_grad():
        torch.testing.assert_close(plain(ids).logits, model.creative.llm(ids).logits, rtol=0, atol=0)
    assert words.decode(ids[0]) == "Title: chalk bag for climbing"


def change_heads(folder, change):
    heads = load_file(folder / "heads.safetensors")
    change(heads)
    save_file(heads, folder / "heads.safetensors")


def refused(folder, said):
    with pytest.raises(ModelError, match=said):
        load_model(folder)


def test_heads_of_a_wrong_shape_or_name_are_named(copy):
    change_heads(copy, lambda heads: heads.update({"match.user_tower.weight": torch.zeros(3, 2)}))
    refused(copy, r"match.user_tower.weight is \(3, 2\), not \(64, 64\)")
    change_heads(copy, lambda heads: heads.pop("match.user_tower.weight"))
    refused(copy, r"missing match.user_tower.weight")
    change_heads(
        copy, lambda heads: heads.update({"match.user_tower.weight": torch.zeros(64, 64), "bias": torch.ones(1)})
    )
    refused(copy, "unknown bias")


@pytest.mark.parametrize("part", ["item_llm", "user_llm", "creative_llm"])
def test_a_part_that_lacks_a_weight_or_has_one_of_another_shape_is_named(copy, part):
    path = copy / part / "model.safetensors"
    weights = load_file(path)
    name = next(name for name in weights if name.endswith("layers.0.mlp.up_proj.weight"))
    save_file({**weights, name: torch.zeros(3, 3)}, path, metadata={"format": "pt"})
    refused(copy, part)
    save_file({n: w for n, w in weights.items() if n != name}, path, metadata={"format": "pt"})
    refused(copy, part)
    path.write_bytes(b"nothing")
    refused(copy, part)
    path.unlink()
    refused(copy, part)
    (copy / part / "config.json").unlink()
    refused(copy, part)


def test_what_is_no_model_folder_is_named(copy, tmp_path):
    refused(tmp_path / "nowhere", "nowhere is no model folder")
    (copy / "heads.safetensors").write_bytes(b"short")
    refused(copy, "heads.safetensors is missing or not readable")
    (copy / "heads.safetensors").unlink()
    refused(copy, "heads.safetensors is missing or not readable")


def test_more_layers_than_there_are_are_refused(backbones):
    with pytest.raises(ModelError, match="more layers asked for"):
        build_model(ModelConfig(creative_layers=3), item_folder=backbones.item, creative_folder=backbones.creative)


def test_kept_layers_are_the_first_ones_and_survive_saving(backbones, tmp_path):
    model = backbones.build(ModelConfig(creative_layers=1), user_folder=backbones.item, user_layers=1)
    assert [len(llm.layers) for llm in (model.user.llm, model.creative.base.get_decoder())] == [1, 1]
    loaded = load_model(saved(model, tmp_path / "model"))
    assert loaded.creative.llm.config.num_hidden_layers == 1
    np.testing.assert_array_equal(answers(loaded), answers(model))

"""Packed items never see each other, on every attention backend: the reference leaks where flash-attn is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from creator.models import packing
from creator.models.assembly import HllmCreator
from creator.models.packing import PREFIX, attention_mask
from tests.golden.conftest import BACKENDS, load

ROUNDING, LEAK = 5e-5, 1e-3
TEXT = st.lists(st.integers(3, 99), max_size=9)


@pytest.fixture(scope="module", params=BACKENDS)
def model(request: pytest.FixtureRequest, models: dict[str, Path]) -> HllmCreator:
    model = load(models["hllm_creator"], request.param)
    with torch.no_grad():  # attention that looks far and hard, so that a leak cannot hide in rounding
        for layer in model.item.llm.layers:
            layer.self_attn.q_proj.weight.mul_(3)
            layer.self_attn.k_proj.weight.mul_(3)
    return model


def drift(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """Largest difference, relative to the largest magnitude."""
    return float((ours - theirs).abs().max() / theirs.abs().max())


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(TEXT, min_size=2, max_size=6), other=TEXT, data=st.data())
def test_changing_one_item_moves_no_other_embedding(
    model: HllmCreator, texts: list[list[int]], other: list[int], data: st.DataObject
):
    at = data.draw(st.integers(0, len(texts) - 1))
    kept = [n for n in range(len(texts)) if n != at]
    with torch.no_grad():
        before, after = model.item(texts), model.item([*texts[:at], other, *texts[at + 1 :]])
        alone = model.item([texts[kept[0]]])
    assert drift(after[kept], before[kept]) < ROUNDING
    assert drift(before[kept[0]], alone[0]) < ROUNDING
    assert texts[at] == other or drift(after[at], before[at]) > LEAK


def test_without_the_mask_the_same_change_shows_in_the_item_behind(model: HllmCreator, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(packing, "attention_mask", lambda s, dtype: attention_mask(torch.full_like(s, PREFIX), dtype))
    with torch.no_grad():
        before, after = model.item([[5, 6, 7], [8, 9]]), model.item([[5, 99, 7], [8, 9]])
    assert drift(after[1], before[1]) > LEAK

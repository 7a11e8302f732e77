from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from creator.core.artefacts import open_artefact, write_artefact
from creator.core.data import open_data
from creator.core.errors import ArtefactError
from creator.generation.earlier import text_marks, window_marks
from creator.generation.embed import embed
from creator.generation.options import EmbedOptions
from creator.models import item_store
from creator.models.assembly import HllmCreator
from creator.models.checkpoint import save_model
from creator.models.config import ModelConfig
from creator.models.item_encoder import ItemEncoder
from tests.generation.conftest import EVENTS, ITEMS, advert
from tests.models.tiny import AD, OTHER_AD
from tests.training.hand import write_hand_data


@pytest.fixture
def encoded(monkeypatch):
    """Every text that the Item LLM is run on, in order; it can be told to die at the n-th call."""
    texts, run = [], ItemEncoder.forward
    state = {"dies_at": None, "calls": 0}

    def forward(self, token_ids):
        if state["calls"] == state["dies_at"]:
            raise KeyboardInterrupt
        state["calls"] += 1
        texts.extend(self.tokenizer.decode(ids) for ids in token_ids)
        return run(self, token_ids)

    monkeypatch.setattr(ItemEncoder, "forward", forward)
    return texts, state


def options(world, out):
    return EmbedOptions(model=world.path("model"), data=world.path("data"), out=out)


def read(out):
    return {name: (np.load(out / f"{name}.npy"), (out / f"{name}.ids").read_text().split("\n")[:-1])
            for name in ("items", "ads", "users")}  # fmt: skip


def test_every_item_and_ad_is_encoded_once_however_many_histories_hold_it(world, tmp_path, encoded):
    texts, _ = encoded
    out = tmp_path / "embeddings"
    summary = embed(options(world, out))
    ads = [f"{AD.title}. {'; '.join(AD.selling_points)}", f"{OTHER_AD.title}. {OTHER_AD.description}"]
    items = ["chalk bag", "landing net", "race belt", "sling set", "chalk bag deluxe"]
    assert sorted(texts) == sorted([*items, *ads])
    found = read(out)
    assert {name: ids for name, (_, ids) in found.items()} == {
        "items": items, "ads": ["a1", "a2"], "users": ["u0", "u1"]}  # fmt: skip
    table, _ = found["items"]
    np.testing.assert_allclose(table, world.model.encode_texts(items), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found["ads"][0], world.model.encode_texts(ads), rtol=1e-5, atol=1e-5)
    # u0: chalk bag, landing net, chalk bag; u1: race belt, chalk bag; who bought nothing yet has no embedding
    windows = [np.array([0, 1, 0], np.int32), np.array([2, 0], np.int32)]
    np.testing.assert_allclose(found["users"][0], world.model.encode_users(table, windows), rtol=1e-5, atol=1e-5)
    assert (summary["items"], summary["users"], summary["without_history"], summary["width"]) == (5, 2, 1, 64)
    assert open_artefact(out, "embeddings").facts["as_of"] == 10.0
    assert all(array.dtype == np.float32 for array, _ in found.values())


def test_killed_and_called_again_it_encodes_only_what_was_not_finished(world, tmp_path, encoded, monkeypatch):
    texts, state = encoded
    monkeypatch.setattr(item_store, "BLOCK_TEXTS", 2)
    embed(options(world, tmp_path / "calm"))
    texts.clear()
    state.update(dies_at=2, calls=0)
    out = tmp_path / "embeddings"
    with pytest.raises(KeyboardInterrupt):
        embed(options(world, out))
    assert not out.exists()
    before = set(texts)
    assert len(texts) == len(before) == 4
    texts.clear()
    state.update(dies_at=None)
    embed(options(world, out))
    assert not before & set(texts)
    calm, resumed = read(tmp_path / "calm"), read(out)
    for name, (array, ids) in calm.items():
        np.testing.assert_array_equal(resumed[name][0], array)
        assert resumed[name][1] == ids
    files = {path.name for path in out.iterdir()}
    marks = {"items.marks.npy", "users.marks.npy"}
    assert files == {f"{n}.{e}" for n in calm for e in ("npy", "ids")} | marks | {"manifest.json"}
    assert set(json.loads((out / "manifest.json").read_text())["files"]) == files - {"manifest.json"}


def test_a_catalogue_of_equal_texts_costs_one_encoding(world, tmp_path, encoded):
    texts, _ = encoded
    table = item_store.encode_catalogue(world.model, ["race belt", "chalk bag", "race belt"], tmp_path)
    assert sorted(texts) == ["chalk bag", "race belt"]
    np.testing.assert_array_equal(table[0], table[2])
    assert item_store.encode_catalogue(world.model, [], tmp_path / "none").shape == (0, 64)


def test_what_is_live_is_embedded_and_nothing_else(world):
    assert [ad.ad_id for ad in open_data(world.path("data")).live_ads] == ["a1", "a2"]


def a_day_later(world, folder):
    """A new item, the items in another order, a new user, an event of u1; u0 is idle."""
    events = [*EVENTS[:5], ("u1", "tent peg set", 12.0), ("new", "sling set", 13.0), ("late", "race belt", 10.0)]
    items = ["race belt", "chalk bag", "landing net", "sling set", "chalk bag deluxe", "tent peg set"]
    ads = [advert(AD), advert(OTHER_AD)]
    write_hand_data(folder / "data", items=items, events=events, ads=ads, train_until=20.0)
    return folder / "data"


def test_a_day_later_only_new_items_and_active_users_are_embedded(world, tmp_path, encoded, monkeypatch):
    texts, _ = encoded
    read_users, windows = HllmCreator.encode_users, []
    monkeypatch.setattr(
        HllmCreator,
        "encode_users",
        lambda self, table, w, *a, **k: windows.extend(w) or read_users(self, table, w, *a, **k),
    )
    first, data = tmp_path / "first", a_day_later(world, tmp_path)
    embed(options(world, first))
    calls = [EmbedOptions(model=world.path("model"), data=data, out=tmp_path / name, previous=before)
             for name, before in (("whole", None), ("update", first))]  # fmt: skip
    embed(calls[0])
    texts.clear()
    windows.clear()
    summary = embed(calls[1])
    ads = {f"{AD.title}. {'; '.join(AD.selling_points)}", f"{OTHER_AD.title}. {OTHER_AD.description}"}
    assert set(texts) - ads == {"tent peg set"}
    assert (summary["new_items"], summary["active_users"], summary["users"]) == (1, 3, 4)
    assert len(windows) == 3  # u1, who bought something, new, and late, who had no history the day before
    whole, update = read(tmp_path / "whole"), read(tmp_path / "update")
    for name, (array, ids) in whole.items():
        assert update[name][1] == ids
        np.testing.assert_allclose(update[name][0], array, rtol=1e-5, atol=1e-5)
    # and a third day, on which nothing happened
    texts.clear()
    again = embed(
        EmbedOptions(model=world.path("model"), data=data, out=tmp_path / "third", previous=tmp_path / "update")
    )
    assert (again["new_items"], again["active_users"], set(texts) - ads) == (0, 0, set())


def test_vectors_of_another_model_or_without_marks_are_not_taken_over(world, tmp_path, backbones):
    embed(options(world, tmp_path / "first"))
    other = backbones.build(ModelConfig(history=3), seed=9, user_layers=1)
    with write_artefact(tmp_path / "other", "model", config={}) as draft:
        save_model(other, draft.path)
    call = EmbedOptions(
        model=tmp_path / "other", data=world.path("data"), out=tmp_path / "out", previous=tmp_path / "first"
    )
    with pytest.raises(ArtefactError, match="was made by another model"):
        embed(call)
    (tmp_path / "first/users.marks.npy").unlink()
    with pytest.raises(ArtefactError, match="does not say what its vectors were made of"):
        embed(replace(call, model=world.path("model")))


def test_a_window_s_mark_tells_items_texts_and_times(world):
    histories = open_data(world.path("data")).histories
    users = np.array([1, 2])  # u0 and u1; the first is "late"
    marks = text_marks(ITEMS)
    base = window_marks(histories, users, 20.0, 3, marks)
    assert (window_marks(histories, users, 99.0, 3, marks) == base).all()  # reading later changes nothing
    renamed = text_marks(["chalk bags", *ITEMS[1:]])
    assert (window_marks(histories, users, 20.0, 3, renamed) != base).all()
    assert (window_marks(histories, users, 2.5, 3, marks) != base).any()

from __future__ import annotations

import json

import numpy as np
import pytest

from creator.core.artefacts import open_artefact
from creator.core.data import open_data
from creator.generation.embed import embed
from creator.generation.options import EmbedOptions
from creator.models import item_store
from creator.models.item_encoder import ItemEncoder
from tests.models.tiny import AD, OTHER_AD


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
    assert files == {f"{n}.{e}" for n in calm for e in ("npy", "ids")} | {"manifest.json"}
    assert set(json.loads((out / "manifest.json").read_text())["files"]) == files - {"manifest.json"}


def test_a_catalogue_of_equal_texts_costs_one_encoding(world, tmp_path, encoded):
    texts, _ = encoded
    table = item_store.encode_catalogue(world.model, ["race belt", "chalk bag", "race belt"], tmp_path)
    assert sorted(texts) == ["chalk bag", "race belt"]
    np.testing.assert_array_equal(table[0], table[2])
    assert item_store.encode_catalogue(world.model, [], tmp_path / "none").shape == (0, 64)


def test_what_is_live_is_embedded_and_nothing_else(world):
    assert [ad.ad_id for ad in open_data(world.path("data")).live_ads] == ["a1", "a2"]

"""The whole stage with the real engine on transformers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from creator.core.artefacts import open_artefact
from creator.core.data import open_data
from creator.core.errors import ArtefactError
from creator.generation.journal import Journal
from creator.generation.options import GenerateOptions
from creator.generation.pairs import Pair, read_audience, read_kept_pairs
from creator.generation.titles import generate
from creator.generation.writer import write_prompts
from creator.models.word_table import PromptParts
from tests.generation.conftest import write_clusters, write_pairs
from tests.models.tiny import AD, OTHER_AD


def options(world, out, **changes):
    paths = {name: world.path(name) for name in ("model", "data", "clusters", "pairs")}
    settings = {"engine": "transformers", "candidates": 3, "dtype": "fp32", "temperature": 1.0, "top_p": 1.0}
    return GenerateOptions(**{**paths, **settings, "out": out, **changes})


def read(out):
    return [pd.read_parquet(out / f"{name}.parquet") for name in ("titles", "rejected")]


@pytest.fixture(scope="module")
def calm(world, tmp_path_factory):
    out = tmp_path_factory.mktemp("calm") / "titles"
    return out, generate(options(world, out))


def test_every_kept_pair_has_its_candidates_and_rows_in_are_kept_or_rejected(calm):
    out, summary = calm
    titles, rejected = read(out)
    both = pd.concat([titles, rejected])
    assert {(c, a) for c, a in zip(both["cluster_id"], both["ad_id"], strict=True)} == {(0, "a1"), (1, "a1"), (1, "a2")}
    assert both["title_id"].is_unique
    assert summary["pairs"] == 3
    assert summary["prompts"] == 3
    assert summary["candidates"] == len(both) <= 9
    assert summary["titled_pairs"] + summary["fallback_pairs"] == 3
    assert sum(summary["rejected_by_reason"].values()) == len(rejected)
    manifest = open_artefact(out, "titles").manifest
    assert manifest["rows"] == {"pairs": 3, "titles": len(titles), "rejected": len(rejected)}
    assert {path.name for path in out.iterdir()} == {
        "manifest.json", "titles.parquet", "rejected.parquet", "outcomes.parquet"}  # fmt: skip
    outcomes = pd.read_parquet(out / "outcomes.parquet")
    titled = {(c, a) for c, a in zip(titles["cluster_id"], titles["ad_id"], strict=True)}
    assert len(outcomes) == 3
    for row in outcomes.itertuples():
        has = (row.cluster_id, row.ad_id) in titled
        assert row.outcome == ("title" if has else "original")
        assert row.reason.startswith("no candidate passes: ") is not has


def test_killed_time_and_again_it_ends_with_the_same_titles(world, calm, tmp_path, monkeypatch):
    out, append = tmp_path / "titles", Journal.append
    for _ in range(2):  # each time one more pair is written down
        written = []

        def dying(self, row, written=written):
            if written:
                raise KeyboardInterrupt
            written.append(row)
            append(self, row)

        monkeypatch.setattr(Journal, "append", dying)
        with pytest.raises(KeyboardInterrupt):
            generate(options(world, out))
        assert not out.exists()
    monkeypatch.setattr(Journal, "append", append)
    summary = generate(options(world, out))
    assert summary["prompts"] < 3  # the rest was there
    for ours, theirs in zip(read(out), read(calm[0]), strict=True):
        pd.testing.assert_frame_equal(ours, theirs, rtol=1e-5, atol=1e-5)


def test_greedy_draws_one_candidate(world, tmp_path):
    summary = generate(options(world, tmp_path / "titles", temperature=0.0))
    assert summary["candidates"] == 3


def test_a_prompt_is_the_ads_words_with_the_clusters_soft_token_in_its_place(world):
    soft = np.random.default_rng(0).normal(size=(2, 64)).astype(np.float32)
    pairs = [Pair(0, 0, AD), Pair(1, 1, AD), Pair(1, 1, OTHER_AD)]
    prompts = write_prompts(PromptParts.read(world.path("model")), pairs, soft)
    assert [prompt.prompt_id for prompt in prompts] == ["0/a1", "1/a1", "1/a2"]
    words = world.model.creative.base.get_input_embeddings().weight.detach()
    for prompt, pair in zip(prompts, pairs, strict=True):
        ids = world.model.prompts.prompt(pair.ad)
        expected = [words[list(ids.before)], torch.from_numpy(soft[[pair.row]]), words[list(ids.after)]]
        torch.testing.assert_close(prompt.embeds, torch.cat(expected), rtol=0, atol=0)


def test_the_mean_user_weighs_centroids_by_their_members(world):
    mean = read_audience(open_artefact(world.path("clusters"), "clusters"), world.model).mean
    centroids = np.load(world.path("clusters") / "centroids.npy")
    by_hand = 0.75 * centroids[0] + 0.25 * centroids[1]  # three members and one; who is in no cluster does not count
    projector = world.model.creative.user_projector.weight.detach().numpy()
    np.testing.assert_allclose(mean, projector @ by_hand, rtol=1e-4, atol=1e-5)


def test_without_members_every_centroid_counts_the_same(world, tmp_path):
    clusters = write_clusters(tmp_path / "clusters", np.stack([np.ones(64), np.zeros(64)]), [-1])
    mean = read_audience(open_artefact(clusters, "clusters"), world.model).mean
    projector = world.model.creative.user_projector.weight.detach().numpy()
    np.testing.assert_allclose(mean, projector.sum(1) / 2, rtol=1e-4, atol=1e-5)


def test_pairs_of_one_ad_stand_together(world):
    pairs = read_kept_pairs(open_artefact(world.path("pairs"), "pairs"), open_data(world.path("data")), 2)
    assert [pair.key for pair in pairs] == ["0/a1", "1/a1", "1/a2"]


def test_inputs_that_do_not_belong_together_are_named(world, tmp_path):
    def refused(said, **changes):
        with pytest.raises(ArtefactError, match=said):
            generate(options(world, tmp_path / "titles", **changes))

    refused("not of this model's users; got: shape \\[2, 9\\]",
            clusters=write_clusters(tmp_path / "narrow", np.zeros((2, 9)), [0]))  # fmt: skip
    refused("not of these clusters and ads", pairs=write_pairs(tmp_path / "many", [(2, "a1", True)]))
    refused("got: 1 unknown ads", pairs=write_pairs(tmp_path / "strange", [(0, "a9", True)]))
    broken = write_pairs(tmp_path / "broken", [(0, "a1", True)])
    (broken / "pairs.parquet").write_bytes(b"PAR1")
    refused("pairs.parquet is not readable Parquet", pairs=broken)
    empty = write_clusters(tmp_path / "empty", np.zeros((2, 64)), [0])
    (empty / "centroids.npy").unlink()
    refused("centroids.npy cannot be read", clusters=empty)


def test_no_kept_pair_is_an_empty_table_and_no_failure(world, tmp_path):
    summary = generate(options(world, tmp_path / "titles", pairs=write_pairs(tmp_path / "none", [(0, "a1", False)])))
    assert (summary["pairs"], summary["titled_pairs"], summary["candidates"]) == (0, 0, 0)

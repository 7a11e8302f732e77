from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from clustering.match import members_to_ask, score_blocks
from creator.cli import main
from creator.core.artefacts import open_artefact, write_artefact
from creator.core.errors import ModelError
from tests.clustering.conftest import TASTES, WIDTH, write_data, write_tastes


class FakeModel:
    """Matches a user with an ad by how much of the user's vector lies in the direction of the ad's taste."""

    reads_counts = False

    def __init__(self, width: int = WIDTH, answer: float | None = None) -> None:
        self.user = SimpleNamespace(width=width)
        self.answer, self.most_ads = answer, 0

    def encode_texts(self, texts):
        rows = [[float(text.lower().startswith(taste)) for taste in TASTES] for text in texts]
        return np.pad(np.array(rows, np.float32), ((0, 0), (0, self.user.width - len(TASTES))))

    def match_probabilities(self, users, ads, counts=None):
        self.most_ads = max(self.most_ads, len(ads))
        match = np.clip(users @ ads.T / 4, 0, 1).astype(np.float32)
        return match if self.answer is None else np.full_like(match, self.answer)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    embeddings = write_tastes(folder / "embeddings", write_data(folder / "data"))
    assert main(["cluster", "--embeddings", str(embeddings), "-k", "3", "--out", str(folder / "clusters")]) == 0
    with write_artefact(folder / "model", "model", config={}):
        pass
    return folder


@pytest.fixture
def folders(made, tmp_path):
    inputs = [part for name in ("model", "data", "clusters") for part in (f"--{name}", str(made / name))]
    return [*inputs, "--out", str(tmp_path / "pairs")]


@pytest.fixture
def model(monkeypatch):
    fake = FakeModel()
    stand_in = ModuleType("creator.models.checkpoint")
    stand_in.load_model = lambda folder: fake
    monkeypatch.setitem(sys.modules, "creator.models.checkpoint", stand_in)
    return fake


def pairs_of(folders):
    return Path(folders[-1])


def prune(folders, *more):
    status = main(["prune", *folders, *more])
    return status, pd.read_parquet(f"{folders[-1]}/pairs.parquet") if status == 0 else None


@pytest.mark.parametrize("block_pairs", ["1", "6", "1000"])
def test_every_pair_of_a_cluster_and_a_live_ad_is_there_once_with_its_figures(folders, model, block_pairs, capsys):
    status, pairs = prune(folders, "--coverage", "0.9", "--block-pairs", block_pairs, "--json")
    assert status == 0
    assert list(pairs.columns) == ["cluster_id", "ad_id", "match", "expected_reach", "kept", "reason"]
    assert not pairs.duplicated(["cluster_id", "ad_id"]).any()
    # ad3 is not live; clusters 0, 1, 2 are climbing (60), cycling (40), fishing (20)
    assert set(pairs["ad_id"]) == {"ad0", "ad1", "ad2"}
    assert len(pairs) == 9
    np.testing.assert_allclose(
        pairs["expected_reach"], pairs["match"] * pairs["cluster_id"].map({0: 60, 1: 40, 2: 20}), rtol=1e-6
    )
    # a taste's vector is 3 long in its own direction: the match is 3/4
    own = pairs[pairs["kept"]].set_index("ad_id").sort_index()
    assert own["cluster_id"].tolist() == [0, 1, 2]
    np.testing.assert_allclose(own["match"], 0.75, atol=0.01)
    assert model.most_ads <= max(1, int(block_pairs) // 3)
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (summary["pairs"], summary["kept"], summary["ads_with_two_or_more"]) == (9, 3, 0)
    assert summary["reach_share"] > 0.9
    assert sorted(p.name for p in open_artefact(pairs_of(folders), "pairs").path.iterdir()) == [
        "manifest.json",
        "pairs.parquet",
    ]


@pytest.mark.parametrize("block_pairs", ["3", "1000"])
def test_a_budget_is_spent_over_all_ads_whatever_the_blocks(folders, model, block_pairs):
    _, pairs = prune(folders, "--budget", "2", "--block-pairs", block_pairs)
    # 0.75 x 60 and 0.75 x 40 are the best two
    kept = pairs[pairs["kept"]]
    assert list(zip(kept["cluster_id"], kept["ad_id"], strict=True)) == [(0, "ad0"), (1, "ad1")]
    assert kept["reason"].str.contains("among the best 2 of 9 pairs").all()


def test_a_model_that_reads_counts_is_given_the_means_of_the_members_at_the_time_titles_go_live(
    folders, model, monkeypatch, tmp_path
):
    data = write_data(tmp_path / "data")
    ads = pd.read_parquet(data / "ads.parquet")
    ads["item_ids"] = [["climbing0", "climbing1"], ["pump", "fishing0"], [], []]
    ads.to_parquet(data / "ads.parquet")
    given = []
    monkeypatch.setattr(model, "reads_counts", True, raising=False)
    monkeypatch.setattr(model, "match_probabilities",
                        lambda users, ads, counts: (given.append(counts), np.full((3, len(ads)), 0.5))[1])  # fmt: skip
    assert prune(folders, "--data", str(data), "--coverage", "0.9", "--block-pairs", "6", "--members", "1")[0] == 0
    own = np.hstack([counts.own for counts in given])
    # 60 climbers bought both things of ad0; everybody bought the pump, the fishers the bait too; ad2 names nothing
    np.testing.assert_allclose(np.expm1(own), [[2, 1, 0], [0, 1, 0], [0, 2, 0]], atol=1e-5)
    np.testing.assert_allclose(np.expm1(np.hstack([counts.ads for counts in given])), [120, 140, 0], rtol=1e-5)
    np.testing.assert_allclose(np.expm1(given[0].users), [4, 4, 4], rtol=1e-5)  # not the event after the titles go live


@pytest.mark.parametrize(("members", "asked"), [((), 120), (("--members", "10"), 30)])
def test_a_cluster_matches_as_its_members_do_on_average(folders, model, monkeypatch, tmp_path, members, asked):
    data = write_data(tmp_path / "data")
    ads = pd.read_parquet(data / "ads.parquet")
    ads["item_ids"] = [["climbing0"], ["pump"], ["nothing sold"], []]
    ads.to_parquet(data / "ads.parquet")
    rows = []

    def whoever_bought_it_matches(users, ads, counts):
        rows.append(len(users))
        np.testing.assert_array_equal(counts.users, np.full(len(users), np.log1p(4), np.float32))
        return (counts.own > 0).astype(np.float32)

    monkeypatch.setattr(model, "reads_counts", True, raising=False)
    monkeypatch.setattr(model, "match_probabilities", whoever_bought_it_matches)
    _, pairs = prune(folders, "--data", str(data), "--coverage", "1", "--block-pairs", "200", *members)
    assert set(rows) == {asked}
    # the climbers are cluster 0 and buy ad0's thing; everybody buys the pump; nobody what was never sold
    found = pairs.pivot(index="cluster_id", columns="ad_id", values="match").to_numpy()
    np.testing.assert_array_equal(found, [[1, 1, 0], [0, 1, 0], [0, 1, 0]])


def test_fewer_members_are_asked_where_there_are_many_pairs():
    assert members_to_ask(24, 209) == 256
    assert members_to_ask(1_000, 1_000) == 8
    assert members_to_ask(10_000, 100_000) == 1


def test_four_fifths_of_the_reach_are_covered_when_nothing_is_said(folders, model):
    prune(folders)
    manifest = open_artefact(pairs_of(folders), "pairs")
    assert manifest.facts["coverage"] == 0.8
    assert manifest.manifest["rows"] == {"pairs": 9, "kept": 3}


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        (["--budget", "0"], "budget: got 0, expected at least 1 pair"),
        (["--coverage", "1.2"], "coverage: got 1.2"),
        (["--coverage", "0.5", "--budget", "4"], "exclude each other"),
        (["--budget", "3", "--block-pairs", "0"], "block_pairs: got 0"),
        (["--budget", "3", "--members", "0"], "members: got 0"),
    ],
)
def test_an_empty_or_contradictory_goal_is_a_usage_error(folders, model, capsys, more, fault):
    assert prune(folders, *more)[0] == 2
    assert fault in capsys.readouterr().err


def test_no_expected_user_at_all_keeps_nothing_and_says_so(folders, model, capsys):
    model.answer = 0.0
    status, pairs = prune(folders, "--budget", "5")
    assert status == 0
    assert not pairs["kept"].any()
    assert (pairs["reason"] == "dropped: no user of the cluster is expected to match").all()
    assert "none of the expected reach" in capsys.readouterr().out


def test_a_model_of_another_width_is_an_error(folders, model, capsys):
    model.user.width = WIDTH + 4
    assert prune(folders)[0] == 1
    assert "a user is 12 wide; expected: 8, as the centroids" in capsys.readouterr().err


@pytest.mark.parametrize("answer", [np.nan, 1.5, -0.1])
def test_an_answer_that_is_no_probability_is_an_error(answer):
    with pytest.raises(ModelError, match="no probability; got: 4 such values among 4"):
        list(
            score_blocks(
                FakeModel(answer=answer), np.ones((2, WIDTH), np.float32), ["climbing", "cycling"], block_pairs=10
            )
        )


def test_data_without_a_live_ad_is_an_error(folders, model, tmp_path, capsys):
    data = write_data(tmp_path / "data")
    ads = pd.read_parquet(data / "ads.parquet")
    ads.assign(live=False).to_parquet(data / "ads.parquet")
    assert prune(folders, "--data", str(data))[0] == 1
    assert "no ad wants titles; got: 4 ads, none live" in capsys.readouterr().err


def test_a_kill_while_scoring_leaves_nothing_that_looks_whole_and_the_next_start_succeeds(folders, model, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(FakeModel, "match_probabilities", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        assert main(["prune", *folders]) == 130
    assert not pairs_of(folders).exists()
    status, pairs = prune(folders)
    assert (status, len(pairs)) == (0, 9)

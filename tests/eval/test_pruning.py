"""Redemptions kept against pairs generated, on worlds small enough to count by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from creator.cli import main
from creator.core.artefacts import open_artefact, write_artefact
from creator.core.data import IMPRESSIONS, write_table
from eval.pruning import OUTSIDE, Ranking, Redemptions, needed_interval, rank_pairs, score_purchases
from tests.clustering.conftest import LIVE_AT, TASTES, USERS_OF, taste_of, write_data

USERS = [f"{t}-{n:02d}" for t in TASTES for n in range(USERS_OF[t])]


def test_each_redemption_stands_at_the_place_of_its_pair_and_outside_users_at_none() -> None:
    score = np.array([[3.0, 1.0], [3.0, 5.0]])  # order: (1, 1), (0, 0), (1, 0), (0, 1)
    cluster_of = np.array([0, 1, OUTSIDE])
    found = Redemptions(np.array([0, 0, 1, 1, 2]), np.array([0, 1, 0, 1, 0]), 0)
    ranking = rank_pairs("x", score, cluster_of, found)
    assert ranking.ranks.tolist() == [1, 3, 2, 0, 4]
    assert [ranking.kept(share) for share in (0, 0.25, 0.5, 1)] == [0, 0.2, 0.4, 0.8]
    # 0.6 of five is three: the third best place is 2, so three of four pairs; the fifth can never be kept
    assert ranking.needed(0.6).tolist() == [0.75]
    assert np.isnan(ranking.needed(0.95)).all()


def test_resampled_users_count_as_often_as_they_are_drawn() -> None:
    ranking = Ranking("x", np.array([0, 5, 9]), 10)
    weights = np.array([[1, 3, 0], [1, 0, 1], [1, 0, 0]], float)
    assert ranking.needed(1.0, weights).tolist() == [1.0, 0.1, 0.6]
    found = Redemptions(np.array([7, 7, 8]), np.zeros(3, np.int64), 0)
    low, high = needed_interval(ranking, found, 1.0, 200, 0)
    assert (low, high) == (0.6, 1.0)  # only the first user drawn, or the second, too


def test_purchase_counts_are_summed_as_logs_over_the_members() -> None:
    counts = sparse.csr_array(np.array([[3, 0], [0, 1], [7, 7], [100, 0]], float))
    score = score_purchases(counts, np.array([0, 0, 1, OUTSIDE]), 2)
    np.testing.assert_allclose(score, np.log([[4, 2], [8, 8]]))


def write_world(folder: Path, pairs: pd.DataFrame) -> list[str]:
    """Every climber redeems ad0 and every cyclist ad1, once before the ads go live and once after."""
    data = write_data(folder / "data")
    wanted = {"climbing": "ad0", "cycling": "ad1"}
    rows = [
        (user, wanted[taste_of(user)], when, True, None)
        for user in USERS
        if taste_of(user) in wanted
        for when in (LIVE_AT - 5, LIVE_AT + 5)
    ]
    write_table(data / "impressions.parquet", pd.DataFrame(rows, columns=IMPRESSIONS.names), IMPRESSIONS)
    with write_artefact(folder / "clusters", "clusters", config={}) as draft:
        ids = [TASTES.index(taste_of(user)) for user in USERS]
        pd.DataFrame({"user_id": USERS, "cluster_id": np.array(ids, np.int32)}).to_parquet(
            draft.path / "assignment.parquet"
        )
    with write_artefact(folder / "pairs", "pairs", config={}) as draft:
        pairs.to_parquet(draft.path / "pairs.parquet")
    return [part for name in ("data", "clusters", "pairs") for part in (f"--{name}", str(folder / name))]


def all_pairs(reach: np.ndarray, kept: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        [(k, f"ad{a}", reach[k, a] / 10, reach[k, a], bool(kept[k, a])) for k in range(3) for a in range(3)],
        columns=["cluster_id", "ad_id", "match", "expected_reach", "kept"],
    ).astype({"cluster_id": "int32", "match": "float32", "expected_reach": "float32"})


def test_the_command_counts_what_follows_the_clustering_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # the head puts (climbing, ad0) first and (cycling, ad1) third; the run kept the first alone
    reach = np.array([[9.0, 8.0, 1.0], [2.0, 7.0, 1.0], [0.0, 0.0, 5.0]])
    call = write_world(tmp_path, all_pairs(reach, reach == 9))
    assert main(["evaluate", "pruning", *call, "--resamples", "50", "--out", str(tmp_path / "r"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["redemptions"] == 100
    assert (found["pairs"], found["kept"]) == (pytest.approx(1 / 9), 0.6)
    assert found["pruning_saved"] == pytest.approx(1 - 3 / 9)
    summary = json.loads((tmp_path / "r" / "summary.json").read_text())
    assert summary["left_out"] == {"redemptions before the clusters were made": 100}
    assert [row["name"] for row in summary["orders"]][-1] == "random"
    assert summary["curves"]["match head"][-1] == 1.0
    # 60 of 100 redemptions fall into one cluster, 40 into another
    assert summary["orders"][0]["spread"] == pytest.approx(np.exp(-0.6 * np.log(0.6) - 0.4 * np.log(0.4)))
    # ten bins of ten impressions, all clicked: the 40 at 0.7 first, then the 60 at 0.9
    assert [round(one["predicted"], 6) for one in summary["calibration"]] == [0.7] * 4 + [0.9] * 6
    assert {one["observed"] for one in summary["calibration"]} == {1.0}
    for name in ("curve.png", "report.html"):
        assert (tmp_path / "r" / name).stat().st_size > 1000
    assert open_artefact(tmp_path / "r", "evaluation").manifest["rows"]["left_out"] == 100


def test_pairs_that_are_missing_or_of_other_clusters_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = all_pairs(np.ones((3, 3)), np.ones((3, 3)))
    for name, pairs, message in (
        ("a", whole.iloc[1:], "lacks pairs; got: 1 missing"),
        ("b", whole[whole["cluster_id"] < 2], "come from other clusters; got: 2 clusters in the pairs"),
        ("c", whole.iloc[:0], "holds no pair"),
    ):
        call = write_world(tmp_path / name, pairs)
        assert main(["evaluate", "pruning", *call, "--out", str(tmp_path / name / "r")]) == 1
        assert message in capsys.readouterr().err
        assert not (tmp_path / name / "r").exists()
    assert main(["evaluate", "pruning", *call, "--keep", "2", "--resamples", "1", "--out", "x"]) == 2
    assert "2 faults" in capsys.readouterr().err

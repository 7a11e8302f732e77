from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest

from creator.cli import main
from creator.core.artefacts import open_artefact
from tests.clustering.conftest import USERS_OF, WIDTH, taste_of, write_data, write_embeddings, write_tastes


@pytest.fixture(scope="module")
def clusters(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    data = write_data(folder / "data")
    embeddings = write_tastes(folder / "embeddings", data)
    call = [
        "cluster",
        "--embeddings",
        str(embeddings),
        "--data",
        str(data),
        "-k",
        "3",
        "--out",
        str(folder / "clusters"),
    ]
    assert main(call) == 0
    return folder / "clusters"


@pytest.fixture
def vectors(clusters):
    return np.load(clusters.parent / "embeddings" / "users.npy")


def cluster(tmp_path, *more, rows=None, users=None, name="clusters"):
    users = users or [f"u{n}" for n in range(len(rows))]
    embeddings = write_embeddings(tmp_path / f"{name}-embeddings", rows, users)
    status = main(["cluster", "--embeddings", str(embeddings), "--out", str(tmp_path / name), *more])
    return status, tmp_path / name


def gaussian(users, width=6, seed=0):
    return np.random.default_rng(seed).normal(size=(users, width)).astype(np.float32)


def test_users_of_one_taste_share_a_cluster_and_the_largest_comes_first(clusters):
    table = pd.read_parquet(clusters / "assignment.parquet")
    assert list(table.columns)[:3] == ["user_id", "cluster_id", "similarity"]
    assert table["user_id"].is_unique
    by_taste = table.assign(taste=table["user_id"].map(taste_of)).groupby("cluster_id")["taste"].agg(["unique", "size"])
    assert [list(t) for t in by_taste["unique"]] == [["climbing"], ["cycling"], ["fishing"]]
    assert by_taste["size"].tolist() == list(USERS_OF.values())
    assert (table["similarity"] > 0.99).all()
    assert table["reason"].isna().all()


def test_centroids_are_the_members_means(clusters, vectors):
    rows, ids = vectors, pd.read_parquet(clusters / "assignment.parquet")["cluster_id"]
    centroids = np.load(clusters / "centroids.npy")
    assert centroids.dtype == np.float32
    for k in range(3):
        np.testing.assert_allclose(centroids[k], rows[ids == k].mean(axis=0), atol=1e-5)


def test_cards_carry_the_figures_that_a_count_by_hand_gives(clusters):
    record = json.loads((clusters / "cards.json").read_text())
    card = record["clusters"][2]
    assert (record["users"], card["size"], card["share"]) == (120, 20, pytest.approx(20 / 120))
    # all 20 members have each thing for fishing, 20 of all 120 users do: six times the average
    things = {line["title"]: line for line in card["items"]}
    assert set(things) == {f"Fishing gear {w}, {n} pieces" for n, w in enumerate(("rope", "bag", "box"))}
    for line in things.values():
        assert (line["members_share"], line["average_share"]) == (pytest.approx(1), pytest.approx(1 / 6))
        assert line["members"] == 20
        assert line["lift"] == pytest.approx(6)
        # z = (1 - p) / (sqrt(p (1 - p)) / sqrt(20)) with p = 1/6
        assert line["z"] == pytest.approx((5 / 6) / ((5 / 36) ** 0.5 / 20**0.5))
    # three of a member's four events are fishing gear; the average user's share is a sixth of that
    assert [line["interest"] for line in card["interests"]] == ["fishing gear"]
    assert card["interests"][0]["members_share"] == pytest.approx(0.75)
    assert card["interests"][0]["average_share"] == pytest.approx(0.125)
    assert card["name"] == "fishing gear"


def test_what_everybody_buys_is_on_no_card(clusters):
    assert "pump" not in (clusters / "cards.json").read_text().lower()


def test_no_user_id_is_on_a_card_the_page_or_the_picture(clusters):
    for name in ("cards.json", "report.html", "points.json"):
        assert not re.search(r"(climbing|cycling|fishing)-\d\d", (clusters / name).read_text()), name


def test_the_page_is_self_contained_and_shows_every_card(clusters):
    page = (clusters / "report.html").read_text()
    assert page.count("<article") == 3
    assert page.count("data:image/png;base64,") == 2
    assert not re.search(r"(?:src|href)\s*=\s*[\"'](?!data:)|url\(|@import", page)
    assert "fishing gear" in page


def test_points_lie_on_the_two_directions_of_most_variance(clusters, vectors):
    points = json.loads((clusters / "points.json").read_text())
    rows = vectors.astype(float)
    spread = np.linalg.eigvalsh(np.cov(rows.T))[::-1]
    assert points["explained_variance"] == pytest.approx((spread[:2] / spread.sum()).tolist(), rel=1e-4)
    assert np.var(points["x"], ddof=1) == pytest.approx(spread[0], rel=1e-4)
    assert len(points["x"]) == len(points["cluster_id"]) == 120
    assert np.shape(points["centroids"]) == (3, 2)


def test_the_manifest_holds_the_figures(clusters, vectors):
    facts = open_artefact(clusters, "clusters").facts
    rows, ids = vectors, pd.read_parquet(clusters / "assignment.parquet")["cluster_id"]
    inertia = sum(((rows[ids == k] - rows[ids == k].mean(axis=0)) ** 2).sum() for k in range(3))
    assert facts["inertia"] == pytest.approx(inertia, rel=1e-4)
    assert (facts["k"], facts["metric"], facts["size_min"], facts["size_median"], facts["size_max"]) == (
        3,
        "euclidean",
        20,
        40,
        60,
    )


def test_windows_are_as_long_as_the_embedders_unless_said_otherwise(clusters, tmp_path):
    assert open_artefact(clusters, "clusters").facts["history"] == 50
    inputs = ["--embeddings", str(clusters.parent / "embeddings"), "--data", str(clusters.parent / "data")]
    # the last event of every user is the pump: nothing sets anybody apart
    assert main(["cluster", *inputs, "-k", "3", "--history", "1", "--out", str(tmp_path / "c")]) == 0
    cards = json.loads((tmp_path / "c" / "cards.json").read_text())["clusters"]
    assert [(card["users_read"], card["items"], card["interests"]) for card in cards] == [
        (n, [], []) for n in (60, 40, 20)
    ]


def test_the_same_seed_writes_the_same_files(tmp_path):
    rows = gaussian(200)
    (_, one), (_, two) = (cluster(tmp_path, "-k", "5", "--seed", "3", rows=rows, name=name) for name in ("one", "two"))
    digests = [open_artefact(path, "clusters").manifest["files"] for path in (one, two)]
    assert digests[0] == digests[1]


def test_unusable_rows_are_counted_and_keep_the_original_title(tmp_path, capsys):
    rows = gaussian(100)
    rows[3] = np.nan
    rows[5, 2] = np.inf
    rows[7] = 0
    status, out = cluster(tmp_path, "-k", "2", "--json", rows=rows)
    assert status == 0
    printed = capsys.readouterr().out
    summary = json.loads(printed.splitlines()[-1])
    assert (summary["users"], summary["clustered"], summary["not_finite"], summary["zero"]) == (100, 97, 2, 1)
    assert "original title: 2 NaN or infinite, 1 all zero" in printed
    table = pd.read_parquet(out / "assignment.parquet")
    outside = table[table["cluster_id"] == -1]
    assert outside["reason"].tolist() == ["not_finite", "not_finite", "zero"]
    assert outside["similarity"].isna().all()
    assert len(table) == 100
    assert not (out / ".usable.npy").exists()


def test_members_below_the_floor_are_counted_with_their_similarity(tmp_path):
    status, out = cluster(
        tmp_path, "-k", "3", "--floor", "0.5", "--min-size", "5", "--metric", "cosine", rows=gaussian(300)
    )
    assert status == 0
    table, facts = pd.read_parquet(out / "assignment.parquet"), open_artefact(out, "clusters").facts
    outside = table["cluster_id"] == -1
    assert 0 < outside.sum() == facts["below_floor"]
    assert (table["similarity"][outside] < 0.5).all()
    assert (table["similarity"][~outside] >= 0.5).all()
    assert set(table["reason"][outside]) == {"below_floor"}


def test_clusters_of_fewer_than_min_size_are_merged(tmp_path):
    rows = np.concatenate([gaussian(100), gaussian(4, seed=1) * 0.01 + 30])
    status, out = cluster(tmp_path, "-k", "3", "--min-size", "20", rows=rows.astype(np.float32))
    assert status == 0
    facts = open_artefact(out, "clusters").facts
    assert facts["dissolved"] >= 1
    assert facts["size_min"] >= 20
    assert facts["clustered"] == 104


def test_duplicate_rows_are_counted_and_lower_k(tmp_path, capsys):
    rows = np.repeat(np.eye(3, 6, dtype=np.float32), 30, axis=0)
    status, out = cluster(tmp_path, "-k", "10", rows=rows)
    facts = open_artefact(out, "clusters").facts
    assert (status, facts["k"], facts["k_asked"], facts["duplicate_rows"]) == (0, 3, 10, 87)
    assert "only 3 different rows" in capsys.readouterr().err


def test_cosine_centroids_have_their_members_length(tmp_path):
    rows = gaussian(200) * 7
    _, out = cluster(tmp_path, "-k", "1", "--metric", "cosine", rows=rows)
    assert np.linalg.norm(np.load(out / "centroids.npy")) == pytest.approx(
        np.linalg.norm(rows, axis=1).mean(), rel=1e-4
    )


@pytest.mark.parametrize(
    ("rows", "more", "message"),
    [
        (gaussian(10), ("-k", "11", "--min-size", "1"), r"more clusters than users; got: k = 11, users to cluster: 10"),
        (gaussian(1), (), r"no cluster is large enough; got: 1 of 1 users; expected: at least 20"),
        (
            np.full((5, 3), np.nan, np.float32),
            (),
            r"no user has a usable embedding; got: 5 with NaN or infinity, 0 all zero",
        ),
        (np.zeros((5, 3), np.float32), (), r"no user has a usable embedding; got: 0 with NaN or infinity, 5 all zero"),
        (gaussian(30).astype(np.float64), (), r"users.npy is not a float32 matrix; got: float64 \(30, 6\)"),
        (gaussian(30).ravel(), (), r"users.npy is not a float32 matrix"),
    ],
)
def test_embeddings_that_cannot_be_clustered_are_a_clear_error(tmp_path, capsys, rows, more, message):
    status, out = cluster(tmp_path, *more, rows=rows)
    assert status == 1
    assert re.search(message, capsys.readouterr().err)
    assert not out.exists()


def test_one_user_is_a_cluster_when_the_least_size_allows(tmp_path):
    status, out = cluster(tmp_path, "--min-size", "1", rows=gaussian(1))
    assert status == 0
    assert pd.read_parquet(out / "assignment.parquet")["cluster_id"].tolist() == [0]


def test_ids_and_rows_of_different_number_are_an_error(tmp_path, capsys):
    status, _ = cluster(tmp_path, rows=gaussian(30), users=["a", "b"])
    assert status == 1
    assert "30 vectors, 2 ids" in capsys.readouterr().err


def test_a_truncated_file_is_an_error(tmp_path, embeddings, capsys):
    whole = (embeddings / "users.npy").read_bytes()
    (embeddings / "users.npy").write_bytes(whole[: len(whole) // 2])
    assert main(["cluster", "--embeddings", str(embeddings), "--out", str(tmp_path / "x")]) == 1
    assert "not a readable array" in capsys.readouterr().err


def test_embeddings_of_another_data_are_refused(tmp_path, data, capsys):
    other = tmp_path / "other"
    other.mkdir()
    embeddings = write_embeddings(other / "embeddings", gaussian(30), [f"u{n}" for n in range(30)], data)
    (data / "manifest.json").write_text(
        (data / "manifest.json").read_text().replace('"live_at": 1000.0', '"live_at": 1001.0')
    )
    assert main(["cluster", "--embeddings", str(embeddings), "--data", str(data), "--out", str(tmp_path / "x")]) == 1
    assert "made from another DATA" in capsys.readouterr().err


def test_all_faults_of_a_call_are_listed_at_once(capsys):
    call = [
        "cluster",
        "--embeddings",
        "e",
        "--out",
        "o",
        "-k",
        "0",
        "--floor",
        "2",
        "--min-size",
        "0",
        "--metric",
        "euclidean",
    ]
    assert main(call) == 2
    error = capsys.readouterr().err
    assert all(fault in error for fault in ("k: got 0", "floor: got 2.0", "min_size: got 0"))


def test_a_large_set_is_trained_on_a_sample_and_assigned_whole(tmp_path):
    rows = np.repeat(np.eye(4, WIDTH), 500, axis=0).astype(np.float32) * 5 + gaussian(2_000, WIDTH) * 0.1
    status, out = cluster(tmp_path, "-k", "4", "--train-users", "200", rows=rows)
    facts = open_artefact(out, "clusters").facts
    assert (status, facts["users_trained_on"], facts["clustered"], facts["size_min"], facts["size_max"]) == (
        0,
        200,
        2_000,
        500,
        500,
    )

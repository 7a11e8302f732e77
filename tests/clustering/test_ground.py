"""Clusters of what users did: shelves, activity, the titles' centroids, and the users who come later."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from clustering.ground import Past, open_ground
from creator.cli import main
from creator.core.artefacts import open_artefact
from creator.core.data import open_data
from tests.clustering.conftest import LIVE_AT, TASTES, USERS_OF, taste_of, write_data, write_embeddings

USERS = [f"{t}-{n:02d}" for t in TASTES for n in range(USERS_OF[t])]
ITEMS = [f"{t}{n}" for t in TASTES for n in range(3)] + ["pump"]


def write_world(folder, *, busy: int = 0):
    """Users whose embeddings say nothing, items on four shelves; of each taste, `busy` users bought the pump again
    and again."""
    data = write_data(folder / "data")
    if busy:
        events = pd.read_parquet(data / "events.parquet")
        again = [(u, "pump", 30.0 + n, 1.0) for u in USERS if int(u.split("-")[1]) < busy for n in range(200)]
        events = pd.concat([events, pd.DataFrame(again, columns=events.columns)])
        events.sort_values(["user_id", "timestamp"]).to_parquet(data / "events.parquet")
    rows = np.random.default_rng(0).normal(size=(len(USERS), 6)).astype(np.float32)
    embeddings = write_embeddings(folder / "embeddings", rows, USERS, data)
    items = np.eye(5, dtype=np.float32)[[TASTES.index(i[:-1]) if i != "pump" else 4 for i in ITEMS]]
    np.save(embeddings / "items.npy", items * 3)
    (embeddings / "items.ids").write_text("\n".join(ITEMS) + "\n")
    return ["--embeddings", str(embeddings), "--data", str(data)], rows


def cluster(call, out, *more):
    assert main(["cluster", *call, "--out", str(out), "--min-size", "1", *more]) == 0
    return pd.read_parquet(out / "assignment.parquet").set_index("user_id")["cluster_id"]


def test_users_are_grouped_by_the_shelves_they_bought_from_and_titles_speak_to_their_mean_embedding(tmp_path):
    call, rows = write_world(tmp_path)
    ids = cluster(call, tmp_path / "c", "--by", "behaviour", "-k", "3")
    # the largest first: climbing 60, cycling 40, fishing 20; the embeddings are noise
    assert [ids[user] for user in USERS] == [TASTES.index(taste_of(user)) for user in USERS]
    means = [rows[[taste_of(user) == taste for user in USERS]].mean(axis=0) for taste in TASTES]
    np.testing.assert_allclose(np.load(tmp_path / "c" / "centroids.npy"), means, atol=1e-6)
    # 3 of the own shelf, 1 pump, nothing from after the titles go live: log 4 and log 2 at length 1
    places = np.load(tmp_path / "c" / "places.npy")
    expected = np.log([4, 2]) / np.linalg.norm(np.log([4, 2]))
    np.testing.assert_allclose(np.sort(places, axis=1)[:, -2:], np.tile(np.sort(expected), (3, 1)), atol=1e-6)
    assert np.isclose(np.load(tmp_path / "c" / "places.npy").sum(axis=1), expected.sum()).all()
    facts = open_artefact(tmp_path / "c", "clusters").facts
    assert (facts["by"], facts["activity"]) == ("behaviour", 0.0)
    assert sorted(p.name for p in (tmp_path / "c").iterdir() if p.name.startswith(".")) == []


def test_activity_parts_heavy_users_from_light_ones_of_the_same_taste(tmp_path):
    call, _ = write_world(tmp_path, busy=10)
    busy = np.array([int(user.split("-")[1]) < 10 for user in USERS])
    for by in ("embedding", "behaviour"):
        ids = cluster(call, tmp_path / by, "--by", by, "--activity", "3", "-k", "2")
        assert (ids[USERS].to_numpy() == busy).all()  # the many who bought little come first


def test_users_who_come_later_stand_where_the_first_ones_of_their_kind_stood(tmp_path, capsys):
    call, _ = write_world(tmp_path)
    before = cluster(call, tmp_path / "c", "--by", "behaviour", "--activity", "0.5", "-k", "3")
    assert main(["assign", *call, "--clusters", str(tmp_path / "c"), "--out", str(tmp_path / "again")]) == 0
    after = pd.read_parquet(tmp_path / "again" / "assignment.parquet").set_index("user_id")["cluster_id"]
    pd.testing.assert_series_equal(after[USERS], before[USERS])
    kept, made = open_ground(tmp_path / "again"), open_ground(tmp_path / "c")
    assert kept is not None
    assert made is not None
    assert kept.centre == made.centre == pytest.approx(np.log(5))
    refit = cluster(call, tmp_path / "refit", "--by", "behaviour", "--activity", "0.5",
                    "--previous", str(tmp_path / "c"))  # fmt: skip
    pd.testing.assert_series_equal(refit[USERS], before[USERS])
    capsys.readouterr()
    for more in ([], ["--by", "behaviour"]):
        assert main(["cluster", *call, "--previous", str(tmp_path / "c"), *more, "--out", str(tmp_path / "x")]) == 2
        assert "name the same --by and --activity" in capsys.readouterr().err
    without = ["assign", *call[:2], "--clusters", str(tmp_path / "c"), "--out", str(tmp_path / "x")]
    assert main(without) == 2
    assert "made of what users did" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_users_without_a_past_and_broken_embeddings_keep_the_original_title(tmp_path):
    call, rows = write_world(tmp_path)
    rows[5], rows[6] = np.nan, 0.0
    users = [*USERS[:-1], "stranger"]
    embeddings = write_embeddings(tmp_path / "e", rows, users)
    for name in ("items.npy", "items.ids"):
        (embeddings / name).write_bytes((tmp_path / "embeddings" / name).read_bytes())
    cluster(["--embeddings", str(embeddings), *call[2:]], tmp_path / "c", "--by", "behaviour", "-k", "3")
    table = pd.read_parquet(tmp_path / "c" / "assignment.parquet").set_index("user_id")
    outside = table[table["cluster_id"] < 0]["reason"].to_dict()
    assert outside == {users[5]: "not_finite", users[6]: "zero", "stranger": "zero"}


def test_events_on_shelves_are_counted_before_the_moment_and_per_user(tmp_path):
    write_world(tmp_path)
    data = open_data(tmp_path / "data")
    past = Past.of(data, ["fishing-00", "nobody", "climbing-59"], LIVE_AT)
    np.testing.assert_allclose(np.expm1(past.log_events), [4, 0, 4], rtol=1e-6)
    shelf_of = np.array([0] * 3 + [1] * 3 + [2] * 3 + [-1])  # the pump is on no shelf
    assert past.on_shelves(slice(0, 3), shelf_of, 3).tolist() == [[0, 0, 3], [0, 0, 0], [3, 0, 0]]


def test_items_of_another_data_and_a_missing_data_folder_are_told(tmp_path, capsys):
    call, _ = write_world(tmp_path)
    (tmp_path / "embeddings" / "items.ids").write_text("\n".join(reversed(ITEMS)) + "\n")
    assert main(["cluster", *call, "--by", "behaviour", "--out", str(tmp_path / "c")]) == 1
    assert "does not hold DATA's items" in capsys.readouterr().err
    assert main(["cluster", *call[:2], "--by", "behaviour", "--activity", "-1", "--out", str(tmp_path / "c")]) == 2
    told = capsys.readouterr().err
    assert "need the DATA folder" in told
    assert "activity: got -1.0" in told
    assert not (tmp_path / "c").exists()
    assert json.loads((tmp_path / "embeddings" / "manifest.json").read_text())["kind"] == "embeddings"

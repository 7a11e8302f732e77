"""Life after the first clustering: users come and change, clusters drift, a refit keeps the ids."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from clustering.drift import stability_index
from clustering.lineage import inherit
from creator.cli import main
from creator.core.artefacts import open_artefact
from tests.clustering.conftest import TASTES, USERS_OF, WIDTH, write_data, write_embeddings, write_tastes


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    data = write_data(folder / "data")
    embeddings = write_tastes(folder / "embeddings", data)
    call = ["cluster", "--embeddings", str(embeddings), "--data", str(data), "-k", "3"]
    assert main([*call, "--out", str(folder / "clusters")]) == 0
    return folder


def direction(taste, length=3.0):
    return np.eye(len(TASTES), WIDTH, dtype=np.float32)[TASTES.index(taste)] * length


def assign(run, out, users, rows, *more, clusters=None):
    embeddings = write_embeddings(out / "e", np.array(rows, np.float32), users)
    call = ["assign", "--embeddings", str(embeddings), "--clusters", str(clusters or run / "clusters")]
    return main([*call, "--out", str(out / "c"), *more]), out / "c"


def ids(folder):
    return pd.read_parquet(folder / "assignment.parquet").set_index("user_id")["cluster_id"]


def test_new_and_changed_users_are_placed_and_the_others_stay(run, tmp_path, capsys):
    # climbing is cluster 0, cycling 1, fishing 2; one climber now cycles, a new user fishes
    status, out = assign(run, tmp_path, ["climbing-00", "newcomer"], [direction("cycling"), direction("fishing")])
    assert status == 0
    before, after = ids(run / "clusters"), ids(out)
    assert (after["climbing-00"], after["newcomer"], len(after)) == (1, 2, 121)
    rest = before.drop("climbing-00")
    assert after[rest.index].tolist() == rest.tolist()
    np.testing.assert_array_equal(np.load(out / "centroids.npy"), np.load(run / "clusters" / "centroids.npy"))
    assert "1 known users, 100.0% of them in another cluster now; 1 new users" in capsys.readouterr().out
    change = [card["change"] for card in json.loads((out / "cards.json").read_text())["clusters"]]
    assert [(c["size_before"], c["joined"], c["left"]) for c in change] == [(60, 0, 1), (40, 1, 0), (20, 0, 0)]


def test_without_carrying_only_the_users_named_are_there(run, tmp_path):
    users = [f"fishing-{n:02d}" for n in range(20)]
    _, out = assign(run, tmp_path, users, [direction("fishing")] * 20, "--no-carry")
    assert sorted(ids(out).index) == users


def test_users_who_all_move_away_are_drift_and_a_refit_is_advised(run, tmp_path, capsys):
    users = [f"climbing-{n:02d}" for n in range(60)]
    status, out = assign(run, tmp_path, users, [direction("fishing", 9.0)] * 60, "--json")
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (status, summary["refit"], summary["moved_share"], summary["users_again"]) == (0, True, 1.0, 60)
    # p = 60, 40, 20 of 120 and q = 0, 40, 80, half a user added to each
    p, q = np.array([60.5, 40.5, 20.5]) / 121.5, np.array([0.5, 40.5, 80.5]) / 121.5
    assert summary["stability_index"] == pytest.approx(((q - p) * np.log(q / p)).sum())
    assert open_artefact(out, "clusters").facts["drift"]["inertia_rise"] > 1


def test_a_cluster_that_has_become_too_small_speaks_to_nobody(run, tmp_path):
    status, out = assign(run, tmp_path, ["fishing-00"], [direction("cycling")])
    table = pd.read_parquet(out / "assignment.parquet").set_index("user_id")
    assert status == 0
    assert not (table["cluster_id"] == 2).any()
    assert (table["reason"] == "too_few").sum() == 19


def test_unusable_rows_and_another_width_are_told(run, tmp_path, capsys):
    status, out = assign(run, tmp_path, ["a", "b"], [np.full(WIDTH, np.nan), np.zeros(WIDTH)])
    table = pd.read_parquet(out / "assignment.parquet").set_index("user_id")
    assert (status, table["reason"]["a"], table["reason"]["b"]) == (0, "not_finite", "zero")
    other = tmp_path / "other"
    other.mkdir()
    assert assign(run, other, ["a"], [np.ones(WIDTH + 1)])[0] == 1
    assert "do not fit the standing clusters; got: 9 wide; expected: 8" in capsys.readouterr().err
    assert not (other / "c").exists()


def test_a_refit_keeps_the_ids_retires_what_is_gone_and_never_reuses_an_id(run, tmp_path):
    # nobody fishes any more; 30 new users do something else; the cyclists have become the largest group
    draw = np.random.default_rng(1)
    counts = {"cycling": 70, "climbing": 50, "sailing": 30}
    places = {**{t: direction(t) for t in TASTES}, "sailing": np.eye(WIDTH, dtype=np.float32)[6] * 3}
    users = [f"{t}-{n:02d}" for t, count in counts.items() for n in range(count)]
    rows = np.array([places[u.split("-")[0]] for u in users]) + draw.normal(size=(150, WIDTH)) * 0.05
    embeddings = write_embeddings(tmp_path / "e", rows.astype(np.float32), users)
    call = ["cluster", "--embeddings", str(embeddings), "--previous", str(run / "clusters")]
    assert main([*call, "-k", "3", "--out", str(tmp_path / "c")]) == 0
    found = ids(tmp_path / "c")
    by_taste = found.groupby(found.index.str.split("-").str[0]).unique()
    assert {taste: list(clusters) for taste, clusters in by_taste.items()} == {
        "climbing": [0],
        "cycling": [1],
        "sailing": [3],
    }
    assert open_artefact(tmp_path / "c", "clusters").facts["retired"] == [2]
    assert len(np.load(tmp_path / "c" / "centroids.npy")) == 4
    cards = {card["cluster_id"]: card for card in json.loads((tmp_path / "c" / "cards.json").read_text())["clusters"]}
    assert (sorted(cards), cards[3]["change"]["new"], cards[0]["change"]["new"]) == ([0, 1, 3], True, False)
    # nobody is ever assigned to the retired cluster, however near
    again = tmp_path / "again"
    again.mkdir()
    _, out = assign(run, again, ["old angler"], [direction("fishing")], clusters=tmp_path / "c")
    assert ids(out)["old angler"] != 2


def test_a_refit_without_k_starts_at_the_standing_centroids(run, tmp_path):
    call = ["cluster", "--embeddings", str(run / "embeddings"), "--previous", str(run / "clusters")]
    assert main([*call, "--out", str(tmp_path / "c")]) == 0
    pd.testing.assert_series_equal(ids(tmp_path / "c"), ids(run / "clusters"))
    assert open_artefact(tmp_path / "c", "clusters").facts["trials"] == []


def test_ids_go_to_the_closest_of_several_heirs_and_only_within_the_same_attributes():
    standing = np.array([[0, 0], [10, 0], [0, 0]], np.float32)
    new = np.array([[1, 0], [0.5, 0], [9, 0], [0, 0]], np.float32)
    found = inherit(
        new, standing, metric="euclidean", group=["en"] * 3 + ["es"], standing_group=["en", "en", "de"],
        retired=frozenset(),
    )  # fmt: skip
    assert found.tolist() == [3, 0, 1, 4]


def test_shares_that_stay_have_a_stability_index_of_zero():
    assert stability_index([10, 20, 30], [10, 20, 30]) == 0
    # halves to 3 : 1, in large numbers: (0.75 - 0.5) ln 1.5 + (0.25 - 0.5) ln 0.5
    assert stability_index([10**9] * 2, [3 * 10**9, 10**9]) == pytest.approx(0.25 * np.log(1.5) + 0.25 * np.log(2))


def write_users(path, language):
    rows = [f"{t}-{n:02d},{language(t, n)}" for t in TASTES for n in range(USERS_OF[t])]
    path.write_text("user_id,language\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_members_of_a_cluster_agree_on_the_attributes_named(run, tmp_path):
    # a third of the climbers and one cyclist speak Spanish; for one fisher nothing is known
    table = write_users(
        tmp_path / "users.csv",
        lambda t, n: "" if (t, n) == ("fishing", 0) else "es" if t == "climbing" and n < 20 else "en",
    )
    call = ["cluster", "--embeddings", str(run / "embeddings"), "-k", "5", "--min-size", "10"]
    exact = ["--attributes", str(table), "--exact", "language"]
    assert main([*call, *exact, "--out", str(tmp_path / "c")]) == 0
    known = pd.read_csv(table, keep_default_na=False).set_index("user_id")["language"]
    table_of = pd.read_parquet(tmp_path / "c" / "assignment.parquet").set_index("user_id")
    inside = table_of[table_of["cluster_id"] >= 0]
    assert known[inside.index].groupby(inside["cluster_id"]).nunique().max() == 1
    assert table_of["reason"]["fishing-00"] == "attributes_unknown"
    assert len(inside) == 119
    cards = json.loads((tmp_path / "c" / "cards.json").read_text())["clusters"]
    spanish = {card["cluster_id"] for card in cards if card["exact"] == {"language": "es"}}
    assert {table_of["cluster_id"][f"climbing-{n:02d}"] for n in range(20)} == spanish
    # a new Spanish cyclist goes to Spanish speakers, however far
    (tmp_path / "more.csv").write_text("user_id,language\nnew,es\n")
    later = tmp_path / "later"
    later.mkdir()
    _, out = assign(
        run, later, ["new"], [direction("cycling")], "--attributes", str(tmp_path / "more.csv"),
        clusters=tmp_path / "c",
    )  # fmt: skip
    assert ids(out)["new"] in spanish


def test_a_part_with_too_few_users_gets_the_original_title(run, tmp_path):
    table = write_users(tmp_path / "users.csv", lambda t, n: "eo" if t == "fishing" and n < 5 else "en")
    call = ["cluster", "--embeddings", str(run / "embeddings"), "-k", "3", "--min-size", "10"]
    assert main([*call, "--attributes", str(table), "--exact", "language", "--out", str(tmp_path / "c")]) == 0
    reasons = pd.read_parquet(tmp_path / "c" / "assignment.parquet").set_index("user_id")["reason"]
    assert reasons[reasons.notna()].to_dict() == {f"fishing-{n:02d}": "attributes_rare" for n in range(5)}


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("user_id,langage\na,en\n", "users.csv", "lacks columns; got: user_id, langage; expected: 'language' (nearest"),
        ("user_id,language\na,en\na,es\n", "users.csv", "names users twice; got: 1 repeated rows"),
        ("x", "users.txt", "is no table; got: .txt"),
        (None, "gone.csv", "no table at"),
        ("{", "users.jsonl", "cannot be read; got: ValueError"),
    ],
)
def test_a_table_of_attributes_that_cannot_be_used_is_a_clear_error(run, tmp_path, capsys, text, name, message):
    if text is not None:
        (tmp_path / name).write_text(text)
    call = ["cluster", "--embeddings", str(run / "embeddings"), "--attributes", str(tmp_path / name)]
    assert main([*call, "--exact", "language", "--out", str(tmp_path / "c")]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "c").exists()

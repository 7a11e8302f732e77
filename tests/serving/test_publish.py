from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from creator.core.artefacts import write_artefact
from creator.core.errors import ArtefactError, StoreError
from creator.core.records import Ad, AdId, Check, Verdict
from serving.gate import Refusal, gate
from serving.publish import publish
from serving.store import Store
from tests.serving.artefacts import BAD, GOOD, ORIGINALS, REFUSED, USERS, Folders, write_folders


def test_only_sound_rank_one_titles_enter_and_the_rest_is_counted(folders: Folders, store: Store):
    release, already, live = publish(store, folders.inputs())
    assert (release.release, already, live) == (1, False, 1)
    assert {(t.title_id, t.cluster_id, t.ad_id, t.title) for t in store.titles(1)} == {row[:4] for row in GOOD}
    assert store.originals(1) == ORIGINALS
    counts = {name.removeprefix("refused_"): n for name, n in release.counts.items() if name.startswith("refused_")}
    assert counts == REFUSED
    assert release.counts["candidates"] == len(GOOD) + len(BAD) == release.counts["titles"] + sum(counts.values())
    assert (release.counts["users"], release.counts["users_in_a_cluster"]) == (len(USERS), 3)
    assert all(json.loads(t.provenance) == {"seed": 7} for t in store.titles(1))


def test_the_same_inputs_again_change_nothing(folders: Folders, store: Store):
    first, _, _ = publish(store, folders.inputs())
    again, already, live = publish(store, folders.inputs())
    assert already
    assert (again, live) == (first, 1)
    assert [r.release for r in store.releases()] == [1]


def test_releases_are_numbered_and_rolled_back_and_forth(folders: Folders, store: Store, tmp_path: Path):
    publish(store, folders.inputs())
    second, _, live = publish(store, write_folders(tmp_path / "second", GOOD[:1], mark="2").inputs())
    assert (second.release, live) == (2, 2)
    assert store.roll_back() == (2, 1)
    assert store.current().release == 1
    assert {r.release: r.status for r in store.releases()} == {1: "published", 2: "withdrawn"}
    with pytest.raises(StoreError, match="release 1 is the first"):
        store.roll_back()
    with pytest.raises(StoreError, match="no release 9; expected: one of 1, 2"):
        store.roll_back(9)
    assert store.roll_back(2) == (1, 2)
    # what was rolled back is not published again by repeating the call: the caller is told which is live
    store.roll_back(1)
    assert publish(store, write_folders(tmp_path / "third", mark="3").inputs())[2] == 3


def test_a_clustering_is_kept_once_for_all_its_releases(folders: Folders, store: Store):
    inputs = folders.inputs()
    first, _, _ = publish(store, inputs)
    other = folders.titles.with_name("titles-2")
    with write_artefact(other, "titles", config={"again": True}) as draft:
        (draft.path / "titles.parquet").write_bytes((folders.titles / "titles.parquet").read_bytes())
    second, _, _ = publish(store, Folders(other, folders.clusters, folders.data).inputs())
    assert second.release == 2
    assert second.clustering_id == first.clustering_id


def test_two_publishers_at_once_make_two_whole_releases(store: Store, store_url: str, tmp_path: Path):
    inputs = [write_folders(tmp_path / str(n), mark=str(n)).inputs() for n in range(2)]
    numbers: list[int] = []
    errors: list[Exception] = []

    def one(n: int) -> None:
        try:
            with Store(store_url) as mine:
                numbers.append(publish(mine, inputs[n])[0].release)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=one, args=(n,)) for n in range(2)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert not errors
    assert sorted(numbers) == [1, 2]
    assert all(len(store.titles(n)) == len(GOOD) for n in (1, 2))


def test_a_publisher_that_waits_too_long_says_who_is_in_the_way(folders: Folders, store_url: str):
    with Store(store_url) as holder, Store(store_url, wait_s=0.3) as waiter:
        holder.prepare()
        with holder.writing(alone=True), pytest.raises(StoreError, match="another writer holds the store"):
            publish(waiter, folders.inputs())
        assert publish(waiter, folders.inputs())[0].release == 1


def test_a_fault_in_the_middle_leaves_no_trace(folders: Folders, store: Store, monkeypatch: pytest.MonkeyPatch):
    import serving.publish

    whole = serving.publish.insert_many

    def broken(connection: object, table: object, *rest: object) -> None:
        if getattr(table, "name", "") == "titles":
            raise OSError("the disk is gone")
        whole(connection, table, *rest)

    monkeypatch.setattr(serving.publish, "insert_many", broken)
    with pytest.raises(OSError, match="disk is gone"):
        publish(store, folders.inputs())
    assert store.current() is None
    assert store.releases() == []
    monkeypatch.undo()
    assert publish(store, folders.inputs())[0].release == 1


def test_a_kill_while_a_release_is_written_leaves_the_last_one_live(tmp_path: Path):
    """A publisher dies between its inserts and its commit, as by kill -9."""
    path = tmp_path / "store.db"
    store = Store(str(path))
    publish(store, write_folders(tmp_path / "one").inputs())
    second = write_folders(tmp_path / "two", mark="2")
    code = (
        "import os, serving.publish as p; from pathlib import Path; from serving.store import Store\n"
        "from creator.core.artefacts import open_artefact as o\n"
        "def die(*_): os._exit(9)\n"
        "whole = p._write\n"
        "p._write = lambda *a: (whole(*a), os._exit(9))\n"
        f"p.publish(Store({str(path)!r}), p.Inputs(o(Path({str(second.titles)!r}), 'titles'),"
        f" o(Path({str(second.clusters)!r}), 'clusters'), o(Path({str(second.data)!r}), 'data')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    assert store.current().release == 1
    assert publish(store, second.inputs())[0].release == 2


def test_an_empty_release_may_be_the_first_but_never_replaces_titles(store: Store, tmp_path: Path):
    assert publish(store, write_folders(tmp_path / "none", BAD[1:2]).inputs())[0].counts["titles"] == 0
    publish(store, write_folders(tmp_path / "some", mark="2").inputs())
    with pytest.raises(StoreError, match="no title may be published"):
        publish(store, write_folders(tmp_path / "none-again", BAD[1:2], mark="3").inputs())
    assert store.current().release == 2


def test_titles_of_another_clustering_are_refused(folders: Folders, tmp_path: Path):
    other = write_folders(tmp_path / "other", mark="other")
    store = Store(str(tmp_path / "s.db"))
    with pytest.raises(ArtefactError, match="generated for other clusters"):
        publish(store, Folders(folders.titles, other.clusters, folders.data).inputs())
    assert not (tmp_path / "s.db").exists()


def test_a_file_changed_after_its_manifest_is_refused(folders: Folders, tmp_path: Path):
    path = folders.titles / "titles.parquet"
    path.write_bytes(path.read_bytes()[:-10] + b"0123456789")
    store = Store(str(tmp_path / "s.db"))
    with pytest.raises(ArtefactError, match="not the file its manifest names"):
        publish(store, folders.inputs())


def test_the_gate_keeps_every_row_accounted_for_whatever_the_row_holds():
    ads = {"a1": Ad(AdId("a1"), "One", "One.")}
    rows = [
        {"title_id": i, "cluster_id": c, "ad_id": "a1", "title": t, "rank": r, "verdict": v, "provenance": p}
        for i, c, t, r, v, p in [
            ("t1", 0.0, "Two", 1, "supported", "{}"),
            (None, 1, "Two", 1, "supported", "{}"),
            ("t2", float("nan"), "Two", 1, "supported", "{}"),
            ("t3", 1, "Two", None, "supported", "{}"),
            ("t4", 1, "Two", 1, None, "{}"),
            ("t5", 1, "Two", 1, "supported", "not json"),
            ("t6", 1, "ｏｎｅ!", 1, "supported", "{}"),  # full-width letters: the original's word again
        ]
    ]
    gated = gate(rows, ads, 3, lambda title, ad: Check(Verdict.SUPPORTED, True))
    assert [t.title_id for t in gated.titles] == ["t1"]
    assert gated.refused == {
        Refusal.INCOMPLETE: 1,
        Refusal.UNKNOWN_CLUSTER: 1,
        Refusal.LOWER_RANK: 1,
        Refusal.VERDICT: 1,
        Refusal.PROVENANCE: 1,
        Refusal.ORIGINAL: 1,
    }

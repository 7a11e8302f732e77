"""What leaves the store with an old release, and what never does."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from sqlalchemy import func, select

from creator.core.errors import StoreError
from serving.experiments.assignment import Experiment, Variation
from serving.experiments.registry import begin, settle
from serving.experiments.trial import Status, Trial
from serving.publish import publish
from serving.retention import EVENTS_AT_ONCE, prune, prune_events
from serving.rows import Event
from serving.schema import METADATA
from serving.store import Store
from tests.serving.artefacts import GOOD, Folders, write_folders
from tests.serving.test_commands import Output, command
from tests.serving.test_store import event

PER_RELEASE = ("releases", "titles", "ads", "switches", "drafts", "candidates", "clusterings", "assignments")


def counts(store: Store) -> dict[str, int]:
    with store.reading() as connection:
        return {
            name: connection.execute(select(func.count()).select_from(METADATA.tables[name])).scalar()
            for name in (*PER_RELEASE, "ad_facts", "events", "history")
        }


def test_what_stays_is_as_large_as_a_store_that_never_held_the_rest(store: Store, tmp_path: Path):
    with Store(str(tmp_path / "alone.db")) as alone:
        publish(alone, write_folders(tmp_path / "alone", mark="2").inputs())
        publish(alone, write_folders(tmp_path / "alone-too", mark="3").inputs())
        want = counts(alone)
    for n in range(4):
        publish(store, write_folders(tmp_path / str(n), mark=str(n)).inputs())
    store.add_events([event("e1")])
    titles = store.titles(4)
    assert prune(store, 2) == [1, 2]
    assert counts(store) == {**want, "events": 1, "history": 4}
    assert store.titles(4) == titles
    assert store.roll_back() == (4, 3)
    with pytest.raises(StoreError, match="no release 1; expected: one of 3, 4"):
        store.roll_back(1)
    assert prune(store, 2) == []


def test_the_live_release_stays_however_old_and_numbers_are_not_given_twice(store: Store, tmp_path: Path):
    for n in range(3):
        publish(store, write_folders(tmp_path / str(n), mark=str(n)).inputs())
    store.roll_back(1)
    assert prune(store, 1) == [2]
    assert store.current().release == 1
    assert len(store.titles(1)) == len(GOOD)
    assert publish(store, write_folders(tmp_path / "3", mark="3").inputs())[0].release == 4
    # what left the store can be published again
    assert publish(store, write_folders(tmp_path / "again", mark="1").inputs())[0].release == 5


def test_an_assignment_that_a_kept_release_shares_stays(folders: Folders, store: Store, tmp_path: Path):
    publish(store, folders.inputs())
    other = write_folders(tmp_path / "other", GOOD[:2], mark="")
    shared = Folders(other.titles, folders.clusters, folders.data)
    publish(store, shared.inputs())
    before = counts(store)
    assert prune(store, 1) == [1]
    assert counts(store)["assignments"] == before["assignments"]


def test_pruning_from_the_command_line(folders: Folders, tmp_path: Path, capsys: Output):
    path = str(tmp_path / "s.db")
    with Store(path) as store:
        store.prepare()
        assert "no release to prune" in command(capsys, "release", "prune", "--store", path, status=1)
        publish(store, folders.inputs())
        publish(store, write_folders(tmp_path / "2", mark="2").inputs())
    told = command(capsys, "release", "prune", "--store", path, "--keep", "1", "--json").splitlines()
    assert "1 releases left the store: 1" in told[0]
    summary = json.loads(told[-1])
    assert (summary["pruned"], summary["kept"]) == ([1], [2])
    assert "keep must be 1 or more" in command(capsys, "release", "prune", "--store", path, "--keep", "0", status=2)


def test_old_events_leave_but_for_those_of_experiments_that_go_on(store: Store, capsys: Output, store_url: str):
    arms = (Variation("control", 0.5, "original"), Variation("personal", 0.5, "cluster"))
    trial = begin(store, Trial(Experiment("running", arms)), "tester")
    over = begin(store, Trial(Experiment("over", arms)), "tester")
    day = time.time() - 86_400.0
    sent = [
        Event(f"{key}-{n}", "exposure", f"u{n}", "a1", None, day - n * 86_400.0, 1, key, key and "control")
        for key in ("running", "over", None) for n in range(10)
    ]  # fmt: skip
    store.add_events(sent)
    settle(store, over, "tester", {}, status=Status.ENDED)
    # older than five days: 5 of each; those of the running experiment stay
    assert prune_events(store, day - 4.5 * 86_400.0) == 10
    assert store.count_events() == {"exposure": 20}
    with store.reading() as connection:
        kept = set(connection.exec_driver_sql("SELECT experiment, COUNT(*) FROM sticky GROUP BY experiment"))
    assert kept == {("running", 10), ("over", 10)}  # who was in an experiment is known as long as it has events
    settle(store, trial, "tester", {}, status=Status.ENDED)
    assert "20 events left" in command(capsys, "events", "prune", "--store", store_url, "--keep-days", "0.5")
    with store.reading() as connection:
        assert connection.exec_driver_sql("SELECT COUNT(*) FROM sticky").scalar() == 0
    assert "keep_days" in command(capsys, "events", "prune", "--store", store_url, "--keep-days", "0", status=2)


def test_many_events_leave_a_few_thousand_at_a_time(store: Store):
    store.prepare()
    store.add_events([Event(f"e{n}", "click", "u", "a", None, 1_000.0 + n) for n in range(EVENTS_AT_ONCE + 10)])
    assert prune_events(store, 1_000.0 + EVENTS_AT_ONCE + 5) == EVENTS_AT_ONCE + 5
    assert store.count_events() == {"click": 5}

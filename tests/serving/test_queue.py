"""The events' way: onto disk, through restarts and full disks, into the store, each once."""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.intake import Intake
from serving.rows import Event
from serving.spool import SEGMENT_BYTES, Spool, SpoolFull, abandoned, claim
from serving.store import Store
from tests.serving.service import until

BIG = 1 << 30


def event(event_id: str) -> Event:
    return Event(event_id, "exposure", "u1", "a1", None, 1_700_000_000.5, 1)


def drain(spool: Spool, limit: int = 100) -> list[bytes]:
    found: list[bytes] = []
    while True:
        records, size = spool.read(limit)
        if not size:
            return found
        found += records
        spool.drop(size)


@contextmanager
def running(store: Store, root: Path, max_bytes: int = BIG) -> Iterator[Intake]:
    intake = Intake(store, root, max_bytes)
    intake.start()
    try:
        yield intake
    finally:
        intake.stop()


def kept(store: Store) -> list[str]:
    with store.reading() as connection:
        return sorted(connection.exec_driver_sql("SELECT event_id FROM events").scalars())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.binary(max_size=40).map(lambda b: b.replace(b"\n", b"")), max_size=4)), st.integers(1, 90))
def test_records_come_back_in_order_and_whole_also_after_a_restart(
    tmp_path_factory: pytest.TempPathFactory, groups: list[list[bytes]], limit: int
):
    folder = tmp_path_factory.mktemp("spool") / "0"
    spool = Spool(folder, BIG)
    for group in groups:
        spool.append(group)
    want = [record for group in groups for record in group]
    first, size = spool.read(limit)
    if size:
        spool.drop(size)
    assert first == want[: len(first)]
    spool.close()
    again = Spool(folder, BIG)
    rest = drain(again, limit)
    # what was dropped may come again, as after a kill; nothing is missing and nothing is out of order
    assert rest == want[len(want) - len(rest) :]
    assert len(rest) >= len(want) - len(first)
    assert again.bytes == 0
    again.close()
    assert not folder.exists()


def test_a_record_cut_short_by_a_kill_is_left_out_and_a_damaged_one_is_counted_and_kept_aside(tmp_path: Path):
    spool = Spool(tmp_path / "0", BIG)
    spool.append([b"one", b"two", b"three"])
    spool.close()
    (file,) = (tmp_path / "0").glob("*.records")
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b"two", b"tow") + b"0a0b0c0d fou")
    spool = Spool(tmp_path / "0", BIG)
    records, size = spool.read(BIG)
    assert records == [b"one", b"three"]
    assert spool.drop(size) == 1
    spool.close()
    assert [path.suffix for path in (tmp_path / "0").glob("*.records*")] == [".damaged"]


def test_what_would_not_fit_is_refused_whole_and_fits_again_once_the_queue_moves(tmp_path: Path):
    spool = Spool(tmp_path / "0", 100)
    spool.append([b"x" * 80])
    with pytest.raises(SpoolFull):
        spool.append([b"y" * 20])
    assert drain(spool) == [b"x" * 80]
    spool.append([b"y" * 20])
    assert drain(spool) == [b"y" * 20]
    spool.close()


def test_segments_are_deleted_once_they_are_dealt_with(tmp_path: Path):
    spool = Spool(tmp_path / "0", BIG)
    record = b"r" * (SEGMENT_BYTES // 4)
    for _ in range(12):
        spool.append([record])
    assert len(list(spool.folder.glob("*.records"))) == 3
    assert drain(spool, 1) == [record] * 12
    assert len(list(spool.folder.glob("*.records"))) == 0
    spool.append([b"more"])
    assert drain(spool) == [b"more"]
    spool.close()


def test_a_full_disk_refuses_the_append_and_leaves_what_was_there(tmp_path: Path):
    spool = Spool(tmp_path / "0", BIG)
    spool.append([b"kept" * 100])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            spool.append([b"lost" * 1000])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    spool.append([b"later"])
    assert drain(spool) == [b"kept" * 100, b"later"]
    spool.close()


def test_two_processes_have_a_queue_each_and_what_a_dead_one_left_is_found(tmp_path: Path):
    first, second = claim(tmp_path, BIG), claim(tmp_path, BIG)
    assert first.folder != second.folder
    second.append([b"left behind"])
    second.close()
    assert [drain(spool) for spool in abandoned(tmp_path, BIG)] == [[b"left behind"]]
    first.close()


def test_a_sender_is_told_how_many_of_its_events_were_new(store: Store, tmp_path: Path):
    store.prepare()
    with running(store, tmp_path / "q") as intake:
        assert intake.submit([event("e1"), event("e2")]).stored.result(10) == 2
        assert intake.submit([event("e2"), event("e3")]).stored.result(10) == 1
        sent = [intake.submit([event("e4")]) for _ in range(5)]
        assert sum(s.stored.result(10) for s in sent) == 1
        assert (intake.new, intake.repeated) == (4, 5)
    assert kept(store) == ["e1", "e2", "e3", "e4"]
    assert not (tmp_path / "q").exists()


def test_events_wait_on_disk_while_the_store_is_away_and_over_a_restart(store_url: str, tmp_path: Path):
    with Store(store_url) as store:
        with running(store, tmp_path / "q") as intake:
            sent = intake.submit([event("e1")])
            sent.queued.result(10)
            assert sent.stored.result(10) is None  # the store has no tables yet
            assert not intake.flowing
            intake.submit([event("e2")]).queued.result(10)
        assert intake.waiting_bytes > 0
        store.prepare()
        with running(store, tmp_path / "q"):
            until(lambda: kept(store) == ["e1", "e2"])
        assert not (tmp_path / "q").exists()


def test_a_full_queue_tells_senders_to_wait_and_takes_events_again_when_the_store_is_back(tmp_path: Path):
    with Store(str(tmp_path / "s.db")) as store, running(store, tmp_path / "q", 2_000) as intake:
        taken: list[str] = []
        with pytest.raises(SpoolFull):
            for n in range(1_000):
                intake.submit([event(f"e{n}")]).queued.result(10)
                taken.append(f"e{n}")
        assert 5 < len(taken) < 30  # an event is about 110 bytes
        store.prepare()
        until(lambda: kept(store) == sorted(taken))
        assert intake.submit([event("one more")]).stored.result(10) == 1


def test_a_queue_that_cannot_be_written_refuses_its_events(tmp_path: Path):
    (tmp_path / "q").write_text("a file stands where the folder should be")
    with (
        Store(str(tmp_path / "s.db")) as store,
        running(store, tmp_path / "q") as intake,
        pytest.raises((FileExistsError, NotADirectoryError)),
    ):
        intake.submit([event("e1")]).queued.result(10)


def test_many_senders_at_once_lose_nothing(store: Store, tmp_path: Path):
    store.prepare()
    counts: list[int] = []
    with running(store, tmp_path / "q") as intake:

        def send(sender: int) -> None:
            for n in range(20):
                counts.append(intake.submit([event(f"{sender % 4}-{n}")]).stored.result(30))

        threads = [threading.Thread(target=send, args=(n,)) for n in range(8)]
        [t.start() for t in threads]
        [t.join() for t in threads]
    assert sum(counts) == 80
    assert kept(store) == sorted(f"{s}-{n}" for s in range(4) for n in range(20))


def test_an_event_holds_when_it_arrived(store: Store):
    store.prepare()
    before = time.time()
    store.add_events([event("e1")])
    with store.reading() as connection:
        row = connection.exec_driver_sql("SELECT timestamp, received_at FROM events").one()
    assert row[0] == 1_700_000_000.5
    assert before <= row[1] <= time.time()

"""Faults of the store itself, real ones: a server restarted and killed under load, connections cut off, a full disk."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from serving.publish import publish
from serving.store import Store
from tests.serving.artefacts import ORIGINALS, Folders, write_folders
from tests.serving.own_postgres import own_cluster, programs
from tests.serving.service import KEY, serve, serve_apart, until
from tests.serving.test_api import EVENT
from tests.serving.test_restarts import Load, kept


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.parametrize("how", ["fast", "immediate"])
def test_a_server_restarted_under_load_costs_no_answer_and_no_event(how: str, folders: Folders, tmp_path: Path):
    """Stopped in order, and without writing down what it held: what had been acknowledged is there all the same."""
    where = programs()
    if where is None:
        pytest.skip("no PostgreSQL server programs (initdb) on this machine")
    with own_cluster(where) as cluster, Store(cluster.url) as store:
        publish(store, folders.inputs())
        with serve(cluster.url) as service, Load(service) as load:
            until(lambda: load.sent.count(200) >= 5)
            cluster.stop(how)
            until(lambda: service.title("u-climber", "a1")["reason"] == "store_down")
            assert service.title("u-climber", "a1")["title"] == ORIGINALS["a1"]
            before = len(load.sent)
            until(lambda: load.sent[before:].count(202) >= 5)
            cluster.start()
            until(lambda: service.title("u-climber", "a1")["source"] == "cluster")
            until(lambda: load.sent[-1] == 200)
        assert set(load.asked) == {200}
        assert set(load.sent) == {200, 202}
        until(lambda: kept(store) == sorted(load.acknowledged))


@pytest.mark.postgres
@pytest.mark.parametrize("store_url", ["postgres"], indirect=True)
def test_connections_that_the_server_ends_cost_no_answer_and_no_event(
    folders: Folders, store: Store, store_url: str, tmp_path: Path
):
    publish(store, folders.inputs())
    named = f"{store_url}&application_name=faults"
    ended = 0
    end_all = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'faults'")
    with serve(named) as service, Load(service) as load:
        operator = create_engine(store_url)
        for _ in range(8):
            sent = len(load.sent)
            with operator.begin() as connection:
                ended += len(connection.execute(end_all).all())
            until(lambda sent=sent: len(load.sent) >= sent + 5)
        operator.dispose()
        until(lambda: load.sent[-1] == 200)
    assert ended > 0
    assert set(load.asked) == {200}
    assert set(load.sent) <= {200, 202}
    until(lambda: kept(store) == sorted(load.acknowledged))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk takes root")
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("mounting is not allowed here")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def test_a_full_disk_refuses_events_keeps_what_it_took_and_goes_on_when_there_is_room(
    small_disk: Path, folders: Folders, tmp_path: Path
):
    path = small_disk / "store.db"
    acknowledged: list[str] = []
    with Store(str(path)) as store:
        publish(store, folders.inputs())
        with serve_apart(str(path), tmp_path, "--queue", str(small_disk / "queue")) as service:
            refused = 0
            for n in range(4_000):
                batch = [{**EVENT, "event_id": f"e{n}-{i}", "user_id": f"u{n}" * 20} for i in range(20)]
                answer = service.send(*batch)
                if answer.status_code == 503:
                    assert answer.headers["retry-after"] == "1"
                    assert answer.json()["type"].endswith(("queue-unavailable", "queue-full"))
                    refused += 1
                    if refused == 3:
                        break
                else:
                    assert answer.status_code in (200, 202)
                    acknowledged += [event["event_id"] for event in batch]
            assert refused == 3
            assert service.title("u-climber", "a1")["title"]  # look-ups go on
            subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
            until(lambda: service.send({**EVENT, "event_id": "after"}, key=KEY).status_code == 200)
            until(lambda: set(acknowledged) | {"after"} <= set(kept(store)))
            assert service.stop() == 0
        rows = kept(store)
        assert len(rows) == len(set(rows))
        assert store.current().release == 1
    assert "Traceback" not in service.log.read_text()


HOSTILE = {
    "a1": "Robert'); DROP TABLE titles;-- sale",
    "a2": "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "a3": "=HYPERLINK(\"http://evil.example\",\"20% off\") ../../etc/passwd",
}  # fmt: skip


def test_sql_and_html_in_ads_stay_text_from_publication_to_answer_page_and_file(
    store: Store, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    import tests.serving.artefacts as made
    from creator.cli import main

    monkeypatch.setattr(made, "ORIGINALS", HOSTILE)
    users = {"u'; DROP TABLE events;--": 0, "<b>u</b>": 1}
    rows = (("t'1", 0, "a1", "Rope'); DROP TABLE titles;--", 1, "supported"),)
    publish(store, write_folders(tmp_path / "hostile", rows, users=users).inputs())
    with serve(store_url) as service:
        for user in users:
            for ad, title in HOSTILE.items():
                assert service.title(user, ad)["title"] == title
        event = {**EVENT, "user_id": "u'; DROP TABLE events;--", "event_id": "'); DELETE FROM events;--"}
        assert service.send(event).json()["accepted"] == 1
        page = service.http.get("/console").text
        assert "<script>alert(1)</script>" not in page
        assert "&lt;script&gt;" in page
    assert store.count_events() == {"exposure": 1}
    for channel in ("google_ads_editor", "microsoft_ads", "merchant_center", "meta", "oceanengine"):
        out = tmp_path / f"{channel}.out"
        assert main(["export", "--store", store_url, "--channel", channel, "--out", str(out)]) == 0
        cells = [
            cell.strip('"') for line in out.read_text().splitlines() for cell in line.replace("\t", ",").split(",")
        ]
        assert not [cell for cell in cells if cell.startswith(("=", "@", "+"))]
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file() and path.suffix == ".out") == [
        f"{name}.out" for name in ("google_ads_editor", "merchant_center", "meta", "microsoft_ads", "oceanengine")
    ]

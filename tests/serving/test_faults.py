"""The service when its store changes, goes or was never there, and when it is told to end."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import httpx

from serving.publish import publish
from serving.store import Store
from tests.serving.artefacts import ORIGINALS, Folders, write_folders
from tests.serving.service import Process, serve, serve_apart, until
from tests.serving.test_api import EVENT, is_problem
from tests.serving.test_queue import event, running


def test_releases_and_rollbacks_are_taken_up_while_requests_go_on(
    folders: Folders, store: Store, store_url: str, tmp_path: Path
):
    publish(store, folders.inputs())
    second = write_folders(
        tmp_path / "second",
        (
            ("n1", 0, "a1", "20% off selected Korrik gear: climbing rope", 1, "supported"),
            ("n3", 0, "a2", "10% off selected Arven gear: sleeping mat", 1, "supported"),
        ),
        mark="2",
    )
    with serve(store_url) as service:
        assert service.title("u-climber", "a1")["title_id"] == "t1"
        seen: list[tuple[int, set[tuple[int, str]]]] = []
        stop = threading.Event()
        pairs = {"pairs": [{"user_id": "u-climber", "ad_id": ad} for ad in ("a1", "a2")] * 200}

        def ask() -> None:
            while not stop.is_set():
                answer = service.http.post("/v1/titles", json=pairs)
                seen.append((answer.status_code, {(e["release"], e["title_id"]) for e in answer.json()["titles"]}))

        asking = threading.Thread(target=ask)
        asking.start()
        publish(store, second.inputs())
        until(lambda: service.title("u-climber", "a1")["title_id"] == "n1")
        store.roll_back()
        until(lambda: service.title("u-climber", "a1")["title_id"] == "t1")
        stop.set()
        asking.join()
        # every batch is answered, and of one release alone
        assert {status for status, _ in seen} == {200}
        assert {frozenset(found) for _, found in seen} <= {
            frozenset({(1, "t1"), (1, "t3")}),
            frozenset({(2, "n1"), (2, "n3")}),
        }
        assert service.send(EVENT).json()["accepted"] == 1
    assert store.count_events() == {"exposure": 1}


def test_a_store_deleted_while_serving_leaves_the_originals_and_no_5xx_for_look_ups(folders: Folders, tmp_path: Path):
    path = tmp_path / "store.db"
    with Store(str(path)) as store:
        publish(store, folders.inputs())
        with serve(str(path)) as service:
            assert service.title("u-climber", "a1")["source"] == "cluster"
            for file in tmp_path.glob("store.db*"):
                file.unlink()
            until(lambda: service.title("u-climber", "a1")["reason"] == "store_down")
            for user in ("u-climber", "u-new"):
                for ad, original in ORIGINALS.items():
                    answer = service.title(user, ad)
                    assert (answer["title"], answer["source"]) == (original, "original")
            assert service.http.get("/readyz").json() == {"status": "degraded", "release": 1, "store": "down"}
            assert "hllm_store_up 0.0" in service.http.get("/metrics").text
            assert service.http.get("/console").status_code == 200
            answer = service.send(EVENT)
            assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "duplicates": 0, "queued": 1})
            assert not path.exists()
            publish(store, folders.inputs())  # the store comes back
            until(lambda: service.title("u-climber", "a1")["source"] == "cluster")
            until(lambda: store.count_events() == {"exposure": 1})
            assert service.send(EVENT).json() == {"accepted": 0, "duplicates": 1, "queued": 0}


def test_a_store_made_anew_empty_is_noticed(folders: Folders, tmp_path: Path):
    path = tmp_path / "store.db"
    with Store(str(path)) as store:
        publish(store, folders.inputs())
        with serve(str(path)) as service:
            assert service.title("u-climber", "a1")["release"] == 1
            for file in tmp_path.glob("store.db*"):
                file.unlink()
            store.prepare()
            until(lambda: service.title("u-climber", "a1")["reason"] == "no_release")
            assert service.title("u-climber", "a1")["title"] == ORIGINALS["a1"]


def test_before_the_first_release_the_ads_given_are_answered_with_their_originals(
    folders: Folders, store: Store, store_url: str, tmp_path: Path
):
    with serve(store_url, data=folders.data) as service:
        answer = service.title("u-climber", "a2")
        assert (answer["title"], answer["source"], answer["release"]) == (ORIGINALS["a2"], "original", None)
        is_problem(service.http.get("/v1/title?user_id=u&ad_id=zz"), 404, "unknown-ad")
        store.prepare()
        until(lambda: service.title("u-climber", "a2")["reason"] == "no_release")
        publish(store, folders.inputs())
        until(lambda: service.title("u-climber", "a2")["title_id"] == "t3")


def test_without_release_and_ads_it_is_alive_but_not_ready(tmp_path: Path):
    with serve(str(tmp_path / "none.db"), keys="") as service:
        assert service.http.get("/healthz").status_code == 200
        is_problem(service.http.get("/readyz"), 503, "not-ready")
        is_problem(service.http.get("/v1/title?user_id=u&ad_id=a1"), 404, "unknown-ad")
        assert service.http.get("/console").status_code == 200
        is_problem(service.send(EVENT), 401, "key-unknown")
        assert not (tmp_path / "none.db").exists()


def test_a_signal_ends_it_in_order(folders: Folders, tmp_path: Path):
    path = tmp_path / "store.db"
    with Store(str(path)) as store:
        publish(store, folders.inputs())
    with serve_apart(str(path), tmp_path, "--json") as service:
        service.title("u-climber", "a1")
        assert service.stop() == 0
        assert '"status": "done"' in service.said[-1]
        assert '"release": 1' in service.said[-1]
    assert "Traceback" not in service.log.read_text()


def test_a_request_under_way_is_finished_after_the_signal(folders: Folders, tmp_path: Path):
    path = tmp_path / "store.db"
    with Store(str(path)) as store:
        publish(store, folders.inputs())
    body = json.dumps({"pairs": [{"user_id": "u-climber", "ad_id": "a1"}]}).encode()
    head = (
        f"POST /v1/titles HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with serve_apart(str(path), tmp_path) as service:
        place = (service.http.base_url.host, service.http.base_url.port)
        with socket.create_connection(place, 30) as slow:
            slow.sendall(head.encode() + body[:10])
            until(lambda: service.http.get("/healthz").status_code == 200)  # what was sent has been read by now
            service.process.send_signal(signal.SIGTERM)
            until(lambda: not _accepts(place))
            slow.sendall(body[10:])
            answer = b"".join(iter(lambda: slow.recv(65_536), b""))
        assert answer.startswith(b"HTTP/1.1 200")
        assert b'"title_id": "t1"' in answer
        assert service.process.wait(60) == 0


def _accepts(place: tuple[str, int]) -> bool:
    try:
        socket.create_connection(place, 1).close()
    except OSError:
        return False
    return True


def test_events_acknowledged_before_a_kill_are_all_there_and_none_twice(
    folders: Folders, store: Store, store_url: str, tmp_path: Path
):
    publish(store, folders.inputs())
    acknowledged: dict[str, int] = {}  # event -> the status that said so

    def send(service: Process, first: int) -> None:
        with suppress(httpx.TransportError):  # the connection breaks when the service is killed
            for n in range(first, 100_000, 10):
                batch = [{**EVENT, "event_id": f"e{i}"} for i in range(n, n + 20)]  # half of it is sent twice
                answer = service.send(*batch)
                if answer.is_success:
                    acknowledged.update((event["event_id"], answer.status_code) for event in batch)

    def kept() -> list[str]:
        with store.reading() as connection:
            return list(connection.exec_driver_sql("SELECT event_id FROM events").scalars())

    with serve_apart(store_url, tmp_path) as service:
        sending = [threading.Thread(target=send, args=(service, n)) for n in (0, 5_000)]
        [thread.start() for thread in sending]
        until(lambda: list(acknowledged.values()).count(200) >= 60)
        with store.writing(alone=False) as connection:  # the store is away: another holds it
            if store.path is None:
                connection.exec_driver_sql("LOCK TABLE events IN EXCLUSIVE MODE")
            until(lambda: list(acknowledged.values()).count(202) >= 60)
            service.process.kill()
            [thread.join() for thread in sending]
    assert not acknowledged.keys() <= set(kept())
    with running(store, tmp_path / "queue") as intake:  # what the next process does with the queue it finds
        until(lambda: acknowledged.keys() <= set(kept()))
        again = [event(event_id) for event_id in acknowledged]
        assert intake.submit(again).stored.result(30) == 0
    assert len(kept()) == len(set(kept()))


def test_serving_loads_nothing_of_the_model_stack():
    code = (
        "import sys, serving.publish, serving.releases, serving.server, creator.facts.verifier, creator.core.data\n"
        "print([m for m in ('torch', 'transformers', 'vllm', 'faiss', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

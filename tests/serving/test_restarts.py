"""A database that goes and comes back under load, and two services on one store."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from serving.publish import publish
from serving.store import Store
from tests.serving.artefacts import GOOD, Folders, write_folders
from tests.serving.relay import relay
from tests.serving.service import Service, serve, until
from tests.serving.test_api import EVENT

STATEMENT = "SELECT event_id FROM events"


class Load:
    """Asks and sends without pause; keeps every status, and every event that was acknowledged."""

    def __init__(self, *services: Service) -> None:
        self.asked: list[int] = []
        self.sent: list[int] = []
        self.acknowledged: list[str] = []
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=work, args=(number, service))
            for number, service in enumerate(services)
            for work in (self._ask, self._send)
        ]

    def __enter__(self) -> Load:
        [thread.start() for thread in self._threads]
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        [thread.join() for thread in self._threads]

    def _ask(self, _: int, service: Service) -> None:
        while not self._stop.is_set():
            answer = service.http.get("/v1/title", params={"user_id": "u-climber", "ad_id": "a1"})
            self.asked.append(answer.status_code)

    def _send(self, number: int, service: Service) -> None:
        for n in range(1_000_000):
            if self._stop.is_set():
                return
            event_id = f"{number}-{n}"
            self.sent.append(service.send({**EVENT, "event_id": event_id}).status_code)
            self.acknowledged.append(event_id)


def kept(store: Store) -> list[str]:
    with store.reading() as connection:
        return sorted(connection.exec_driver_sql(STATEMENT).scalars())


@pytest.mark.parametrize("store_url", ["postgres"], indirect=True)
@pytest.mark.postgres
def test_a_database_that_restarts_under_load_costs_no_answer_and_no_event(
    folders: Folders, store: Store, store_url: str, tmp_path: Path
):
    publish(store, folders.inputs())
    with (
        relay("127.0.0.1", 5432) as between,
        serve(store_url.replace(":5432/", f":{between.port}/")) as service,
        Load(service) as load,
    ):
        until(lambda: load.sent.count(200) >= 5)
        between.cut()
        before = len(load.sent)
        until(lambda: service.title("u-climber", "a1")["reason"] == "store_down")
        until(lambda: load.sent[before:].count(202) >= 5)
        between.mend()
        until(lambda: service.title("u-climber", "a1")["source"] == "cluster")
        until(lambda: load.sent[-1] == 200)
    assert set(load.asked) == {200}
    assert set(load.sent) == {200, 202}
    assert kept(store) == sorted(load.acknowledged)
    assert publish(store, write_folders(tmp_path / "2", mark="2").inputs())[0].release == 2


def test_two_services_on_one_store_swap_under_load_and_keep_each_others_events(
    folders: Folders, store: Store, store_url: str, tmp_path: Path
):
    publish(store, folders.inputs())
    second = write_folders(tmp_path / "2", GOOD[:1], mark="2").inputs()
    with serve(store_url) as one, serve(store_url) as two, Load(one, two) as load:
        publish(store, second)
        for service in (one, two):
            until(lambda service=service: service.title("u-climber", "a1")["release"] == 2)
        store.roll_back()
        for service in (one, two):
            until(lambda service=service: service.title("u-climber", "a1")["release"] == 1)
        until(lambda: len(load.sent) >= 20)
    assert set(load.asked) == {200}
    assert set(load.sent) <= {200, 202}
    assert kept(store) == sorted(load.acknowledged)

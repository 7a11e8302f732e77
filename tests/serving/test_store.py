from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.engine import make_url

from creator.core.errors import StoreError, UsageError
from serving.connection import read_address
from serving.rows import Event
from serving.schema import METADATA
from serving.store import Store


def event(event_id: str, kind: str = "exposure") -> Event:
    return Event(event_id, kind, "u1", "a1", None, 1_700_000_000.5, 1)


def test_the_migrations_make_the_very_tables_that_the_code_declares(store: Store):
    store.prepare()
    with store.reading() as connection:
        found = inspect(connection)
        tables = {name for name in found.get_table_names() if name != "alembic_version"}
        assert tables == set(METADATA.tables)
        for name, table in METADATA.tables.items():
            made = {c["name"]: (str(c["type"]).split("(")[0], c["nullable"]) for c in found.get_columns(name)}
            said = {c.name: (c.type.compile(connection.dialect).split("(")[0], bool(c.nullable)) for c in table.columns}
            same = {"FLOAT": "DOUBLE PRECISION"} if connection.dialect.name == "postgresql" else {}
            assert made == {n: (same.get(t, t), null) for n, (t, null) in said.items()}, name
            assert found.get_pk_constraint(name)["constrained_columns"] == [c.name for c in table.primary_key]


def test_preparing_twice_changes_nothing(store: Store):
    store.prepare()
    store.prepare()
    assert store.current() is None


def test_a_store_of_a_newer_program_is_left_alone(store: Store):
    store.prepare()
    with store.writing(alone=True) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for use in (store.current, store.prepare):
        with pytest.raises(StoreError, match="another schema version; got: 9999"):
            use()


def test_each_event_id_is_kept_once(store: Store):
    store.prepare()
    assert store.add_events([event("e2"), event("e1")]) == {"e1", "e2"}
    assert store.add_events([event("e1", "click"), event("e3", "click")]) == {"e3"}
    assert store.add_events([]) == frozenset()
    assert store.count_events() == {"exposure": 2, "click": 1}


def test_senders_that_repeat_one_another_at_the_same_time_keep_each_event_once(store: Store):
    store.prepare()
    fresh: list[str] = []

    def send(n: int) -> None:
        order = range(40) if n % 2 else reversed(range(40))
        fresh.extend(store.add_events([event(f"e{i}") for i in order]))

    threads = [threading.Thread(target=send, args=(n,)) for n in range(6)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert sorted(fresh) == sorted(f"e{i}" for i in range(40))
    assert store.count_events() == {"exposure": 40}


def test_an_empty_or_missing_store_says_how_to_fill_it(store: Store, tmp_path: Path):
    with pytest.raises(StoreError, match=r"store.*(empty|unable to open)"):
        store.current()
    assert not (tmp_path / "store.db").exists()  # asking does not make a file


def test_a_server_that_is_not_there_is_one_clear_error():
    store = Store("postgresql://someone:secret@127.0.0.1:1/none")
    with pytest.raises(StoreError, match=r"127\.0\.0\.1:1/none cannot be used") as caught:
        store.current()
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_database_is_one_clear_error(tmp_path: Path):
    path = tmp_path / "notes.db"
    path.write_text("not a database, but long enough to be taken for one " * 20)
    with pytest.raises(StoreError, match="not a database"):
        Store(str(path)).current()
    with pytest.raises(StoreError, match="not a database"):
        Store(str(path)).prepare()


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("runs/demo/store.db", "runs/demo/store.db"),
        ("/abs/store.db", "/abs/store.db"),
        ("sqlite:///runs/demo/store.db", "runs/demo/store.db"),
        ("sqlite:////abs/a b.db", "/abs/a b.db"),
    ],
)
def test_a_path_and_a_url_name_the_same_sqlite_file(given: str, path: str):
    assert read_address(given).path == Path(path)


def test_any_postgresql_address_goes_to_the_installed_driver():
    url = read_address("postgresql://u:p@h/db").url
    assert url == make_url("postgresql+psycopg://u:p@h/db")
    assert read_address("postgresql://u:p@h/db?sslpassword=q").shown == "postgresql+psycopg://u:***@h/db"


@pytest.mark.parametrize("given", ["", "mysql://h/db", "sqlite://", "sqlite:///:memory:", "://", "http://x y:z"])
def test_an_address_that_is_none_is_a_wrong_call(given: str):
    with pytest.raises(UsageError, match="--store"):
        read_address(given)

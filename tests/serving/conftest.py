"""Tiny artefacts of the tests' own shop, and both databases."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from serving.publish import publish
from serving.store import Store
from tests.serving.artefacts import Folders, write_folders
from tests.serving.service import Process, serve_apart

SERVER = "postgresql+psycopg://root@127.0.0.1:5432/test"


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return write_folders(tmp_path / "first")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty store, once on SQLite and once on a PostgreSQL server (a schema of its own)."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/store.db"
        return
    engine = create_engine(SERVER, connect_args={"connect_timeout": 3})
    schema = f"t_{uuid.uuid4().hex[:12]}"
    try:
        with engine.begin() as connection:
            connection.execute(text(f"CREATE SCHEMA {schema}"))
    except OperationalError:
        if os.environ.get("CI"):
            raise
        pytest.skip("no PostgreSQL server on 127.0.0.1:5432 (database test, role root)")
    yield f"{SERVER}?options=-csearch_path%3D{schema}"
    with engine.begin() as connection:
        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
    engine.dispose()


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An empty store on each database."""
    with Store(store_url) as opened:
        yield opened


@pytest.fixture(scope="session")
def shop_store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A SQLite store with release 1 of the tests' shop."""
    folder = tmp_path_factory.mktemp("shop")
    with Store(str(folder / "store.db")) as opened:
        publish(opened, write_folders(folder / "first").inputs())
    return str(folder / "store.db")


@pytest.fixture(scope="session")
def service(shop_store: str) -> Iterator[Process]:
    """The command `serve` over that store, one for all the tests that only ask."""
    with serve_apart(shop_store, Path(shop_store).parent) as running:
        yield running

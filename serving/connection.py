"""Connections to the store: addresses, engines, transactions, and database errors in our own words.

SQLite connections are opened anew each time, never from a pool: a file that was deleted or replaced is noticed at
once instead of being written to through a dead handle.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, exc, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import NullPool

from creator.core.errors import StoreError, UsageError

CONNECT_WAIT_S = 3
STATEMENT_SILENCE_MS = 10_000  # an unreachable server is given up after this long
PUBLISH_LOCK = 0x484C4C4D  # the advisory lock's first key; the second is the schema's own


@dataclass(frozen=True, slots=True)
class Address:
    """Where a store is.

    Args:
        url: as SQLAlchemy reads it.
        path: the file, for SQLite; None for a server.
    """

    url: URL
    path: Path | None

    @property
    def shown(self) -> str:
        """How messages name it: without password or parameters."""
        return str(self.path) if self.path else self.url.set(query={}).render_as_string(hide_password=True)


def read_address(store: str) -> Address:
    """Read `--store`: a URL, or a plain path for SQLite.

    Raises:
        UsageError: it is neither, or names a database other than SQLite and PostgreSQL.
    """
    cure = "--store sqlite:///runs/demo/store.db, --store runs/demo/store.db or --store postgresql+psycopg://USER@HOST/NAME"
    if not store.strip():
        raise UsageError(["--store is empty"], cure=cure)
    if "://" not in store:
        return Address(URL.create("sqlite", database=store), Path(store))
    try:
        url = make_url(store)
        backend = url.get_backend_name()
    except (exc.ArgumentError, ValueError):
        raise UsageError(["--store is not a database URL"], cure=cure) from None
    if backend == "sqlite":
        if not url.database or url.database == ":memory:":
            raise UsageError(["--store names no file"], cure=cure)
        return Address(url, Path(url.database))
    if backend != "postgresql":
        raise UsageError([f"--store: no support for '{backend}'"], cure=cure)
    return Address(url.set(drivername="postgresql+psycopg"), None)


def connect(address: Address, wait_s: float) -> Engine:
    """An engine for the address. Nothing is opened yet.

    Args:
        address: from `read_address`.
        wait_s: how long a writer waits for another one, in seconds.

    Raises:
        StoreError: PostgreSQL's driver is not installed.
    """
    if address.path is not None:
        return _sqlite(address.path, wait_s)
    lock = f"-c lock_timeout={int(wait_s * 1000)}"
    given = address.url.query.get("options", "")
    options = f"{given if isinstance(given, str) else ' '.join(given)} {lock}".strip()
    try:
        return create_engine(
            address.url.update_query_dict({"options": options}),
            pool_pre_ping=True,
            connect_args={"connect_timeout": CONNECT_WAIT_S, "tcp_user_timeout": STATEMENT_SILENCE_MS},
        )
    except ModuleNotFoundError:
        raise StoreError("PostgreSQL's driver is not installed", cure="pip install 'hllm-creator[postgres]'") from None


def _sqlite(path: Path, wait_s: float) -> Engine:
    def opened() -> sqlite3.Connection:
        # mode=rw: a store that is gone stays gone, and is not replaced by an empty file
        connection = sqlite3.connect(
            f"file:{quote(str(path.absolute()))}?mode=rw",
            uri=True,
            timeout=wait_s,
            check_same_thread=False,
            isolation_level=None,
        )
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    engine = create_engine("sqlite://", creator=opened, poolclass=NullPool)
    # the driver's own transactions would leave DDL outside; so BEGIN is said here
    event.listen(engine, "begin", _begin)
    return engine


def _begin(connection: Connection) -> None:
    writing = connection.get_execution_options().get("writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def make_file(path: Path) -> None:
    """Make an empty SQLite file in write-ahead mode, so that readers go on while a release is written.

    Raises:
        StoreError: the folder cannot be written, or the file is something else.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
    except OSError as error:
        raise StoreError(f"{path} cannot be made", got=error.strerror, cure="name another --store") from None
    except sqlite3.Error as error:
        if "locked" in str(error):  # another publisher is making it at this moment
            return
        raise StoreError(f"{path} cannot be used as a store", got=error, cure="name another --store") from None


def lock_publishing(connection: Connection) -> None:
    """Keep other publishers out until the transaction ends. SQLite's write transaction does so already."""
    if connection.dialect.name == "postgresql":
        connection.execute(
            text("SELECT pg_advisory_xact_lock(:key, hashtext(current_schema()))"), {"key": PUBLISH_LOCK}
        )


@contextmanager
def in_our_words(address: Address, wait_s: float) -> Generator[None]:
    """Turn the database's errors into `StoreError`s that name no row and no secret.

    Raises:
        StoreError: whatever the database refused.
    """
    try:
        yield
    except exc.SQLAlchemyError as error:
        raise _translated(error, address, wait_s) from None


def _translated(error: exc.SQLAlchemyError, address: Address, wait_s: float) -> StoreError:
    cause = getattr(error, "orig", None)
    lines = str(cause or "").strip().splitlines()
    said = lines[0] if lines else type(error).__name__
    low = said.lower()
    if "locked" in low or "lock timeout" in low:
        return StoreError(
            f"another writer holds the store {address.shown}",
            got=f"no turn within {wait_s:.0f} s",
            cure="run the same command again when it has finished",
        )
    if "disk is full" in low or "no space left" in low or (address.path is not None and low == "disk i/o error"):
        return StoreError(
            f"the disk of the store {address.shown} is full",
            cure="free some space and run the same command again; nothing was changed",
        )
    if "no such table" in low or ("does not exist" in low and "relation" in low):
        return StoreError(f"the store {address.shown} is empty", cure="hllm-creator publish makes its first release")
    return StoreError(
        f"the store {address.shown} cannot be used", got=said, cure="check --store and that the database is up"
    )

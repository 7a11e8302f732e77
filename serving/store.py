"""The store: releases of titles, the users' clusters, and the events that came back.

One class, both databases. Writers take turns (`Store.writing`); a reader never sees half a release.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from sqlalchemy import Connection, func, inspect, select, text
from sqlalchemy.dialects import postgresql, sqlite

from creator.core.errors import StoreError
from serving.connection import connect, in_our_words, lock_publishing, make_file, read_address
from serving.experiments.sticky import keep_sticky
from serving.rows import Event, Release, StoredTitle, as_release, current_release, read_originals, read_titles
from serving.schema import EVENTS, RELEASES, SCHEMA_REVISION, SWITCHES

TICK_NS = 1_000_000_000
_VERSION = text("SELECT version_num FROM alembic_version")
MIGRATIONS = Path(__file__).parent / "migrations"


class Store:
    """A title store at an address.

    Args:
        store: `--store`, a URL or a path.
        wait_s: how long a writer waits for another one, in seconds.

    Raises:
        UsageError: the address is not one.
    """

    def __init__(self, store: str, *, wait_s: float = 60.0) -> None:
        self._address = read_address(store)
        self._wait_s = wait_s
        self._engine = connect(self._address, wait_s)

    @property
    def path(self) -> Path | None:
        """Its file; None for a server."""
        return self._address.path

    @property
    def identity(self) -> str:
        """A short name that differs from every other store's."""
        return hashlib.sha256(self._address.url.render_as_string(hide_password=True).encode()).hexdigest()[:16]

    @property
    def shown(self) -> str:
        """Its address for messages, without secrets."""
        return self._address.shown

    def state(self) -> object:
        """What changes when somebody writes to the store's file; None when that cannot be told without asking it.

        A clock has ticks: a file that was written to a moment ago may be written to again within the same one.
        """
        path = self._address.path
        if path is None:
            return None
        found: list[tuple[int, int, int]] = []
        for file in (path, path.with_name(f"{path.name}-wal")):
            try:
                status = file.stat()
            except OSError:
                if file == path:
                    return None
                continue
            if time.time_ns() - status.st_mtime_ns < TICK_NS:
                return None
            found.append((status.st_ino, status.st_size, status.st_mtime_ns))
        return found

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Generator[Connection]:
        """A connection that sees one unchanging state of the store.

        Raises:
            StoreError: the store cannot be reached, is empty, or is of another schema version.
        """
        with in_our_words(self._address, self._wait_s):
            level = {"isolation_level": "REPEATABLE READ"} if self._address.path is None else {}
            with self._engine.connect().execution_options(**level) as connection, connection.begin():
                self._check_revision(connection)
                yield connection

    @contextmanager
    def writing(self, *, alone: bool) -> Generator[Connection]:
        """A transaction that is committed whole when the block ends, or not at all.

        Args:
            alone: keep other publishers out until it ends (events need not).

        Raises:
            StoreError: as `reading`; or another writer did not finish in time.
        """
        with self._transaction() as connection:
            if alone:
                lock_publishing(connection)
            self._check_revision(connection)
            yield connection

    def prepare(self) -> None:
        """Make the store if it is not there, and bring its tables to this program's version.

        Raises:
            StoreError: it cannot be made, or a newer program made it.
        """
        from alembic.command import upgrade
        from alembic.config import Config

        if self._address.path is not None and not self._address.path.exists():
            make_file(self._address.path)
        with self._transaction() as connection:
            lock_publishing(connection)
            found = _revision(connection)
            if found is not None and found > SCHEMA_REVISION:
                raise self._other_version(found)
            if found != SCHEMA_REVISION:
                config = Config(attributes={"connection": connection})
                config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
                upgrade(config, "head")

    def current(self) -> Release | None:
        """The release that is live, or None before the first."""
        with self.reading() as connection:
            return current_release(connection)

    def releases(self) -> list[Release]:
        """Every release, the newest first."""
        with self.reading() as connection:
            rows = connection.execute(select(RELEASES).order_by(RELEASES.c.release.desc()))
            return [as_release(row) for row in rows]

    def titles(self, release: int) -> list[StoredTitle]:
        """A release's titles, by ad and cluster."""
        with self.reading() as connection:
            return [title for chunk in read_titles(connection, release) for title in chunk]

    def originals(self, release: int) -> dict[str, str]:
        """The original title of every ad of a release."""
        with self.reading() as connection:
            return read_originals(connection, release)

    def roll_back(self, to: int | None = None) -> tuple[int, int]:
        """Make an earlier release live again; what it replaces is marked withdrawn.

        Args:
            to: which one (a later one too); None for the one before the live one.

        Returns:
            the release that was live, and the one that is live now.

        Raises:
            StoreError: there is no such release.
        """
        with self.writing(alone=True) as connection:
            live = current_release(connection)
            if live is None:
                raise StoreError("there is no release to go back from", cure="hllm-creator publish makes the first")
            numbers = list(connection.execute(select(RELEASES.c.release).order_by(RELEASES.c.release)).scalars())
            earlier = [n for n in numbers if n < live.release]
            goal = to if to is not None else (earlier[-1] if earlier else None)
            if goal is None:
                raise StoreError(f"release {live.release} is the first", expected="an earlier one to go back to")
            if goal not in numbers:
                raise StoreError(f"there is no release {goal}", expected=f"one of {', '.join(map(str, numbers))}")
            if goal != live.release:
                if goal < live.release:
                    _mark(connection, live.release, "withdrawn")
                _mark(connection, goal, "published")
                connection.execute(SWITCHES.insert().values(release=goal, switched_at=time.time(), kind="rollback"))
            return live.release, goal

    def add_events(self, events: Sequence[Event]) -> frozenset[str]:
        """Keep events, each id once; returns the ids that were new. When it returns they are on disk.

        Raises:
            StoreError: none of them was kept.
        """
        # one order for all senders: two batches that share ids cannot wait for one another in a ring
        rows = [asdict(event) for event in sorted(events, key=lambda e: e.event_id)]
        if not rows:
            return frozenset()
        with self.writing(alone=False) as connection:
            insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
            statement = insert(EVENTS).on_conflict_do_nothing().returning(EVENTS.c.event_id)
            fresh = frozenset(connection.execute(statement, rows).scalars())
            keep_sticky(connection, [event for event in events if event.event_id in fresh])
            return fresh

    def count_events(self) -> dict[str, int]:
        """How many events of each kind are kept."""
        with self.reading() as connection:
            rows = connection.execute(select(EVENTS.c.kind, func.count()).group_by(EVENTS.c.kind))
            return {row[0]: row[1] for row in rows}

    @contextmanager
    def _transaction(self) -> Generator[Connection]:
        with (
            in_our_words(self._address, self._wait_s),
            self._engine.connect().execution_options(writing=True) as connection,
            connection.begin(),
        ):
            yield connection

    def _check_revision(self, connection: Connection) -> None:
        # asked at every use: without looking for the table first, whose absence is told as an empty store
        found = connection.execute(_VERSION).scalar()
        if found != SCHEMA_REVISION:
            raise self._other_version(found)

    def _other_version(self, found: object) -> StoreError:
        return StoreError(
            f"the store {self.shown} has another schema version",
            got=found,
            expected=SCHEMA_REVISION,
            cure="use the program that made it, or 'hllm-creator publish' of the newer of the two",
        )


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(_VERSION).scalar()


def _mark(connection: Connection, release: int, status: str) -> None:
    connection.execute(RELEASES.update().where(RELEASES.c.release == release).values(status=status))

"""Rows of the store as records, read and written on a connection that the caller holds."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from sqlalchemy import Connection, Row, Select, Table, exc, select

from serving.schema import ADS, ASSIGNMENTS, RELEASES, SWITCHES, TITLES

ROWS_A_CHUNK = 50_000


@dataclass(frozen=True, slots=True)
class Release:
    """One release, as its row says.

    Args:
        release: its number, from 1.
        digest: identity of its inputs.
        created_at: epoch seconds.
        status: "published", or "withdrawn" once rolled back.
        clustering_id: whose assignment it uses.
        clusters_digest: identity of that clustering, in any store.
        counts: what it holds and what was left out, by name.
    """

    release: int
    digest: str
    created_at: float
    status: str
    clustering_id: int
    clusters_digest: str
    counts: Mapping[str, int]


class StoredTitle(NamedTuple):
    """A published title of one release."""

    title_id: str
    cluster_id: int
    ad_id: str
    title: str
    verdict: str
    findings: str
    provenance: str


@dataclass(frozen=True, slots=True)
class Event:
    """An exposure or a click, as sent.

    Args:
        event_id: the sender's own id; the same id is kept once.
        kind: "exposure" or "click".
        user_id, ad_id: who, and which ad.
        title_id: the title shown; None for the original.
        timestamp: epoch seconds by the sender's clock.
        release, experiment, variation: what the look-up answered.
        received_at: epoch seconds by the service's clock.
        cluster_id, propensity: what the look-up answered.
    """

    event_id: str
    kind: str
    user_id: str
    ad_id: str
    title_id: str | None
    timestamp: float
    release: int | None = None
    experiment: str | None = None
    variation: str | None = None
    received_at: float = field(default_factory=time.time)
    cluster_id: int | None = None
    propensity: float | None = None


def as_release(row: Row[Any]) -> Release:
    """A row of `releases` as a record."""
    return Release(
        row.release,
        row.digest,
        row.created_at,
        row.status,
        row.clustering_id,
        row.clusters_digest,
        json.loads(row.counts),
    )


def current_release(connection: Connection) -> Release | None:
    """The release the newest switch points to."""
    newest = select(SWITCHES.c.release).order_by(SWITCHES.c.switch_id.desc()).limit(1).scalar_subquery()
    row = connection.execute(select(RELEASES).where(RELEASES.c.release == newest)).first()
    return None if row is None else as_release(row)


def read_release(connection: Connection, digest: str) -> Release | None:
    """The release made from the inputs of this digest, if there is one."""
    row = connection.execute(select(RELEASES).where(RELEASES.c.digest == digest)).first()
    return None if row is None else as_release(row)


def read_originals(connection: Connection, release: int) -> dict[str, str]:
    """ad_id -> original title of a release."""
    rows = connection.execute(select(ADS.c.ad_id, ADS.c.title).where(ADS.c.release == release).order_by(ADS.c.ad_id))
    return {row[0]: row[1] for row in rows}


def read_titles(connection: Connection, release: int) -> Iterator[list[StoredTitle]]:
    """A release's titles by ad and cluster, in chunks."""
    columns = [TITLES.c[name] for name in StoredTitle._fields]
    query = select(*columns).where(TITLES.c.release == release).order_by(TITLES.c.ad_id, TITLES.c.cluster_id)
    for rows in _chunks(connection, query):
        yield [StoredTitle(*row) for row in rows]


def read_assignments(connection: Connection, clustering_id: int) -> Iterator[Sequence[tuple[str, int]]]:
    """(user_id, cluster_id) of a clustering, in chunks."""
    query = select(ASSIGNMENTS.c.user_id, ASSIGNMENTS.c.cluster_id).where(ASSIGNMENTS.c.clustering_id == clustering_id)
    yield from _chunks(connection, query)


def _chunks(connection: Connection, query: Select[*tuple[Any, ...]]) -> Iterator[Sequence[Any]]:
    options = {"stream_results": True, "yield_per": ROWS_A_CHUNK}
    yield from connection.execute(query, execution_options=options).partitions()


def insert_many(
    connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[tuple[object, ...]]
) -> None:
    """Insert rows the fastest way the database has: COPY, or one prepared statement."""
    named = ", ".join(columns)
    if connection.dialect.name == "postgresql":
        import psycopg

        driver = cast("psycopg.Connection[tuple[object, ...]]", connection.connection.driver_connection)
        try:
            with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} ({named}) FROM STDIN") as copy:  # pyright: ignore[reportArgumentType, reportCallIssue]
                for row in rows:
                    copy.write_row(row)
        except psycopg.Error as error:
            raise exc.DBAPIError("COPY", None, error) from None
    elif rows:
        marks = ", ".join("?" * len(columns))
        statement = f"INSERT INTO {table.name} ({named}) VALUES ({marks})"  # noqa: S608 - names of our own schema only
        connection.exec_driver_sql(statement, list(rows))

"""`release prune` and `events prune`: what is old leaves the store, with everything that nothing else needs any more.

Never the live release, nor what a kept one or a running experiment rests on. The history of who did what stays. The
space is used again by what comes later; a SQLite file does not get shorter by itself.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy import Connection, Table, and_, not_, or_, select, tuple_

from creator.core.errors import StoreError
from serving.commands import PruneOptions
from serving.events_commands import PruneEventsOptions
from serving.experiments.registry import read_trials, used_releases
from serving.rows import current_release
from serving.schema import (
    AD_FACTS,
    ADS,
    ASSIGNMENTS,
    CANDIDATES,
    CARDS,
    CLUSTERINGS,
    DRAFTS,
    EVENTS,
    RELEASES,
    STICKY,
    SWITCHES,
    TITLES,
)
from serving.store import Store

OF_A_RELEASE = (TITLES, ADS, SWITCHES, RELEASES)
OF_A_CLUSTERING = (ASSIGNMENTS, CARDS, CLUSTERINGS)
EVENTS_AT_ONCE = 5_000
INPUTS = ("titles_digest", "clusters_digest", "data_digest")


def run(options: PruneOptions) -> dict[str, object]:
    """Prune, and say what left."""
    with Store(options.store, wait_s=options.wait_s) as store:
        gone = prune(store, options.keep)
        left = [release.release for release in store.releases()]
    print(f"{len(gone)} releases left the store" + (f": {', '.join(map(str, gone))}" if gone else ""))
    return {"pruned": gone, "kept": left}


def prune(store: Store, keep: int) -> list[int]:
    """Let old releases go.

    Args:
        store: the store.
        keep: how many of the newest to keep, 1 or more. The live one stays in any case.

    Returns:
        the numbers of those that left.

    Raises:
        StoreError: the store cannot be written.
    """
    with store.writing(alone=True) as connection:
        live = current_release(connection)
        if live is None:
            raise StoreError("there is no release to prune", cure="hllm-creator publish makes the first")
        numbers = list(connection.execute(select(RELEASES.c.release).order_by(RELEASES.c.release)).scalars())
        kept = {*numbers[-keep:], live.release, *used_releases(connection)}
        gone = [number for number in numbers if number not in kept]
        if gone:
            for table in OF_A_RELEASE:
                _delete(connection, table, "release", gone)
            _drafts(connection)
            _clusterings(connection)
            _facts(connection)
        return gone


def run_events(options: PruneEventsOptions) -> dict[str, object]:
    """Let old events go, and say how many did."""
    with Store(options.store) as store:
        gone = prune_events(store, time.time() - options.keep_days * 86_400.0)
    print(f"{gone:,} events left the store")
    return {"pruned": gone}


def prune_events(store: Store, before: float) -> int:
    """Let old events go, a few thousand at a time, so that what comes in meanwhile does not wait.

    Args:
        store: the store.
        before: events that happened earlier leave, epoch seconds. Those of experiments that are not over stay, and so
            does who was assigned in these; of those that are over it leaves with the last event.

    Returns:
        how many left.

    Raises:
        StoreError: the store cannot be written.
    """
    with store.reading() as connection:
        running = [trial.key for trial in read_trials(connection)]
    free = or_(EVENTS.c.experiment.is_(None), EVENTS.c.experiment.not_in(running))
    some = select(EVENTS.c.event_id).where(EVENTS.c.timestamp < before, free).limit(EVENTS_AT_ONCE)
    total = 0
    while True:
        with store.writing(alone=False) as connection:
            gone = connection.execute(EVENTS.delete().where(EVENTS.c.event_id.in_(some))).rowcount
        total += gone
        if gone < EVENTS_AT_ONCE:
            break
    with store.writing(alone=False) as connection:
        told = select(EVENTS.c.experiment).where(EVENTS.c.experiment.is_not(None))
        over = not_(or_(STICKY.c.experiment.in_(running), STICKY.c.experiment.in_(told)))
        connection.execute(STICKY.delete().where(over))
    return total


def _drafts(connection: Connection) -> None:
    """Drafts that made no kept release, and are older than those: nobody reviews them any more."""
    columns = [RELEASES.c[name] for name in INPUTS]
    oldest = select(RELEASES.c.created_at).order_by(RELEASES.c.created_at).limit(1).scalar_subquery()
    old = select(DRAFTS.c.draft_id).where(
        and_(DRAFTS.c.created_at < oldest, not_(tuple_(*(DRAFTS.c[n] for n in INPUTS)).in_(select(*columns))))
    )
    numbers = list(connection.execute(old).scalars())
    for table in (CANDIDATES, DRAFTS):
        _delete(connection, table, "draft_id", numbers)


def _clusterings(connection: Connection) -> None:
    used = [CLUSTERINGS.c.clustering_id.in_(select(table.c.clustering_id)) for table in (RELEASES, DRAFTS)]
    unused = list(connection.execute(select(CLUSTERINGS.c.clustering_id).where(not_(or_(*used)))).scalars())
    for table in OF_A_CLUSTERING:
        _delete(connection, table, "clustering_id", unused)


def _facts(connection: Connection) -> None:
    used = [AD_FACTS.c.data_digest.in_(select(table.c.data_digest)) for table in (RELEASES, DRAFTS)]
    connection.execute(AD_FACTS.delete().where(not_(or_(*used))))


def _delete(connection: Connection, table: Table, column: str, numbers: Sequence[int]) -> None:
    connection.execute(table.delete().where(table.c[column].in_(numbers)))

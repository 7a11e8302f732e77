"""An experiment's arms from the events in the store."""

from __future__ import annotations

import numpy as np
from sqlalchemy import ColumnElement, case, func, literal, select

from creator.statistics.ratio import Arm, arm
from serving.schema import EVENTS
from serving.store import Store


def read_arms(store: Store, experiment: str) -> dict[str, Arm]:
    """Users by recorded variation, with their exposures and clicks; users of more than one variation are in none.

    Args:
        store: where the events are.
        experiment: its key.

    Raises:
        StoreError: the store cannot be read.
    """
    alone = func.count(EVENTS.c.variation.distinct()) == 1
    mine = EVENTS.c.experiment == experiment
    return _arms(store, func.min(EVENTS.c.variation), [mine, EVENTS.c.variation.is_not(None)], [alone])


def read_everybody(store: Store, since: float) -> Arm | None:
    """All users who were shown something, with their exposures and clicks, as one arm; None without any.

    Args:
        store: where the events are.
        since: from when on, epoch seconds.

    Raises:
        StoreError: the store cannot be read.
    """
    return _arms(store, literal(""), [EVENTS.c.timestamp >= since], []).get("")


def _arms(
    store: Store, name: ColumnElement[str], where: list[ColumnElement[bool]], having: list[ColumnElement[bool]]
) -> dict[str, Arm]:
    """Users by the name of their arm, of the events that fit."""
    clicks = func.sum(case((EVENTS.c.kind == "click", 1), else_=0))
    exposures = func.sum(case((EVENTS.c.kind == "exposure", 1), else_=0))
    of_users = (
        select(name.label("variation"), clicks.label("clicks"), exposures.label("exposures"))
        .where(*where)
        .group_by(EVENTS.c.user_id)
        .having(exposures > 0, *having)
        .subquery()
    )
    # users who did the same are one row: there are few ways to click
    query = select(of_users, func.count().label("users")).group_by(*of_users.c)
    with store.reading() as connection:
        rows = connection.execute(query).all()
    found: dict[str, Arm] = {}
    for key in sorted({row.variation for row in rows}):
        own = [row for row in rows if row.variation == key]
        times = [row.users for row in own]
        found[key] = arm(np.repeat([int(row.clicks) for row in own], times),
                         np.repeat([int(row.exposures) for row in own], times))  # fmt: skip
    return found

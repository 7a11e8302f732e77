"""An experiment's arms from the events in the store."""

from __future__ import annotations

import numpy as np
from sqlalchemy import case, func, select

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
    clicks = func.sum(case((EVENTS.c.kind == "click", 1), else_=0))
    exposures = func.sum(case((EVENTS.c.kind == "exposure", 1), else_=0))
    of_users = (
        select(func.min(EVENTS.c.variation).label("variation"), clicks.label("clicks"), exposures.label("exposures"))
        .where(EVENTS.c.experiment == experiment, EVENTS.c.variation.is_not(None))
        .group_by(EVENTS.c.user_id)
        .having(func.count(EVENTS.c.variation.distinct()) == 1, exposures > 0)
        .subquery()
    )
    # users who did the same are one row: there are few ways to click
    query = select(of_users, func.count().label("users")).group_by(*of_users.c)
    with store.reading() as connection:
        rows = connection.execute(query).all()
    found: dict[str, Arm] = {}
    for name in sorted({row.variation for row in rows}):
        own = [row for row in rows if row.variation == name]
        times = [row.users for row in own]
        found[name] = arm(np.repeat([int(row.clicks) for row in own], times),
                          np.repeat([int(row.exposures) for row in own], times))  # fmt: skip
    return found

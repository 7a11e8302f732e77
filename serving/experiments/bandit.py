"""Thompson sampling among titles: how likely each variation is to be the best one, for each ad and cluster.

Each variation's click rate has a Beta posterior; a variation's share is how often it comes out best in draws from
these (Thompson 1933; Chapelle and Li 2011), kept away from 0 so that what is seldom shown can still be weighed. The
shares stand for an epoch and are written down, so that each exposure's probability is known exactly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from sqlalchemy import Connection, case, func, select

from serving.schema import EVENTS

DRAWS = 1_000
PAIRS_AT_ONCE = 2_000
NO_CLUSTER = -1

Counts = Mapping[tuple[str, int], Sequence[tuple[int, int]]]
"""(ad_id, cluster_id) -> (exposures, clicks) of each variation."""


def read_counts(
    connection: Connection, experiment: str, arms: Sequence[str]
) -> dict[tuple[str, int], list[tuple[int, int]]]:
    """What came back so far.

    Args:
        connection: to the store.
        experiment: its key.
        arms: its variations' keys.
    """
    shown = func.sum(case((EVENTS.c.kind == "exposure", 1), else_=0))
    clicked = func.sum(case((EVENTS.c.kind == "click", 1), else_=0))
    query = (
        select(EVENTS.c.ad_id, EVENTS.c.cluster_id, EVENTS.c.variation, shown.label("shown"), clicked.label("clicked"))
        .where(EVENTS.c.experiment == experiment, EVENTS.c.variation.in_(arms))
        .group_by(EVENTS.c.ad_id, EVENTS.c.cluster_id, EVENTS.c.variation)
    )
    found: dict[tuple[str, int], list[tuple[int, int]]] = {}
    for row in connection.execute(query):
        pair = (row.ad_id, NO_CLUSTER if row.cluster_id is None else row.cluster_id)
        counts = found.setdefault(pair, [(0, 0)] * len(arms))
        counts[list(arms).index(row.variation)] = (int(row.shown), int(row.clicked))
    return found


def shares(counts: Counts, least: float, source: np.random.Generator) -> list[tuple[str, int, list[float]]]:
    """Each variation's share, for every pair that was shown.

    Args:
        counts: what came back.
        least: the smallest share.
        source: of the draws; they need not be many, since the share that is used is the one that is written down.

    Returns:
        (ad_id, cluster_id, shares that sum to 1).
    """
    pairs = sorted(counts)
    if not pairs:
        return []
    table = np.array([counts[pair] for pair in pairs], dtype=np.float64)  # [P, A, 2]
    exposures, clicks = table[..., 0], np.minimum(table[..., 1], table[..., 0])
    rate = (clicks.sum() + 1) / (exposures.sum() + 2)  # a prior worth one click at the experiment's own rate
    made: list[tuple[str, int, list[float]]] = []
    for start in range(0, len(pairs), PAIRS_AT_ONCE):
        part = slice(start, start + PAIRS_AT_ONCE)
        drawn = source.beta(
            1 + clicks[part], (1 - rate) / rate + exposures[part] - clicks[part], (DRAWS, *clicks[part].shape)
        )
        best = drawn.argmax(axis=-1)  # [D, P]
        arms = table.shape[1]
        won = np.stack([(best == arm).mean(axis=0) for arm in range(arms)], axis=-1)
        kept = least + (1 - arms * least) * won
        made += [
            (*pair, [round(float(share), 6) for share in row]) for pair, row in zip(pairs[part], kept, strict=True)
        ]
    return made

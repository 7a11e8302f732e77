"""Who was assigned before: what came back with exposures, kept once for each user and read by look-ups.

A row is written in the same transaction as the exposure. The first one counts. Only experiments whose draw has
changed are read into memory (20 bytes a user), since for all others the draw itself says the same.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects import postgresql, sqlite

from serving.experiments.assignment import sticky_key
from serving.experiments.trial import Trial, from_json
from serving.lookup import Users
from serving.rows import ROWS_A_CHUNK, Event
from serving.schema import EXPERIMENTS, STICKY

OVERLAP_S = 120.0  # rows are written within a transaction, and are seen when it ends: so look back a little
BLOCKS = 8  # of users read since; then they are joined into one


def keep_sticky(connection: Connection, events: Sequence[Event]) -> None:
    """Keep the variation of each user's first exposure, of the experiments that are the store's own."""
    shown = {(e.experiment, e.user_id): e for e in reversed(events)
             if e.kind == "exposure" and e.experiment is not None and e.variation is not None}  # fmt: skip
    if not shown:
        return
    named = {experiment for experiment, _ in shown}
    query = select(EXPERIMENTS.c.experiment, EXPERIMENTS.c.definition).where(EXPERIMENTS.c.experiment.in_(named))
    versions = {
        row.experiment: from_json(row.definition).experiment.bucket_version for row in connection.execute(query)
    }
    now = time.time()
    rows = [
        {"experiment": e.experiment, "bucket_version": versions[e.experiment], "user_id": e.user_id,
         "variation": e.variation, "kept_at": now}
        for _, e in sorted(shown.items()) if e.experiment in versions
    ]  # fmt: skip
    if rows:
        insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        connection.execute(insert(STICKY).on_conflict_do_nothing(), rows)


class Remembered:
    """The earlier assignments of one experiment's users, kept current.

    Args:
        trial: the experiment.
    """

    def __init__(self, trial: Trial) -> None:
        self.experiment = trial.key
        self._arms = [arm.key for arm in trial.experiment.variations]
        self._versions: dict[int, list[Users]] = {}
        self._seen_at = 0.0
        self._recent: set[tuple[int, str]] = set()

    def __call__(self, user_id: str) -> Mapping[str, str]:
        """The user's assignments, sticky key -> variation."""
        found: dict[str, str] = {}
        for version, blocks in self._versions.items():
            arm = next((index for block in blocks if (index := block.find(user_id)) is not None), None)
            if arm is not None:
                found[sticky_key(self.experiment, version)] = self._arms[arm] if arm >= 0 else ""
        return found

    def look(self, connection: Connection) -> None:
        """Read what is new."""
        mine = STICKY.c.experiment == self.experiment
        newest = connection.execute(select(func.max(STICKY.c.kept_at)).where(mine)).scalar()
        if newest is None:
            return
        query = select(STICKY.c.bucket_version, STICKY.c.user_id, STICKY.c.variation, STICKY.c.kept_at).where(
            mine, STICKY.c.kept_at >= self._seen_at - OVERLAP_S
        )
        recent: set[tuple[int, str]] = set()
        blocks: dict[int, list[Users]] = {version: list(users) for version, users in self._versions.items()}
        options = {"stream_results": True, "yield_per": ROWS_A_CHUNK}
        for chunk in connection.execute(query, execution_options=options).partitions():
            recent |= {(row.bucket_version, row.user_id) for row in chunk if row.kept_at >= newest - OVERLAP_S}
            rows = [row for row in chunk if (row.bucket_version, row.user_id) not in self._recent]
            for version in {row.bucket_version for row in rows}:
                users = [(r.user_id, self._index(r.variation)) for r in rows if r.bucket_version == version]
                blocks.setdefault(version, []).append(Users.of([users]))
        self._seen_at, self._recent = newest, recent
        # replaced whole: a look-up meets the old or the new
        self._versions = {v: us if len(us) <= BLOCKS else [Users.joined(us)] for v, us in blocks.items()}

    def _index(self, variation: str) -> int:
        return self._arms.index(variation) if variation in self._arms else -1

"""The running experiments as look-ups need them, kept current beside the live release."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection

from sqlalchemy import Connection, select

from serving.experiments.conduct import Conduct, Policy, Running
from serving.experiments.registry import read_holdout, read_trials
from serving.experiments.sticky import Remembered
from serving.experiments.trial import Status, Trial, cut_line
from serving.lookup import Tables
from serving.rows import Release, as_release
from serving.schema import POLICIES, RELEASES

LOG = logging.getLogger("serving.experiments")


class Current:
    """Reads experiments, the releases they show, who was assigned before, and bandits' shares.

    Args:
        load: reads the tables of a release; given the tables whose users may be shared.
    """

    def __init__(self, load: Callable[[Connection, Release], Tables]) -> None:
        self._load = load
        self._releases: dict[int, Tables] = {}
        self._held: dict[str, Remembered] = {}
        self._policies: dict[str, Policy] = {}
        self._made: tuple[object, Conduct | None] = (None, None)

    def look(self, connection: Connection) -> Conduct | None:
        """What look-ups are to do now; the same object as before when nothing has changed.

        Args:
            connection: sees one state of the store.
        """
        trials, holdout = read_trials(connection), read_holdout(connection)
        shown = _shown(connection, {number for trial in trials for number in trial.releases})
        kept = {n: tables for n, tables in self._releases.items() if n in shown and tables.release == shown[n]}
        self._releases = {n: kept.get(n) or self._load(connection, release) for n, release in shown.items()}
        running = [self._run(connection, trial) for trial in trials if trial.releases <= self._releases.keys()]
        self._held = {key: held for key, held in self._held.items() if key in {t.key for t in trials}}
        state = (running, holdout, list(self._releases.values()))
        if state != self._made[0]:
            self._tell(trials, holdout)
            made = Conduct(running, dict(self._releases), holdout) if running or holdout else None
            self._made = (state, made)
        return self._made[1]

    def _run(self, connection: Connection, trial: Trial) -> Running:
        held = policy = None
        if trial.reads_sticky and trial.status is Status.RUNNING:
            held = self._held.setdefault(trial.key, Remembered(trial))
            held.look(connection)
        if trial.allocation == "thompson":
            policy = self._policies[trial.key] = self._read_policy(connection, trial.key)
        return Running(trial, trial.at_stage(), held, policy)

    def _read_policy(self, connection: Connection, key: str) -> Policy:
        newest = select(POLICIES).where(POLICIES.c.experiment == key).order_by(POLICIES.c.epoch.desc()).limit(1)
        before = self._policies.get(key, Policy())
        row = connection.execute(newest.with_only_columns(POLICIES.c.epoch)).first()
        if row is None or row.epoch == before.epoch:
            return before
        shares = json.loads(connection.execute(newest.with_only_columns(POLICIES.c.shares)).scalar_one())
        return Policy(row.epoch, {(ad_id, cluster): cut_line(parts) for ad_id, cluster, parts in shares})

    def _tell(self, trials: list[Trial], holdout: float) -> None:
        told = {t.key: f"{t.status} at {t.at_stage().coverage:.0%}" for t in trials}
        held_back = [t.key for t in trials if not t.releases <= self._releases.keys()]
        LOG.info("experiments", extra={"facts": {"experiments": told, "holdout": holdout, "held_back": held_back}})


def _shown(connection: Connection, numbers: Collection[int]) -> dict[int, Release]:
    """Releases by number, of those that may be shown: they are there, and nobody took them back."""
    if not numbers:
        return {}
    query = select(RELEASES).where(RELEASES.c.release.in_(numbers), RELEASES.c.status == "published")
    return {row.release: as_release(row) for row in connection.execute(query)}

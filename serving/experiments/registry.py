"""Experiments in the store: begun, changed, moved on, halted and ended; each step in the history of who did what.

Every change names the state it starts from, so that two servers or two people at once make one change, not two.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy import Connection, and_, func, select

from creator.core.errors import StoreError, UsageError
from serving.experiments.assignment import HOLDOUT, Experiment
from serving.experiments.trial import Status, Trial, as_json, from_json, moves_somebody
from serving.review.history import note
from serving.schema import EXPERIMENTS, POLICIES, PREFERENCES, RELEASES
from serving.store import Store

MOST_HOLDOUT = 0.5


def read_trials(connection: Connection, *, ended: bool = False) -> list[Trial]:
    """Experiments in the order in which they began; those that are over only when asked for."""
    query = select(EXPERIMENTS).order_by(EXPERIMENTS.c.created_at, EXPERIMENTS.c.experiment)
    if not ended:
        query = query.where(EXPERIMENTS.c.status != Status.ENDED.value)
    return [
        replace(
            from_json(row.definition),
            status=Status(row.status),
            stage=row.stage,
            stage_at=row.stage_at,
            created_at=row.created_at,
            remembered=bool(row.remembered),
            decision=json.loads(row.decision),
        )
        for row in connection.execute(query)
    ]


def read_trial(connection: Connection, key: str) -> Trial:
    """One experiment, also when it is over.

    Raises:
        StoreError: there is none of this name.
    """
    known = {trial.key: trial for trial in read_trials(connection, ended=True)}
    if key not in known:
        raise StoreError("there is no such experiment", got=key, expected=", ".join(known) or "any at all")
    return known[key]


def begin(store: Store, trial: Trial, who: str) -> Trial:
    """Begin an experiment; look-ups take it up at their next look at the store.

    Raises:
        UsageError: its definition has faults; all are told.
        StoreError: its name was used before, or it shows a release that is not there.
    """
    _refuse_faults(trial)
    store.prepare()
    now = time.time()
    begun = replace(trial, created_at=now, stage=0, stage_at=now)
    with store.writing(alone=True) as connection:
        if trial.key == HOLDOUT or any(t.key == trial.key for t in read_trials(connection, ended=True)):
            cure = "name a new one: events of two experiments cannot be told apart by one name"
            raise StoreError(f"the name {trial.key} is taken", cure=cure)
        _check_releases(connection, trial)
        connection.execute(
            EXPERIMENTS.insert().values(
                experiment=trial.key, definition=as_json(begun), status=Status.RUNNING.value, stage=0, stage_at=now,
                created_at=now, remembered=0, decision="{}",
            )
        )  # fmt: skip
        note(connection, who, "begin", reason=trial.key, after={"definition": json.loads(as_json(begun))})
    return begun


def change(store: Store, key: str, experiment: Experiment, who: str) -> Trial:
    """Change what is drawn. Who was assigned before stays, unless its bucket version is raised.

    Args:
        store: where it is.
        key: its name.
        experiment: the new definition, of the same name and variations.
        who: for the history.

    Raises:
        UsageError: the new definition has faults.
        StoreError: there is no such experiment, it is over, or its variations would change.
    """
    with store.writing(alone=True) as connection:
        before = read_trial(connection, key)
        if before.status is Status.ENDED:
            raise StoreError(f"experiment {key} is over", cure="begin another")
        arms = [[(arm.key, arm.shows) for arm in one.variations] for one in (before.experiment, experiment)]
        if experiment.key != key or arms[0] != arms[1]:
            raise StoreError(f"the variations of {key} cannot change while it runs", cure="end it and begin another")
        after = replace(before, experiment=experiment)
        _refuse_faults(after)
        remembered = before.remembered or moves_somebody(before.experiment, experiment)
        _update(connection, before, definition=as_json(after), remembered=int(remembered))
        note(connection, who, "change", reason=key, before={"definition": json.loads(as_json(before))},
             after={"definition": json.loads(as_json(after))})  # fmt: skip
        return read_trial(connection, key)


def settle(store: Store, before: Trial, who: str, decision: Mapping[str, object], *, stage: int | None = None,
           status: Status | None = None) -> bool:  # fmt: skip
    """Move an experiment on, if it still stands where `before` says.

    Args:
        store: where it is.
        before: as it was when this was decided.
        who: for the history.
        decision: why, for people.
        stage: the new stage; None to stay.
        status: the new status; None to keep it.

    Returns:
        whether it was done; False when somebody else was there first.
    """
    values: dict[str, object] = {"decision": json.dumps(decision, ensure_ascii=False)}
    if stage is not None:
        values |= {"stage": stage, "stage_at": time.time()}
    if status is not None:
        values["status"] = status.value
    with store.writing(alone=True) as connection:
        if not _update(connection, before, **values):
            return False
        if stage is not None or status is not None:
            action = status.value if status is not None else "stage"
            told = {"stage": stage, "status": status, **decision}
            note(connection, who, action, reason=before.key, before={"stage": before.stage}, after=told)
        return True


def set_holdout(store: Store, share: float, who: str) -> None:
    """Set the share of users who see the originals and take part in nothing; 0 for none.

    Raises:
        UsageError: the share is out of range.
    """
    if not 0 <= share <= MOST_HOLDOUT:
        raise UsageError([f"share: got {share:g}, expected 0 to {MOST_HOLDOUT:g}"])
    store.prepare()
    with store.writing(alone=True) as connection:
        before = read_holdout(connection)
        connection.execute(PREFERENCES.delete().where(PREFERENCES.c.name == HOLDOUT))
        connection.execute(PREFERENCES.insert().values(name=HOLDOUT, value=repr(share)))
        note(connection, who, "holdout", before={"share": before}, after={"share": share})


def read_holdout(connection: Connection) -> float:
    """The share of users in the holdout group."""
    value = connection.execute(select(PREFERENCES.c.value).where(PREFERENCES.c.name == HOLDOUT)).scalar()
    return 0.0 if value is None else float(value)


def used_releases(connection: Connection) -> frozenset[int]:
    """Releases that experiments show and that must stay in the store."""
    return frozenset[int]().union(*(trial.releases for trial in read_trials(connection)))


def add_policy(store: Store, key: str, epoch: int, shares: list[tuple[str, int, list[float]]]) -> bool:
    """Keep a bandit's new shares, if no other server has made this epoch's."""
    with store.writing(alone=True) as connection:
        newest = connection.execute(select(func.max(POLICIES.c.epoch)).where(POLICIES.c.experiment == key)).scalar()
        if (newest or 0) >= epoch:
            return False
        values = {"experiment": key, "epoch": epoch, "made_at": time.time(), "shares": json.dumps(shares)}
        connection.execute(POLICIES.insert().values(values))
        return True


def _update(connection: Connection, before: Trial, **values: object) -> bool:
    stands = and_(
        EXPERIMENTS.c.experiment == before.key,
        EXPERIMENTS.c.status == before.status.value,
        EXPERIMENTS.c.stage == before.stage,
    )
    return connection.execute(EXPERIMENTS.update().where(stands).values(values)).rowcount == 1


def _refuse_faults(trial: Trial) -> None:
    faults = trial.faults()
    if faults:
        raise UsageError(faults)


def _check_releases(connection: Connection, trial: Trial) -> None:
    known = {row.release: row.status for row in connection.execute(select(RELEASES.c.release, RELEASES.c.status))}
    absent = sorted(n for n in trial.releases if known.get(n) != "published")
    if absent:
        good = [str(number) for number, status in known.items() if status == "published"]
        raise StoreError(f"release {absent[0]} cannot be shown", got=known.get(absent[0], "not there"),
                         expected=f"one of {', '.join(good) or 'none yet'}")  # fmt: skip

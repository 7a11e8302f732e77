"""Looks after running experiments: ramps go on or are halted, bandits learn. Several servers may do it at once."""

from __future__ import annotations

import json
import logging
import threading
import time
from dataclasses import dataclass, replace

import numpy as np
from sqlalchemy import func, select

from creator.core.errors import HllmCreatorError
from creator.statistics.ratio import Arm
from serving.experiments.bandit import read_counts, shares
from serving.experiments.ramp import Action, Decision, Ramp, decide
from serving.experiments.registry import add_policy, read_trials, settle
from serving.experiments.tally import read_arms
from serving.experiments.trial import Status, Trial
from serving.schema import POLICIES
from serving.store import Store

LOG = logging.getLogger("serving.experiments")
SERVICE = "the service"
EPOCH_S = 600.0  # how long a bandit's shares stand at least


@dataclass(frozen=True, slots=True)
class Tended:
    """What was done with one experiment.

    Args:
        experiment: its key.
        action: a ramp's, or "learnt" or "kept" for a bandit.
        reason: why, for people.
        done: whether it was this call that did it.
    """

    experiment: str
    action: str
    reason: str
    done: bool


def tend(store: Store, *, who: str = SERVICE, now: float | None = None, epoch_s: float = EPOCH_S) -> list[Tended]:
    """Judge every ramp once, and let every bandit learn from what came back.

    Args:
        store: where they are.
        who: for the history.
        now: epoch seconds; None for the clock's.
        epoch_s: how long a bandit's shares stand at least.

    Raises:
        StoreError: the store cannot be read or written.
    """
    moment = time.time() if now is None else now
    with store.reading() as connection:
        trials = [trial for trial in read_trials(connection) if trial.status is Status.RUNNING]
    found = [_ramp(store, trial, trial.ramp, who, moment) for trial in trials if trial.ramp is not None]
    return found + [_learn(store, trial, moment, epoch_s) for trial in trials if trial.allocation == "thompson"]


def judge(trial: Trial, ramp: Ramp, arms: dict[str, Arm], hours: float) -> Decision:
    """What to do with a ramp: the gravest decision of any of its treatments against the control.

    Args:
        trial: the experiment.
        ramp: its ramp.
        arms: users by recorded variation.
        hours: for how long its stage has stood.
    """
    control, *treatments = trial.experiment.variations
    found: list[Decision] = []
    for arm in treatments:
        share = arm.weight / (arm.weight + control.weight) if arm.weight + control.weight > 0 else 0.0
        if not 0 < share < 1:
            continue
        mine = replace(ramp, treated=share, alpha=ramp.alpha / len(treatments))
        found.append(decide(mine, trial.stage, hours, arms.get(control.key, NOBODY), arms.get(arm.key, NOBODY)))
    order = (Action.STOP, Action.HOLD, Action.ADVANCE, Action.DONE)
    if not found:
        return Decision(Action.HOLD, "no treatment has users of its own")
    return min(found, key=lambda one: order.index(one.action))


NOBODY = Arm(*(np.asarray(value) for value in (0.0, np.nan, np.nan, np.nan)))


def _ramp(store: Store, trial: Trial, ramp: Ramp, who: str, now: float) -> Tended:
    decision = judge(trial, ramp, read_arms(store, trial.key), (now - trial.stage_at) / 3_600)
    told = {"action": str(decision.action), "reason": decision.reason, "at": now, "lift": decision.lift,
            "low": decision.low, "high": decision.high}  # fmt: skip
    done = True
    if decision.action is Action.STOP:
        done = settle(store, trial, who, told, status=Status.HALTED)
    elif decision.action is Action.ADVANCE:
        done = settle(store, trial, who, told, stage=trial.stage + 1)
    elif trial.decision.get("reason") != decision.reason:
        settle(store, trial, who, told)
    return Tended(trial.key, str(decision.action), decision.reason, done)


def _learn(store: Store, trial: Trial, now: float, epoch_s: float) -> Tended:
    keys = [arm.key for arm in trial.experiment.variations]
    with store.reading() as connection:
        mine = POLICIES.c.experiment == trial.key
        last = connection.execute(select(func.max(POLICIES.c.epoch), func.max(POLICIES.c.made_at)).where(mine)).one()
        counts = read_counts(connection, trial.key, keys)
    epoch, made_at = last[0] or 0, last[1] or 0.0
    if not counts or now - made_at < epoch_s:
        return Tended(trial.key, "kept", f"epoch {epoch} stands", done=False)
    source = np.random.default_rng([epoch + 1, *trial.key.encode()])
    done = add_policy(store, trial.key, epoch + 1, shares(counts, trial.least_share, source))
    return Tended(trial.key, "learnt", f"epoch {epoch + 1} for {len(counts):,} pairs", done)


class Watch:
    """Tends the experiments of a store from time to time, beside a service.

    Args:
        store: where they are.
        every_s: seconds between two looks; 0 for never.
    """

    def __init__(self, store: Store, every_s: float) -> None:
        self._store, self._every_s = store, every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="experiment-watch", daemon=True)

    def start(self) -> None:
        """Begin."""
        if self._every_s:
            self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5.0)

    def _watch(self) -> None:
        while not self._stop.wait(self._every_s):
            try:
                for one in tend(self._store):
                    if one.done and one.action not in (Action.HOLD, Action.DONE):
                        facts = {"experiment": one.experiment, "action": one.action, "reason": one.reason}
                        LOG.info("experiment", extra={"facts": facts})
            except HllmCreatorError as error:
                LOG.warning("experiments cannot be tended", extra={"facts": {"error": json.dumps(str(error))}})
            except Exception:  # the thread must outlive anything one look may meet
                LOG.exception("tending experiments failed")

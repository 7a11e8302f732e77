"""A staged rollout: more users stage by stage, and an end to it as soon as harm is certain.

Stages raise coverage and leave the weights alone, so that nobody changes arms and the arms stay comparable over all
stages. The guardrail is an interval that stays right however often it is asked
(`creator.statistics.sequence`): asking every minute costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from creator.statistics.ratio import Arm, effect
from creator.statistics.sequence import designed_precision, half_width

SRM_SURE = 1e-4  # asked at every look, and so held to less than the analysis asks once
FEWEST_CLICKS = 25  # in an arm: below it no interval can be trusted


class Action(StrEnum):
    """What to do now."""

    ADVANCE = "advance"  # to the next stage
    HOLD = "hold"
    STOP = "stop"  # everybody back to the control
    DONE = "done"  # the last stage is reached and has stood long enough


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage.

    Args:
        coverage: share of users taken in, 0 to 1.
        hours: how long it stands at least.
        users: how many users both arms must have seen in all before it may end.
    """

    coverage: float
    hours: float = 24.0
    users: int = 0


USUAL = (Stage(0.01), Stage(0.05), Stage(0.2), Stage(0.5), Stage(1.0))


@dataclass(frozen=True, slots=True)
class Ramp:
    """A rollout.

    Args:
        stages: in rising coverage.
        tolerance: the loss of click rate, relative, that is put up with: the ramp stops when it is certain to be more.
        alpha: share of harmless treatments that are ever stopped for harm; at most half of it falls on that side.
        effect: the relative effect at which the interval is tightest.
        treated: share of the experiment's users in the treatment.
    """

    stages: Sequence[Stage] = USUAL
    tolerance: float = 0.0
    alpha: float = 0.05
    effect: float = 0.1
    treated: float = 0.5

    def faults(self) -> list[str]:
        """What is wrong with it; all of it."""
        shares = [stage.coverage for stage in self.stages]
        found = [] if shares else ["stages: expected one or more"]
        if any(not 0 < share <= 1 for share in shares) or any(b <= a for a, b in pairwise(shares)):
            found.append("stages: expected coverages above 0, at most 1, each above the one before")
        if any(stage.hours < 0 or stage.users < 0 for stage in self.stages):
            found.append("stages: hours and users: expected 0 or more")
        for name, value in (("alpha", self.alpha), ("treated", self.treated)):
            if not 0 < value < 1:
                found.append(f"{name}: got {value:g}, expected more than 0 and less than 1")
        if not 0 <= self.tolerance < 1:
            found.append(f"tolerance: got {self.tolerance:g}, expected 0 to 1")
        if not self.effect > 0:
            found.append(f"effect: got {self.effect:g}, expected more than 0")
        return found


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided, and on what.

    Args:
        action: what to do.
        reason: why, for people.
        lift, low, high: the treatment's effect on the click rate and its always-valid interval; None while too small.
    """

    action: Action
    reason: str
    lift: float | None = None
    low: float | None = None
    high: float | None = None


def decide(ramp: Ramp, stage: int, hours: float, control: Arm, treatment: Arm) -> Decision:
    """What to do with a running ramp; a pure function of what is known.

    Args:
        ramp: the rollout, free of faults.
        stage: index of the stage it stands at.
        hours: for how long it has stood there.
        control, treatment: all users since the first stage.
    """
    from scipy import stats  # here: a service that only answers look-ups need not load it

    users = float(control.users), float(treatment.users)
    total = sum(users)
    if total > 0:
        wanted = [total * (1 - ramp.treated), total * ramp.treated]
        if float(stats.chisquare(users, wanted).pvalue) < SRM_SURE:
            said = f"{users[0]:,.0f} and {users[1]:,.0f} users, meant {1 - ramp.treated:.0%} and {ramp.treated:.0%}"
            return Decision(Action.STOP, f"sample ratio mismatch: {said}; the guardrails cannot be read")
    known = _harm(ramp, control, treatment)
    if known is not None and known[2] < -ramp.tolerance:
        span = f"{known[1]:+.1%} to {known[2]:+.1%}"
        return Decision(Action.STOP, f"harm: the click rate lies {span} from the control's", *known)
    seen = known or (None, None, None)
    now = ramp.stages[stage]
    if hours < now.hours:
        return Decision(Action.HOLD, f"{hours:.1f} of {now.hours:g} hours at {now.coverage:.0%}", *seen)
    if total < now.users:
        return Decision(Action.HOLD, f"{total:,.0f} of {now.users:,} users at {now.coverage:.0%}", *seen)
    if known is None:
        return Decision(Action.HOLD, f"fewer than {FEWEST_CLICKS} clicks of the control: harm could not be seen")
    if stage + 1 == len(ramp.stages):
        return Decision(Action.DONE, f"{now.coverage:.0%} has stood {hours:.1f} hours", *seen)
    return Decision(Action.ADVANCE, f"no harm is certain: on to {ramp.stages[stage + 1].coverage:.0%}", *seen)


def _harm(ramp: Ramp, control: Arm, treatment: Arm) -> tuple[float, float, float] | None:
    """The lift and its always-valid interval; None while the control has too few clicks.

    A treatment that nobody clicks is the very harm to find, so that it needs none.
    """
    if float(control.users) < 2 or float(treatment.users) < 2 or not float(treatment.exposures) > 0:
        return None
    if not float(control.total_clicks) >= FEWEST_CLICKS:
        return None
    found = effect(control, treatment)
    lift, se = float(found.lift), float(found.lift_se)
    if not se > 0:
        # not one click in the treatment: its spread is taken to be the control's
        se = float(effect(control, control).lift_se)
    if not se > 0:
        return None
    half = float(half_width(se, ramp.alpha, designed_precision(ramp.alpha, ramp.effect)))
    return lift, lift - half, lift + half

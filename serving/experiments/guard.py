"""The command `experiment guard`: what to do with a rollout now."""

from __future__ import annotations

from creator.core.errors import InputError
from serving.experiments.commands import GuardOptions
from serving.experiments.ramp import Ramp, Stage, decide
from serving.experiments.tally import read_arms
from serving.store import Store


def as_ramp(options: GuardOptions) -> Ramp:
    """The rollout that the options describe."""
    stages = tuple(Stage(share, options.stage_hours) for share in options.stages)
    return Ramp(stages, options.tolerance, options.alpha, treated=options.treated)


def run(options: GuardOptions) -> dict[str, object]:
    """Read the arms from the store and decide.

    Raises:
        InputError: no exposure of one of the two arms was recorded.
        StoreError: the store cannot be read.
    """
    with Store(options.store) as store:
        arms = read_arms(store, options.experiment)
    missing = [name for name in (options.control, options.treatment) if name not in arms]
    if missing:
        raise InputError("the experiment has no exposure of a variation", got=", ".join(arms) or "no exposures",
                         expected=", ".join(missing), cure="check --experiment, --control and --treatment")  # fmt: skip
    ramp = as_ramp(options)
    control, treatment = arms[options.control], arms[options.treatment]
    found = decide(ramp, options.stage, options.hours, control, treatment)
    print(f"{found.action}: {found.reason}")
    return {"action": str(found.action), "reason": found.reason, "lift": found.lift, "low": found.low,
            "high": found.high, "users": int(control.users + treatment.users)}  # fmt: skip

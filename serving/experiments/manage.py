"""The commands that begin, change and end experiments."""

from __future__ import annotations

from dataclasses import replace

from creator.core.errors import StoreError, UsageError
from serving.experiments import registry
from serving.experiments.assignment import Experiment, Variation
from serving.experiments.commands import BeginOptions, ChangeOptions, HoldoutOptions, OneOptions, StoreOptions
from serving.experiments.ramp import Ramp, Stage
from serving.experiments.tend import tend
from serving.experiments.trial import Status, Trial
from serving.publish import COMMAND
from serving.store import Store


def as_trial(options: BeginOptions) -> Trial:
    """The experiment that the options describe.

    Raises:
        ValueError: a part of them cannot be read; the message names it.
    """
    weights = options.weights or (1 / max(1, len(options.arms)),) * len(options.arms)
    if len(weights) != len(options.arms):
        raise ValueError(f"weights: got {len(weights)}, expected one for each of {len(options.arms)} arms")
    arms: list[Variation] = []
    for text, weight in zip(options.arms, weights, strict=True):
        name, equals, shows = text.partition("=")
        if not (name and equals):
            raise ValueError("arms: expected NAME=SHOWS")
        arms.append(Variation(name, weight, shows))
    ramp = None
    if options.stages:
        stages = tuple(Stage(share, options.stage_hours, options.stage_users) for share in options.stages)
        ramp = Ramp(stages, options.tolerance, options.alpha)
    outside = options.outside if options.outside != "auto" else "live" if ramp is None else "control"
    experiment = Experiment(
        options.experiment, tuple(arms), options.coverage, options.seed, namespace=_namespace(options.namespace)
    )
    return Trial(experiment, ramp, outside, options.allocation, options.least_share, options.stratified,
                 frozenset(options.ads), frozenset(options.clusters))  # fmt: skip


def begin(options: BeginOptions) -> dict[str, object]:
    """`experiment begin`."""
    with Store(options.store) as store:
        trial = registry.begin(store, as_trial(options), COMMAND)
    arms = ", ".join(f"{arm.key} ({arm.weight:.0%}) shows {arm.shows}" for arm in trial.experiment.variations)
    print(f"{trial.key}: {arms}; {trial.at_stage().coverage:.0%} of users take part")
    return {"experiment": trial.key, "coverage": trial.at_stage().coverage}


def list_trials(options: StoreOptions) -> dict[str, object]:
    """`experiment list`."""
    with Store(options.store) as store, store.reading() as connection:
        trials, share = registry.read_trials(connection, ended=True), registry.read_holdout(connection)
    for trial in trials:
        arms = " ".join(f"{arm.key}={arm.shows}:{arm.weight:g}" for arm in trial.experiment.variations)
        stage = f"stage {trial.stage + 1}/{len(trial.ramp.stages)}" if trial.ramp is not None else trial.allocation
        print(f"{trial.key:<24} {trial.status:<8} {stage:<10} {trial.at_stage().coverage:>5.0%}  {arms}")
        if trial.decision:
            print(f"{'':<24} {trial.decision.get('action')}: {trial.decision.get('reason')}")
    print(f"holdout: {share:.1%} of users")
    return {"experiments": {trial.key: str(trial.status) for trial in trials}, "holdout": share}


def change(options: ChangeOptions) -> dict[str, object]:
    """`experiment change`."""
    with Store(options.store) as store:
        with store.reading() as connection:
            before = registry.read_trial(connection, options.experiment)
        experiment = before.experiment
        if options.weights:
            if len(options.weights) != len(experiment.variations):
                raise UsageError(
                    [f"weights: got {len(options.weights)}, expected one for each of {len(experiment.variations)} arms"]
                )
            arms = zip(experiment.variations, options.weights, strict=True)
            experiment = replace(experiment, variations=tuple(replace(arm, weight=weight) for arm, weight in arms))
        if options.coverage is not None:
            if before.ramp is not None:
                raise UsageError(["coverage: the stages of its ramp say it"])
            experiment = replace(experiment, coverage=options.coverage)
        if options.anew:
            version = experiment.bucket_version + 1
            least = version if options.leave else experiment.min_bucket_version
            seed = f"{experiment.seed or experiment.key}:{version}"
            experiment = replace(experiment, bucket_version=version, min_bucket_version=least, seed=seed)
        after = registry.change(store, options.experiment, experiment, COMMAND)
    note = "; who was assigned before stays" if after.remembered and not options.anew else ""
    print(f"{after.key} is changed{note}")
    return {"experiment": after.key, "remembered": after.remembered}


def halt(options: OneOptions) -> dict[str, object]:
    """`experiment halt`."""
    return _settle(options, Status.HALTED, "everybody it concerns sees the control")


def end(options: OneOptions) -> dict[str, object]:
    """`experiment end`."""
    return _settle(options, Status.ENDED, "look-ups answer without it")


def holdout(options: HoldoutOptions) -> dict[str, object]:
    """`experiment holdout`."""
    with Store(options.store) as store:
        registry.set_holdout(store, options.share, COMMAND)
    print(f"{options.share:.1%} of users are held out")
    return {"share": options.share}


def tend_once(options: StoreOptions) -> dict[str, object]:
    """`experiment tend`."""
    with Store(options.store) as store:
        found = tend(store, who=COMMAND)
    for one in found:
        print(f"{one.experiment}: {one.action}: {one.reason}" + ("" if one.done else " (not now)"))
    return {"actions": {one.experiment: one.action for one in found}}


def _settle(options: OneOptions, status: Status, told: str) -> dict[str, object]:
    with Store(options.store) as store:
        with store.reading() as connection:
            before = registry.read_trial(connection, options.experiment)
        if before.status is Status.ENDED:
            raise StoreError(f"experiment {options.experiment} is over", cure="begin another")
        decision = {"action": str(status), "reason": options.reason or "by hand"}
        if not registry.settle(store, before, COMMAND, decision, status=status):
            raise StoreError("somebody changed the experiment meanwhile", cure="run the same command again")
    print(f"{options.experiment} is {status}: {told}")
    return {"experiment": options.experiment, "status": str(status)}


def _namespace(text: str) -> tuple[str, tuple[float, float]] | None:
    if not text:
        return None
    name, start, end = [*text.split(":"), "", "", ""][:3]
    try:
        return name, (float(start), float(end))
    except ValueError:
        raise ValueError("namespace: expected NAME:FROM:TO, two numbers from 0 to 1") from None

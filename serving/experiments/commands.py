"""The `experiment` commands of a store: what `serve` assigns, and how a rollout goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from creator.core.command import Command, option

STORE_HELP = "the title store: sqlite:///FILE.db, a plain FILE.db, or postgresql+psycopg://USER@HOST/NAME"
KEY_HELP = "the experiment's key, as the events name it"


@dataclass(frozen=True, slots=True)
class BeginOptions:
    """Settings of `experiment begin`."""

    store: str = option(help=STORE_HELP)
    experiment: str = option(help="its key: recorded with each exposure, and never used again")
    arms: tuple[str, ...] = option(
        ("control=original", "personal=cluster"),
        help="NAME=SHOWS of each variation, the control first; SHOWS: original, cluster (the user's), cluster:K, "
        "release:N",
    )
    weights: tuple[float, ...] = option((), help="share of each variation, summing to 1; left out, equal")
    coverage: float = option(1.0, help="share of users taken in, where there are no stages")
    stages: tuple[float, ...] = option((), help="coverages that a ramp goes through by itself, such as 0.01 0.1 0.5 1")
    stage_hours: float = option(24.0, help="how long each stage stands at least")
    stage_users: int = option(0, help="how many users each stage must have seen at least")
    tolerance: float = option(0.0, help="the relative loss of click rate that a ramp puts up with")
    alpha: float = option(0.05, help="share of harmless treatments that a ramp ever stops")
    outside: Literal["control", "live", "auto"] = option(
        "auto", help="what users outside the coverage see; auto: what the control shows where there are stages"
    )
    allocation: Literal["fixed", "thompson"] = option(
        "fixed", help="fixed: by the weights; thompson: by the clicks so far, for each ad and cluster"
    )
    least_share: float = option(0.05, help="of each variation under thompson")
    namespace: str = option("", help="NAME:FROM:TO, the part of a namespace its users come from; left out, everybody")
    seed: str = option("", help="of the draw; left out, the key")
    stratified: bool = option(False, help="each cluster draws by itself")
    ads: tuple[str, ...] = option((), help="where it applies; left out, all ads")
    clusters: tuple[int, ...] = option((), help="where it applies; left out, all clusters")

    @staticmethod
    def faults(options: BeginOptions) -> list[str]:
        """Values out of range."""
        from serving.experiments.manage import as_trial

        try:
            return as_trial(options).faults()
        except ValueError as error:
            return [str(error)]


@dataclass(frozen=True, slots=True)
class ChangeOptions:
    """Settings of `experiment change`."""

    store: str = option(help=STORE_HELP)
    experiment: str = option(help=KEY_HELP)
    weights: tuple[float, ...] = option((), help="new share of each variation; left out, as they are")
    coverage: float | None = option(None, help="new share of users taken in; left out, as it is")
    anew: bool = option(False, help="draw everybody anew, whatever they saw before")
    leave: bool = option(False, help="with --anew: who took part before leaves the experiment")


@dataclass(frozen=True, slots=True)
class OneOptions:
    """Settings of `experiment halt` and `experiment end`."""

    store: str = option(help=STORE_HELP)
    experiment: str = option(help=KEY_HELP)
    reason: str = option("", help="why, for the history")


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """Settings of `experiment list` and `experiment tend`."""

    store: str = option(help=STORE_HELP)


@dataclass(frozen=True, slots=True)
class HoldoutOptions:
    """Settings of `experiment holdout`."""

    store: str = option(help=STORE_HELP)
    share: float = option(help="share of users who see the originals and take part in nothing; 0 for none")


@dataclass(frozen=True, slots=True)
class GuardOptions:
    """Settings of `experiment guard`."""

    store: str = option(help=STORE_HELP)
    experiment: str = option(help=KEY_HELP)
    treatment: str = option(help="the variation that is rolled out")
    control: str = option("control", help="the variation it is held against")
    stages: tuple[float, ...] = option((0.01, 0.05, 0.2, 0.5, 1.0), help="share of users at each stage")
    stage: int = option(0, help="the stage it stands at, from 0")
    hours: float = option(0.0, help="for how long it has stood there")
    stage_hours: float = option(24.0, help="how long each stage stands at least")
    tolerance: float = option(0.0, help="the relative loss of click rate that is put up with")
    treated: float = option(0.5, help="share of the experiment's users meant for the treatment")
    alpha: float = option(0.05, help="share of harmless treatments that are ever stopped, however often this is asked")

    @staticmethod
    def faults(options: GuardOptions) -> list[str]:
        """Values out of range."""
        from serving.experiments.guard import as_ramp

        found = as_ramp(options).faults()
        if not 0 <= options.stage < max(1, len(options.stages)):
            found.append(f"stage: got {options.stage}, expected 0 to {max(1, len(options.stages)) - 1}")
        if options.control == options.treatment:
            found.append("control and treatment: expected two different variations")
        return found


COMMANDS: tuple[Command, ...] = (
    Command(
        "experiment begin",
        "let 'serve' assign users to the variations of an experiment or a rollout",
        BeginOptions,
        "serving.experiments.manage:begin",
        "hllm-creator experiment begin --store runs/demo/store.db --experiment titles --stages 0.01 0.1 0.5 1",
    ),
    Command(
        "experiment list",
        "list a store's experiments and where they stand",
        StoreOptions,
        "serving.experiments.manage:list_trials",
        "hllm-creator experiment list --store runs/demo/store.db",
    ),
    Command(
        "experiment change",
        "change weights or coverage; who was assigned before stays",
        ChangeOptions,
        "serving.experiments.manage:change",
        "hllm-creator experiment change --store runs/demo/store.db --experiment titles --weights 0.1 0.9",
    ),
    Command(
        "experiment halt",
        "stop an experiment: everybody it concerns sees the control",
        OneOptions,
        "serving.experiments.manage:halt",
        "hllm-creator experiment halt --store runs/demo/store.db --experiment titles",
    ),
    Command(
        "experiment end",
        "end an experiment: look-ups answer as if it had never been",
        OneOptions,
        "serving.experiments.manage:end",
        "hllm-creator experiment end --store runs/demo/store.db --experiment titles",
    ),
    Command(
        "experiment holdout",
        "keep a share of users out of everything; they see the originals",
        HoldoutOptions,
        "serving.experiments.manage:holdout",
        "hllm-creator experiment holdout --store runs/demo/store.db --share 0.02",
    ),
    Command(
        "experiment tend",
        "judge every ramp and let every bandit learn, once; 'serve' does so by itself",
        StoreOptions,
        "serving.experiments.manage:tend_once",
        "hllm-creator experiment tend --store runs/demo/store.db",
    ),
    Command(
        "experiment guard",
        "whether a rollout may go on: advance, hold, or stop because harm is certain",
        GuardOptions,
        "serving.experiments.guard:run",
        "hllm-creator experiment guard --store runs/demo/store.db --experiment titles --treatment personal --stage 1 "
        "--hours 30",
    ),
)

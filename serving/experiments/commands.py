"""The `experiment` commands that watch a running rollout."""

from __future__ import annotations

from dataclasses import dataclass

from creator.core.command import Command, option


@dataclass(frozen=True, slots=True)
class GuardOptions:
    """Settings of `experiment guard`."""

    store: str = option(
        help="the title store: sqlite:///FILE.db, a plain FILE.db, or postgresql+psycopg://USER@HOST/NAME"
    )
    experiment: str = option(help="the experiment's key, as the events name it")
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
        "experiment guard",
        "whether a rollout may go on: advance, hold, or stop because harm is certain",
        GuardOptions,
        "serving.experiments.guard:run",
        "hllm-creator experiment guard --store runs/demo/store.db --experiment titles --treatment personal --stage 1 "
        "--hours 30",
    ),
)

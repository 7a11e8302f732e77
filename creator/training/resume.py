"""What a training needs to go on after a kill as if nothing had happened, written whole or not at all.

Parameters and the optimiser's moments go by name, so that a run may go on in another number of processes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from creator.training.workers import Workers, put, whole

CHECKPOINT, BEST = ".checkpoint.pt", ".best.pt"
FORMAT = 2

Named = Sequence[tuple[str, nn.Parameter]]


@runtime_checkable
class Remembers(Protocol):
    """Step losses that carry something from step to step, such as a queue of negatives."""

    def memory(self) -> dict[str, Tensor]:
        """What is carried."""
        ...

    def remember(self, memory: Mapping[str, Tensor]) -> None:
        """Carry on with that."""
        ...


@dataclass(slots=True)
class Progressed:
    """How far a training is, beside its weights.

    Args:
        step: optimiser steps taken.
        best: lowest validation loss so far; infinite before there is one.
        best_step: the step it was found at.
        waited: validations since.
        stopped: whether training ended before its last step.
        wrong_for: see `creator.training.collapse`.
    """

    step: int = 0
    best: float = float("inf")
    best_step: int = 0
    waited: int = 0
    stopped: bool = False
    wrong_for: dict[str, int] = field(default_factory=lambda: dict[str, int]())


def save_checkpoint(
    folder: Path,
    named: Named,
    optimiser: torch.optim.Optimizer,
    progressed: Progressed,
    carried: Mapping[str, Tensor],
    workers: Workers,
) -> None:
    """Write the checkpoint; every process must call, the first one writes."""
    parameters = {name: whole(p.detach()) for name, p in named}
    moments = {
        name: {k: whole(v) if isinstance(v, Tensor) else v for k, v in optimiser.state[p].items()}
        for name, p in named
        if p in optimiser.state
    }
    if workers.first:
        state = {
            "format": FORMAT,
            "progressed": asdict(progressed),
            "parameters": parameters,
            "moments": moments,
            "carried": dict(carried),
            "random": torch.get_rng_state(),
        }
        _write(state, folder / CHECKPOINT)
    workers.wait()


def load_checkpoint(
    folder: Path, named: Named, optimiser: torch.optim.Optimizer
) -> tuple[Progressed, dict[str, Tensor]] | None:
    """Put a checkpoint's weights and moments back; None where there is no checkpoint of this format."""
    path = folder / CHECKPOINT
    if not path.is_file():
        return None
    state = torch.load(path, map_location="cpu", weights_only=True)
    if state.get("format") != FORMAT:
        return None
    fill(named, state["parameters"])
    for name, parameter in named:
        if name not in state["moments"]:
            continue
        kept: dict[str, object] = {}
        for key, value in state["moments"][name].items():
            if isinstance(value, Tensor) and value.shape == parameter.shape and key != "step":
                kept[key] = torch.zeros_like(parameter, requires_grad=False)
                with torch.no_grad():
                    put(kept[key], value)  # pyright: ignore[reportArgumentType]
            else:
                kept[key] = value
        optimiser.state[parameter] = kept
    torch.set_rng_state(state["random"])
    return Progressed(**state["progressed"]), state["carried"]


def save_best(folder: Path, named: Named, workers: Workers) -> None:
    """Keep the weights as they are now, to come back to."""
    parameters = {name: whole(p.detach()) for name, p in named}
    if workers.first:
        _write(parameters, folder / BEST)
    workers.wait()


def load_best(folder: Path, named: Named) -> None:
    """Come back to the weights that were kept."""
    fill(named, torch.load(folder / BEST, map_location="cpu", weights_only=True))


def fill(named: Named, values: Mapping[str, Tensor]) -> None:
    """Copy values into parameters by name."""
    with torch.no_grad():
        for name, parameter in named:
            put(parameter, values[name])


def drop(folder: Path) -> None:
    """Delete what `folder` keeps for a resumption."""
    for name in (CHECKPOINT, BEST):
        (folder / name).unlink(missing_ok=True)


def _write(state: object, path: Path) -> None:
    aside = path.with_suffix(".tmp")
    torch.save(state, aside)
    aside.replace(path)

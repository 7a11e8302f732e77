"""The training loop: steps, warm-up and cosine decay, clipping, atomic checkpoints, exact resume.

What a step trains on depends on (seed, step) alone, so that a run which was killed and resumed takes the very steps
that an uninterrupted one takes.
"""

from __future__ import annotations

import json
import math
import os
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from creator.core.errors import HllmCreatorError
from creator.core.progress import Progress

Losses = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """How to optimise.

    Args:
        steps: optimiser steps.
        learning_rate: its peak.
        warmup_steps: steps of linear warm-up; a cosine to a tenth of the peak follows.
        weight_decay: on matrices only.
        clip: largest gradient norm.
        save_every_s: seconds between checkpoints.
        log_every: steps between lines of the history.
        bf16: run the steps under bfloat16 autocast; parameters and optimiser stay as they are.
    """

    steps: int
    learning_rate: float
    warmup_steps: int = 30
    weight_decay: float = 0.01
    clip: float = 1.0
    save_every_s: float = 60.0
    log_every: int = 5
    bf16: bool = True


def weighed(losses: Losses, settings: object, zero: Tensor) -> Losses:
    """The losses and their "total", each weighed by the setting of its name; `zero` is the total of none."""
    return {**losses, "total": sum((getattr(settings, name) * loss for name, loss in losses.items()), start=zero)}


def learning_rate_at(step: int, settings: LoopSettings) -> float:
    """The rate of a step: linear warm-up, then a cosine from the peak to a tenth of it."""
    if step < settings.warmup_steps:
        return settings.learning_rate * (step + 1) / settings.warmup_steps
    done = (step - settings.warmup_steps) / max(1, settings.steps - settings.warmup_steps)
    return settings.learning_rate * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))


def run_loop(
    model: nn.Module,
    groups: Sequence[tuple[str, float]],
    step_losses: Callable[[int], Losses],
    settings: LoopSettings,
    folder: Path,
    *,
    label: str,
    validate: Callable[[], dict[str, float]] | None = None,
    validate_every: int = 0,
) -> None:
    """Train every parameter that requires a gradient.

    Args:
        model: whose parameters are trained in place.
        groups: (name prefix, factor on the learning rate), the first that fits a parameter counts; 1.0 otherwise.
        step_losses: the losses of a step by name, "total" the one to minimise.
        settings: how to optimise.
        folder: where the resumable checkpoint and `history.jsonl` are kept.
        label: what the progress calls it.
        validate: figures on held-out data, logged with the prefix "valid_".
        validate_every: steps between validations, 0 for never.

    Raises:
        HllmCreatorError: the loss became NaN or infinite.
    """
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    optimiser = _optimiser(named, groups, settings)
    history = folder / "history.jsonl"
    device = named[0][1].device.type
    step = _resume(named, optimiser, folder, history)
    progress = Progress(label, settings.steps, "steps", done=step)
    saved = started = time.monotonic()
    model.train()
    while step < settings.steps:
        rate = learning_rate_at(step, settings)
        for group in optimiser.param_groups:
            group["lr"] = rate * group["factor"]
        with torch.autocast(device, torch.bfloat16, enabled=settings.bf16):
            losses = step_losses(step)
        losses["total"].backward()
        norm = nn.utils.clip_grad_norm_([p for _, p in named], settings.clip)
        if not torch.isfinite(norm):
            raise HllmCreatorError("the loss is no longer finite", got=f"step {step}", cure="lower the learning rate")
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        step += 1
        figures = {name: round(float(value.detach()), 5) for name, value in losses.items()}
        if validate and validate_every and (step % validate_every == 0 or step == settings.steps):
            model.eval()
            with torch.inference_mode(), torch.autocast(device, torch.bfloat16, enabled=settings.bf16):
                figures |= {f"valid_{name}": round(value, 5) for name, value in validate().items()}
            model.train()
        if step % settings.log_every == 0 or step == settings.steps or any(n.startswith("valid_") for n in figures):
            _log(history, {"step": step, **figures, "lr": rate, "seconds": round(time.monotonic() - started, 1)})
        progress.advance(note=f"loss {figures['total']:.3f}, {_memory_gib():.1f} GiB")
        if time.monotonic() - saved > settings.save_every_s or step == settings.steps:
            _save(named, optimiser, step, folder)
            saved = time.monotonic()
    progress.close()
    model.eval()


def _optimiser(
    named: Sequence[tuple[str, nn.Parameter]], groups: Sequence[tuple[str, float]], settings: LoopSettings
) -> torch.optim.Optimizer:
    made: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in named:
        factor = next((f for prefix, f in groups if name.startswith(prefix)), 1.0)
        decay = settings.weight_decay if parameter.ndim > 1 else 0.0
        made.setdefault((factor, decay), []).append(parameter)
    grouped = [{"params": p, "factor": f, "weight_decay": d, "lr": 0.0} for (f, d), p in made.items()]
    return torch.optim.AdamW(grouped, betas=(0.9, 0.98), eps=1e-8)


def _save(named: Sequence[tuple[str, nn.Parameter]], optimiser: torch.optim.Optimizer, step: int, folder: Path) -> None:
    aside = folder / ".checkpoint.tmp"
    torch.save(
        {"step": step, "parameters": {n: p.detach() for n, p in named}, "optimiser": optimiser.state_dict()}, aside
    )
    aside.replace(folder / ".checkpoint.pt")


def _resume(
    named: Sequence[tuple[str, nn.Parameter]], optimiser: torch.optim.Optimizer, folder: Path, history: Path
) -> int:
    path = folder / ".checkpoint.pt"
    if not path.is_file():
        history.unlink(missing_ok=True)
        return 0
    state = torch.load(path, weights_only=True)
    with torch.no_grad():
        for name, parameter in named:
            parameter.copy_(state["parameters"][name])
    optimiser.load_state_dict(state["optimiser"])
    if history.is_file():
        lines = [line for line in history.read_text(encoding="utf-8").splitlines() if _step_of(line) <= state["step"]]
        history.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return int(state["step"])


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except ValueError:
        return math.inf


def _log(history: Path, row: dict[str, float]) -> None:
    with history.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(row) + "\n")
        stream.flush()
        os.fsync(stream.fileno())


def _memory_gib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def finish(folder: Path) -> None:
    """Drop the resumable state once the model is saved."""
    (folder / ".checkpoint.pt").unlink(missing_ok=True)

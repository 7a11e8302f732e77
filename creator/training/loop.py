"""The training loop: steps, warm-up and cosine decay, clipping, atomic checkpoints, exact resume, early stopping.

What a step trains on depends on (seed, step) and what its losses remember, and both are kept, so that a run which was
killed and resumed takes the very steps that an uninterrupted one takes. Several processes share a step
(`creator.training.workers`).
"""

from __future__ import annotations

import json
import math
import os
import resource
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from creator.core.errors import HllmCreatorError
from creator.core.progress import Progress, say
from creator.training.board import Board
from creator.training.collapse import CollapseWatch
from creator.training.resume import (
    Progressed,
    Remembers,
    drop,
    load_best,
    load_checkpoint,
    save_best,
    save_checkpoint,
)
from creator.training.workers import by_kind, clip, workers

Losses = dict[str, Tensor]
COUNTED = ("tokens", "examples")
"""Figures of a step that are no losses but amounts: they are shown a second."""
DUE = ".due"


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
        accumulate: passes whose gradients are averaged for one optimiser step; each draws its own rows.
        patience: validations without a lower loss after which training ends; the best weights are then put back, as
            they are at the end. 0 trains to the end and keeps the last weights.
        tensorboard: folder for TensorBoard's event files.
    """

    steps: int
    learning_rate: float
    warmup_steps: int = 30
    weight_decay: float = 0.01
    clip: float = 1.0
    save_every_s: float = 60.0
    log_every: int = 5
    bf16: bool = True
    accumulate: int = 1
    patience: int = 0
    tensorboard: Path | None = None


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
        step_losses: the losses of a pass by name, "total" the one to minimise; names in `COUNTED` are amounts, and
            those that `CollapseWatch` knows are watched. Pass p of step s is number s x accumulate + p.
        settings: how to optimise.
        folder: where the resumable checkpoint and `history.jsonl` are kept.
        label: what the progress calls it.
        validate: figures on held-out data, logged with the prefix "valid_"; "total" decides which weights are best.
        validate_every: steps between validations, 0 for never.

    Raises:
        HllmCreatorError: the loss became NaN or infinite, or training collapsed.
    """
    group = workers()
    shared = group.wrap(model)
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    optimiser = _optimiser(named, groups, settings)
    history = folder / "history.jsonl"
    device = named[0][1].device.type
    now = _resume(named, optimiser, folder, history, step_losses)
    steps: object = step_losses
    keeper = steps if isinstance(steps, Remembers) else None
    watch = CollapseWatch(wrong_for=now.wrong_for)
    progress = Progress(label, settings.steps, "steps", done=now.step)
    board = Board(settings.tensorboard if group.first else None, now.step)
    saved = started = time.monotonic()
    model.train()
    while now.step < settings.steps and not now.stopped:
        began = time.monotonic()
        rate = learning_rate_at(now.step, settings)
        for part in optimiser.param_groups:
            part["lr"] = rate * part["factor"]
        passes: list[Losses] = []
        for n in range(settings.accumulate):
            number = now.step * settings.accumulate + n
            with shared.accumulating(more=n + 1 < settings.accumulate):
                with torch.autocast(device, torch.bfloat16, enabled=settings.bf16):
                    losses = shared.run(lambda number=number: step_losses(number))
                (losses["total"] / settings.accumulate).backward()
            passes.append({name: value.detach() for name, value in losses.items()})
        shared.meet()
        norm = clip([p for _, p in named], settings.clip)
        if not torch.isfinite(norm):
            raise HllmCreatorError(
                "the loss is no longer finite", got=f"step {now.step}", cure="lower the learning rate"
            )
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        now.step += 1
        # clocks differ, and all processes have to save at once
        figures = group.means({**_over_passes(passes), DUE: float(time.monotonic() - saved > settings.save_every_s)})
        due = figures.pop(DUE) > 0
        amounts = {name: figures.pop(name) * group.count for name in COUNTED if name in figures}
        watch.look(now.step, figures)
        last = now.step == settings.steps
        if validate and validate_every and (now.step % validate_every == 0 or last):
            model.eval()
            with torch.no_grad(), torch.autocast(device, torch.bfloat16, enabled=settings.bf16):
                held = group.means(shared.run(validate))
            model.train()
            figures |= {f"valid_{name}": value for name, value in held.items()}
            if settings.patience and "total" in held:
                _keep_best(held["total"], now, settings)
                if now.best_step == now.step:
                    save_best(folder, named, group)
        speed = {f"{name}_per_s": round(n / (time.monotonic() - began), 1) for name, n in amounts.items()}
        if group.first and (now.step % settings.log_every == 0 or last or any(n.startswith("valid_") for n in figures)):
            rounded = {name: round(value, 5) for name, value in figures.items()}
            _log(
                history,
                {"step": now.step, **rounded, **speed, "lr": rate, "seconds": round(time.monotonic() - started, 1)},
            )
            board.write(now.step, {**figures, **speed, "lr": rate, "memory_gib": memory_gib(device)})
        if group.first:
            progress.advance(note=_note(figures["total"], speed, device))
        if due or last or now.stopped:
            now.wrong_for = watch.wrong_for
            carried = keeper.memory() if keeper else {}
            save_checkpoint(folder, named, optimiser, now, carried, group)
            saved = time.monotonic()
    progress.close()
    board.close()
    if settings.patience and now.best_step and now.best_step != now.step:
        say(f"{label}: back to the weights of step {now.best_step:,}, whose validation loss was the lowest")
        load_best(folder, named)
    shared.release()
    model.eval()


def _keep_best(loss: float, now: Progressed, settings: LoopSettings) -> None:
    if loss < now.best:
        now.best, now.best_step, now.waited = loss, now.step, 0
    else:
        now.waited += 1
        now.stopped = now.waited >= settings.patience


def _over_passes(passes: Sequence[Losses]) -> Losses:
    """Means over a step's passes; amounts are summed."""
    if len(passes) == 1:
        return passes[0]
    stacked = {name: torch.stack([losses[name].float() for losses in passes]) for name in passes[0]}
    return {name: values.sum() if name in COUNTED else values.mean() for name, values in stacked.items()}


def _optimiser(
    named: Sequence[tuple[str, nn.Parameter]], groups: Sequence[tuple[str, float]], settings: LoopSettings
) -> torch.optim.Optimizer:
    made: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in named:
        factor = next((f for prefix, f in groups if name.startswith(prefix)), 1.0)
        decay = settings.weight_decay if parameter.ndim > 1 else 0.0
        made.setdefault((factor, decay), []).append(parameter)
    grouped = [
        {"params": part, "factor": f, "weight_decay": d, "lr": 0.0} for (f, d), p in made.items() for part in by_kind(p)
    ]
    return torch.optim.AdamW(grouped, betas=(0.9, 0.98), eps=1e-8)


def _resume(
    named: Sequence[tuple[str, nn.Parameter]],
    optimiser: torch.optim.Optimizer,
    folder: Path,
    history: Path,
    step_losses: Callable[[int], Losses],
) -> Progressed:
    found = load_checkpoint(folder, named, optimiser)
    if found is None:
        if workers().first:
            history.unlink(missing_ok=True)
        return Progressed()
    now, carried = found
    if isinstance(step_losses, Remembers):
        step_losses.remember(carried)
    if history.is_file() and workers().first:
        lines = [line for line in history.read_text(encoding="utf-8").splitlines() if _step_of(line) <= now.step]
        history.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return now


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except ValueError:
        return math.inf


def _log(history: Path, row: Mapping[str, float]) -> None:
    with history.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(row) + "\n")
        stream.flush()
        os.fsync(stream.fileno())


def _note(loss: float, speed: Mapping[str, float], device: str) -> str:
    rates = "".join(f"{n:,.0f} {name.removesuffix('_per_s')}/s, " for name, n in speed.items())
    return f"loss {loss:.3f}, {rates}{memory_gib(device):.1f} GiB"


def memory_gib(device: str) -> float:
    """The most memory held so far: of the GPU where that is what computes, of the process otherwise."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def finish(folder: Path) -> None:
    """Drop the resumable state once the model is saved."""
    drop(folder)

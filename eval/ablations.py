"""The command `evaluate ablations`: what each part of the training is worth, one table.

Each variant is trained as the configuration says but for one thing, and asked the questions of `evaluate titles` and
`evaluate matching`. Variants are trained one after another; a killed call goes on where it stopped.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from creator.core.artefacts import Artefact, open_artefact, write_artefact, write_text
from creator.core.command import read_options
from creator.core.data import Data, open_data
from creator.core.errors import ModelError, UsageError
from creator.core.progress import say
from creator.pipeline.stages import read_settings
from creator.training.options import TrainOptions
from eval.ablations_options import NAMES, AblationsOptions, VariantName
from eval.ablations_report import COLUMNS, draw, show
from eval.figures import Figure, read_figures, write_summary
from eval.options import MatchingOptions, TitlesOptions
from eval.page import write_page

VARIANTS = ".variants"
PATHS = ("data", "examples", "out", "init", "light", "tensorboard", "device")
"""Settings of a training that shape nothing of the table, or count by their content."""
LABELS: Mapping[VariantName, str] = {
    "full": "as configured",
    "mean": "mean user instead of own",
    "choice": "without the choice loss",
    "reconstruction": "without the reconstruction loss",
    "alignment": "without the alignment loss",
    "matching": "without the matching loss",
    "frozen": "LLMs frozen",
    "random": "random instead of pretrained weights",
}
MEAN = {"perplexity_own": "perplexity_mean", "reconstruction_own": "reconstruction_mean"}
"""What the full model says of the mean user."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One row of the table.

    Args:
        name: which.
        label: for people.
        figures: by key.
        steps: optimiser steps it was trained for.
        took_s: seconds to train and to measure; 0 where nothing was trained.
    """

    name: VariantName
    label: str
    figures: Mapping[str, Figure]
    steps: int
    took_s: float


def evaluate_ablations(options: AblationsOptions) -> dict[str, object]:
    """Train and measure every variant, and write the table.

    Raises:
        HllmCreatorError: an input cannot be read, the configuration is wrong, or a training failed.
    """
    data, examples = open_data(options.data), open_artefact(options.examples, "examples")
    base = _training(options)
    inputs: dict[str, Artefact | Path] = {"data": data.artefact, "examples": examples}
    if base.init is not None:
        inputs["init"] = base.init / "heads.safetensors"
        if not inputs["init"].is_file():
            raise ModelError(f"{base.init} is no model folder", got="no heads.safetensors", cure="mend model.init")
    config = {"of": "ablations", "model": {name: value for name, value in asdict(base).items() if name not in PATHS},
              "limit": options.limit, "profiles": options.profiles, "resamples": options.resamples,
              "without": options.without}  # fmt: skip
    with write_artefact(options.out, "evaluation", config=config, inputs=inputs) as draft:
        left_out = set[str](options.without)
        found = [_variant(name, options, base, data, draft.path) for name in NAMES if name not in left_out]
        table = [{"name": v.name, "label": v.label, "steps": v.steps, "took_s": v.took_s,
                  "figures": {key: asdict(figure) for key, figure in v.figures.items()}} for v in found]  # fmt: skip
        figures = list(found[0].figures.values())
        write_summary(draft.path / "summary.json", figures, {"of": "ablations", "variants": table})
        draw(draft.path, [(v.label, v.figures) for v in found])
        write_page(draft.path / "report.html", "ablations.html.jinja", variants=found, columns=COLUMNS, base=base)
        draft.rows = {"variants": len(found)}
        draft.facts = {f"{v.name}_conditioning": _value(v.figures, "conditioning") for v in found}
        shutil.rmtree(draft.path / VARIANTS, ignore_errors=True)
    show([(v.label, v.figures, v.took_s) for v in found])
    return {"out": str(options.out), **{f"{v.name}_conditioning": _value(v.figures, "conditioning") for v in found}}


def _value(figures: Mapping[str, Figure], key: str) -> float | None:
    return figures[key].value if key in figures else None


def _training(options: AblationsOptions) -> TrainOptions:
    """How the full model is trained: [model] of the configuration.

    Raises:
        UsageError: the configuration cannot be read, or is wrong.
    """
    settings = read_settings(options.config, options.set)
    if "model" not in settings:
        raise UsageError([f"{options.config}: no section [model]"])
    own = {name: value for name, value in settings["model"].items() if name != "light"}
    return read_options(TrainOptions, {**own, "data": options.data, "examples": options.examples,
                                       "out": options.out / "model"}, "[model]")  # fmt: skip


def _variant(name: VariantName, options: AblationsOptions, base: TrainOptions, data: Data, folder: Path) -> Variant:
    from creator.training.stage import run_train

    place = folder / VARIANTS / ("full" if name == "mean" else name)
    place.mkdir(parents=True, exist_ok=True)
    started, steps = time.monotonic(), 0
    if name != "mean":
        changed = replace(_changed(name, base, place), out=place / "model")
        steps = changed.steps
        if not (place / "model").is_dir():
            say(f"ablations: {LABELS[name]}")
            run_train(changed)
    figures = _measure(options, data, place)
    if name == "mean":
        figures = {key: replace(figures[source], key=key) for key, source in MEAN.items() if source in figures}
    return Variant(name, LABELS[name], figures, steps, _took(place, name, started))


def _took(place: Path, name: VariantName, started: float) -> float:
    """Seconds of the variant's first whole pass; a resumed call only reads it back."""
    if name == "mean":
        return 0.0
    noted = place / "seconds"
    if not noted.is_file():
        write_text(noted, f"{time.monotonic() - started:.1f}")
    return float(noted.read_text(encoding="utf-8"))


def _changed(name: VariantName, base: TrainOptions, place: Path) -> TrainOptions:
    """The configuration with the one thing of this variant changed."""
    weights: dict[str, Any] = {f"{loss}_weight": 0.0 for loss in ("choice", "reconstruction", "alignment", "matching")
                               if loss == name}  # fmt: skip
    if name == "frozen":
        weights = {"freeze_creative": True, "drill_steps": 0}  # `train` never moves the Item LLM
    if name == "random":
        weights = _random_weights(base, place)
    return replace(base, **weights)


def _random_weights(base: TrainOptions, place: Path) -> dict[str, Any]:
    """The backbones that are pretrained, as folders of the same shape with random weights."""
    from transformers import AutoModel, AutoModelForCausalLM

    drawn: dict[str, Any] = {"init": None, "item": _redraw(base.item, place / "item", AutoModel, base.seed)}
    if base.user is not None:
        drawn["user"] = _redraw(base.user, place / "user", AutoModel, base.seed)
    if base.creative != "new":
        drawn |= {"creative": _redraw(base.creative, place / "creative", AutoModelForCausalLM, base.seed),
                  "lora_rank": 0}  # fmt: skip  # adapters on random weights could learn nothing
    return drawn


def _redraw(backbone: str, folder: Path, kind: Any, seed: int) -> str:
    import torch
    from transformers import AutoConfig, AutoTokenizer

    from creator.engine.backbone import resolve_backbone

    source = resolve_backbone(backbone)
    if not (folder / "config.json").is_file():
        torch.manual_seed(seed)
        kind.from_config(AutoConfig.from_pretrained(source)).save_pretrained(folder)
        AutoTokenizer.from_pretrained(source).save_pretrained(folder)
    return str(folder)


def _measure(options: AblationsOptions, data: Data, place: Path) -> dict[str, Figure]:
    """The figures of a trained variant, those already there read back."""
    from eval.matching_report import evaluate_matching
    from eval.titles_report import evaluate_titles

    asked: dict[str, Callable[[Path], object]] = {
        "titles": lambda out: evaluate_titles(
            TitlesOptions(
                model=place / "model",
                data=options.data,
                examples=options.examples,
                out=out,
                limit=options.limit,
                profiles=options.profiles,
                resamples=options.resamples,
            )
        ),
    }
    if len(data.impressions):
        asked["matching"] = lambda out: evaluate_matching(
            MatchingOptions(model=place / "model", data=options.data, out=out, resamples=options.resamples)
        )
    found: list[Figure] = []
    for name, ask in asked.items():
        if not (place / name).is_dir():
            ask(place / name)
        found += read_figures(place / name / "summary.json")
    return {figure.key: figure for figure in found}

"""`pretrain` and `train`: from backbones, DATA and EXAMPLES to a MODEL folder."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd
import torch

from creator.core.artefacts import Artefact, Draft, open_artefact
from creator.core.data import Data, open_data
from creator.core.errors import InputError
from creator.models.assembly import Float, HllmCreator
from creator.models.checkpoint import load_model, save_model
from creator.models.item_store import drop_blocks, encode_catalogue
from creator.models.user_encoder import start_as_mean
from creator.training.begin import new_model, place, start_model, training_rows
from creator.training.calibration import calibrate
from creator.training.card import write_card
from creator.training.creative import CreativeSettings, train_creative, train_drills
from creator.training.curves import HISTORIES, draw_curves
from creator.training.examples import Examples
from creator.training.loop import LoopSettings, finish
from creator.training.match_fit import MatchFitSettings, fit_match
from creator.training.options import PretrainOptions, TrainOptions
from creator.training.pretrain import PretrainSettings, pretrain
from creator.training.projectors import start_projectors
from creator.training.user_fit import UserFitSettings, fit_users
from creator.training.workers import workers, write_together

DRILLS, USERS = ".drills", ".users"
"""Where a draft keeps the state of the steps on drills alone and of the User LLM's own."""
TABLES = ("items", "events", "ads_frame", "impressions")
PATHS = ("data", "examples", "out", "init", "light", "tensorboard", "device")
"""Settings that shape nothing: a draft is gone on with whatever they are."""


def run_pretrain(options: PretrainOptions) -> Mapping[str, object]:
    """Write a MODEL whose User LLM and match head are pretrained on behaviour.

    Raises:
        HllmCreatorError: an input cannot be read, or `out` exists.
    """
    data, group = open_data(options.data, *TABLES), workers()
    inputs: dict[str, Artefact | Path] = {"data": data.artefact}
    if options.init is not None:
        inputs["init"] = options.init / "heads.safetensors"
        if not inputs["init"].is_file():
            load_model(options.init)
    with write_together(options.out, "model", config=_config(options), inputs=inputs) as draft:
        torch.manual_seed(options.seed)
        if options.init is None:
            model = new_model(options)
        else:
            model = load_model(options.init)
            model.config = replace(model.config, history=options.history)
        place(model, options)
        items = encode_catalogue(model, data.item_texts, draft.path, group.rank, group.count, group.wait)
        if options.user is None and options.init is None:
            start_as_mean(model.user, torch.from_numpy(items))
        settings = PretrainSettings(
            windows=options.windows,
            negatives=options.negatives,
            batch_negatives=options.batch_negatives,
            queue=options.queue,
            near_duplicates=options.near_duplicates,
            train_items=options.train_items,
            horizon_days=options.horizon_days,
            next_item=options.next_item,
            acts=options.acts,
            clicks=options.clicks,
            early=options.early,
            seed=options.seed,
        )
        loop = _loop(options, options.steps, options.learning_rate)
        pretrain(model, data, items, draft.path, settings, loop, validate_every=options.validate_every)
        if group.first:
            if options.train_items:  # they are no longer what they were
                drop_blocks(draft.path)
                items = encode_catalogue(model, data.item_texts, draft.path)
            _close(model, data, items, draft, options, None)
    if not group.first:
        return {}
    print(f"pretrained for {options.steps:,} steps -> {options.out}")
    return {"steps": options.steps, **draft.facts, "out": str(options.out)}


def run_train(options: TrainOptions) -> Mapping[str, object]:
    """Write a MODEL.

    Raises:
        HllmCreatorError: an input cannot be read, there is nothing to train on, or `out` exists.
    """
    data, examples = open_data(options.data, *TABLES), open_artefact(options.examples, "examples")
    rows = training_rows(examples, data) if options.steps else None
    inputs: dict[str, Artefact | Path] = {"data": data.artefact, "examples": examples}
    if options.init is not None:
        inputs["init"] = options.init / "heads.safetensors"
        if not inputs["init"].is_file():
            load_model(options.init)
    group = workers()
    if group.shards and (options.drill_steps or options.user_steps):
        raise InputError(
            "FSDP shares out one phase, and this training has several",
            got=f"--drill-steps {options.drill_steps} --user-steps {options.user_steps}",
            expected="0 of both, or DDP",
            cure="launch it without --use_fsdp",
        )
    with write_together(options.out, "model", config=_config(options), inputs=inputs) as draft:
        torch.manual_seed(options.seed)
        model = start_model(options, data, examples, draft.path)
        place(model, options)
        items: Float | None = None
        if options.steps or options.match_steps:
            items = encode_catalogue(model, data.item_texts, draft.path, group.rank, group.count, group.wait)
        if items is not None and rows is not None:
            _train(model, data, rows, items, draft, options)
        elif options.init is not None and group.first:
            _carry_histories(options.init, draft.path)
        if group.first:
            if items is not None and options.match_steps:
                fit_match(model, data, items, MatchFitSettings(steps=options.match_steps, seed=options.seed))
            _close(model, data, items, draft, options, examples)
    if not group.first:
        return {}
    print(f"model trained for {options.steps:,} steps -> {options.out}")
    return {"steps": options.steps, **draft.facts, "out": str(options.out)}


def _loop(options: PretrainOptions | TrainOptions, steps: int, rate: float, phase: str = "") -> LoopSettings:
    return LoopSettings(
        steps,
        rate,
        options.warmup_steps if isinstance(options, TrainOptions) else 30,
        bf16=options.dtype == "bf16",
        accumulate=options.accumulate,
        patience=options.patience,
        tensorboard=options.tensorboard / phase if options.tensorboard is not None else None,
    )


def _train(
    model: HllmCreator, data: Data, frame: pd.DataFrame, items: Float, draft: Draft, options: TrainOptions
) -> None:
    if options.init is None and options.user is None:
        start_as_mean(model.user, torch.from_numpy(items))
    fitted = options.drill_steps > 0 and options.user_steps > 0
    settings = CreativeSettings(
        ads=options.ads,
        titles_per_ad=options.titles_per_ad,
        profiles=options.profiles,
        seed=options.seed,
        creative=options.creative_weight,
        reconstruction=options.reconstruction_weight,
        # what is fixed is not aligned, and the match head is fitted to it at the end
        alignment=0.0 if options.user_steps else options.alignment_weight,
        matching=0.0 if options.user_steps else options.matching_weight,
        choice=0.0 if fitted else options.choice_weight,
        train_user=not options.user_steps,
        train_words=not fitted,
        train_llm=not options.freeze_creative,
        bf16=options.dtype == "bf16",
        drills=options.drills,
    )
    loop = _loop(options, options.steps, options.learning_rate, "titles")
    begun = any((folder / ".checkpoint.pt").is_file() for folder in (draft.path, draft.path / USERS))
    if options.drill_steps:
        folder = _phase(draft, DRILLS)
        drilled, paced = (
            replace(settings, train_words=True),
            _loop(options, options.drill_steps, loop.learning_rate, "drills"),
        )
        train_drills(model, data, frame, items, folder, drilled, paced, validate_every=options.validate_every)
        _keep_history(folder, draft.path / "history_drills.jsonl")
    if not begun and not _has_creative_history(options.init):
        start_projectors(model, Examples(frame, data), data, items, carry_match=options.init is not None)
    if options.user_steps:
        _fit_users(model, data, frame, items, _phase(draft, USERS), options)
    train_creative(model, data, frame, items, draft.path, settings, loop, validate_every=options.validate_every)
    model.config = replace(model.config, choice=model.config.choice or options.choice_weight > 0)


def _phase(draft: Draft, name: str) -> Path:
    folder = draft.path / name
    folder.mkdir(exist_ok=True)
    return folder


def _keep_history(folder: Path, path: Path) -> None:
    if workers().first:
        shutil.copy(folder / "history.jsonl", path)


def _fit_users(
    model: HllmCreator, data: Data, frame: pd.DataFrame, items: Float, folder: Path, options: TrainOptions
) -> None:
    settings = UserFitSettings(
        windows=options.windows,
        choice=options.choice_weight,
        alignment=options.alignment_weight,
        matching=options.matching_weight,
        seed=options.seed,
    )
    loop = _loop(options, options.user_steps, options.user_learning_rate, "users")
    fit_users(model, data, frame, items, folder, settings, loop, validate_every=options.validate_every)
    # projected likewise from here on: both soft tokens are words of the same user
    model.creative.profile_projector.load_state_dict(model.creative.user_projector.state_dict())
    _keep_history(folder, folder.parent / "history_users.jsonl")


def _close(
    model: HllmCreator,
    data: Data,
    items: Float | None,
    draft: Draft,
    options: PretrainOptions | TrainOptions,
    examples: Artefact | None,
) -> None:
    model.eval()
    if items is not None:
        model.config = replace(model.config, match_calibration=calibrate(model, data, items))
    light = options.light if isinstance(options, TrainOptions) else None
    if light is not None:
        light.mkdir(parents=True, exist_ok=True)
        save_model(model, light, light=True)
        _carry_histories(draft.path, light)
    save_model(model, draft.path)
    draw_curves(draft.path)
    card = write_card(model, data, examples, draft.path, options.init if isinstance(options, TrainOptions) else None)
    if light is not None:
        shutil.copy(card, light / card.name)
    draft.facts.update(
        parameters=sum(p.numel() for p in model.parameters()), match_calibration=list(model.config.match_calibration)
    )
    draft.rows.update(steps=options.steps)
    finish(draft.path)
    for phase in (DRILLS, USERS):
        shutil.rmtree(draft.path / phase, ignore_errors=True)
    drop_blocks(draft.path)
    shutil.rmtree(draft.path / ".new_creative", ignore_errors=True)


def _carry_histories(source: Path, folder: Path) -> None:
    for name in HISTORIES:
        if (source / name).is_file():
            shutil.copy(source / name, folder / name)


def _has_creative_history(init: Path | None) -> bool:
    """Whether the model to go on from was trained to write; its projections must not be started over."""
    path = init / "history.jsonl" if init is not None else None
    return path is not None and path.is_file() and '"creative"' in path.read_text(encoding="utf-8")


def _config(options: PretrainOptions | TrainOptions) -> dict[str, object]:
    return {name: value for name, value in asdict(options).items() if name not in PATHS}

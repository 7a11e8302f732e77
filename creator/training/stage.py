"""`pretrain` and `train`: from backbones, DATA and EXAMPLES to a MODEL folder."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd
import torch

from creator.core.artefacts import Artefact, Draft, open_artefact, write_artefact
from creator.core.data import EXAMPLES, Data, open_data, read_table
from creator.core.errors import InputError
from creator.core.progress import say
from creator.core.records import AdId
from creator.engine.backbone import resolve_backbone
from creator.models.assembly import Float, HllmCreator
from creator.models.checkpoint import build_model, load_model, save_model
from creator.models.config import ModelConfig
from creator.models.item_store import drop_blocks, encode_catalogue
from creator.models.new_llm import make_llm
from creator.models.prompts import ad_text
from creator.models.user_encoder import start_as_mean
from creator.training.calibration import calibrate
from creator.training.card import write_card
from creator.training.creative import CreativeSettings, Examples, start_projectors, train_creative
from creator.training.curves import HISTORIES, draw_curves
from creator.training.loop import LoopSettings, finish
from creator.training.match_fit import MatchFitSettings, fit_match
from creator.training.options import PretrainOptions, TrainOptions
from creator.training.pretrain import PretrainSettings, pretrain
from creator.training.user_fit import UserFitSettings, fit_users

USERS = ".users"
"""Where a draft keeps the state of the User LLM's own steps."""
TABLES = ("items", "events", "ads_frame", "impressions")
PATHS = ("data", "examples", "out", "init", "light")


def run_pretrain(options: PretrainOptions) -> Mapping[str, object]:
    """Write a MODEL whose User LLM and match head are pretrained on behaviour.

    Raises:
        HllmCreatorError: an input cannot be read, or `out` exists.
    """
    data = open_data(options.data, *TABLES)
    with write_artefact(options.out, "model", config=_config(options), inputs={"data": data.artefact}) as draft:
        torch.manual_seed(options.seed)
        model = _new_model(options)
        items = encode_catalogue(model, data.item_texts, draft.path)
        if options.user is None:
            start_as_mean(model.user, torch.from_numpy(items))
        settings = PretrainSettings(
            windows=options.windows,
            negatives=options.negatives,
            horizon_days=options.horizon_days,
            next_item=options.next_item,
            acts=options.acts,
            clicks=options.clicks,
            seed=options.seed,
        )
        loop = LoopSettings(options.steps, options.learning_rate, bf16=options.dtype == "bf16")
        pretrain(model, data, items, draft.path, settings, loop)
        _close(model, data, items, draft, options, None)
    print(f"pretrained for {options.steps:,} steps -> {options.out}")
    return {"steps": options.steps, **draft.facts, "out": str(options.out)}


def run_train(options: TrainOptions) -> Mapping[str, object]:
    """Write a MODEL.

    Raises:
        HllmCreatorError: an input cannot be read, there is nothing to train on, or `out` exists.
    """
    data, examples = open_data(options.data, *TABLES), open_artefact(options.examples, "examples")
    rows = _training_rows(examples, data) if options.steps else None
    inputs: dict[str, Artefact | Path] = {"data": data.artefact, "examples": examples}
    if options.init is not None:
        inputs["init"] = options.init / "heads.safetensors"
        if not inputs["init"].is_file():
            load_model(options.init)
    with write_artefact(options.out, "model", config=_config(options), inputs=inputs) as draft:
        torch.manual_seed(options.seed)
        model = _start(options, data, examples, draft.path)
        items: Float | None = None
        if options.steps or options.match_steps:
            items = encode_catalogue(model, data.item_texts, draft.path)
        if items is not None and rows is not None:
            _train(model, data, rows, items, draft, options)
        elif options.init is not None:
            _carry_histories(options.init, draft.path)
        if items is not None and options.match_steps:
            fit_match(model, data, items, MatchFitSettings(steps=options.match_steps, seed=options.seed))
        _close(model, data, items, draft, options, examples)
    print(f"model trained for {options.steps:,} steps -> {options.out}")
    return {"steps": options.steps, **draft.facts, "out": str(options.out)}


def _start(options: TrainOptions, data: Data, examples: Artefact, folder: Path) -> HllmCreator:
    """The model that training begins with: a new one, or the one to go on from."""
    if options.init is None:
        return _new_model(
            options, _own_creative(options, data, examples, folder) if options.creative == "new" else None
        )
    if options.light is not None and (options.init / "item_llm").is_dir():
        raise InputError(
            "a light folder cannot be written from a whole model",
            got=f"--init {options.init}",
            expected="a light folder, or none",
            cure="leave --light out",
        )
    return load_model(options.init, adapters=options.steps > 0 or options.light is not None)


def _own_creative(options: TrainOptions, data: Data, examples: Artefact, folder: Path) -> Path:
    """An untrained Creative LLM whose vocabulary is that of the training examples and their ads."""
    out = folder / ".new_creative"
    if not (out / "config.json").is_file():
        frame = _training_rows(examples, data)
        ads = [ad_text(data.ads[AdId(ad_id)]) for ad_id in sorted(set(frame["ad_id"]))]
        texts = [*ads, *(" " + title for title in frame["title"]), *sorted(set(frame["profile"]))]
        make_llm(
            out,
            texts,
            width=options.creative_width,
            layers=options.creative_layers or 4,
            vocabulary=options.vocabulary,
            seed=options.seed,
        )
    return out


def _training_rows(examples: Artefact, data: Data) -> pd.DataFrame:
    frame = read_table(examples.path / "examples.parquet", EXAMPLES)
    frame = frame[frame["split"] == "train"]
    if frame.empty:
        raise InputError(f"{examples.path} has no example to train on", cure="synthesize from more data")
    ads, users = set(frame["ad_id"]) - set(data.ads), set(frame["user_id"]) - set(data.histories.row_of)
    if ads or users:
        raise InputError(
            f"the examples in {examples.path} were made from another DATA than the one named",
            got=f"{len(ads):,} unknown ads, {len(users):,} unknown users",
            cure="name the DATA folder that 'synthesize' was given",
        )
    return frame


def _train(
    model: HllmCreator, data: Data, frame: pd.DataFrame, items: Float, draft: Draft, options: TrainOptions
) -> None:
    if options.init is None and options.user is None:
        start_as_mean(model.user, torch.from_numpy(items))
    begun = any((folder / ".checkpoint.pt").is_file() for folder in (draft.path, draft.path / USERS))
    if not begun and not _has_creative_history(options.init):
        start_projectors(model, Examples(frame, data), data, items, carry_match=options.init is not None)
    if options.user_steps:
        _fit_users(model, data, frame, items, draft.path / USERS, options)
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
        choice=options.choice_weight,
        train_user=not options.user_steps,
        bf16=options.dtype == "bf16",
        drills=options.drills,
    )
    loop = LoopSettings(options.steps, options.learning_rate, options.warmup_steps, bf16=options.dtype == "bf16")
    train_creative(model, data, frame, items, draft.path, settings, loop, validate_every=options.validate_every)
    model.config = replace(model.config, choice=model.config.choice or options.choice_weight > 0)


def _fit_users(
    model: HllmCreator, data: Data, frame: pd.DataFrame, items: Float, folder: Path, options: TrainOptions
) -> None:
    folder.mkdir(exist_ok=True)
    settings = UserFitSettings(
        windows=options.windows,
        choice=options.choice_weight,
        alignment=options.alignment_weight,
        matching=options.matching_weight,
        seed=options.seed,
    )
    loop = LoopSettings(
        options.user_steps, options.user_learning_rate, options.warmup_steps, bf16=options.dtype == "bf16"
    )
    fit_users(model, data, frame, items, folder, settings, loop, validate_every=options.validate_every)
    # projected likewise from here on: both soft tokens are words of the same user
    model.creative.profile_projector.load_state_dict(model.creative.user_projector.state_dict())
    shutil.copy(folder / "history.jsonl", folder.parent / "history_users.jsonl")


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
    shutil.rmtree(draft.path / USERS, ignore_errors=True)
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


def _new_model(options: PretrainOptions | TrainOptions, creative: Path | None = None) -> HllmCreator:
    item, creative = resolve_backbone(options.item), creative or resolve_backbone(options.creative)
    pooling = "mean" if '"BertModel"' in (item / "config.json").read_text(encoding="utf-8") else "item_token"
    config = ModelConfig(
        item_pooling=pooling,
        item_text_tokens=options.item_text_tokens,
        history=options.history,
        time_features=options.time_features,
        user_prompt=options.user_prompt,
        position=options.position,
        profile_encoder=options.profile_encoder,
        match_width=options.match_width,
        match_head=options.match_head,
        item_backbone=options.item,
        creative_backbone=options.creative,
        creative_layers=0 if options.creative == "new" else options.creative_layers,
        lora_rank=options.lora_rank,
    )
    dtype = torch.bfloat16 if options.dtype == "bf16" and options.lora_rank else torch.float32
    user = f"{options.user or 'new'} ({options.user_layers} layers)"
    say(f"building a model: item {options.item}, user {user}, creative {options.creative}")
    return build_model(
        config,
        item_folder=item,
        creative_folder=creative,
        user_layers=options.user_layers,
        dtype=dtype,
        user_folder=resolve_backbone(options.user) if options.user else None,
    )


def _config(options: PretrainOptions | TrainOptions) -> dict[str, object]:
    return {name: value for name, value in asdict(options).items() if name not in PATHS}

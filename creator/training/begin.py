"""The model that a training begins with: put together from backbones, or one to go on from."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import torch

from creator.core.artefacts import Artefact
from creator.core.data import EXAMPLES, Data, read_table
from creator.core.errors import InputError
from creator.core.progress import say
from creator.core.records import AdId
from creator.engine.backbone import resolve_backbone
from creator.models.assembly import HllmCreator
from creator.models.checkpoint import build_model, load_model
from creator.models.config import ModelConfig
from creator.models.item_encoder import BIDIRECTIONAL
from creator.models.new_llm import make_llm
from creator.models.parts import recompute_activations
from creator.models.prompts import ad_text
from creator.training.options import PretrainOptions, TrainOptions
from creator.training.workers import workers


def start_model(options: TrainOptions, data: Data, examples: Artefact, folder: Path) -> HllmCreator:
    """The model that training begins with: a new one, or the one to go on from."""
    if options.init is None:
        return new_model(options, _own_creative(options, data, examples, folder) if options.creative == "new" else None)
    if options.light is not None and (options.init / "item_llm").is_dir():
        raise InputError(
            "a light folder cannot be written from a whole model",
            got=f"--init {options.init}",
            expected="a light folder, or none",
            cure="leave --light out",
        )
    return load_model(options.init, adapters=options.steps > 0 or options.light is not None)


def new_model(options: PretrainOptions | TrainOptions, creative: Path | None = None) -> HllmCreator:
    """A model put together from the backbones that the options name, or from a Creative LLM in a folder."""
    item, creative = resolve_backbone(options.item), creative or resolve_backbone(options.creative)
    kind = json.loads((item / "config.json").read_text(encoding="utf-8")).get("model_type")
    config = ModelConfig(
        item_pooling="mean" if kind in BIDIRECTIONAL else options.item_pooling,
        item_text_tokens=options.item_text_tokens,
        history=options.history,
        time_features=options.time_features,
        fusion=options.fusion,
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


def _own_creative(options: TrainOptions, data: Data, examples: Artefact, folder: Path) -> Path:
    """An untrained Creative LLM whose vocabulary is that of the training examples and their ads."""
    out = folder / ".new_creative"
    if workers().first and not (out / "config.json").is_file():
        frame = training_rows(examples, data)
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
    workers().wait()
    return out


def training_rows(examples: Artefact, data: Data) -> pd.DataFrame:
    """The examples that are trained on.

    Raises:
        InputError: there are none, or they were made from another DATA.
    """
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


def place(model: HllmCreator, options: PretrainOptions | TrainOptions) -> None:
    """Put a model where it is trained, as the options say."""
    model.to(workers().device or options.device)
    if options.gradient_checkpointing:
        for llm in (model.item.llm, model.user.llm, model.creative.base):
            recompute_activations(llm)

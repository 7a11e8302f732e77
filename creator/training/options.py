"""Settings of `pretrain` and `train`. Imports nothing heavy: `--help` reads them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from creator.core.command import option


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """Settings that shape a new model; a model that is gone on from keeps its own."""

    item: str = option("minilm", help="Item LLM: 'minilm', 'smollm2', a Hugging Face folder or hub id")
    creative: str = option("smollm2", help="Creative LLM: likewise, or 'new', a small one with a vocabulary of its own")
    creative_width: int = option(384, help="width of a new Creative LLM, a multiple of 64")
    vocabulary: int = option(4096, help="tokens of a new Creative LLM's vocabulary, at most")
    user: str | None = option(None, help="User LLM: likewise; left out, a new Llama of the Item LLM's width")
    user_layers: int = option(2, help="layers of the User LLM that are made or kept; 0 keeps all")
    creative_layers: int = option(0, help="layers of the Creative LLM that are kept, 0 for all; of a new one, 0 for 4")
    history: int = option(50, help="events of a history that the User LLM reads")
    item_text_tokens: int = option(64, help="an item's text is cut to this many tokens")
    item_pooling: Literal["item_token", "mean"] = option(
        "item_token", help="an item is the state at a learned [ITEM] vector, or the mean state (always, of a BERT)"
    )
    time_features: Literal["none", "age", "calendar"] = option(
        "none", help="add a learned embedding of each event's age, or of its date and time of day"
    )
    fusion: Literal["late", "early"] = option(
        "late", help="'early' predicts acts and clicks from ads appended to the history too"
    )
    user_prompt: str = option("", help="text that a pretrained User LLM reads behind the history")
    position: Literal["ad_first", "user_first"] = option("ad_first", help="where the soft token stands in the prompt")
    profile_encoder: Literal["creative", "item"] = option("creative", help="who embeds profiles for the alignment loss")
    match_head: Literal["mixer", "linear", "mixer_dot", "wide"] = option("mixer", help="kind of match head")
    match_width: int = option(64, help="width of the match head's towers")
    lora_rank: int = option(16, help="rank of the adapters on the Creative LLM; 0 trains it whole")
    dtype: Literal["fp32", "bf16"] = option("bf16", help="number format of frozen weights and of the steps' arithmetic")


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimising(Architecture):
    """Settings of the steps themselves."""

    accumulate: int = option(1, help="passes whose gradients are averaged for one optimiser step")
    gradient_checkpointing: bool = option(
        False, help="keep no activations inside layers: less memory, a third more time"
    )
    patience: int = option(
        0, help="stop after so many validations without a lower loss and keep the best weights; 0 keeps the last"
    )
    tensorboard: Path | None = option(None, help="folder for TensorBoard's logs", writes=True)
    device: str = option("cpu", help="where to compute: cpu or cuda; several processes take what accelerate gives them")


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainOptions(Optimising):
    """Settings of `pretrain`."""

    data: Path = option(help="DATA folder")
    out: Path = option(help="MODEL folder to make")
    init: Path | None = option(None, help="MODEL folder to go on from, with --history events from now on")
    train_items: bool = option(False, help="train the Item LLM too (HLLM's stage I: short histories)")
    steps: int = option(400, help="optimiser steps")
    learning_rate: float = option(1e-3, help="peak learning rate")
    windows: int = option(32, help="histories of a step")
    negatives: int = option(512, help="shared random negatives of the next-item loss")
    batch_negatives: bool = option(False, help="take what comes next in the step's other histories as negatives too")
    queue: int = option(0, help="negatives of earlier steps that are kept, where the Item LLM is trained")
    near_duplicates: float = option(
        0.0, help="mask negatives above this cosine as the reference does (0.99); 0 goes by identity and text alone"
    )
    horizon_days: float = option(28.0, help="acting on an ad's items within so many days is a match")
    next_item: float = option(1.0, help="weight of the next-item loss")
    acts: float = option(1.0, help="weight of the loss on acts")
    clicks: float = option(1.0, help="weight of the loss on impressions")
    early: float = option(1.0, help="weight of acts and clicks by early fusion, where the model has it")
    validate_every: int = option(50, help="steps between validations on users set apart")
    seed: int = option(0, help="of weights and draws")

    @staticmethod
    def faults(options: PretrainOptions) -> list[str]:
        """Range faults."""
        found = _range_faults(options)
        if options.queue < 0:
            found.append(f"queue: got {options.queue}, expected 0 or more")
        if options.queue and not options.train_items:
            found.append("queue: needs --train-items; a frozen Item LLM's table has every item at hand")
        if not 0 <= options.near_duplicates < 1:
            found.append(f"near_duplicates: got {options.near_duplicates}, expected 0 up to 1")
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainOptions(Optimising):
    """Settings of `train`."""

    data: Path = option(help="DATA folder")
    examples: Path = option(help="EXAMPLES folder")
    out: Path = option(help="MODEL folder to make")
    init: Path | None = option(None, help="MODEL folder, whole or light, to go on from")
    light: Path | None = option(
        None, help="also write a light folder here: adapters, User LLM and heads, half precision", writes=True
    )
    steps: int = option(1000, help="optimiser steps; 0 puts --init together and trains nothing")
    learning_rate: float = option(1e-3, help="peak learning rate")
    warmup_steps: int = option(30, help="steps of linear warm-up")
    drill_steps: int = option(
        0, help="steps that come first and train the Creative LLM on drills alone (see --drills); its words then stay"
    )
    user_steps: int = option(
        0, help="steps that first fit the User LLM, which then stays as it is; 0 trains it with the Creative LLM"
    )
    user_learning_rate: float = option(1e-3, help="peak learning rate of those steps")
    windows: int = option(96, help="histories of one of those steps")
    ads: int = option(4, help="ads of a step")
    titles_per_ad: int = option(16, help="examples of each ad, at most")
    profiles: int = option(12, help="profiles reconstructed in a step")
    drills: float = option(
        0.0, help="share of a step's ads whose phrases are exchanged, so that copying is learnt and not the ads"
    )
    creative_weight: float = option(1.0, help="weight of the creative loss")
    reconstruction_weight: float = option(1.0, help="weight of the profile reconstruction loss")
    alignment_weight: float = option(1.0, help="weight of the profile alignment loss")
    matching_weight: float = option(1.0, help="weight of the matching loss")
    choice_weight: float = option(1.0, help="weight of the loss on which selling point leads")
    match_steps: int = option(
        600, help="steps that fit the match head at the end, all else fixed; 0 leaves it as it is"
    )
    freeze_creative: bool = option(False, help="leave the Creative LLM as it is and train only what reads users")
    validate_every: int = option(50, help="steps between validations on users set apart")
    seed: int = option(0, help="of weights and draws")

    @staticmethod
    def faults(options: TrainOptions) -> list[str]:
        """Range faults."""
        found = _range_faults(options)
        if options.freeze_creative and options.drill_steps:
            found.append(f"drill_steps: got {options.drill_steps}, expected 0: a frozen Creative LLM learns no drills")
        found += [
            f"{name}: got {getattr(options, name)}, expected 0 or more"
            for name in ("match_steps", "user_steps", "drill_steps")
            if getattr(options, name) < 0
        ]
        if not 0 <= options.drills <= 1:
            found.append(f"drills: got {options.drills}, expected 0 to 1")
        if options.windows < 2:
            found.append(f"windows: got {options.windows}, expected at least 2")
        if options.user_learning_rate <= 0:
            found.append(f"user_learning_rate: got {options.user_learning_rate}, expected more than 0")
        if options.steps == 0 and options.init is None:
            found.append("steps: 0 needs --init, a model to put together")
        return found


def _range_faults(options: PretrainOptions | TrainOptions) -> list[str]:
    found = [
        f"{name}: got {getattr(options, name)}, expected at least 1"
        for name in ("history", "item_text_tokens", "match_width", "accumulate")
        if getattr(options, name) < 1
    ]
    found += [
        f"{name}: got {getattr(options, name)}, expected 0 or more"
        for name in ("steps", "user_layers", "creative_layers", "lora_rank", "patience")
        if getattr(options, name) < 0
    ]
    if options.creative_width < 64 or options.creative_width % 64:
        found.append(f"creative_width: got {options.creative_width}, expected a multiple of 64")
    if options.creative == "new" and options.lora_rank:
        found.append(f"lora_rank: got {options.lora_rank}, expected 0: a new Creative LLM is trained whole")
    if options.learning_rate <= 0:
        found.append(f"learning_rate: got {options.learning_rate}, expected more than 0")
    return found

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
    time_features: Literal["none", "age"] = option("none", help="add a learned embedding of each event's age")
    user_prompt: str = option("", help="text that a pretrained User LLM reads behind the history")
    position: Literal["ad_first", "user_first"] = option("ad_first", help="where the soft token stands in the prompt")
    profile_encoder: Literal["creative", "item"] = option("creative", help="who embeds profiles for the alignment loss")
    match_head: Literal["mixer", "linear", "mixer_dot", "wide"] = option("mixer", help="kind of match head")
    match_width: int = option(64, help="width of the match head's towers")
    lora_rank: int = option(16, help="rank of the adapters on the Creative LLM; 0 trains it whole")
    dtype: Literal["fp32", "bf16"] = option("bf16", help="number format of frozen weights and of the steps' arithmetic")


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainOptions(Architecture):
    """Settings of `pretrain`."""

    data: Path = option(help="DATA folder")
    out: Path = option(help="MODEL folder to make")
    steps: int = option(400, help="optimiser steps")
    learning_rate: float = option(1e-3, help="peak learning rate")
    windows: int = option(32, help="histories of a step")
    negatives: int = option(512, help="shared random negatives of the next-item loss")
    horizon_days: float = option(28.0, help="acting on an ad's items within so many days is a match")
    next_item: float = option(1.0, help="weight of the next-item loss")
    acts: float = option(1.0, help="weight of the loss on acts")
    clicks: float = option(1.0, help="weight of the loss on impressions")
    seed: int = option(0, help="of weights and draws")

    @staticmethod
    def faults(options: PretrainOptions) -> list[str]:
        """Range faults."""
        return _range_faults(options)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainOptions(Architecture):
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
    validate_every: int = option(50, help="steps between validations on users set apart")
    seed: int = option(0, help="of weights and draws")

    @staticmethod
    def faults(options: TrainOptions) -> list[str]:
        """Range faults."""
        found = _range_faults(options)
        found += [
            f"{name}: got {getattr(options, name)}, expected 0 or more"
            for name in ("match_steps", "user_steps")
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
        for name in ("history", "item_text_tokens", "match_width")
        if getattr(options, name) < 1
    ]
    found += [
        f"{name}: got {getattr(options, name)}, expected 0 or more"
        for name in ("steps", "user_layers", "creative_layers", "lora_rank")
        if getattr(options, name) < 0
    ]
    if options.creative_width < 64 or options.creative_width % 64:
        found.append(f"creative_width: got {options.creative_width}, expected a multiple of 64")
    if options.creative == "new" and options.lora_rank:
        found.append(f"lora_rank: got {options.lora_rank}, expected 0: a new Creative LLM is trained whole")
    if options.learning_rate <= 0:
        found.append(f"learning_rate: got {options.learning_rate}, expected more than 0")
    return found

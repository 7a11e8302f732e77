"""Settings of `align`. Imports nothing heavy: `--help` reads them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from creator.core.command import option
from creator.facts.channels import ChannelName


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignOptions:
    """Settings of `align`."""

    model: Path = option(help="MODEL folder to start from, trained on examples")
    data: Path = option(help="DATA folder")
    examples: Path = option(help="EXAMPLES folder: which users and ads are written for")
    out: Path = option(help="MODEL folder to make")
    method: Literal["dpo", "grpo"] = option(
        "dpo", help="preference pairs from fact verdicts, or a verifiable reward on titles as they are written"
    )
    steps: int = option(100, help="optimiser steps")
    learning_rate: float = option(5e-5, help="peak learning rate")
    beta: float = option(0.1, help="how strongly the model is held to what it was")
    prompts: int = option(400, help="(user, ad) pairs to write for")
    batch: int = option(16, help="titles or pairs of titles of a step; grpo wants a multiple of --generations")
    generations: int = option(8, help="titles drawn for each pair")
    temperature: float = option(1.0, help="of those draws")
    lora_rank: int = option(16, help="rank of the adapters that are trained and merged")
    channel: ChannelName = option("google_ads_editor", help="whose length a title should fit")
    heldout: int = option(100, help="pairs of held-out ads, or users, that figures are taken on before and after")
    device: str = option("cpu", help="where to compute: cpu or cuda")
    seed: int = option(0, help="of draws")

    @staticmethod
    def faults(options: AlignOptions) -> list[str]:
        """Range faults."""
        found = [
            f"{name}: got {getattr(options, name)}, expected at least {least}"
            for name, least in (
                ("steps", 1),
                ("prompts", 1),
                ("batch", 1),
                ("generations", 2),
                ("lora_rank", 1),
                ("heldout", 2),
            )
            if getattr(options, name) < least
        ]
        found += [
            f"{name}: got {getattr(options, name)}, expected more than 0"
            for name in ("learning_rate", "temperature")
            if getattr(options, name) <= 0
        ]
        if options.beta < 0:
            found.append(f"beta: got {options.beta}, expected 0 or more")
        if options.method == "grpo" and options.batch % options.generations:
            found.append(f"batch: got {options.batch}, expected a multiple of generations, {options.generations}")
        if options.prompts < pairs_of_a_step(options):
            found.append(f"prompts: got {options.prompts}, expected at least batch / generations, those of one step")
        return found


def pairs_of_a_step(options: AlignOptions) -> int:
    """How many different (user, ad) pairs a step needs; settings may be out of range."""
    return options.batch // max(1, options.generations) if options.method == "grpo" else 1

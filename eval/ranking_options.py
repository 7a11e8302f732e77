"""Settings of `evaluate ranking`, apart from its code so that `--help` stays quick."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from creator.core.command import option

ModelName = Literal["popularity", "item-knn", "sasrec", "hstu", "hllm"]
NAMES: tuple[ModelName, ...] = ("popularity", "item-knn", "sasrec", "hstu", "hllm")


@dataclass(frozen=True, slots=True, kw_only=True)
class RankingOptions:
    """Settings of `evaluate ranking`."""

    data: Path = option(help="DATA folder; its train_until parts training from targets")
    out: Path = option(help="folder to make")
    models: tuple[ModelName, ...] = option(NAMES, help="which to train, beside each other")
    exclude_bought: bool = option(
        True, help="targets are items new to their user, and no model may rank what the user had before"
    )
    last: int = option(1, help="targets of a user, its latest ones; 1 is leave-one-out")
    limit: int = option(0, help="users drawn to be measured, 0 for all")
    seeds: tuple[int, ...] = option((0,), help="each model that starts at random is trained once under each")
    history: int = option(100, help="events that SASRec, HSTU and HLLM read")
    init: Path | None = option(
        None, help="MODEL folder that 'pretrain' made from this DATA: HLLM starts with its Item and User LLM"
    )
    item: str = option("minilm", help="HLLM's Item LLM, frozen: 'minilm', a Hugging Face folder or hub id")
    item_vectors: Path | None = option(
        None, help="EMBEDDINGS folder with the Item LLM's vectors, instead of reading texts"
    )
    user_layers: int = option(2, help="layers of HLLM's User LLM")
    steps: int = option(600, help="HLLM's optimiser steps")
    windows: int = option(32, help="histories of one of them")
    negatives: int = option(2048, help="items each of them sets against the right ones")
    learning_rate: float = option(1e-3, help="HLLM's peak learning rate")
    shares: tuple[float, ...] = option(
        (), help="train HLLM also on these shares of the users, to see the trend with data"
    )
    layers: tuple[int, ...] = option((), help="train HLLM also with so many layers, to see the trend with size")
    epochs: int = option(4, help="SASRec's and HSTU's passes over the training events")
    factors: int = option(128, help="their width, a multiple of 4")
    sampled: int = option(64, help="their negatives of each event")
    neighbours: int = option(200, help="neighbours that item-kNN keeps of each item")
    resamples: int = option(1000, help="bootstrap resamples of users")

    @staticmethod
    def faults(options: RankingOptions) -> list[str]:
        """Range faults."""
        least = {"last": 1, "limit": 0, "history": 2, "user_layers": 1, "steps": 0, "windows": 2, "negatives": 2,
                 "epochs": 1, "factors": 4, "sampled": 1, "neighbours": 1, "resamples": 20}  # fmt: skip
        found = [
            f"{name}: got {getattr(options, name)}, expected {low} or more"
            for name, low in least.items()
            if getattr(options, name) < low
        ]
        if options.init is not None and (options.shares or options.layers or options.item_vectors is not None):
            found.append("init: a MODEL has its own vectors and layers; leave item_vectors, shares and layers out")
        if options.factors % 4:
            found.append(f"factors: got {options.factors}, expected a multiple of 4")
        found += [
            f"{name}: got none, expected at least one" for name in ("models", "seeds") if not getattr(options, name)
        ]
        found += [
            f"{name}: got the same one twice"
            for name in ("models", "seeds", "shares", "layers")
            if len(set(getattr(options, name))) < len(getattr(options, name))
        ]
        found += [f"shares: got {share}, expected above 0 and below 1" for share in options.shares if not 0 < share < 1]
        found += [f"layers: got {count}, expected 1 or more" for count in options.layers if count < 1]
        if options.learning_rate <= 0:
            found.append(f"learning_rate: got {options.learning_rate}, expected more than 0")
        return found

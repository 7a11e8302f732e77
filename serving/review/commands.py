"""The commands of review that a person runs beside the console."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from creator.core.command import Command, option
from serving.commands import STORE_HELP


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """Settings of `review load`."""

    titles: Path = option(help="the TITLES folder of 'generate'")
    clusters: Path = option(help="the CLUSTERS folder the titles were generated for")
    data: Path = option(help="the DATA folder with the ads")
    store: str = option(help=STORE_HELP)
    onto: int | None = option(None, help="a draft whose titles are taken over for the pairs these titles do not have")


@dataclass(frozen=True, slots=True)
class RequireOptions:
    """Settings of `review require`."""

    store: str = option(help=STORE_HELP)
    approval: Literal["yes", "no"] = option("yes", help="whether only approved titles enter a release")


@dataclass(frozen=True, slots=True)
class RegenerateOptions:
    """Settings of `review regenerate`."""

    store: str = option(help=STORE_HELP)
    pairs: Path = option(help="the PAIRS folder the titles were generated for")
    out: Path = option(help="PAIRS folder to make: only what reviewers want written again is kept")
    draft: int | None = option(None, help="whose marks to read; left out, the draft that was brought last")


COMMANDS: tuple[Command, ...] = (
    Command(
        "review load",
        "bring titles to the store for review at /console/review",
        LoadOptions,
        "serving.review.stages:load",
        "hllm-creator review load --titles runs/demo/titles --clusters runs/demo/clusters --data runs/demo/data "
        "--store sqlite:///runs/demo/store.db",
    ),
    Command(
        "review require",
        "let only approved titles into a release",
        RequireOptions,
        "serving.review.stages:require",
        "hllm-creator review require --store sqlite:///runs/demo/store.db --approval yes",
    ),
    Command(
        "review regenerate",
        "name the pairs whose titles are to be written again, for 'generate'",
        RegenerateOptions,
        "serving.review.stages:regenerate",
        "hllm-creator review regenerate --store sqlite:///runs/demo/store.db --pairs runs/demo/pairs "
        "--out runs/demo/pairs-again",
    ),
)

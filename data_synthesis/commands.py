"""The commands that `data_synthesis` brings to the program."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Literal

from creator.core.command import Command, option
from creator.engine.chat.options import EndpointOptions
from data_synthesis.exchange_options import ExportOptions, ImportOptions, LoadOptions, PushOptions


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """Settings of `ingest`."""

    source: Literal["completejourney", "tables"] = option(help="where the logs and the catalogue come from")
    out: Path = option(help="the DATA folder to make")
    path: Path | None = option(None, help="folder of the input tables (--source tables)")
    train_until: str | None = option(None, help="nothing at or after this ISO date is trained on (--source tables)")
    live_at: str | None = option(None, help="titles are written for this ISO date (--source tables)")

    @staticmethod
    def faults(options: IngestOptions) -> list[str]:
        """What is wrong with the settings taken together."""
        found: list[str] = []
        if options.source == "tables" and options.path is None:
            found.append("--source tables needs --path DIR, the folder of the input tables")
        elif options.source == "tables" and options.path is not None and not options.path.is_dir():
            found.append(f"--path: no folder at {options.path}; name the folder that holds items, events and ads")
        if options.source != "tables":
            found += [
                f"--{name.replace('_', '-')} is only for --source tables"
                for name in ("path", "train_until", "live_at")
                if getattr(options, name) is not None
            ]
        for name in ("train_until", "live_at"):
            try:
                datetime.fromisoformat(getattr(options, name) or "2000-01-01")
            except ValueError:
                found.append(f"--{name.replace('_', '-')}: expected an ISO date such as 2017-10-30")
        return found


@dataclass(frozen=True, slots=True)
class SynthesizeOptions(EndpointOptions):
    """Settings of `synthesize`."""

    data: Path = option(help="the DATA folder")
    out: Path = option(help="the EXAMPLES folder to make")
    teacher: Literal["grounded", "openai"] = option(
        "grounded",
        help="who writes: grounded composes from the ads' own words; openai is the chat model at OPENAI_BASE_URL",
    )
    limit: int = option(40_000, help="training examples, at most")
    heldout: int = option(4_000, help="held-out examples, at most")
    history: int = option(100, help="events of a user that are read, at most")
    min_history: int = option(20, help="events a history must have")
    windows_per_user: int | None = option(
        None, help="dates at which a user's history is read for training, at most (default: 8; openai 1)"
    )
    ads_per_window: int = option(6, help="ads written for at one date of one user, at most")
    min_events: int = option(3, help="events that must speak for the leading selling point")
    margin: float = option(2.0, help="how many times the runner-up's evidence the leading selling point needs")
    wordings: int = option(4, help="wordings of one ad and leading point in training")
    seed: int = option(0, help="decides the draw and the wordings")
    model: str | None = option(None, help="the endpoint's name of the model (openai)")
    mode: Literal["online", "batch"] = option("online", help="ask one by one, or by the Batch API (openai)")
    dry_run: bool = option(False, help="say what would be asked and what it would cost, and do nothing (openai)")
    temperature: float | None = option(None, help="of the answers; left to the endpoint by default (openai)")
    copies: int = option(3, help="examples of one ad that may share a title, at most (openai)")
    batch_poll_s: float = option(30.0, help="between two looks at a batch (openai)")

    @staticmethod
    def faults(options: SynthesizeOptions) -> list[str]:
        """What is out of range."""
        counts = (
            "limit",
            "history",
            "min_history",
            "ads_per_window",
            "min_events",
            "wordings",
            "copies",
        )
        found = [
            f"{name}: got {getattr(options, name)}, expected at least 1"
            for name in counts
            if getattr(options, name) < 1
        ]
        if options.windows_per_user is not None and options.windows_per_user < 1:
            found.append(f"windows_per_user: got {options.windows_per_user}, expected at least 1")
        if options.heldout < 0:
            found.append(f"heldout: got {options.heldout}, expected at least 0")
        if not options.margin >= 1:
            found.append(f"margin: got {options.margin}, expected at least 1")
        if options.min_history > options.history:
            found.append(f"min_history: got {options.min_history}, expected no more than history ({options.history})")
        return found + _llm_faults(options)


def _llm_faults(options: SynthesizeOptions) -> list[str]:
    """What is wrong with the settings of the LLM teacher."""
    found = EndpointOptions.endpoint_faults(options)
    if not options.batch_poll_s > 0:
        found.append(f"batch_poll_s: got {options.batch_poll_s}, expected more than 0")
    if options.teacher == "openai" and not options.model:
        found.append("--teacher openai needs --model NAME, the endpoint's name of the model")
    if options.teacher != "openai":
        named = ("model", "dry_run", "answers", "budget_usd", "budget_tokens")
        found += [f"--{n.replace('_', '-')} is only for --teacher openai" for n in named if getattr(options, n)]
    return found


ONLY_LLM = frozenset(
    {"model", "mode", "dry_run", "temperature", "copies", "batch_poll_s"}
    | {field.name for field in fields(EndpointOptions)}
)
"""The settings that only the LLM teacher reads."""


COMMANDS: tuple[Command, ...] = (
    Command(
        "ingest",
        "read behaviour logs, a catalogue and ads into a DATA folder",
        IngestOptions,
        "data_synthesis.sources.ingest:ingest",
        "hllm-creator ingest --source completejourney --out runs/demo/data",
    ),
    Command(
        "synthesize",
        "write example titles: profile, selling point, title, fact check",
        SynthesizeOptions,
        "data_synthesis.synthesize:synthesize",
        "hllm-creator synthesize --data runs/demo/data --out runs/demo/examples",
    ),
    Command(
        "examples export",
        "write examples as HLLM-Creator's training table",
        ExportOptions,
        "data_synthesis.training_table:export_examples",
        "hllm-creator examples export --examples runs/demo/examples --data runs/demo/data --out training.parquet",
    ),
    Command(
        "examples import",
        "read HLLM-Creator's training table into an EXAMPLES folder, and a DATA folder to train on it",
        ImportOptions,
        "data_synthesis.training_table:import_examples",
        "hllm-creator examples import --table training.parquet --out EXAMPLES --data-out DATA",
    ),
    Command(
        "examples push",
        "share examples as a data set of the Hugging Face hub, or save them as one",
        PushOptions,
        "data_synthesis.hub:push_examples",
        "hllm-creator examples push --examples runs/demo/examples --repo OWNER/NAME",
    ),
    Command(
        "examples load",
        "read a data set of examples from the Hugging Face hub, or from a folder",
        LoadOptions,
        "data_synthesis.hub:load_examples",
        "hllm-creator examples load --repo OWNER/NAME --out EXAMPLES",
    ),
)

"""The commands that `data_synthesis` brings to the program."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from creator.core.command import Command, option


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
class SynthesizeOptions:
    """Settings of `synthesize`."""

    data: Path = option(help="the DATA folder")
    out: Path = option(help="the EXAMPLES folder to make")
    teacher: Literal["grounded"] = option("grounded", help="who writes: grounded composes from the ads' own words")
    limit: int = option(40_000, help="training examples, at most")
    heldout: int = option(4_000, help="held-out examples, at most")
    history: int = option(100, help="events of a user that are read, at most")
    min_history: int = option(20, help="events a history must have")
    windows_per_user: int = option(8, help="dates at which a user's history is read for training, at most")
    ads_per_window: int = option(6, help="ads written for at one date of one user, at most")
    min_events: int = option(3, help="events that must speak for the leading selling point")
    margin: float = option(2.0, help="how many times the runner-up's evidence the leading selling point needs")
    wordings: int = option(4, help="wordings of one ad and leading point in training")
    seed: int = option(0, help="decides the draw and the wordings")

    @staticmethod
    def faults(options: SynthesizeOptions) -> list[str]:
        """What is out of range."""
        counts = ("limit", "history", "min_history", "windows_per_user", "ads_per_window", "min_events", "wordings")
        found = [
            f"{name}: got {getattr(options, name)}, expected at least 1"
            for name in counts
            if getattr(options, name) < 1
        ]
        if options.heldout < 0:
            found.append(f"heldout: got {options.heldout}, expected at least 0")
        if not options.margin >= 1:
            found.append(f"margin: got {options.margin}, expected at least 1")
        if options.min_history > options.history:
            found.append(f"min_history: got {options.min_history}, expected no more than history ({options.history})")
        return found


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
)

"""The commands for events that came back: as training data, and out of the store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from creator.core.command import Command, option

STORE_HELP = "the title store: sqlite:///FILE.db, a plain FILE.db, or postgresql+psycopg://USER@HOST/NAME"


@dataclass(frozen=True, slots=True)
class ImpressionsOptions:
    """Settings of `events impressions`."""

    store: str = option(help=STORE_HELP)
    data: Path = option(help="the DATA folder that the titles were made from")
    out: Path = option(help="the DATA folder to make: the same, with what was shown and clicked since")
    window_hours: float = option(168.0, help="how long after an exposure a click still belongs to it")
    heldout: float = option(0.1, help="share of the new impressions, the latest, that training may not read")
    train_until: str | None = option(None, help="ISO date, instead: training may read what came before")

    @staticmethod
    def faults(options: ImpressionsOptions) -> list[str]:
        """Values out of range."""
        found = [] if options.window_hours > 0 else [f"window_hours: got {options.window_hours}, expected more than 0"]
        if not 0 <= options.heldout < 1:
            found.append(f"heldout: got {options.heldout}, expected 0 or more and less than 1")
        try:
            datetime.fromisoformat(options.train_until or "2000-01-01")
        except ValueError:
            found.append("train_until: expected an ISO date such as 2026-01-31")
        return found


@dataclass(frozen=True, slots=True)
class PruneEventsOptions:
    """Settings of `events prune`."""

    store: str = option(help=STORE_HELP)
    keep_days: float = option(400.0, help="events older than this leave; those of experiments that go on stay")

    @staticmethod
    def faults(options: PruneEventsOptions) -> list[str]:
        """Values out of range."""
        return [] if options.keep_days > 0 else [f"keep_days: got {options.keep_days}, expected more than 0"]


COMMANDS: tuple[Command, ...] = (
    Command(
        "events impressions",
        "what was shown and clicked, as impressions in a DATA folder to train, match and align on",
        ImpressionsOptions,
        "serving.impressions:run",
        "hllm-creator events impressions --store runs/demo/store.db --data runs/demo/data --out runs/next/data",
    ),
    Command(
        "events prune",
        "let old events leave the store",
        PruneEventsOptions,
        "serving.retention:run_events",
        "hllm-creator events prune --store runs/demo/store.db --keep-days 400",
    ),
)

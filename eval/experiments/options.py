"""Settings of the `experiment` commands, apart from their code so that `--help` stays quick."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from creator.core.command import option

EVENTS_HELP = "a table of exposures and clicks: Parquet, CSV or JSON Lines"
STORE_HELP = "the title store whose events to read instead: a FILE.db, sqlite:///FILE.db or postgresql+psycopg://..."
CLUSTERS_HELP = "CLUSTERS folder that says who is in which cluster; left out, the events' cluster_id or the store's"
EFFECT_HELP = "the relative effect to find: 0.05 is five percent more clicks per exposure"


def _shares(options: object, *names: str) -> list[str]:
    return [
        f"{name}: got {getattr(options, name)}, expected more than 0 and less than 1"
        for name in names
        if not 0 < getattr(options, name) < 1
    ]


def _source(events: Path | None, store: str | None) -> list[str]:
    return [] if (events is None) != (store is None) else ["events and store: expected one of the two"]


@dataclass(frozen=True, slots=True)
class DesignOptions:
    """Settings of `experiment design`."""

    out: Path = option(help="folder to make")
    events: Path | None = option(None, help=EVENTS_HELP)
    store: str | None = option(None, help=STORE_HELP)
    clusters: Path | None = option(None, help=CLUSTERS_HELP)
    effect: float = option(0.05, help=EFFECT_HELP)
    alpha: float = option(0.05, help="share of experiments without an effect that may find one")
    power: float = option(0.8, help="share of experiments with that effect that find it")
    traffic: float = option(1.0, help="share of users that take part")
    treated: float = option(0.5, help="share of those that see the treatment")

    @staticmethod
    def faults(options: DesignOptions) -> list[str]:
        """Values out of range."""
        found = _source(options.events, options.store) + _shares(options, "alpha", "power", "treated")
        if not 0 < options.traffic <= 1:
            found.append(f"traffic: got {options.traffic}, expected more than 0 and at most 1")
        if not options.effect > 0:
            found.append(f"effect: got {options.effect}, expected more than 0")
        return found


@dataclass(frozen=True, slots=True)
class AnalyzeOptions:
    """Settings of `experiment analyze`."""

    experiment: str = option(help="the experiment's key, as the events name it")
    out: Path = option(help="folder to make")
    events: Path | None = option(None, help=EVENTS_HELP)
    store: str | None = option(None, help=STORE_HELP)
    clusters: Path | None = option(None, help=CLUSTERS_HELP)
    control: str | None = option(None, help="the variation to compare with; left out, 'control' or 'original'")
    split: tuple[str, ...] = option((), help="NAME=SHARE of users meant for each variation; left out, equal shares")
    effect: float = option(0.05, help=EFFECT_HELP + "; the sequential interval is tightest for a test of that size")
    alpha: float = option(0.05, help="share of experiments without an effect that may find one")
    planned_users: int = option(0, help="users the design asked for; with fewer, the fixed interval is a peek")
    delivery: Literal["randomised", "platform"] = option(
        "randomised", help="platform: an ad platform chose who sees which title, so that no effect of titles is told"
    )

    @staticmethod
    def faults(options: AnalyzeOptions) -> list[str]:
        """Values out of range."""
        found = _source(options.events, options.store) + _shares(options, "alpha")
        if not options.effect > 0:
            found.append(f"effect: got {options.effect}, expected more than 0")
        if options.planned_users < 0:
            found.append(f"planned_users: got {options.planned_users}, expected 0 or more")
        return found + split_faults(options.split)


def split_faults(split: tuple[str, ...]) -> list[str]:
    """What is wrong with `--split`."""
    try:
        shares = read_split(split)
    except ValueError:
        return ["split: expected NAME=SHARE, the share a number above 0"]
    return [] if not split or abs(sum(shares.values()) - 1) < 1e-6 else ["split: the shares do not sum to 1"]


def read_split(split: tuple[str, ...]) -> dict[str, float]:
    """`--split` as shares by variation.

    Raises:
        ValueError: a part is not NAME=SHARE.
    """
    shares: dict[str, float] = {}
    for part in split:
        name, _, share = part.rpartition("=")
        if not name or name in shares or not 0 < float(share) <= 1:
            raise ValueError
        shares[name] = float(share)
    return shares


@dataclass(frozen=True, slots=True)
class SimulateOptions:
    """Settings of `experiment simulate`."""

    out: Path = option(help="folder to make")
    runs: int = option(2_000, help="experiments without an effect, and as many with one")
    users: int = option(3_000, help="users of each experiment")
    days: int = option(14, help="how long each runs, with a look after each day")
    alpha: float = option(0.05, help="share of experiments without an effect that may find one")
    power: float = option(0.8, help="share of experiments with the designed effect that are to find it")
    seed: int = option(20, help="of the simulation")

    @staticmethod
    def faults(options: SimulateOptions) -> list[str]:
        """Values out of range."""
        least = {"runs": 50, "users": 200, "days": 2, "seed": 0}
        return _shares(options, "alpha", "power") + [
            f"{name}: got {getattr(options, name)}, expected {bound} or more"
            for name, bound in least.items()
            if getattr(options, name) < bound
        ]

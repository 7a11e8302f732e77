"""The commands that `serving` brings to the program."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from creator.core.command import Command, option

STORE_HELP = "the title store: sqlite:///FILE.db, a plain FILE.db, or postgresql+psycopg://USER@HOST/NAME"
WAIT_HELP = "how long to wait for another publisher to finish, in seconds"


def _wait_faults(wait_s: float) -> list[str]:
    return [] if 0 < wait_s <= 86_400 else [f"wait_s must be above 0 and at most 86400, got {wait_s}"]


@dataclass(frozen=True, slots=True)
class PublishOptions:
    """Settings of `publish`."""

    titles: Path = option(help="the TITLES folder of 'generate'")
    clusters: Path = option(help="the CLUSTERS folder the titles were generated for")
    data: Path = option(help="the DATA folder with the ads")
    store: str = option(help=STORE_HELP)
    wait_s: float = option(60.0, help=WAIT_HELP)

    @staticmethod
    def faults(options: PublishOptions) -> list[str]:
        """Values out of range."""
        return _wait_faults(options.wait_s)


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """Settings of `serve`. API keys come from the environment variable HLLM_CREATOR_API_KEYS, comma-separated."""

    store: str = option(help=STORE_HELP)
    host: str = option("127.0.0.1", help="the address to listen on")
    port: int = option(8080, help="the port to listen on; 0 takes a free one")
    data: Path | None = option(None, help="a DATA folder whose ads are known before the first release")
    refresh_s: float = option(1.0, help="how often to look for a new release, in seconds")
    max_body_kib: int = option(1024, help="the largest request body, in KiB")
    queue: Path | None = option(
        None, help="the folder where events wait for the store; left out, beside a store's file or in the state folder"
    )
    max_queue_mib: int = option(256, help="how much may wait there, in MiB, before senders are told to wait")
    log: Literal["requests", "changes"] = option("requests", help="log every request, or only changes and faults")

    @staticmethod
    def faults(options: ServeOptions) -> list[str]:
        """Values out of range."""
        found: list[str] = []
        if not 0 <= options.port <= 65_535:
            found.append(f"port must be 0 to 65535, got {options.port}")
        if not 0.05 <= options.refresh_s <= 3_600:
            found.append(f"refresh_s must be 0.05 to 3600, got {options.refresh_s}")
        if not 1 <= options.max_body_kib <= 65_536:
            found.append(f"max_body_kib must be 1 to 65536, got {options.max_body_kib}")
        if not 1 <= options.max_queue_mib <= 1 << 20:
            found.append(f"max_queue_mib must be 1 to {1 << 20}, got {options.max_queue_mib}")
        return found


@dataclass(frozen=True, slots=True)
class ListOptions:
    """Settings of `release list`."""

    store: str = option(help=STORE_HELP)


@dataclass(frozen=True, slots=True)
class DiffOptions:
    """Settings of `release diff`."""

    store: str = option(help=STORE_HELP)
    before: int = option(help="the release to compare from")
    after: int = option(help="the release to compare with")


@dataclass(frozen=True, slots=True)
class RollbackOptions:
    """Settings of `release rollback`."""

    store: str = option(help=STORE_HELP)
    to: int | None = option(None, help="the release to make live; left out, the one before the live one")
    wait_s: float = option(60.0, help=WAIT_HELP)

    @staticmethod
    def faults(options: RollbackOptions) -> list[str]:
        """Values out of range."""
        return _wait_faults(options.wait_s)


COMMANDS: tuple[Command, ...] = (
    Command(
        "publish",
        "make a release of the titles that pass the fact check",
        PublishOptions,
        "serving.publish:run",
        "hllm-creator publish --titles runs/demo/titles --clusters runs/demo/clusters --data runs/demo/data "
        "--store sqlite:///runs/demo/store.db",
    ),
    Command(
        "serve",
        "answer which title a user sees of an ad",
        ServeOptions,
        "serving.server:run",
        "HLLM_CREATOR_API_KEYS=... hllm-creator serve --store sqlite:///runs/demo/store.db --port 8080",
    ),
    Command(
        "release list",
        "list a store's releases",
        ListOptions,
        "serving.releases:list_releases",
        "hllm-creator release list --store runs/demo/store.db",
    ),
    Command(
        "release diff",
        "compare the titles of two releases",
        DiffOptions,
        "serving.releases:diff",
        "hllm-creator release diff --store runs/demo/store.db --before 1 --after 2",
    ),
    Command(
        "release rollback",
        "make an earlier release live again",
        RollbackOptions,
        "serving.releases:roll_back",
        "hllm-creator release rollback --store runs/demo/store.db",
    ),
)

"""The commands that `serving` brings to the program."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from creator.core.command import Command, option
from serving import events_commands

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
    """Settings of `serve`. Beside the store's API keys those of the environment variable HLLM_CREATOR_API_KEYS are
    good, comma-separated.
    """

    store: str = option(help=STORE_HELP)
    host: str = option("127.0.0.1", help="the address to listen on")
    port: int = option(8080, help="the port to listen on; 0 takes a free one")
    data: Path | None = option(None, help="a DATA folder whose ads are known before the first release")
    refresh_s: float = option(1.0, help="how often to look for a new release, in seconds")
    max_body_kib: int = option(1024, help="the largest request body, in KiB")
    queue: Path | None = option(
        None,
        help="the folder, of this store alone, where events wait for it; left out, beside a store's file or in the "
        "state folder",
    )
    max_queue_mib: int = option(256, help="how much may wait there, in MiB, before senders are told to wait")
    rate_limit: float = option(
        10_000.0, help="requests a second from one address, and under one key, before it is told to wait; 0: no limit"
    )
    lookups: Literal["open", "keyed"] = option("open", help="whether look-ups need no key, or one with the scope read")
    tend_s: float = option(60.0, help="how often ramps are judged and bandits learn, in seconds; 0: never")
    log: Literal["requests", "changes"] = option("requests", help="log every request, or only changes and faults")

    @staticmethod
    def faults(options: ServeOptions) -> list[str]:
        """Values out of range."""
        found: list[str] = []
        if not 0 <= options.port <= 65_535:
            found.append(f"port must be 0 to 65535, got {options.port}")
        if not 0.05 <= options.refresh_s <= 3_600:
            found.append(f"refresh_s must be 0.05 to 3600, got {options.refresh_s}")
        if not 0 <= options.tend_s <= 86_400:
            found.append(f"tend_s must be 0 to 86400, got {options.tend_s}")
        if not 1 <= options.max_body_kib <= 65_536:
            found.append(f"max_body_kib must be 1 to 65536, got {options.max_body_kib}")
        if not 0 <= options.rate_limit <= 1e9:
            found.append(f"rate_limit must be 0 to 1e9, got {options.rate_limit}")
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


@dataclass(frozen=True, slots=True)
class PruneOptions:
    """Settings of `release prune`."""

    store: str = option(help=STORE_HELP)
    keep: int = option(10, help="how many of the newest releases to keep; the live one stays in any case")
    wait_s: float = option(60.0, help=WAIT_HELP)

    @staticmethod
    def faults(options: PruneOptions) -> list[str]:
        """Values out of range."""
        found = [] if options.keep >= 1 else [f"keep must be 1 or more, got {options.keep}"]
        return found + _wait_faults(options.wait_s)


@dataclass(frozen=True, slots=True)
class KeyCreateOptions:
    """Settings of `key create`."""

    store: str = option(help=STORE_HELP)
    name: str = option(help="whose key it is, for the list")
    scope: tuple[Literal["read", "write", "admin"], ...] = option(
        ("write",), help="what it is for: read (the console's pages), write (events), admin (everything)"
    )

    @staticmethod
    def faults(options: KeyCreateOptions) -> list[str]:
        """Values out of range."""
        found = [] if options.scope else ["scope names nothing the key is for"]
        if not 1 <= len(options.name.strip()) <= 200 or not options.name.isprintable():
            found.append("name must be 1 to 200 printable characters")
        return found


@dataclass(frozen=True, slots=True)
class KeyListOptions:
    """Settings of `key list`."""

    store: str = option(help=STORE_HELP)


@dataclass(frozen=True, slots=True)
class KeyRevokeOptions:
    """Settings of `key revoke`."""

    store: str = option(help=STORE_HELP)
    id: str = option(help="the key's id, as 'key list' shows it")


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """Settings of `export`."""

    store: str = option(help=STORE_HELP)
    channel: Literal["google_ads_editor", "merchant_center", "microsoft_ads", "meta", "oceanengine"] = option(
        help="the platform the file is for"
    )
    out: Path = option(help="the file to write")
    release: int | None = option(None, help="the release to export; left out, the live one")
    cluster: int | None = option(None, help="export this cluster's titles alone")
    campaign: str = option("HLLM-Creator", help="the campaign the ads go to, by name")
    final_url: str = option(
        "", help="where an ad leads, {ad_id} standing for its id; left out, its attribute final_url, url or link"
    )
    word_pack: tuple[str, ...] = option((), help="NAME=ID of the platform's dynamic word packs that titles may hold")

    @staticmethod
    def faults(options: ExportOptions) -> list[str]:
        """Values out of range."""
        found: list[str] = []
        if not options.campaign.isprintable() or not options.campaign[:1].isalnum() or len(options.campaign) > 128:
            found.append("campaign must be 1 to 128 printable characters and begin with a letter or a digit")
        if options.final_url and not options.final_url.startswith(("https://", "http://")):
            found.append("final_url must begin with https:// or http://")
        if not options.final_url.isprintable() or " " in options.final_url:
            found.append("final_url must have no spaces or control characters")
        for pack in options.word_pack:
            name, _, number = pack.rpartition("=")
            if not name or not number.isascii() or not number.isdigit():
                found.append(f"word_pack must be NAME=ID, the id a number, got '{pack}'")
        return found


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
    Command(
        "release prune",
        "let old releases leave the store",
        PruneOptions,
        "serving.retention:run",
        "hllm-creator release prune --store runs/demo/store.db --keep 10",
    ),
    Command(
        "export",
        "write a release as a file for an ad platform",
        ExportOptions,
        "serving.export.command:run",
        "hllm-creator export --store runs/demo/store.db --channel google_ads_editor --out ads.csv "
        "--final-url 'https://shop.example/{ad_id}'",
    ),
    Command(
        "key create",
        "make an API key, shown once",
        KeyCreateOptions,
        "serving.keys:create",
        "hllm-creator key create --store runs/demo/store.db --name 'ad server' --scope write",
    ),
    Command(
        "key list",
        "list the API keys of a store",
        KeyListOptions,
        "serving.keys:list_keys",
        "hllm-creator key list --store runs/demo/store.db",
    ),
    Command(
        "key revoke",
        "end an API key",
        KeyRevokeOptions,
        "serving.keys:revoke",
        "hllm-creator key revoke --store runs/demo/store.db --id 0123456789",
    ),
    *events_commands.COMMANDS,
)

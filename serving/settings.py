"""What the service is told from outside: its secrets, from the environment only."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from serving.keys import Grant, Scope, digest
from serving.store import Store

KEYS_VARIABLE = "HLLM_CREATOR_API_KEYS"
MAX_BATCH = 1_000
MAX_ID_CHARACTERS = 1_024


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the API.

    Args:
        keys: the environment's API keys, by digest.
        max_body_bytes: the largest request body.
        log_requests: whether every request is logged.
        queue: the folder of the events' queue; None for the usual place (`usual_queue`).
        max_queue_bytes: the most that may wait in it.
        rate_limit: requests a second from one address, and under one key; 0 for no limit.
        open_lookups: whether look-ups need no key.
        tend_s: seconds between two looks after the experiments; 0 for never.
    """

    keys: Mapping[str, Grant] = field(default_factory=lambda: dict[str, Grant]())
    max_body_bytes: int = 1 << 20
    log_requests: bool = True
    queue: Path | None = None
    max_queue_bytes: int = 256 << 20
    rate_limit: float = 10_000.0
    open_lookups: bool = True
    tend_s: float = 0.0


def read_keys(environment: Mapping[str, str] | None = None) -> dict[str, Grant]:
    """The API keys in HLLM_CREATOR_API_KEYS, by digest.

    They are separated by commas. "read:", "write:" or "admin:" before a key says what it is for; a key without one
    is its operator's own and may do everything.
    """
    listed = (os.environ if environment is None else environment).get(KEYS_VARIABLE, "")
    found: dict[str, Grant] = {}
    for number, entry in enumerate((part.strip() for part in listed.split(",") if part.strip()), start=1):
        scope, colon, key = entry.partition(":")
        scoped = colon and scope in tuple(Scope)
        found[digest(key if scoped else entry)] = Grant(
            f"environment-{number}", KEYS_VARIABLE, frozenset((Scope(scope) if scoped else Scope.ADMIN,))
        )
    return found


def usual_queue(store: Store) -> Path:
    """Where the events' queue of a store lies: beside a file, or in the user's state folder for a server's store."""
    if store.path is not None:
        return store.path.with_name(f"queue-{store.path.name}")
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "hllm-creator" / f"queue-{store.identity}"

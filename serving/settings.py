"""What the service is told from outside: its secrets, from the environment only."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from serving.store import Store

KEYS_VARIABLE = "HLLM_CREATOR_API_KEYS"
MAX_BATCH = 1_000
MAX_ID_CHARACTERS = 1_024


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the API.

    Args:
        key_digests: SHA-256 of each API key; the keys themselves are not kept.
        max_body_bytes: the largest request body.
        log_requests: whether every request is logged.
        queue: the folder of the events' queue; None for the usual place (`usual_queue`).
        max_queue_bytes: the most that may wait in it.
    """

    key_digests: tuple[bytes, ...] = ()
    max_body_bytes: int = 1 << 20
    log_requests: bool = True
    queue: Path | None = None
    max_queue_bytes: int = 256 << 20

    def knows(self, key: str) -> bool:
        """Whether it is one of the API keys; takes the same time whichever key comes close."""
        digest = hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
        matches = [hmac.compare_digest(digest, known) for known in self.key_digests]
        return any(matches)


def read_keys(environment: Mapping[str, str] | None = None) -> tuple[bytes, ...]:
    """The digests of the comma-separated API keys in HLLM_CREATOR_API_KEYS."""
    listed = (os.environ if environment is None else environment).get(KEYS_VARIABLE, "")
    return tuple(hashlib.sha256(key.strip().encode()).digest() for key in listed.split(",") if key.strip())


def usual_queue(store: Store) -> Path:
    """Where the events' queue of a store lies: beside a file, or in the user's state folder for a server's store."""
    if store.path is not None:
        return store.path.with_name(f"queue-{store.path.name}")
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "hllm-creator" / f"queue-{store.identity}"

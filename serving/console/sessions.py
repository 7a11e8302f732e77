"""Who is signed in: a signed cookie that names the person and the digest of the key they came with.

The key is looked up again at each request, so that a revoked key ends its sessions. The signing secret comes from the
environment, so that several processes share sessions; without it each process draws its own.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass

from serving.keys import Grant, Scope, digest
from serving.live import Live

COOKIE = "hllm_console"
SECRET_VARIABLE = "HLLM_CREATOR_CONSOLE_SECRET"  # noqa: S105 - the name of it
LASTS_S = 12 * 3600
MAX_NAME_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in.

    Args:
        name: as the person gave it.
        grant: what their key allows.
        csrf: what every form of theirs must carry.
    """

    name: str
    grant: Grant
    csrf: str

    @property
    def who(self) -> str:
        """How the history names them: the name they gave, and the key that vouches for it."""
        return f"{self.name} [{self.grant.key_id}]"

    @property
    def may_write(self) -> bool:
        """Whether they may review, publish and set."""
        return self.grant.allows(Scope.ADMIN)


class Sessions:
    """Makes and reads the cookie.

    Args:
        live: has the store's keys of a moment ago.
        environment: the keys that came with the process, by digest.
    """

    def __init__(self, live: Live, environment: Mapping[str, Grant]) -> None:
        self._live, self._environment = live, environment
        self._secret = os.environ.get(SECRET_VARIABLE, "").encode() or secrets.token_bytes(32)

    @property
    def keyed(self) -> bool:
        """Whether there is any key to sign in with."""
        return bool(self._environment or self._live.keys)

    def start(self, key: str, name: str) -> str:
        """The cookie of a new session; the key must be a good one."""
        entry = {"key": digest(key), "name": name, "nonce": secrets.token_urlsafe(16), "ends": time.time() + LASTS_S}
        body = base64.urlsafe_b64encode(json.dumps(entry).encode()).decode()
        return f"{body}.{self._sign('session', body)}"

    def read(self, cookie: str | None) -> Session | None:
        """The session of a cookie; None when it is not ours, has ended, or its key is no longer good."""
        body, dot, signature = (cookie or "").partition(".")
        if not dot or not hmac.compare_digest(signature.encode(), self._sign("session", body).encode()):
            return None
        try:
            entry = json.loads(base64.urlsafe_b64decode(body.encode()))
        except (ValueError, binascii.Error):
            return None
        grant = self._environment.get(entry["key"]) or self._live.keys.get(entry["key"])
        if grant is None or entry["ends"] < time.time():
            return None
        return Session(entry["name"], grant, self._sign("csrf", entry["nonce"]))

    def _sign(self, purpose: str, text: str) -> str:
        return hmac.new(self._secret, f"{purpose}\n{text}".encode("utf-8", "replace"), hashlib.sha256).hexdigest()

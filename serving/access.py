"""Who may do what: the key that came with a request, checked against those that are good now."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from serving.keys import Grant, Scope, digest
from serving.live import Live
from serving.problems import Refused, too_many
from serving.rates import Rates

WRONG_KEYS_PER_S = 0.5
WRONG_KEYS_AT_ONCE = 30
NEED = "This needs an API key, as X-API-Key or as a bearer token."
_HEADER_KEY = APIKeyHeader(name="X-API-Key", auto_error=False)
_BEARER_KEY = HTTPBearer(auto_error=False)


class Access:
    """The keys of the environment and of the store.

    Args:
        environment: the keys that came with the process, by digest.
        live: has the store's keys of a moment ago. While the store is away they stay good.
        rate_limit: requests a second under one key; 0 for no limit.
    """

    def __init__(self, environment: Mapping[str, Grant], live: Live, rate_limit: float) -> None:
        self._environment, self._live = environment, live
        self._rates = Rates(rate_limit, max(1.0, rate_limit))
        self._wrong = Rates(WRONG_KEYS_PER_S, WRONG_KEYS_AT_ONCE)

    def grant(self, key: str) -> Grant | None:
        """What this key may do; None when it is not, or no longer, one."""
        found = digest(key)  # looked up by digest: how close a wrong key comes does not show in the time
        return self._environment.get(found) or self._live.keys.get(found)

    def check(self, key: str | None, address: str, scope: Scope) -> Grant:
        """The grant of a request's key.

        Args:
            key: what was sent, if anything.
            address: where it came from. Wrong keys are counted, so that nobody can try many.
            scope: what the request is for.

        Raises:
            Refused: 401 without a good key, 403 when it is for something else, 429 when there were too many.
        """
        if key is None:
            raise Refused(401, "key-needed", NEED, {"WWW-Authenticate": "Bearer"})
        if wait_s := self._wrong.wait(address):
            raise too_many("wrong keys from this address", wait_s)
        grant = self.grant(key)
        if grant is None:
            self._wrong.take(address)
            raise Refused(401, "key-unknown", f"The key is not a good one. {NEED}", {"WWW-Authenticate": "Bearer"})
        if not grant.allows(scope):
            raise Refused(403, "key-out-of-scope", f"The key is not for this; it takes one with the scope '{scope}'.")
        if wait_s := self._rates.take(grant.key_id):
            raise too_many("requests under this key", wait_s)
        return grant

    def needs(self, scope: Scope) -> Callable[..., Awaitable[Grant]]:
        """A dependency that lets a request through only with a key for `scope`, and gives the key's grant."""

        async def checked(
            request: Request,
            header: Annotated[str | None, Depends(_HEADER_KEY)],
            bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER_KEY)],
        ) -> Grant:
            key = header if header is not None else bearer.credentials if bearer is not None else None
            return self.check(key, request.client.host if request.client else "", scope)

        return checked

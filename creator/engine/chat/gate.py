"""How many requests are out at once: as many as the endpoint takes, found by trying.

Additive increase, multiplicative decrease (Chiu and Jain, 1989): each answer lets a little more out, a 429 or 503
halves it and holds everything back for as long as the endpoint asks. A burst of refusals counts once.
"""

from __future__ import annotations

import asyncio
import email.utils
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager

LEAST = 1.0


class AdaptiveGate:
    """Lets requests out, fewer after the endpoint complains.

    Args:
        most: requests out at once, at most.
        clock: seconds, monotonic.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = most, clock
        self._width = float(most)
        self._out = 0
        self._open_at = 0.0
        self._narrowed_at = float("-inf")
        self._turn = asyncio.Condition()

    @property
    def width(self) -> float:
        """How many requests may be out now."""
        return self._width

    @asynccontextmanager
    async def passage(self) -> AsyncGenerator[float]:
        """Wait for a turn, hold it for the block; gives the time at which the request went out."""
        async with self._turn:
            while self._out >= int(self._width) or self._clock() < self._open_at:
                wait = self._open_at - self._clock()
                if wait > 0:
                    self._turn.release()
                    try:
                        await asyncio.sleep(wait)
                    finally:
                        await self._turn.acquire()
                else:
                    await self._turn.wait()
            self._out += 1
        try:
            yield self._clock()
        finally:
            async with self._turn:
                self._out -= 1
                self._turn.notify_all()

    def welcome(self) -> None:
        """The endpoint answered: one more request per round."""
        self._width = min(float(self._most), self._width + 1 / self._width)

    def refuse(self, sent_at: float, wait_s: float | None) -> None:
        """The endpoint had too much.

        Args:
            sent_at: when the refused request went out; those sent before the last narrowing do not count again.
            wait_s: how long the endpoint wants to be left alone; None when it does not say.
        """
        now = self._clock()
        if sent_at >= self._narrowed_at:
            self._width = max(LEAST, self._width / 2)
            self._narrowed_at = now
        if wait_s is not None:
            self._open_at = max(self._open_at, now + wait_s)


def retry_after_s(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that a response asks to wait (RFC 9110, 10.2.3: seconds or a date); None when it asks for nothing.

    Args:
        headers: of the response, names in lower case.
        now: seconds since the epoch.
    """
    value = headers.get("retry-after", "").strip()
    try:
        wait = float(value)
    except ValueError:
        try:
            wait = email.utils.parsedate_to_datetime(value).timestamp() - now
        except (TypeError, ValueError, OverflowError):
            return None
    return wait if 0 <= wait < 86_400 else None

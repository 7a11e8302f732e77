"""Rate limits: a token bucket for each caller, in memory, of this process."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

MAX_CALLERS = 10_000  # the one heard of longest ago is forgotten first, so strangers cannot fill the memory


class Rates:
    """Buckets that fill with time.

    Args:
        per_s: requests a second that a caller may make for long; 0 for no limit.
        burst: requests it may make at once.
        clock: seconds that only grow.
    """

    def __init__(self, per_s: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s, self._burst, self._clock = per_s, burst, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str) -> float:
        """Count one request.

        Returns:
            0 when it may be served, else how many seconds until the caller may ask again.
        """
        if not self._per_s:
            return 0.0
        left = self._left(caller)
        allowed = left >= 1.0
        self._buckets[caller] = (left - 1.0 if allowed else left, self._clock())
        self._buckets.move_to_end(caller)
        if len(self._buckets) > MAX_CALLERS:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1.0 - left) / self._per_s

    def wait(self, caller: str) -> float:
        """As `take`, without counting."""
        left = self._left(caller) if self._per_s else self._burst
        return 0.0 if left >= 1.0 else (1.0 - left) / self._per_s

    def _left(self, caller: str) -> float:
        left, seen = self._buckets.get(caller, (self._burst, 0.0))
        return min(self._burst, left + (self._clock() - seen) * self._per_s)

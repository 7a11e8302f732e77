"""Windows of histories as batches: who, up to when, and what they did next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from creator.core.data import Histories

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class WindowBatch:
    """Histories read at given moments.

    Args:
        users: [B] rows of `Histories.user_ids`.
        as_of: [B] seconds; each window ends before it.
        items: per window the item rows, oldest first.
        ages_s: per window the events' ages.
    """

    users: npt.NDArray[np.int64]
    as_of: npt.NDArray[np.float64]
    items: list[npt.NDArray[np.int32]]
    ages_s: list[npt.NDArray[np.float64]]

    def __len__(self) -> int:
        return len(self.users)

    def take(self, rows: npt.NDArray[np.int64]) -> WindowBatch:
        """Some of the windows."""
        return WindowBatch(
            self.users[rows], self.as_of[rows], [self.items[b] for b in rows], [self.ages_s[b] for b in rows]
        )

    @classmethod
    def read(
        cls, histories: Histories, users: npt.NDArray[np.int64], as_of: npt.NDArray[np.float64], length: int
    ) -> WindowBatch:
        """Read the windows of users at moments."""
        pairs = [(int(u), float(t)) for u, t in zip(users, as_of, strict=True)]
        return cls(
            users,
            as_of,
            [histories.window(u, t, length) for u, t in pairs],
            [histories.ages(u, t, length) for u, t in pairs],
        )


class WindowSampler:
    """Draws (user, moment) pairs before a time; the moment falls on one of the user's own events.

    Args:
        histories: everybody's events.
        until: nothing at or after this time is read, neither as history nor as future.
        horizon_s: how much future each window must leave.
        least: events a window must hold.
        users: [B] bool, whose windows are drawn; everybody's when None.
    """

    def __init__(
        self,
        histories: Histories,
        until: float,
        horizon_s: float,
        least: int = 5,
        users: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        self._histories, self._until, self._least = histories, until, least
        stop = np.searchsorted
        self._first = histories.offsets[:-1] + least
        last = [
            histories.offsets[u]
            + stop(
                histories.timestamps[histories.offsets[u] : histories.offsets[u + 1]], until - horizon_s, side="left"
            )
            for u in range(len(histories.user_ids))
        ]
        self._last = np.asarray(last, dtype=np.int64)
        drawn = self._last > self._first
        self._users = np.flatnonzero(drawn if users is None else drawn & users)

    def __len__(self) -> int:
        return len(self._users)

    def draw(self, random: np.random.Generator, count: int, length: int) -> WindowBatch:
        """`count` windows of at most `length` events."""
        users = random.choice(self._users, size=count)
        events = self._first[users] + np.floor(random.random(count) * (self._last[users] - self._first[users])).astype(
            np.int64
        )
        return WindowBatch.read(self._histories, users.astype(np.int64), self._histories.timestamps[events], length)

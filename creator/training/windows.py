"""Windows of histories as batches: who, up to when, and what they did next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from creator.core.data import Data, Histories

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
    """

    def __init__(self, histories: Histories, until: float, horizon_s: float, least: int = 5) -> None:
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
        self._users = np.flatnonzero(self._last > self._first)

    def __len__(self) -> int:
        return len(self._users)

    def draw(self, random: np.random.Generator, count: int, length: int) -> WindowBatch:
        """`count` windows of at most `length` events."""
        users = random.choice(self._users, size=count)
        events = self._first[users] + np.floor(random.random(count) * (self._last[users] - self._first[users])).astype(
            np.int64
        )
        return WindowBatch.read(self._histories, users.astype(np.int64), self._histories.timestamps[events], length)


class AdActs:
    """Who acts on what an ad covers: labels from behaviour alone, for ads that name their items.

    Args:
        data: the tables.
        ad_ids: [A] ads in order.
    """

    def __init__(self, data: Data, ad_ids: list[str]) -> None:
        row_of = {str(i): row for row, i in enumerate(data.items["item_id"])}
        rows, columns = [], []
        for a, ad_id in enumerate(ad_ids):
            ad = data.ads[ad_id]  # pyright: ignore[reportArgumentType]
            covered = ad.item_ids or ((ad.item_id,) if ad.item_id else ())
            known = [row_of[i] for i in covered if i in row_of]
            rows += [a] * len(known)
            columns += known
        ones = np.ones(len(rows), dtype=np.float32)
        self.covers = sparse.csr_matrix((ones, (rows, columns)), shape=(len(ad_ids), len(row_of)))
        self._histories, self._items = data.histories, len(row_of)

    def after(
        self, users: npt.NDArray[np.int64], as_of: npt.NDArray[np.float64], horizon_s: float
    ) -> npt.NDArray[np.float32]:
        """[B, A] 1 where the user acts on an item of the ad within the horizon, 0 otherwise."""
        return (self._counts(users, as_of, as_of + horizon_s) > 0).astype(np.float32)

    def before(self, users: npt.NDArray[np.int64], as_of: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        """[B, A] how often the user acted on items of the ad before the moment."""
        return self._counts(users, np.full(len(users), -np.inf), as_of)

    def _counts(
        self, users: npt.NDArray[np.int64], since: npt.NDArray[np.float64], until: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float32]:
        h = self._histories
        acts = np.zeros((len(users), self._items), dtype=np.float32)
        for b, user in enumerate(users):
            start, end = h.offsets[user], h.offsets[user + 1]
            stamps = h.timestamps[start:end]
            low, high = np.searchsorted(stamps, [since[b], until[b]], side="left")
            np.add.at(acts[b], h.items[start + low : start + high], 1.0)
        return np.asarray(self.covers @ acts.T).T

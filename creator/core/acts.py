"""Who acts on what an ad covers: counts of behaviour, for ads that name their items.

One class counts for training, evaluation and pruning, so that a match head reads everywhere what it was trained on.
Shapes: B (user, moment) pairs, A ads, I items, K clusters, N single pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from creator.core.data import Data, Histories

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
Moments = npt.NDArray[np.float64]

MOMENTS_AT_ONCE = 1_024


@dataclass(frozen=True, slots=True)
class LogCounts:
    """What behaviour says of users and ads before any model, each as log(1 + count), or the mean of such over a group.

    Args:
        own: [K, A] the user's events on items the ad covers, before the moment of reading.
        ads: [A] all users' events on them while training could see them: the ad's popularity.
        users: [K] the user's events before the moment.
    """

    own: Floats
    ads: Floats
    users: Floats

    def pairs(self, users: Rows, ads: Rows) -> Floats:
        """The three counts of single pairs, by row of user and ad, each [N]: [N, 3]."""
        return np.stack([self.own[users, ads], self.ads[ads], self.users[users]], axis=-1)

    def of_ads(self, ads: Rows) -> LogCounts:
        """The counts of some of the ads."""
        return LogCounts(self.own[:, ads], self.ads[ads], self.users)

    def block(self, users: slice) -> Floats:
        """The three counts of some users with every ad, [k, A, 3]."""
        own = self.own[users]
        return np.stack(
            [own, np.broadcast_to(self.ads, own.shape), np.broadcast_to(self.users[users, None], own.shape)], axis=-1
        )


def past_events(histories: Histories, users: Rows, before: Moments) -> Rows:
    """Where in the flat event array each user's past ends: at the first of its events at or after the time; [B].

    The past of user b is positions offsets[b] up to, and without, this one. A bisection of all users at once.
    """
    low, high = histories.offsets[users], histories.offsets[users + 1]
    while (open_ := low < high).any():
        middle = (low + high) // 2
        earlier = histories.timestamps[np.where(open_, middle, 0)] < before
        low, high = np.where(open_ & earlier, middle + 1, low), np.where(open_ & ~earlier, middle, high)
    return low


class AdActs:
    """Counts events on the items that ads cover: an ad's `item_ids`, or its `item_id` when it has none.

    Args:
        data: the tables.
        ad_ids: [A] ads in order.
    """

    def __init__(self, data: Data, ad_ids: Sequence[str]) -> None:
        histories = data.histories
        row_of = {str(item): row for row, item in enumerate(histories.item_ids)}
        rows, columns = list[int](), list[int]()
        for a, ad_id in enumerate(ad_ids):
            ad = data.ads[ad_id]  # pyright: ignore[reportArgumentType]
            covered = ad.item_ids or ((ad.item_id,) if ad.item_id else ())
            known = {row_of[item] for item in covered if item in row_of}
            rows += [a] * len(known)
            columns += sorted(known)
        ones = np.ones(len(rows), dtype=np.float32)
        self._items = len(row_of)
        self.covers = sparse.csr_matrix((ones, (rows, columns)), shape=(len(ad_ids), self._items))
        self._of_item = self.covers.T.tocsr()
        self._data, self._histories = data, histories

    def after(self, users: Rows, as_of: Moments, horizon_s: float) -> Floats:
        """[B, A] 1 where the user acts on an item of the ad at the moment or within the horizon after it, else 0."""
        starts, ends = (past_events(self._histories, users, moment) for moment in (as_of, as_of + horizon_s))
        counts = self._counts(starts, ends, self._of_item)
        return (counts.toarray() > 0).astype(np.float32)

    def before(self, users: Rows, ads: Rows, as_of: Moments) -> Floats:
        """How often each user acted on items of the ad strictly before the moment, for single pairs, each [N]: [N]."""
        moment = pd.DataFrame({"user": users, "as_of": as_of}).groupby(["user", "as_of"]).ngroup().to_numpy()
        order = np.argsort(moment, kind="stable")
        counts = np.zeros(len(users), dtype=np.float32)
        for start in range(0, int(moment.max(initial=-1)) + 1, MOMENTS_AT_ONCE):
            inside = order[slice(*np.searchsorted(moment, [start, start + MOMENTS_AT_ONCE], sorter=order))]
            row = moment[inside] - start
            _, first = np.unique(row, return_index=True)
            grid, _ = self._before(users[inside[first]], as_of[inside[first]])
            counts[inside] = np.asarray(grid[row, ads[inside]]).ravel()
        return counts

    @cached_property
    def popularity(self) -> Floats:
        """[A] log(1 + events of all users on items of the ad, before `train_until`)."""
        h = self._histories
        seen = np.bincount(h.items[h.timestamps < self._data.train_until], minlength=self._items)
        return np.log1p(self.covers @ seen).astype(np.float32)

    def log_counts(self, users: Rows, as_of: Moments) -> LogCounts:
        """What is known of each user at its moment with every ad: nothing at or after the moment is counted."""
        own, events = self._before(users, as_of)
        return LogCounts(_logs(own).toarray(), self.popularity, np.log1p(events).astype(np.float32))

    def log_pairs(self, users: Rows, ads: Rows, as_of: Moments) -> Floats:
        """The three counts of single pairs, each [N], as `LogCounts.pairs` gives them: [N, 3]."""
        events = past_events(self._histories, users, as_of) - self._histories.offsets[users]
        own = np.log1p(self.before(users, ads, as_of))
        return np.stack([own, self.popularity[ads], np.log1p(events)], axis=-1).astype(np.float32)

    def mean_log_counts(
        self, users: Rows, groups: Rows, count: int, as_of: float, ads: slice, *, users_at_once: int = 65_536
    ) -> LogCounts:
        """The mean of `log_counts` over the users of each group, all read at one moment, with some of the ads.

        Args:
            users: [N] user rows.
            groups: [N] the group of each, 0 to `count` - 1.
            count: K; a group without users has zeros.
            as_of: seconds.
            ads: which of the A ads.
            users_at_once: users counted at a time; with the number of ads it bounds the memory.
        """
        of_item, popularity = self.covers[ads].T.tocsr(), self.popularity[ads]
        sizes = np.maximum(np.bincount(groups, minlength=count), 1).astype(np.float32)
        own, events = np.zeros((count, len(popularity)), np.float32), np.zeros(count, np.float32)
        for start in range(0, len(users), users_at_once):
            some, group = users[start : start + users_at_once], groups[start : start + users_at_once]
            counts, lengths = self._before(some, np.full(len(some), as_of), of_item)
            member = sparse.csr_matrix(
                (np.ones(len(some), np.float32), (group, np.arange(len(some)))), shape=(count, len(some))
            )
            own += sparse.csr_matrix(member @ _logs(counts)).toarray()
            events += member @ np.log1p(lengths).astype(np.float32)
        return LogCounts(own / sizes[:, None], popularity, events / sizes)

    def _before(
        self, users: Rows, as_of: Moments, of_item: sparse.csr_matrix | None = None
    ) -> tuple[sparse.csr_matrix, Rows]:
        """Counts [B, A] before the moments, and all the events before them [B]."""
        starts, ends = self._histories.offsets[users], past_events(self._histories, users, as_of)
        return self._counts(starts, ends, self._of_item if of_item is None else of_item), ends - starts

    def _counts(self, starts: Rows, ends: Rows, of_item: sparse.csr_matrix) -> sparse.csr_matrix:
        lengths = ends - starts
        row_ends = np.concatenate([[0], np.cumsum(lengths)])
        positions = np.arange(row_ends[-1]) + np.repeat(starts - row_ends[:-1], lengths)
        items = self._histories.items[positions]
        ones = np.ones(len(items), dtype=np.float32)
        events = sparse.csr_matrix((ones, items, row_ends), shape=(len(starts), self._items))
        return sparse.csr_matrix(events @ of_item)


def _logs(counts: sparse.csr_matrix) -> sparse.csr_matrix:
    counts.data = np.log1p(counts.data)  # log(1 + 0) is 0: what is not stored stays so
    return counts


def users_of(data: Data, user_ids: Sequence[str] | npt.NDArray[np.object_]) -> Rows:
    """The user rows of ids in `data.histories`, -1 for users without any event; [N]."""
    return pd.Index(data.histories.user_ids).get_indexer(pd.Index(user_ids)).astype(np.int64)

"""Which title a user sees of an ad: compact tables of one release, and the look-up in them.

Users are kept as 128-bit hashes in sorted arrays (20 bytes a user, no id in clear); a release's tables are never
changed, only replaced as a whole.
"""

from __future__ import annotations

import hashlib
import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from serving.rows import Release

HASH_BYTES = 16


class Reason(StrEnum):
    """Why a user sees the original title."""

    UNKNOWN_USER = "unknown_user"  # the release assigns no such user
    NO_CLUSTER = "no_cluster"  # the user is too far from every cluster
    PRUNED_PAIR = "pruned_pair"  # no title of the ad for the user's cluster
    NO_RELEASE = "no_release"  # nothing has been published
    STORE_DOWN = "store_down"  # what is live cannot be known
    EXPERIMENT = "experiment"  # the user's variation shows the original
    ROLLOUT = "rollout"  # outside the share of users that a rollout has reached, or it was halted
    HELD_OUT = "held_out"  # one of the holdout group


class PairTitle(NamedTuple):
    """The title of one (ad, cluster)."""

    title_id: str
    title: str


@dataclass(frozen=True, slots=True)
class AdTitles:
    """One ad's titles.

    Args:
        original: what everybody without a personal title sees.
        by_cluster: the published title of each cluster that has one.
    """

    original: str
    by_cluster: Mapping[int, PairTitle] = field(default_factory=lambda: dict[int, PairTitle]())


class Answer(NamedTuple):
    """What a look-up found.

    Args:
        title: the title to show.
        title_id: its id; None for the original.
        cluster_id: the user's cluster, where it is known.
        release: the release that answered; None before the first.
        reason: why it is the original; None when it is the cluster's title.
        experiment, variation: which one the user takes part in; None for none.
        propensity: with what probability this variation was drawn, where that changes with what was clicked.
    """

    title: str
    title_id: str | None
    cluster_id: int | None
    release: int | None
    reason: Reason | None
    experiment: str | None = None
    variation: str | None = None
    propensity: float | None = None


class Overlay(Protocol):
    """What experiments make of an answer."""

    def __call__(self, user_id: str, ad_id: str, ad: AdTitles, answer: Answer) -> Answer:
        """The answer that this user gets.

        Args:
            user_id, ad_id: who, and which ad.
            ad: its titles in the live release.
            answer: what the user would get without experiments.
        """
        ...


class Users:
    """user_id -> cluster_id of one clustering, by hash.

    Args:
        keys: [U, 2] uint64, the hashes' two halves, sorted.
        clusters: [U] int32, the cluster of each.
    """

    def __init__(self, keys: npt.NDArray[np.uint64], clusters: npt.NDArray[np.int32]) -> None:
        # views, not arrays: an element read from one is a plain int, several times faster than numpy's
        self._high = np.ascontiguousarray(keys[:, 0]).data
        self._low = np.ascontiguousarray(keys[:, 1]).data
        self._clusters = clusters.data

    @classmethod
    def of(cls, chunks: Iterable[Sequence[tuple[str, int]]]) -> Users:
        """Build from (user_id, cluster_id) rows, of which only one chunk is held at a time."""
        hashes, clusters = bytearray(), array("i")
        for chunk in chunks:
            hashes += b"".join([_hash(user_id) for user_id, _ in chunk])
            clusters.extend([cluster_id for _, cluster_id in chunk])
        keys = np.frombuffer(hashes, dtype=np.uint64).reshape(-1, 2)
        order = np.lexsort((keys[:, 1], keys[:, 0]))
        return cls(keys[order], np.frombuffer(clusters, dtype=np.int32)[order])

    def __len__(self) -> int:
        return len(self._clusters)

    @classmethod
    def joined(cls, parts: Sequence[Users]) -> Users:
        """Several tables as one; no user may be in two of them."""
        keys = np.stack([np.concatenate([np.asarray(half) for half in halves])
                         for halves in ([p._high for p in parts], [p._low for p in parts])], axis=1)  # fmt: skip
        order = np.lexsort((keys[:, 1], keys[:, 0]))
        return cls(keys[order], np.concatenate([np.asarray(p._clusters) for p in parts])[order])

    def find_all(self, user_ids: list[str]) -> list[int | None]:
        """As `find`, for many users at once, which costs each a fraction of it."""
        keys = np.frombuffer(b"".join(map(_hash, user_ids)), dtype=np.uint64).reshape(-1, 2)
        high, low, clusters = np.asarray(self._high), np.asarray(self._low), np.asarray(self._clusters)
        if not len(high):
            return [None] * len(user_ids)
        rows = np.minimum(np.searchsorted(high, keys[:, 0]), len(high) - 1)
        same = (high[rows] == keys[:, 0]) & (low[rows] == keys[:, 1])
        found: list[int | None] = clusters[rows].tolist()
        for index in np.flatnonzero(~same).tolist():  # unknown, or the second of two with the same first half
            found[index] = self.find(user_ids[index]) if high[rows[index]] == keys[index, 0] else None
        return found

    def find(self, user_id: str) -> int | None:
        """The user's cluster; negative when assigned to none, None when unknown."""
        key = _hash(user_id)
        high, low = int.from_bytes(key[:8], sys.byteorder), int.from_bytes(key[8:], sys.byteorder)
        row = bisect_left(self._high, high)
        while row < len(self._high) and self._high[row] == high:
            if self._low[row] == low:
                return self._clusters[row]
            row += 1
        return None


def _hash(user_id: str) -> bytes:
    return hashlib.blake2b(user_id.encode(), digest_size=HASH_BYTES).digest()


_NOBODY = Users(np.empty((0, 2), np.uint64), np.empty(0, np.int32))


@dataclass(frozen=True, slots=True)
class Tables:
    """Everything a look-up reads.

    Args:
        ads: every known ad by id.
        users: who is in which cluster.
        release: what the tables come from; None before the first release.
        overlay: what the running experiments make of an answer; None without any.
    """

    ads: Mapping[str, AdTitles] = field(default_factory=lambda: dict[str, AdTitles]())
    users: Users = _NOBODY
    release: Release | None = None
    overlay: Overlay | None = None

    def answer(self, user_id: str, ad_id: str, *, store_up: bool = True) -> Answer | None:
        """The title this user sees of this ad; None when the ad is unknown.

        Args:
            user_id, ad_id: whose title of which ad.
            store_up: whether the store was there when it was last asked. If it was not, a title may have been
                withdrawn unseen, so everybody gets the original.
        """
        ad = self.ads.get(ad_id)
        if ad is None:
            return None
        if self.release is None or not store_up:
            return self._without_users(ad, store_up)
        found = self._of_cluster(ad, self.users.find(user_id), self.release.release)
        return found if self.overlay is None else self.overlay(user_id, ad_id, ad, found)

    def answers(self, pairs: Sequence[tuple[str, str]], *, store_up: bool = True) -> list[Answer | None]:
        """The same for many (user_id, ad_id) at once."""
        release = self.release
        if release is None or not store_up:
            return [self.answer(user_id, ad_id, store_up=store_up) for user_id, ad_id in pairs]
        clusters = self.users.find_all([user_id for user_id, _ in pairs])
        made: list[Answer | None] = []
        for (user_id, ad_id), cluster in zip(pairs, clusters, strict=True):
            ad = self.ads.get(ad_id)
            found = None if ad is None else self._of_cluster(ad, cluster, release.release)
            if ad is not None and found is not None and self.overlay is not None:
                found = self.overlay(user_id, ad_id, ad, found)
            made.append(found)
        return made

    def plainly(self, user_id: str, ad: AdTitles, number: int) -> Answer:
        """The answer that a user gets without experiments.

        Args:
            user_id: who.
            ad: one of these tables' ads.
            number: of these tables' release.
        """
        return self._of_cluster(ad, self.users.find(user_id), number)

    def _without_users(self, ad: AdTitles, store_up: bool) -> Answer:
        number = None if self.release is None else self.release.release
        return Answer(ad.original, None, None, number, Reason.NO_RELEASE if store_up else Reason.STORE_DOWN)

    @staticmethod
    def _of_cluster(ad: AdTitles, cluster: int | None, number: int) -> Answer:
        if cluster is None:
            return Answer(ad.original, None, None, number, Reason.UNKNOWN_USER)
        if cluster < 0:
            return Answer(ad.original, None, None, number, Reason.NO_CLUSTER)
        pair = ad.by_cluster.get(cluster)
        if pair is None:
            return Answer(ad.original, None, cluster, number, Reason.PRUNED_PAIR)
        return Answer(pair.title, pair.title_id, cluster, number, None)

    def originals_only(self) -> Tables:
        """The same ads without any release."""
        return Tables({ad_id: AdTitles(ad.original) for ad_id, ad in self.ads.items()})

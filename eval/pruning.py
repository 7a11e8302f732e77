"""`evaluate pruning`: how many pairs need a title so that most real redemptions meet one?

A redemption is kept when its pair, the user's cluster with the ad, is among those generated. Pairs are taken in the
order of a score: the match head's expected reach; or, beside it, what any shop can compute, the sum over a cluster's
members of log(1 + past purchases of what the ad covers), on the same clusters and on k-means of purchase categories.
Shapes: B users, K clusters, A ads, N redemptions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.cluster import KMeans
from sklearn.preprocessing import normalize

from creator.core.data import Data
from creator.core.records import AdId
from eval.figures import interval, resamples

Integers = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]

OUTSIDE = -1
CATEGORIES = 2_000


@dataclass(frozen=True, slots=True)
class Redemptions:
    """Real clicks on the ads that were pruned.

    Args:
        users: [N], row in `Histories.user_ids`.
        ads: [N], column of the pruned ads.
        too_early: clicks left out because the clusters already knew what followed.
    """

    users: Integers
    ads: Integers
    too_early: int

    def __len__(self) -> int:
        return len(self.users)


@dataclass(frozen=True, slots=True)
class Shown:
    """Real impressions of the ads that were pruned, after the clusters were made.

    Args:
        users: [M], row in `Histories.user_ids`.
        ads: [M], column of the pruned ads.
        clicked: [M].
        too_early: clicks left out because the clusters already knew what followed.
    """

    users: Integers
    ads: Integers
    clicked: np.ndarray[tuple[int], np.dtype[np.bool_]]
    too_early: int

    @property
    def redemptions(self) -> Redemptions:
        """Those that were clicked."""
        return Redemptions(self.users[self.clicked], self.ads[self.clicked], self.too_early)


@dataclass(frozen=True, slots=True)
class Ranking:
    """An order in which pairs get titles.

    Args:
        name: what people call it.
        ranks: [N], place of each redemption's pair, from 0; `pairs` for a user outside every cluster.
        pairs: K x A.
        spread: over how many clusters the redemptions spread, as the exponential of their entropy. Clusters so large
            that all redemptions fall into one need few pairs and tell nobody apart: two orders compare at like spread.
    """

    name: str
    ranks: Integers
    pairs: int
    spread: float = math.nan

    def kept(self, share: float) -> float:
        """Share of the redemptions kept when this share of the pairs is generated."""
        return float((self.ranks < round(share * self.pairs)).mean())

    def curve(self, shares: Sequence[float]) -> list[float]:
        """`kept` at each share."""
        return [self.kept(share) for share in shares]

    def needed(self, keep: float, weights: Doubles | None = None) -> Doubles:
        """Share of the pairs needed to keep this share of the redemptions; NaN where users outside make it impossible.

        Args:
            keep: above 0, at most 1.
            weights: [N, R], how often each redemption counts in each of R resamples; None counts each once.

        Returns:
            [R].
        """
        order = np.argsort(self.ranks, kind="stable")
        counted = np.ones((len(order), 1)) if weights is None else weights[order]
        heap = np.cumsum(counted, axis=0)
        reached = heap >= keep * heap[-1] * (1 - 1e-12)
        place = self.ranks[order][reached.argmax(axis=0)]
        return np.where(place < self.pairs, (place + 1) / self.pairs, np.nan)


def rank_pairs(name: str, score: Doubles, cluster_of: Integers, found: Redemptions) -> Ranking:
    """Order the pairs by a score, the highest first; equal scores by cluster, then ad.

    Args:
        name: of the score.
        score: [K, A].
        cluster_of: [B], cluster of each row of `Histories.user_ids`, or OUTSIDE.
        found: the redemptions.
    """
    place = np.empty(score.size, np.int64)
    place[np.argsort(-score.ravel(), kind="stable")] = np.arange(score.size)
    clusters = cluster_of[found.users]
    ranks = place[np.maximum(clusters, 0) * score.shape[1] + found.ads]
    inside = np.unique(clusters[clusters != OUTSIDE], return_counts=True)[1].astype(np.float64)
    share = inside / inside.sum()
    spread = float(np.exp(-(share * np.log(share)).sum()))
    return Ranking(name, np.where(clusters == OUTSIDE, score.size, ranks), score.size, spread)


def needed_interval(
    ranking: Ranking, found: Redemptions, keep: float, count: int, seed: int
) -> tuple[float | None, float | None]:
    """95% interval of `Ranking.needed` from resampling whole users."""
    _, user = np.unique(found.users, return_inverse=True)
    drawn = resamples(int(user.max()) + 1, count, seed)
    return interval(ranking.needed(keep, drawn[user].astype(np.float64)))


def purchases(data: Data, ad_ids: Sequence[str], before: float) -> sparse.csr_array:
    """Past purchases of what each ad covers [B, A], strictly before a time."""
    histories = data.histories
    owners = np.repeat(np.arange(len(histories.user_ids)), np.diff(histories.offsets))
    past = histories.timestamps < before
    shape = (len(histories.user_ids), len(histories.item_ids))
    counts = sparse.csr_array((np.ones(past.sum()), (owners[past], histories.items[past])), shape=shape)
    row_of = {str(item): row for row, item in enumerate(histories.item_ids)}
    covers = [
        (row_of[item], column)
        for column, ad_id in enumerate(ad_ids)
        for item in set(_covered(data, ad_id))
        if item in row_of
    ]
    rows, columns = np.array(covers, np.int64).reshape(-1, 2).T
    covering = sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(shape[1], len(ad_ids)))
    return sparse.csr_array(counts @ covering)


def _covered(data: Data, ad_id: str) -> Sequence[str]:
    ad = data.ads[AdId(ad_id)]
    return ad.item_ids or ((ad.item_id,) if ad.item_id else ())


def score_purchases(counts: sparse.csr_array, cluster_of: Integers, clusters: int) -> Doubles:
    """Sum over a cluster's members of log(1 + past purchases); [K, A]."""
    inside = np.flatnonzero(cluster_of != OUTSIDE)
    member = sparse.csr_array((np.ones(len(inside)), (cluster_of[inside], inside)), shape=(clusters, len(cluster_of)))
    logs = sparse.csr_array((np.log1p(counts.data), counts.indices, counts.indptr), shape=counts.shape)
    return np.asarray(sparse.csr_array(member @ logs).toarray(), dtype=np.float64)


def cluster_by_category(data: Data, clusters: int, before: float, seed: int) -> Integers:
    """The baseline's clusters: k-means of each user's purchases by category, log(1 + count), length 1.

    An item's category is its description, or its title where there is none; the most bought `CATEGORIES` count.

    Returns:
        [B], OUTSIDE for users without a purchase before the time.
    """
    histories, items = data.histories, data.items
    text = items["description"].where(items["description"].fillna("") != "", items["title"])
    names, category = np.unique(text.astype(str).to_numpy(dtype=object), return_inverse=True)
    owners = np.repeat(np.arange(len(histories.user_ids)), np.diff(histories.offsets))
    past = histories.timestamps < before
    counts = sparse.csr_array(
        (np.ones(past.sum()), (owners[past], category[histories.items[past]])),
        shape=(len(histories.user_ids), len(names)),
    )
    most = np.sort(np.argsort(-np.asarray(counts.sum(axis=0)).ravel(), kind="stable")[:CATEGORIES])
    chosen = sparse.csr_matrix(counts[:, most])
    chosen.data = np.log1p(chosen.data)
    active = np.flatnonzero(np.diff(chosen.indptr))
    labels = np.full(len(histories.user_ids), OUTSIDE, np.int64)
    means = KMeans(min(clusters, len(active)), n_init=cast(Any, 5), random_state=seed)
    labels[active] = means.fit_predict(normalize(chosen[active]))
    return labels

"""Score every (centroid, ad) with the match head, in blocks of ads, so that memory stays bounded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from clustering.vectors import Floats, Integers
from creator.core.acts import AdActs, LogCounts, users_of
from creator.core.data import Data
from creator.core.errors import ModelError

Objects = npt.NDArray[np.object_]
ADS_AT_ONCE = 4_096
MEMBERS, ANSWERS = 256, 8_000_000
"""Members of a cluster asked about an ad, and answers in all, at most, when nobody says."""


class Encoder(Protocol):
    """Something that makes vectors of one width."""

    width: int


class MatchModel(Protocol):
    """What pruning asks of a model. `user` is its User LLM, whose width D the centroids have."""

    @property
    def user(self) -> Encoder:
        """The User LLM."""
        ...

    @property
    def reads_counts(self) -> bool:
        """Whether match probabilities need behaviour counts."""
        ...

    def encode_texts(self, texts: list[str]) -> Floats:
        """Embed ads' texts; [A, width of an ad]."""
        ...

    def match_probabilities(self, users: Floats, ads: Floats, counts: LogCounts | None = None) -> Floats:
        """How probable it is that each user [K, D] takes to each of the ads; [K, A], 0 to 1."""
        ...


class Counts(Protocol):
    """Behaviour counts of R rows, each of which stands for a cluster or for one of its members.

    Args:
        clusters: [R] the cluster of each row, ascending.
    """

    clusters: Integers

    def __call__(self, ads: slice) -> LogCounts:
        """The counts of every row with some of the ads."""
        ...


class ClusterCounts:
    """One row a cluster: the mean of its members' counts at the moment titles are written for.

    Args:
        data: the tables.
        user_ids: [N] who was clustered; users without any event count for nothing.
        cluster_ids: [N] the cluster of each, below 0 for none.
        clusters: K.
        ad_ids: [A] the ads that are scored, in order.
    """

    def __init__(
        self, data: Data, user_ids: Objects, cluster_ids: Integers, clusters: int, ad_ids: Sequence[str]
    ) -> None:
        rows = users_of(data, user_ids)
        inside = (rows >= 0) & (cluster_ids >= 0)
        self._users, self._groups = rows[inside], cluster_ids[inside].astype(np.int64)
        self.clusters = np.arange(clusters)
        self._as_of, self._acts = data.live_at, AdActs(data, ad_ids)

    def __call__(self, ads: slice) -> LogCounts:
        """The counts of every cluster with some of the ads."""
        return self._acts.mean_log_counts(self._users, self._groups, len(self.clusters), self._as_of, ads)


class MemberCounts:
    """A row for each of some members of every cluster, drawn by a seed: all of them where there are no more.

    A cluster's probability is then the mean over its members. That of the mean member is another: few buy much.

    Args:
        data: the tables.
        user_ids: [N] who was clustered.
        cluster_ids: [N] the cluster of each, below 0 for none.
        ad_ids: [A] the ads that are scored, in order.
        most: members of a cluster, at least 1.
    """

    def __init__(self, data: Data, user_ids: Objects, cluster_ids: Integers, ad_ids: Sequence[str], most: int) -> None:
        rows = users_of(data, user_ids)
        inside = np.flatnonzero((rows >= 0) & (cluster_ids >= 0))
        drawn = inside[np.random.default_rng(0).permutation(len(inside))]
        drawn = drawn[np.argsort(cluster_ids[drawn], kind="stable")]
        sizes = np.bincount(cluster_ids[drawn])
        place = np.arange(len(drawn)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        chosen = drawn[place < most]
        self._users, self.clusters = rows[chosen], cluster_ids[chosen].astype(np.int64)
        self._data, self._ad_ids = data, ad_ids

    def __call__(self, ads: slice) -> LogCounts:
        """The counts of every row with some of the ads."""
        moments = np.full(len(self._users), self._data.live_at)
        return AdActs(self._data, self._ad_ids[ads]).log_counts(self._users, moments)


def members_to_ask(clusters: int, ads: int) -> int:
    """How many members of a cluster are asked about each ad when nobody says: as many as a few million answers allow.

    Args:
        clusters: K.
        ads: A.
    """
    return max(1, min(MEMBERS, ANSWERS // (clusters * ads)))


def score_blocks(
    model: MatchModel,
    centroids: Floats,
    texts: list[str],
    *,
    block_pairs: int,
    counts: Counts | None = None,
) -> Iterator[tuple[slice, Floats]]:
    """Match probabilities of all centroids with a block of ads at a time.

    Args:
        model: the match head and the encoder of the ads.
        centroids: [K, D].
        texts: what the Item LLM reads of each of the A ads.
        block_pairs: most answers of the model in a block; a block holds one ad at least.
        counts: the behaviour counts of rows and ads, for a model that reads them; with several rows a cluster, its
            probability is their mean, and a cluster without any row has 0.

    Yields:
        the block's ads, and their probabilities [K, ads].

    Raises:
        ModelError: the model's width is not the centroids', or it answers with something that is no probability.
    """
    if model.user.width != centroids.shape[1]:
        raise ModelError(
            "the model does not fit the clusters",
            got=f"a user is {model.user.width} wide",
            expected=f"{centroids.shape[1]}, as the centroids",
            cure="name the model whose embeddings were clustered",
        )
    asked = centroids if counts is None else centroids[counts.clusters]
    step = min(ADS_AT_ONCE, max(1, block_pairs // max(1, len(asked))))
    for start in range(0, len(texts), step):
        part = slice(start, min(start + step, len(texts)))
        ads = model.encode_texts(texts[part])
        answers = np.asarray(model.match_probabilities(asked, ads, counts(part) if counts else None), dtype=np.float32)
        if answers.shape != (len(asked), len(ads)):
            raise ModelError("the match head answered in another shape", got=answers.shape,
                             expected=(len(asked), len(ads)))  # fmt: skip
        if not ((answers >= 0) & (answers <= 1)).all():
            raise ModelError(
                "the match head answered with something that is no probability",
                got=f"{int((~((answers >= 0) & (answers <= 1))).sum())} such values among {answers.size}",
                cure="train the model again; its weights may have diverged",
            )
        yield part, answers if counts is None else _means(answers, counts.clusters, len(centroids))


def _means(answers: Floats, clusters: Integers, count: int) -> Floats:
    """Means of the rows of each cluster, [R, A] to [K, A]."""
    there, starts, sizes = np.unique(clusters, return_index=True, return_counts=True)
    if len(there) == count == len(answers):
        return answers
    means = np.zeros((count, answers.shape[1]), np.float32)
    means[there] = np.add.reduceat(answers, starts, axis=0) / sizes[:, None]
    return means

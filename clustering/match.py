"""Score every (centroid, ad) with the match head, in blocks of ads, so that memory stays bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from clustering.vectors import Floats, Integers
from creator.core.acts import AdActs, LogCounts, users_of
from creator.core.data import Data
from creator.core.errors import ModelError

Objects = npt.NDArray[np.object_]
ADS_AT_ONCE = 4_096


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


class ClusterCounts:
    """Behaviour counts of clusters: the mean of their members' at the moment titles are written for.

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
        self._clusters, self._as_of, self._acts = clusters, data.live_at, AdActs(data, ad_ids)

    def __call__(self, ads: slice) -> LogCounts:
        """The counts of every cluster with some of the ads."""
        return self._acts.mean_log_counts(self._users, self._groups, self._clusters, self._as_of, ads)


def score_blocks(
    model: MatchModel,
    centroids: Floats,
    texts: list[str],
    *,
    block_pairs: int,
    counts: Callable[[slice], LogCounts] | None = None,
) -> Iterator[tuple[slice, Floats]]:
    """Match probabilities of all centroids with a block of ads at a time.

    Args:
        model: the match head and the encoder of the ads.
        centroids: [K, D].
        texts: what the Item LLM reads of each of the A ads.
        block_pairs: most pairs in a block; a block holds one ad at least.
        counts: the behaviour counts of a block's ads, for a model that reads them.

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
    step = min(ADS_AT_ONCE, max(1, block_pairs // len(centroids)))
    for start in range(0, len(texts), step):
        part = slice(start, min(start + step, len(texts)))
        ads = model.encode_texts(texts[part])
        match = np.asarray(
            model.match_probabilities(centroids, ads, counts(part) if counts else None), dtype=np.float32
        )
        if match.shape != (len(centroids), len(ads)):
            raise ModelError(
                "the match head answered in another shape", got=match.shape, expected=(len(centroids), len(ads))
            )
        if not ((match >= 0) & (match <= 1)).all():
            raise ModelError(
                "the match head answered with something that is no probability",
                got=f"{int((~((match >= 0) & (match <= 1))).sum())} such values among {match.size}",
                cure="train the model again; its weights may have diverged",
            )
        yield part, match

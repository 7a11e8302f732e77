"""What titles are written for: kept (cluster, ad) pairs, the clusters' centroids and the mean user.

Shapes: K clusters, d_u the User LLM's width, D the Creative LLM's width.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from creator.core.artefacts import Artefact
from creator.core.data import Data, read_table
from creator.core.errors import ArtefactError
from creator.core.records import Ad, AdId
from creator.models.assembly import Float, HllmCreator

KEPT = pa.schema([("cluster_id", pa.int64()), ("ad_id", pa.string()), ("kept", pa.bool_())])
MEMBERS = pa.schema([("cluster_id", pa.int64())])


@dataclass(frozen=True, slots=True)
class Pair:
    """A kept pair: the cluster's row among the centroids, its id, and the ad."""

    row: int
    cluster_id: int
    ad: Ad

    @property
    def key(self) -> str:
        """Identity within one run of `generate`."""
        return f"{self.cluster_id}/{self.ad.ad_id}"


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom titles are written for.

    Args:
        soft_tokens: [K, D] of the centroids.
        mean: [D] of the mean user: the centroids' mean, weighted by their members.
    """

    soft_tokens: Float
    mean: Float


def read_audience(clusters: Artefact, model: HllmCreator) -> Audience:
    """The clusters' centroids and the mean user as soft tokens.

    Raises:
        ArtefactError: the centroids cannot be read, or are not as wide as this model's users.
    """
    try:
        centroids: Float = np.load(clusters.path / "centroids.npy").astype(np.float32)
    except (OSError, ValueError):
        raise ArtefactError(
            f"{clusters.path}/centroids.npy cannot be read", cure="run 'hllm-creator cluster' again"
        ) from None
    if centroids.ndim != 2 or centroids.shape[1] != model.user.width:
        raise ArtefactError(
            f"the clusters in {clusters.path} are not of this model's users",
            got=f"shape {list(centroids.shape)}",
            expected=f"[K, {model.user.width}]",
            cure="embed and cluster with this model",
        )
    assignment = read_table(clusters.path / "assignment.parquet", MEMBERS)["cluster_id"]
    members = assignment[assignment >= 0].to_numpy(dtype=np.int64)
    sizes = np.bincount(members, minlength=len(centroids)).astype(np.float64)
    weights = sizes / sizes.sum() if sizes.sum() else np.full(len(centroids), 1 / len(centroids))
    mean = (weights[:, None] * centroids).sum(0, keepdims=True).astype(np.float32)
    return Audience(model.soft_tokens(centroids), model.soft_tokens(mean)[0])


def read_kept_pairs(artefact: Artefact, data: Data, clusters: int) -> list[Pair]:
    """The kept pairs, those of one ad together: they share its prefix in the engine's cache.

    Raises:
        ArtefactError: a pair names an ad or a cluster that is not there.
    """
    frame = read_table(artefact.path / "pairs.parquet", KEPT)
    kept = frame[frame["kept"].astype(bool)]
    unknown = sorted(set(kept["ad_id"]) - set(data.ads))
    if unknown or (len(kept) and int(kept["cluster_id"].max()) >= clusters):
        raise ArtefactError(
            f"the pairs in {artefact.path} are not of these clusters and ads",
            got=f"{len(unknown)} unknown ads",
            cure="run 'hllm-creator prune' on them",
        )
    ordered = kept.sort_values(["ad_id", "cluster_id"])
    return [
        Pair(int(c), int(c), data.ads[AdId(a)]) for c, a in zip(ordered["cluster_id"], ordered["ad_id"], strict=True)
    ]

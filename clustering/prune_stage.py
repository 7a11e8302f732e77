"""The `prune` command: score every (centroid, live ad), keep the pairs that are worth a title, say why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from clustering.commands import PruneOptions, settings_of
from clustering.match import ClusterCounts, MatchModel, score_blocks
from clustering.prune import Doubles, Pruned, expect_reach, find_cut, keep_budget, keep_coverage
from clustering.vectors import Floats, Integers, open_matrix
from creator.core.artefacts import Artefact, open_artefact, write_artefact
from creator.core.data import Data, open_data, read_table
from creator.core.disk import reserve_space
from creator.core.errors import ArtefactError, InputError
from creator.core.progress import Progress, say
from creator.core.records import Ad

PAIRS = pa.schema(
    [
        ("cluster_id", pa.int32()),
        ("ad_id", pa.string()),
        ("match", pa.float32()),
        ("expected_reach", pa.float32()),  # match x the cluster's users
        ("kept", pa.bool_()),
        ("reason", pa.string()),
    ]
)
MEMBERS = pa.schema([("user_id", pa.string()), ("cluster_id", pa.int32())])
DEFAULT_COVERAGE = 0.8


def prune(options: PruneOptions) -> Mapping[str, object]:
    """Run `prune`.

    Raises:
        ArtefactError: an input folder is not whole.
        InputError: DATA has no live ad.
        ModelError: the model does not fit the clusters.
    """
    clusters, model = open_artefact(options.clusters, "clusters"), open_artefact(options.model, "model")
    data = open_data(options.data, "ads_frame")
    ads = data.live_ads
    if not ads:
        raise InputError("no ad wants titles", got=f"{len(data.ads)} ads, none live", cure="ingest data with live ads")
    if clusters.facts.get("model_digest") not in (None, model.digest):
        say("note: the clusters come from the embeddings of another model than the one named")
    coverage = DEFAULT_COVERAGE if options.coverage is None and options.budget is None else options.coverage
    most = options.max_clusters_per_ad
    inputs = {"model": model, "data": data.artefact, "clusters": clusters}
    with write_artefact(options.out, "pairs", config=settings_of(options), inputs=inputs) as draft:
        centroids, sizes = read_clusters(clusters)
        kept_aside = draft.path / ".match.npy"
        match = _score(options, centroids, data, ads, kept_aside)
        cut = (
            None
            if options.budget is None
            else find_cut(_reaches(match, sizes, options.block_pairs), options.budget, most)
        )
        tally = Tally()
        with pq.ParquetWriter(draft.path / "pairs.parquet", PAIRS) as writer:
            for first, reach in _reaches(match, sizes, options.block_pairs):
                decided = (
                    keep_coverage(reach, cast(float, coverage), most)
                    if cut is None
                    else keep_budget(reach, first, cut, most)
                )
                part = slice(first, first + reach.shape[1])
                tally.count(decided)
                writer.write_table(_table([ad.ad_id for ad in ads[part]], np.asarray(match[part]).T, decided))
        kept_aside.unlink()
        facts = tally.facts() | {"coverage": coverage, "budget": options.budget, "max_clusters_per_ad": most}
        draft.rows = {"pairs": tally.pairs, "kept": tally.kept}
        draft.facts = facts
    _print(tally, len(centroids), len(ads))
    return {**facts, "out": str(options.out)}


def read_clusters(clusters: Artefact) -> tuple[Floats, Integers]:
    """Centroids [K, D] and the number of users in each cluster [K] of a CLUSTERS folder.

    Raises:
        ArtefactError: a file is missing or corrupt, or a user is in a cluster that has no centroid.
    """
    centroids = np.array(open_matrix(clusters.path / "centroids.npy"))
    ids = read_table(clusters.path / "assignment.parquet", pa.schema([("cluster_id", pa.int32())]))[
        "cluster_id"
    ].to_numpy()
    sizes = np.bincount(ids[ids >= 0], minlength=len(centroids))
    if len(sizes) > len(centroids) or not len(centroids):
        raise ArtefactError(
            f"{clusters.path} names a cluster without a centroid",
            got=f"cluster {len(sizes) - 1}",
            expected=f"below {len(centroids)}",
            cure="run 'hllm-creator cluster' again",
        )
    return centroids, sizes


@dataclass(slots=True)
class Tally:
    """Sums over all pairs decided on."""

    pairs: int = 0
    kept: int = 0
    reach: float = 0.0
    kept_reach: float = 0.0
    ads_by_kept: dict[int, int] = field(default_factory=lambda: dict[int, int]())

    def count(self, decided: Pruned) -> None:
        """Add a block of ads."""
        self.pairs += decided.kept.size
        self.kept += int(decided.kept.sum())
        self.reach += float(decided.expected_reach.sum())
        self.kept_reach += float(decided.expected_reach[decided.kept].sum())
        for clusters in decided.kept.sum(axis=0).tolist():
            self.ads_by_kept[clusters] = self.ads_by_kept.get(clusters, 0) + 1

    def facts(self) -> dict[str, object]:
        """Figures for the manifest; `reach_share` is null when no user is expected to match any ad."""
        return {
            "pairs": self.pairs,
            "kept": self.kept,
            "kept_share": self.kept / self.pairs,
            "expected_reach": self.reach,
            "kept_reach": self.kept_reach,
            "reach_share": self.kept_reach / self.reach if self.reach else None,
            "ads_without_a_cluster": self.ads_by_kept.get(0, 0),
            "ads_with_two_or_more": sum(ads for clusters, ads in self.ads_by_kept.items() if clusters > 1),
            "ads_by_kept": {str(clusters): ads for clusters, ads in sorted(self.ads_by_kept.items())},
        }


def _score(options: PruneOptions, centroids: Floats, data: Data, ads: Sequence[Ad], path: Path) -> Floats:
    from creator.models.checkpoint import load_model

    model: MatchModel = load_model(options.model)
    texts, counts = [ad.text for ad in ads], None
    if model.reads_counts:
        members = read_table(options.clusters / "assignment.parquet", MEMBERS)
        counts = ClusterCounts(
            data,
            members["user_id"].to_numpy(dtype=object),
            members["cluster_id"].to_numpy(),
            len(centroids),
            [ad.ad_id for ad in ads],
        )
    match = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(len(texts), len(centroids)))
    reserve_space(path)
    bar = Progress("match", match.size, "pairs")
    for part, block in score_blocks(model, centroids, texts, block_pairs=options.block_pairs, counts=counts):
        match[part] = block.T
        bar.advance(block.size)
    bar.close()
    return match


def _reaches(match: Floats, sizes: Integers, block_pairs: int) -> Iterator[tuple[int, Doubles]]:
    step = max(1, block_pairs // len(sizes))
    for first in range(0, len(match), step):
        yield first, expect_reach(np.asarray(match[first : first + step]).T, sizes)


def _table(ad_ids: Sequence[str], match: Floats, decided: Pruned) -> pa.Table:
    clusters, ads = match.shape
    frame = pd.DataFrame(
        {
            "cluster_id": np.tile(np.arange(clusters), ads),
            "ad_id": np.repeat(np.array(ad_ids, object), clusters),
            "match": match.T.ravel(),
            "expected_reach": decided.expected_reach.T.ravel(),
            "kept": decided.kept.T.ravel(),
            "reason": decided.reason.T.ravel(),
        }
    )
    return pa.Table.from_pandas(frame, schema=PAIRS, preserve_index=False)


def _print(tally: Tally, clusters: int, ads: int) -> None:
    held = f"{tally.kept_reach / tally.reach:.1%} of" if tally.reach else "none of"
    print(
        f"{tally.kept:,} of {tally.pairs:,} pairs kept ({tally.kept / tally.pairs:.1%}; "
        f"{clusters} clusters x {ads} live ads), "
        f"with {held} the expected reach of {tally.reach:,.1f} users"
    )
    print(f"\n{'clusters kept':>13} {'ads':>6}")
    for kept, count in sorted(tally.ads_by_kept.items()):
        print(f"{kept:>13} {count:>6}")

"""The `prune` command: score every (centroid, live ad), keep the pairs that are worth a title, say why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from clustering.commands import PruneOptions, settings_of
from clustering.match import ClusterCounts, MatchModel, MemberCounts, members_to_ask, score_blocks
from clustering.prune import Doubles, Pruned, expect_reach, find_cut, keep_budget, keep_coverage
from clustering.vectors import Floats, Integers, open_matrix, release
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
NAMED = ["cluster_id", "ad_id"]
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
    from creator.models.checkpoint import load_model

    matcher: MatchModel = load_model(options.model)
    with write_artefact(options.out, "pairs", config=settings_of(options), inputs=inputs) as draft:
        centroids, sizes = read_clusters(clusters)
        blocks = _score(options, matcher, centroids, data, ads)
        tally, names = Tally(), [ad.ad_id for ad in ads]
        write_pairs(draft.path, blocks, sizes, names, tally, coverage=coverage, budget=options.budget, most=most,
                    block_pairs=options.block_pairs)  # fmt: skip
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


def write_pairs(
    folder: Path,
    blocks: Iterable[tuple[int, Floats]],
    sizes: Integers,
    ad_ids: Sequence[str],
    tally: Tally,
    *,
    coverage: float | None,
    budget: int | None,
    most: int | None,
    block_pairs: int,
) -> None:
    """Decide on the pairs of one block of ads after the other, and write pairs.parquet, ad by ad.

    Memory is that of a block, some 300 bytes a pair, and for a budget 32 bytes a pair of the budget beside it.

    Args:
        folder: where the file goes.
        blocks: the first ad and the match probabilities [K, ads] of each block, in order.
        sizes: [K], users in each cluster.
        ad_ids: [A].
        tally: counts what is decided.
        coverage: share of each ad's expected reach to hold; read where there is no budget.
        budget: pairs to keep overall, or None.
        most: most clusters of one ad, or None.
        block_pairs: most pairs of a block that is read again, for a budget.
    """
    with pq.ParquetWriter(folder / "pairs.parquet", PAIRS, compression="zstd", use_dictionary=NAMED) as writer:  # pyright: ignore[reportArgumentType]

        def write(first: int, match: Floats, decided: Pruned) -> None:
            tally.count(decided)
            writer.write_table(_table(ad_ids[first : first + match.shape[1]], match, decided))

        if budget is None:
            for first, match in blocks:
                write(first, match, keep_coverage(expect_reach(match, sizes), cast(float, coverage), most))
            return
        aside = _Aside(folder / ".match.npy", len(ad_ids), len(sizes))
        cut = find_cut(aside.put(blocks, sizes), budget, most)
        for first, match in aside.take(block_pairs):
            write(first, match, keep_budget(expect_reach(match, sizes), first, cut, most))
        aside.path.unlink()


class _Aside:
    """Match probabilities of all pairs on disk, ad by ad, while a budget looks for its cut.

    Args:
        path: the file.
        ads: A.
        clusters: K.
    """

    def __init__(self, path: Path, ads: int, clusters: int) -> None:
        self.path = path
        self._match: Floats = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(ads, clusters))
        reserve_space(path)

    def put(self, blocks: Iterable[tuple[int, Floats]], sizes: Integers) -> Iterator[tuple[int, Doubles]]:
        """Keep the blocks' probabilities and pass on their expected reach."""
        for first, match in blocks:
            self._match[first : first + match.shape[1]] = match.T
            release(self._match)
            yield first, expect_reach(match, sizes)

    def take(self, block_pairs: int) -> Iterator[tuple[int, Floats]]:
        """The first ad and the probabilities [K, ads] of one block after the other."""
        step = max(1, block_pairs // self._match.shape[1])
        for first in range(0, len(self._match), step):
            yield first, np.array(self._match[first : first + step]).T
            release(self._match)


def _score(
    options: PruneOptions, model: MatchModel, centroids: Floats, data: Data, ads: Sequence[Ad]
) -> Iterator[tuple[int, Floats]]:
    """The first ad and the match probabilities [K, ads] of one block after the other."""
    texts, counts = [ad.text for ad in ads], None
    if model.reads_counts:
        table = read_table(options.clusters / "assignment.parquet", MEMBERS)
        users, ids = table["user_id"].to_numpy(dtype=object), table["cluster_id"].to_numpy()
        ad_ids = [ad.ad_id for ad in ads]
        most = options.members or members_to_ask(len(centroids), len(ads))
        counts = (
            MemberCounts(data, users, ids, ad_ids, most)
            if most > 1
            else ClusterCounts(data, users, ids, len(centroids), ad_ids)
        )
    bar = Progress("match", len(texts) * len(centroids), "pairs")
    for part, match in score_blocks(model, centroids, texts, block_pairs=options.block_pairs, counts=counts):
        yield part.start, match
        bar.advance(match.size)
    bar.close()


def _table(ad_ids: Sequence[str], match: Floats, decided: Pruned) -> pa.Table:
    clusters, ads = match.shape
    names = pa.array(ad_ids, pa.string()).take(pa.array(np.repeat(np.arange(ads), clusters)))
    return pa.table(
        [
            np.tile(np.arange(clusters, dtype=np.int32), ads),
            names,
            match.T.ravel(),
            decided.expected_reach.T.ravel().astype(np.float32),
            decided.kept.T.ravel(),
            decided.reasons.texts(),
        ],
        schema=PAIRS,
    )


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

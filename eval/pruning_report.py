"""The command `evaluate pruning`: figures, table, curve, page and picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from creator.core.artefacts import Artefact, open_artefact, write_artefact
from creator.core.data import Data, open_data, read_table
from creator.core.errors import ArtefactError
from eval.charts import Line, curve
from eval.figures import Figure, write_summary
from eval.matching import Bin, calibration
from eval.matching_report import chart_of
from eval.page import write_page
from eval.pruning import (
    OUTSIDE,
    Doubles,
    Integers,
    Ranking,
    Redemptions,
    Shown,
    cluster_by_category,
    needed_interval,
    purchases,
    rank_pairs,
    score_purchases,
)
from eval.pruning_options import PruningOptions

PAIRS = pa.schema([("cluster_id", pa.int32()), ("ad_id", pa.string()), ("match", pa.float32()),
                   ("expected_reach", pa.float32()), ("kept", pa.bool_())])  # fmt: skip
ASSIGNMENT = pa.schema([("user_id", pa.string()), ("cluster_id", pa.int32())])
HEAD, OWN, CATEGORY = "match head", "purchase count, same clusters", "purchase count, category k-means"
RANDOM = "random"
ATS = (0.05, 0.1, 0.2, 0.3)
GRID = tuple(n / 100 for n in range(101))
SAVED_GOAL = 0.9


@dataclass(frozen=True, slots=True)
class Scored:
    """What PAIRS says of each cluster and ad.

    Args:
        ad_ids: [A].
        match: [K, A], match probability.
        reach: [K, A], expected reach.
        kept: [K, A].
    """

    ad_ids: list[str]
    match: Doubles
    reach: Doubles
    kept: np.ndarray[tuple[int, int], np.dtype[np.bool_]]


def evaluate_pruning(options: PruningOptions) -> dict[str, object]:
    """Measure which redemptions the pruned pairs hold, and write the report.

    Raises:
        ArtefactError: a folder is not whole, or the pairs come from other clusters.
    """
    data, clusters = open_data(options.data), open_artefact(options.clusters, "clusters")
    pairs = open_artefact(options.pairs, "pairs")
    inputs: dict[str, Artefact | Path] = {"data": data.artefact, "clusters": clusters, "pairs": pairs}
    config = {"of": "pruning", "keep": options.keep, "resamples": options.resamples, "seed": options.seed}
    with write_artefact(options.out, "evaluation", config=config, inputs=inputs) as draft:
        scored = _read_pairs(pairs)
        as_of = clusters.facts.get("as_of")
        before = float(as_of) if isinstance(as_of, int | float) else data.live_at
        shown = find_shown(data, scored.ad_ids, before)
        found, bins = shown.redemptions, list[Bin]()
        rows, figures, chosen, rankings = list[dict[str, object]](), list[Figure](), dict[str, float](), list[Ranking]()
        note = "" if len(found) else "Nothing to measure: no redemption of the pruned ads follows the clustering."
        if len(found):
            cluster_of = _clusters_of(data, clusters, len(scored.reach))
            rankings = _rankings(data, scored, cluster_of, found, before, options.seed)
            rows = [_row(ranking, found, options) for ranking in rankings] + [_random(cluster_of, found, options.keep)]
            figures = _figures(rows, found, options.keep)
            inside = cluster_of[found.users] != OUTSIDE
            hit = inside & scored.kept[np.maximum(cluster_of[found.users], 0), found.ads]
            bins = _calibrate(scored, cluster_of, shown)
            chosen = {"pairs": float(scored.kept.mean()), "kept": float(hit.mean())}
        _draw(draft.path, rankings, chosen)
        write_summary(draft.path / "summary.json", figures, {
            "of": "pruning", "keep": options.keep, "orders": rows, "chosen": chosen, "note": note,
            "calibration": [asdict(one) for one in bins],
            "curves": {"pairs": GRID, **{ranking.name: ranking.curve(GRID) for ranking in rankings}},
            "left_out": {"redemptions before the clusters were made": found.too_early}})  # fmt: skip
        write_page(draft.path / "report.html", "pruning.html.jinja", figures=figures, table=rows, note=note,
                   keep=options.keep, ats=ATS, chosen=chosen, chart=_chart(rankings), bins=bins,
                   reliability=chart_of(bins))  # fmt: skip
        draft.rows = {"redemptions": len(found), "left_out": found.too_early, "pairs": scored.reach.size}
        draft.facts = {figure.key: figure.value for figure in figures}
    _print(rows, chosen, len(found), options.keep, note)
    _print_calibration(bins)
    return {"out": str(options.out), "redemptions": len(found), **chosen,
            **{figure.key: figure.value for figure in figures}}  # fmt: skip


def find_shown(data: Data, ad_ids: Sequence[str], before: float) -> Shown:
    """Impressions of the pruned ads, at or after the moment up to which the clusters read histories."""
    seen = data.impressions
    column = pd.Index(ad_ids).get_indexer(pd.Index(seen["ad_id"]))
    user = pd.Index(data.histories.user_ids).get_indexer(pd.Index(seen["user_id"]))
    wanted = (column >= 0) & (user >= 0)
    late = seen["timestamp"].to_numpy(dtype=np.float64) >= before
    chosen, clicked = wanted & late, seen["clicked"].to_numpy(dtype=bool)
    return Shown(
        user[chosen].astype(np.int64), column[chosen].astype(np.int64), clicked[chosen],
        int((wanted & ~late & clicked).sum()),
    )  # fmt: skip


def _calibrate(scored: Scored, cluster_of: Integers, shown: Shown) -> list[Bin]:
    """Match probabilities of pairs against the share of their members' impressions that were clicked."""
    clusters = cluster_of[shown.users]
    inside = clusters != OUTSIDE
    return calibration(scored.match[clusters[inside], shown.ads[inside]], shown.clicked[inside])


def _read_pairs(pairs: Artefact) -> Scored:
    frame = read_table(pairs.path / "pairs.parquet", PAIRS)
    if not len(frame):
        raise ArtefactError(f"{pairs.path} holds no pair", cure="run 'hllm-creator prune' again")
    codes, ads = pd.factorize(frame["ad_id"])
    clusters = int(frame["cluster_id"].max()) + 1
    reach, kept = np.full((clusters, len(ads)), np.nan), np.zeros((clusters, len(ads)), bool)
    match = np.full(reach.shape, np.nan)
    match[frame["cluster_id"].to_numpy(dtype=np.int64), codes] = frame["match"]
    rows = frame["cluster_id"].to_numpy(dtype=np.int64)
    reach[rows, codes], kept[rows, codes] = frame["expected_reach"], frame["kept"].astype(bool)
    if np.isnan(reach).any():
        raise ArtefactError(f"{pairs.path} lacks pairs", got=f"{int(np.isnan(reach).sum())} missing",
                            expected="every cluster with every ad", cure="run 'hllm-creator prune' again")  # fmt: skip
    return Scored([str(ad) for ad in ads], match, reach, kept)


def _clusters_of(data: Data, clusters: Artefact, count: int) -> Integers:
    table = read_table(clusters.path / "assignment.parquet", ASSIGNMENT).set_index("user_id")["cluster_id"]
    if int(table.max()) >= count:
        raise ArtefactError(
            "the pairs come from other clusters",
            got=f"{count} clusters in the pairs",
            expected=f"at least {int(table.max()) + 1}",
            cure="name the CLUSTERS that prune read",
        )
    found = table.reindex(pd.Index(data.histories.user_ids)).fillna(OUTSIDE)
    return found.to_numpy(dtype=np.int64)


def _rankings(
    data: Data, scored: Scored, cluster_of: Integers, found: Redemptions, before: float, seed: int
) -> list[Ranking]:
    clusters = len(np.unique(cluster_of[cluster_of != OUTSIDE]))
    counts = purchases(data, scored.ad_ids, before)
    by_category = cluster_by_category(data, clusters, before, seed)
    return [
        rank_pairs(HEAD, scored.reach, cluster_of, found),
        rank_pairs(CATEGORY, score_purchases(counts, by_category, clusters), by_category, found),
        rank_pairs(OWN, score_purchases(counts, cluster_of, len(scored.reach)), cluster_of, found),
    ]


def _row(ranking: Ranking, found: Redemptions, options: PruningOptions) -> dict[str, object]:
    needed = float(ranking.needed(options.keep)[0])
    low, high = needed_interval(ranking, found, options.keep, options.resamples, options.seed)
    return {"name": ranking.name, "needed": None if np.isnan(needed) else needed, "low": low, "high": high,
            "spread": ranking.spread, "kept": ranking.curve(ATS)}  # fmt: skip


def _random(cluster_of: Integers, found: Redemptions, keep: float) -> dict[str, object]:
    """What pairs in random order keep on average: as large a share of the users inside as of the pairs."""
    inside = float((cluster_of[found.users] != OUTSIDE).mean())
    needed = keep / inside if inside >= keep else None
    return {
        "name": RANDOM,
        "needed": needed,
        "low": None,
        "high": None,
        "spread": None,
        "kept": [inside * at for at in ATS],
    }


def _figures(rows: Sequence[dict[str, object]], found: Redemptions, keep: float) -> list[Figure]:
    """Pairs that need no title, for the match head and for the purchase count."""

    def saved(row: dict[str, object], name: str) -> float | None:
        value = row[name]
        return 1 - value if isinstance(value, float) else None

    head, category = rows[0], rows[1]
    data = "Real redemptions of live ads after the clusters were made; histories end before."
    what = f"Share of all pairs that need no title while {keep:.0%} of the redemptions keep theirs, in the order of "
    plain = saved(category, "needed")
    return [
        Figure("pruning_saved", "pairs saved by the match head", saved(head, "needed"), len(found), "redemptions",
               what + "the match head's expected reach.", data, saved(head, "high"), saved(head, "low"),
               goal=SAVED_GOAL),
        Figure("pruning_saved_baseline", "pairs saved by purchase counts", plain, len(found), "redemptions",
               what + "purchase counts on k-means of purchase categories.", data, saved(category, "high"),
               saved(category, "low")),
    ]  # fmt: skip


def _chart(rankings: Sequence[Ranking]) -> str:
    if not rankings:
        return ""
    lines = [Line(ranking.name, style, GRID, ranking.curve(GRID))
             for ranking, style in zip(rankings, ("first", "second"), strict=False)]  # fmt: skip
    return curve([*lines, Line(RANDOM, "dashed", (0.0, 1.0), (0.0, 1.0))], "Redemptions kept against pairs generated")


def _draw(folder: Path, rankings: Sequence[Ranking], chosen: dict[str, float]) -> None:
    """curve.png, with every order and the pairs that the run kept."""
    if not rankings:
        return
    from matplotlib.figure import Figure as Picture

    picture = Picture(figsize=(6, 4.5), dpi=150, layout="constrained")
    axes = picture.subplots()
    for ranking, colour in zip(rankings, ("#1f5f6b", "#c2571a", "#8a8a2a"), strict=True):
        axes.plot(GRID, ranking.curve(GRID), label=ranking.name, color=colour)
    axes.plot([0, 1], [0, 1], color="0.6", linestyle="--", linewidth=1, label=RANDOM)
    axes.plot(chosen["pairs"], chosen["kept"], marker="*", markersize=11, color="black", linestyle="none",
              label="the pairs this run kept")  # fmt: skip
    axes.set(xlabel="share of pairs generated", ylabel="share of redemptions kept", xlim=(0, 1), ylim=(0, 1.01))
    axes.legend(loc="lower right", fontsize=8)
    picture.savefig(folder / "curve.png", metadata={"Software": None})


def _print_calibration(bins: Sequence[Bin]) -> None:
    """Whether the probabilities of the pairs were right of the members to whom the ads were shown."""
    if not bins:
        return
    print(f"\n{'impressions':>11} {'predicted':>10} {'redeemed':>10}  95% interval")
    for one in bins:
        print(f"{one.n:>11,} {one.predicted:>10.3%} {one.observed:>10.3%}  {one.low:.3%} to {one.high:.3%}")


def _print(
    rows: Sequence[dict[str, object]], chosen: dict[str, float], redemptions: int, keep: float, note: str
) -> None:
    if note:
        print(note)
        return

    def share(value: object) -> str:
        return f"{value:.1%}" if isinstance(value, float) else "–"

    print(f"{redemptions:,} redemptions\n")
    print(f"{'order of the pairs':<34}{f'pairs for {keep:.0%}':>14}  {'95% interval':<18}{'spread':>8}"
          + "".join(f"{f'kept at {at:.0%}':>13}" for at in ATS))  # fmt: skip
    for row in rows:
        kept = row["kept"]
        span = f"{share(row['low'])} to {share(row['high'])}" if row["low"] is not None else ""
        values = kept if isinstance(kept, list) else []
        print(
            f"{row['name']:<34}{share(row['needed']):>14}  {span:<18}"
            + (f"{row['spread']:>8.1f}" if row["spread"] is not None else " " * 8)
            + "".join(f"{share(v):>13}" for v in values)
        )
    print(f"\nthis run kept {chosen['pairs']:.1%} of the pairs, which hold {chosen['kept']:.1%} of the redemptions")

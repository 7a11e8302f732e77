"""From usable rows to guarded clusters, apart for every part of the users that must not mix."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from clustering.attributes import Parts
from clustering.commands import ClusterOptions
from clustering.guardrails import ORIGINAL, Guarded, Outside, Rules, add_own_kind, guard
from clustering.kmeans import (
    Fit,
    Placement,
    at_members_length,
    default_iterations,
    default_k,
    default_restarts,
    fit,
    polish,
    useful_rows,
)
from clustering.standing import Standing
from clustering.vectors import Floats, Integers, Mask, blocks, count_distinct, draw_rows, release
from creator.core.errors import InputError
from creator.core.progress import Progress, say

Reasons = np.ndarray[tuple[int], np.dtype[np.object_]]


@dataclass(frozen=True, slots=True)
class Clustered:
    """Clusters over all parts.

    Args:
        guarded: of the rows that were clustered, in the order of `order`.
        part_of_cluster: [K].
        order: [N], which users those rows are.
        rows: [N, D], the rows in that order.
        facts: figures of the fit.
    """

    guarded: Guarded
    part_of_cluster: Integers
    order: Integers
    rows: Floats
    facts: dict[str, object]


def sort_out(usable: Mask, broken: Mask, parts: Parts, min_size: int) -> tuple[Integers, Reasons]:
    """Which users can be clustered, part by part, and why the others cannot.

    Args:
        usable: [B].
        broken: [B], rows with a NaN or an infinity.
        parts: of the B users.
        min_size: least users in a cluster; a smaller part has none.

    Returns:
        users by part [N], and reasons [B], None for those N.
    """
    reason = np.full(len(usable), None, object)
    known = parts.part_of >= 0
    sizes = np.bincount(parts.part_of[known & usable], minlength=len(parts.values))
    rare = known & (sizes[parts.part_of] < min_size) if len(parts.values) > 1 else np.zeros(len(usable), bool)
    reason[~known] = str(Outside.ATTRIBUTES_UNKNOWN)
    reason[rare] = str(Outside.ATTRIBUTES_RARE)
    reason[~usable] = str(Outside.ZERO)
    reason[broken] = str(Outside.NOT_FINITE)
    left = np.flatnonzero(usable & known & ~rare)
    return left[np.argsort(parts.part_of[left], kind="stable")], reason


def rows_in_order(rows: Floats, order: Integers, aside: Path) -> Floats:
    """The rows to cluster: the file itself or, where some are left out or parts are kept apart, a copy on disk."""
    if len(order) == len(rows) and (np.diff(order) == 1).all():
        return rows
    copy = np.lib.format.open_memmap(aside, mode="w+", dtype=np.float32, shape=(len(order), rows.shape[1]))
    for part in blocks(*copy.shape):
        copy[part] = rows[order[part]]
        release(rows)
    return copy


def cluster_rows(
    rows: Floats, order: Integers, parts: Parts, options: ClusterOptions, before: Standing | None = None
) -> Clustered:
    """Cluster every part on its own and number the clusters of all parts, the largest first.

    Without a K, a clustering that goes on from a standing one starts at its centroids instead of at new seeds.

    Args:
        rows: [N, D], every row fit for the metric, part by part.
        order: [N], which users they are.
        parts: of all users.
        options: of the command.
        before: the clustering to go on from, or None.

    Raises:
        InputError: K is larger than the rows, or no cluster can be large enough.
    """
    k = options.k or default_k(len(rows), options.min_size)
    found: list[tuple[int, slice, Guarded]] = []
    trials: list[float] = []
    counts: dict[str, int] = {"users_trained_on": 0, "duplicate_rows": 0}
    starts = np.searchsorted(parts.part_of[order], np.arange(len(parts.values) + 1))
    failed: InputError | None = None
    for part in range(len(parts.values)):
        span = slice(int(starts[part]), int(starts[part + 1]))
        count = span.stop - span.start
        if not count:
            continue
        share = k if len(parts.values) == 1 else max(1, min(round(k * count / len(rows)), count // options.min_size))
        try:
            start = None if before is None or options.k else before.places_of(parts.record(part))
            guarded = _cluster_part(rows[span], share, options, start, trials, counts)
        except InputError as error:
            if len(parts.values) == 1:
                raise
            failed = error
            continue
        found.append((part, span, guarded))
    if not found:
        raise failed or InputError("no user can be clustered", cure="look at the attributes' table")
    guarded, part_of_cluster = _join(len(rows), found)
    inside = guarded.cluster_id >= 0
    inertia = float(guarded.placement.distance[inside].sum(dtype=np.float64))
    facts: dict[str, object] = {
        "k": len(guarded.centroids),
        "k_asked": k,
        "metric": options.metric,
        "inertia": inertia,
        "inertia_per_user": inertia / int(inside.sum()),
        "trials": trials,
        **counts,
        "floor": options.floor,
        "min_size": options.min_size,
    }
    return Clustered(guarded, part_of_cluster, order, rows, facts)


def _cluster_part(
    rows: Floats, k: int, options: ClusterOptions, start: Floats | None, trials: list[float], counts: dict[str, int]
) -> Guarded:
    k = k if start is None else min(len(start), len(rows))
    sample = draw_rows(rows, min(options.train_users, useful_rows(k)), options.seed)
    restarts, iterations = (
        options.restarts or default_restarts(k),
        options.iterations or default_iterations(len(sample)),
    )
    if start is None:
        bar = Progress(f"k-means, k = {k}", restarts, "restarts")
        fitted = fit(
            sample,
            k,
            metric=options.metric,
            seed=options.seed,
            restarts=restarts,
            iterations=iterations,
            told=lambda note: bar.advance(note=note),
        )
        bar.close()
    else:
        fitted = Fit(polish(sample, start[:k], metric=options.metric, iterations=iterations), ())
    trials.extend(fitted.trials)
    distinct = count_distinct(sample)
    counts["users_trained_on"] += len(sample)
    counts["duplicate_rows"] += len(sample) - distinct
    if len(fitted.centroids) < k:
        say(f"only {distinct:,} different rows among the users trained on: k is {len(fitted.centroids)}, not {k}")

    def refit(left: Floats) -> Floats:
        return polish(sample, left, metric=options.metric, iterations=iterations)

    rules = Rules(options.metric, options.floor, options.min_size, refit)
    guarded = guard(rows, fitted.centroids, rules)
    if options.below_floor == "own":
        guarded = add_own_kind(rows, guarded, rules, seed=options.seed)
    if options.metric == "cosine":
        guarded = replace(guarded, centroids=at_members_length(guarded.centroids, rows, guarded.cluster_id))
    return guarded


def _join(count: int, found: list[tuple[int, slice, Guarded]]) -> tuple[Guarded, Integers]:
    """The parts' clusters as one set; rows of parts without any cluster are outside, with a cosine of NaN."""
    cluster_id = np.full(count, ORIGINAL, np.int64)
    nearest = np.full(count, ORIGINAL, np.int64)
    distance, similarity = np.full(count, np.nan, np.float32), np.full(count, np.nan, np.float32)
    first, part_of_cluster = 0, list[int]()
    for part, span, guarded in found:
        cluster_id[span] = np.where(guarded.cluster_id >= 0, guarded.cluster_id + first, ORIGINAL)
        nearest[span] = guarded.placement.cluster_id + first
        distance[span], similarity[span] = guarded.placement.distance, guarded.placement.similarity
        part_of_cluster += [part] * len(guarded.centroids)
        first += len(guarded.centroids)
    centroids = np.concatenate([guarded.centroids for *_, guarded in found])
    order = np.argsort(-np.bincount(cluster_id[cluster_id >= 0], minlength=first), kind="stable")
    rank = np.append(np.argsort(order), ORIGINAL)  # number -1 stays -1
    placement = Placement(rank[nearest], distance, similarity)
    dissolved = sum(guarded.dissolved for *_, guarded in found)
    return Guarded(centroids[order], rank[cluster_id], placement, dissolved), np.array(part_of_cluster)[order]

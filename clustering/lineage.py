"""Stable cluster ids over refits, and what changed since the last clustering.

A new centroid takes the id of the standing centroid that a user at its place would be assigned to; where several
would, the closest takes it and the others get ids never used before. A standing cluster that nobody inherits is
retired: its row and its id stay, without members, so that a title released for it can never reach other people. Ours.
Shapes: K new clusters, S standing ones, D width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

import numpy as np

from clustering.kmeans import Metric, assign
from clustering.vectors import Floats, Integers


class Change(TypedDict):
    """What became of a cluster since the last clustering: `cosine` is between its two centroids, None if it is new;
    `joined` and `left` count users known to both clusterings."""

    new: bool
    size_before: int | None
    cosine: float | None
    joined: int
    left: int
    interests_gained: list[str]
    interests_lost: list[str]


def inherit(
    centroids: Floats,
    standing: Floats,
    *,
    metric: Metric,
    group: Sequence[object],
    standing_group: Sequence[object],
    retired: frozenset[int],
) -> Integers:
    """Ids of the new clusters.

    Args:
        centroids: [K, D], of the new clusters, the largest first.
        standing: [S, D].
        metric: the one that trains and assigns.
        group: [K], the attributes that a cluster's members share; ids go only to clusters of the same.
        standing_group: [S].
        retired: standing ids without members.

    Returns:
        [K] different ids; fresh ones start at S.
    """
    ids = np.full(len(centroids), -1, np.int64)
    for shared in dict.fromkeys(group):
        here = np.array([n for n, other in enumerate(group) if other == shared])
        there = np.array([n for n, other in enumerate(standing_group) if other == shared and n not in retired])
        if not len(there):
            continue
        nearest = assign(centroids[here], standing[there], metric=metric)
        for candidate in np.argsort(nearest.distance, kind="stable"):
            wanted = there[nearest.cluster_id[candidate]]
            if wanted not in ids:
                ids[here[candidate]] = wanted
    fresh = np.flatnonzero(ids < 0)
    ids[fresh] = len(standing) + np.arange(len(fresh))
    return ids


def compare(
    cluster_id: int,
    *,
    now: Mapping[str, int],
    before: Mapping[str, int],
    centroid: Floats,
    standing: Floats,
    interests: Sequence[str],
    card_before: Mapping[str, object] | None,
) -> Change:
    """What changed for one cluster.

    Args:
        cluster_id: its id.
        now: cluster by user id.
        before: the same of the last clustering.
        centroid: [D].
        standing: [S, D], the last clustering's centroids.
        interests: on its card now.
        card_before: its card of the last clustering, or None.
    """
    if card_before is None or cluster_id >= len(standing):
        return Change(new=True, size_before=None, cosine=None, joined=0, left=0, interests_gained=[], interests_lost=[])
    here = {user for user, cluster in now.items() if cluster == cluster_id}
    there = {user for user, cluster in before.items() if cluster == cluster_id}
    lines = card_before.get("interests")
    old = [str(line["interest"]) for line in lines] if isinstance(lines, list) else []
    lengths = float(np.linalg.norm(centroid) * np.linalg.norm(standing[cluster_id]))
    return Change(
        new=False,
        size_before=len(there),
        cosine=float(centroid @ standing[cluster_id]) / lengths if lengths else None,
        joined=sum(user in before for user in here - there),
        left=sum(user in now for user in there - here),
        interests_gained=[name for name in interests if name not in old],
        interests_lost=[name for name in old if name not in interests],
    )

"""Whether standing clusters still fit their users: what moved since they were made, and whether to refit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from clustering.vectors import Floats, Integers

INERTIA_RISE = 0.1
STABILITY_INDEX = 0.25
"""A population stability index above 0.25 is read as a major shift by the scorecard literature (Siddiqi 2006)."""
BELOW_FLOOR_RISE = 0.05


@dataclass(frozen=True, slots=True)
class Drift:
    """Figures against the standing clustering.

    Args:
        users_new: users it did not know.
        users_again: users that it knew and that were embedded again.
        moved_share: share of those again that changed their cluster; None without any.
        inertia_rise: inertia per embedded user over that at the fit, minus 1; None where either is missing.
        stability_index: of the clusters' shares of all users, 0 when they are as they were.
        below_floor_rise: share of users below the floor minus that at the fit.
        refit: why a refit is advised; empty when it is not.
    """

    users_new: int
    users_again: int
    moved_share: float | None
    inertia_rise: float | None
    stability_index: float
    below_floor_rise: float
    refit: tuple[str, ...]

    def record(self) -> dict[str, object]:
        """What the manifest holds."""
        return asdict(self)


def measure_drift(
    before: Integers,
    after: Integers,
    embedded: Floats,
    *,
    known: Integers,
    users_new: int,
    clusters: int,
    inertia_before: float | None,
    below_before: float,
    below_after: float,
) -> Drift:
    """Compare the standing clusters of users with their new ones.

    Args:
        before: [S], every standing user's cluster, or -1.
        after: [B], every user's cluster now, or -1.
        embedded: squared distances of the users embedded now and in a cluster to their centroid.
        known: [U, 2], cluster before and now of users embedded now whom the standing clustering knew.
        users_new: users whom the standing clustering did not know.
        clusters: K.
        inertia_before: per user, at the fit, or None.
        below_before: share of users below the floor at the fit.
        below_after: the same now.
    """
    moved = float((known[:, 0] != known[:, 1]).mean()) if len(known) else None
    rise = float(embedded.mean(dtype=np.float64)) / inertia_before - 1 if inertia_before and len(embedded) else None
    index = stability_index(*(np.bincount(ids[ids >= 0], minlength=clusters) for ids in (before, after)))
    below = below_after - below_before
    why: list[str] = []
    if rise is not None and rise > INERTIA_RISE:
        why.append(f"the inertia per user rose by {rise:.0%}")
    if index > STABILITY_INDEX:
        why.append(f"the clusters' shares shifted by a stability index of {index:.2f}")
    if below > BELOW_FLOOR_RISE:
        why.append(f"{below:.0%} more of the users are below the floor")
    return Drift(users_new, len(known), moved, rise, index, below, tuple(why))


def stability_index(before: Sequence[int] | Integers, after: Sequence[int] | Integers) -> float:
    """Population stability index: the sum over clusters of (q - p) ln(q / p); half a user is added to each.

    Args:
        before: [K] users.
        after: [K] users.
    """
    p, q = (np.asarray(sizes, np.float64) + 0.5 for sizes in (before, after))
    p, q = p / p.sum(), q / q.sum()
    return float(((q - p) * np.log(q / p)).sum())

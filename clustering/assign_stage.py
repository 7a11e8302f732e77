"""The `assign` command: new and changed users into standing clusters, without refitting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clustering.attributes import Parts, read_parts, whole
from clustering.commands import AssignOptions, settings_of
from clustering.drift import Drift, measure_drift
from clustering.ground import Past, stand
from clustering.guardrails import ORIGINAL, Outside
from clustering.kmeans import assign as place
from clustering.output import Outcome, input_digest, make_cards, print_cards, same_source, write_clusters, write_pages
from clustering.standing import Standing, open_standing, refuse_other_model
from clustering.vectors import Floats, Integers, UserVectors, find_faults, open_user_vectors
from creator.core.artefacts import Artefact, open_artefact, write_artefact
from creator.core.data import Data, open_data
from creator.core.errors import ArtefactError, UsageError

Reasons = np.ndarray[tuple[int], np.dtype[np.object_]]


@dataclass(slots=True)
class Placed:
    """Users of the embeddings at standing centroids.

    Args:
        cluster_id: [B], or -1.
        distance: [B], squared distance to the nearest centroid that the user may go to; NaN without one.
        similarity: [B], cosine to it; NaN without one.
        reason: [B], or None.
    """

    cluster_id: Integers
    distance: Floats
    similarity: Floats
    reason: Reasons


def assign(options: AssignOptions) -> Mapping[str, object]:
    """Run `assign`.

    Raises:
        ArtefactError: an input folder is not whole, or they do not belong together.
        InputError: the attributes' table cannot be used.
        UsageError: the standing clusters want attributes and none were named.
    """
    embeddings, standing = open_artefact(options.embeddings, "embeddings"), open_standing(options.clusters)
    refuse_other_model(standing, embeddings)
    data = open_data(options.data) if options.data else None
    if data:
        same_source(embeddings, data)
    if bool(standing.names) != (options.attributes is not None):
        raise UsageError([f"attributes: the standing clusters share {', '.join(standing.names) or 'none'}"])
    if standing.ground is not None and data is None:
        raise UsageError(["data: the standing clusters are made of what users did; name the DATA folder"])
    inputs: dict[str, Artefact | Path] = {"embeddings": embeddings, "previous": standing.artefact}
    inputs |= {"data": data.artefact} if data else {}
    inputs |= {"attributes": options.attributes} if options.attributes and options.attributes.is_file() else {}
    with write_artefact(options.out, "clusters", config=settings_of(options), inputs=inputs) as draft:
        users = open_user_vectors(embeddings)
        parts = (
            read_parts(options.attributes, standing.names, users.user_ids)
            if options.attributes
            else whole(len(users.user_ids))
        )
        aside = draft.path / ".ground.npy"
        rows = _rows(users, embeddings, standing, data, aside)
        placed = _place(rows, parts, standing)
        outcome = _gather(users, placed, standing, carry=options.carry)
        drift = _drift(users, placed, outcome, standing)
        inside = placed.cluster_id >= 0
        inertia = float(placed.distance[inside].sum(dtype=np.float64))
        kept = {
            name: standing.artefact.facts.get(name)
            for name in ("metric", "floor", "min_size", "k_asked", "by", "activity")
        }
        facts = kept | outcome.facts() | {
            "k": len(standing.live),
            "inertia": inertia,
            "inertia_per_user": inertia / max(1, int(inside.sum())),
            "fitted_inertia_per_user": _fitted(standing),
            "retired": sorted(standing.retired),
            "model_digest": input_digest(embeddings, "model"),
            "as_of": embeddings.facts.get("as_of"),
            "drift": drift.record(),
        }  # fmt: skip
        seen = np.flatnonzero(np.isfinite(placed.similarity))
        rows = rows if len(seen) == len(rows) else rows[seen]
        write_clusters(draft, outcome, rows, placed.cluster_id[seen], options.seed)
        cards, read = make_cards(outcome, data, embeddings, history=options.history, seed=options.seed, before=standing)
        facts |= read
        write_pages(draft, cards, outcome, rows, placed.cluster_id[seen], facts, options.seed)
        aside.unlink(missing_ok=True)
        draft.facts = facts
    print_cards(cards, facts)
    _print(drift)
    hidden = {"exact", "retired", "drift"}
    shown = {name: value for name, value in facts.items() if name not in hidden}
    return {**shown, **drift.record(), "refit": bool(drift.refit), "out": str(options.out)}


def _rows(users: UserVectors, embeddings: Artefact, standing: Standing, data: Data | None, aside: Path) -> Floats:
    """The rows users are assigned by, of the kind that the standing clusters were made of."""
    if users.rows.shape[1] != standing.centroids.shape[1]:
        raise ArtefactError(
            "the embeddings do not fit the standing clusters",
            got=f"{users.rows.shape[1]} wide",
            expected=f"{standing.centroids.shape[1]}",
            cure="name the embeddings of the same model",
        )
    if standing.ground is None or data is None:
        return users.rows
    as_of = embeddings.facts.get("as_of")
    past = Past.of(data, users.user_ids, float(as_of) if isinstance(as_of, int | float) else data.live_at)
    return stand(standing.ground, users.rows, embeddings, past, aside)


def _place(rows: Floats, parts: Parts, standing: Standing) -> Placed:
    """Each usable user at the nearest live centroid of the user's own attributes."""
    broken, zero = find_faults(rows)
    count, live = len(rows), standing.live
    placed = Placed(
        np.full(count, ORIGINAL, np.int64),
        np.full(count, np.nan, np.float32),
        np.full(count, np.nan, np.float32),
        np.full(count, None, object),
    )
    for part in range(len(parts.values)):
        mine = np.flatnonzero((parts.part_of == part) & ~broken & ~zero)
        theirs = np.array([k for k in live.tolist() if standing.exact[k] == parts.record(part)], np.int64)
        if not len(theirs):
            placed.reason[mine] = str(Outside.ATTRIBUTES_RARE)
        if not len(theirs) or not len(mine):
            continue
        found = place(rows if len(mine) == count else rows[mine], standing.places[theirs], metric=standing.metric)
        placed.cluster_id[mine] = theirs[found.cluster_id]
        placed.distance[mine], placed.similarity[mine] = found.distance, found.similarity
    if standing.floor is not None:
        below = placed.similarity < standing.floor
        placed.cluster_id[below], placed.reason[below] = ORIGINAL, str(Outside.BELOW_FLOOR)
    placed.reason[parts.part_of < 0] = str(Outside.ATTRIBUTES_UNKNOWN)
    placed.reason[zero], placed.reason[broken] = str(Outside.ZERO), str(Outside.NOT_FINITE)
    return placed


def _gather(users: UserVectors, placed: Placed, standing: Standing, *, carry: bool) -> Outcome:
    """The users placed now and, if wanted, the standing ones whom the embeddings lack; no cluster below its floor."""
    table = standing.assignment
    rest = table[~table["user_id"].isin(set(users.user_ids))] if carry else table.iloc[:0]
    rest_reason = rest["reason"].astype(object).where(rest["reason"].notna(), None).to_numpy(dtype=object)
    cluster_id = np.concatenate([placed.cluster_id, rest["cluster_id"].to_numpy(dtype=np.int64)])
    reason = np.concatenate([placed.reason, rest_reason])
    sizes = np.bincount(cluster_id[cluster_id >= 0], minlength=len(standing.centroids))
    least = standing.artefact.facts.get("min_size")
    small = (cluster_id >= 0) & (sizes[cluster_id] < (least if isinstance(least, int) else 1))
    cluster_id[small], reason[small] = ORIGINAL, str(Outside.TOO_FEW)
    return Outcome(
        [*users.user_ids, *rest["user_id"]],
        cluster_id,
        np.concatenate([placed.similarity, rest["similarity"].to_numpy(dtype=np.float32)]),
        reason,
        standing.centroids,
        standing.exact,
        standing.ground,
        None if standing.ground is None else standing.places,
    )


def _drift(users: UserVectors, placed: Placed, outcome: Outcome, standing: Standing) -> Drift:
    table = standing.assignment
    before = table.set_index("user_id")["cluster_id"].reindex(users.user_ids).to_numpy(dtype=np.float64)
    again = np.isfinite(before)
    facts = standing.artefact.facts
    below = facts.get("below_floor")
    return measure_drift(
        table["cluster_id"].to_numpy(dtype=np.int64),
        outcome.cluster_id,
        placed.distance[placed.cluster_id >= 0],
        known=np.stack([before[again].astype(np.int64), placed.cluster_id[again]], axis=1),
        users_new=int((~again).sum()),
        clusters=len(standing.centroids),
        inertia_before=_fitted(standing),
        below_before=(below if isinstance(below, int) else 0) / max(1, len(table)),
        below_after=float((outcome.reason == str(Outside.BELOW_FLOOR)).mean()),
    )


def _fitted(standing: Standing) -> float | None:
    facts = standing.artefact.facts
    found = facts.get("fitted_inertia_per_user", facts.get("inertia_per_user"))
    return float(found) if isinstance(found, int | float) else None


def _print(drift: Drift) -> None:
    moved = "" if drift.moved_share is None else f", {drift.moved_share:.1%} of them in another cluster now"
    print(f"\n{drift.users_again:,} known users{moved}; {drift.users_new:,} new users")
    rise = "" if drift.inertia_rise is None else f"inertia per user {drift.inertia_rise:+.1%}, "
    print(f"drift: {rise}stability index {drift.stability_index:.3f}, below the floor {drift.below_floor_rise:+.1%}")
    print("refit: " + ("; ".join(drift.refit) if drift.refit else "not needed"))

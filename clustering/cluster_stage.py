"""The `cluster` command: embeddings in, clusters with cards, a picture and a page out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from clustering.attributes import Parts, read_parts, whole
from clustering.commands import ClusterOptions, settings_of
from clustering.fitting import Clustered, cluster_rows, rows_in_order, sort_out
from clustering.ground import Ground, Past, mean_rows, stand, survey
from clustering.guardrails import ORIGINAL, Outside
from clustering.lineage import inherit
from clustering.output import Outcome, input_digest, make_cards, print_cards, same_source, write_clusters, write_pages
from clustering.standing import Standing, open_standing, refuse_other_model
from clustering.vectors import Floats, Integers, UserVectors, find_faults, open_user_vectors
from creator.core.artefacts import Artefact, open_artefact, write_artefact
from creator.core.data import Data, open_data
from creator.core.errors import InputError, UsageError


def cluster(options: ClusterOptions) -> Mapping[str, object]:
    """Run `cluster`.

    Raises:
        ArtefactError: an input folder is not whole or does not belong to the other.
        InputError: K is larger than the usable users, or no cluster can be large enough.
    """
    embeddings = open_artefact(options.embeddings, "embeddings")
    data = open_data(options.data, "items", "events") if options.data else None
    if data:
        same_source(embeddings, data)
    before = open_standing(options.previous) if options.previous else None
    if before:
        refuse_other_model(before, embeddings)
    inputs: dict[str, Artefact | Path] = {"embeddings": embeddings}
    inputs |= {"data": data.artefact} if data else {}
    inputs |= {"previous": before.artefact} if before else {}
    inputs |= {"attributes": options.attributes} if options.attributes and options.attributes.is_file() else {}
    with write_artefact(options.out, "clusters", config=settings_of(options), inputs=inputs) as draft:
        users = open_user_vectors(embeddings)
        parts = (
            read_parts(options.attributes, options.exact, users.user_ids)
            if options.attributes
            else whole(len(users.user_ids))
        )
        ground, rows = _ground(options, embeddings, users, data, before, draft.path / ".ground.npy")
        broken, zero = find_faults(rows)
        usable = ~(broken | zero)
        if not usable.any():
            raise InputError(
                "no user has a usable embedding" + ("" if ground is None else " and a past"),
                got=f"{broken.sum()} with NaN or infinity, {zero.sum()} all zero",
                cure="run 'hllm-creator embed' again",
            )
        order, reason = sort_out(usable, broken, parts, options.min_size)
        aside = draft.path / ".rows.npy"
        found = cluster_rows(rows_in_order(rows, order, aside), order, parts, options, before)
        outcome = _number(found, parts, users.user_ids, reason, before)
        if ground is not None:
            outcome = _write_for_embeddings(outcome, ground, users, before)
        facts = found.facts | outcome.facts()
        facts |= {"retired": np.flatnonzero(outcome.sizes == 0).tolist(), "dissolved": found.guarded.dissolved}
        facts |= {"as_of": embeddings.facts.get("as_of"), "by": options.by, "activity": options.activity}
        facts |= {"model_digest": input_digest(embeddings, "model")}
        row_cluster = outcome.cluster_id[order]
        write_clusters(draft, outcome, found.rows, row_cluster, options.seed)
        cards, read = make_cards(outcome, data, embeddings, history=options.history, seed=options.seed, before=before)
        facts |= read
        write_pages(draft, cards, outcome, found.rows, row_cluster, facts, options.seed)
        aside.unlink(missing_ok=True)
        (draft.path / ".ground.npy").unlink(missing_ok=True)
        draft.facts = facts
    print_cards(cards, facts)
    hidden = {"trials", "exact", "retired"}
    return {**{name: value for name, value in facts.items() if name not in hidden}, "out": str(options.out)}


def _ground(
    options: ClusterOptions,
    embeddings: Artefact,
    users: UserVectors,
    data: Data | None,
    before: Standing | None,
    aside: Path,
) -> tuple[Ground | None, Floats]:
    """How users' rows to cluster by are made, None for the embeddings as they are; and those rows."""
    wanted = options.by == "behaviour" or options.activity > 0
    if before is not None and (before.ground is not None) != wanted:
        raise UsageError(["previous: it clusters users by something else; name the same --by and --activity"])
    if not wanted or data is None:
        return None, users.rows
    as_of = embeddings.facts.get("as_of")
    past = Past.of(data, users.user_ids, float(as_of) if isinstance(as_of, int | float) else data.live_at)
    ground = survey(embeddings, past, options.by, options.activity, options.seed) if before is None else before.ground
    if ground is None or (ground.by, ground.weight) != (options.by, options.activity):
        raise UsageError(["previous: it clusters users by something else; name the same --by and --activity"])
    return ground, stand(ground, users.rows, embeddings, past, aside)


def _write_for_embeddings(outcome: Outcome, ground: Ground, users: UserVectors, before: Standing | None) -> Outcome:
    """What titles are written for: the mean of the members' embeddings; of a retired id, what it was."""
    means = mean_rows(users.rows, outcome.cluster_id, len(outcome.centroids))
    if before is not None:
        gone = np.flatnonzero(outcome.sizes[: len(before.centroids)] == 0)
        means[gone] = before.centroids[gone]
    return replace(outcome, centroids=means, ground=ground, places=outcome.centroids)


def _number(
    found: Clustered,
    parts: Parts,
    user_ids: Sequence[str],
    reason: np.ndarray[tuple[int], np.dtype[np.object_]],
    before: Standing | None,
) -> Outcome:
    """Every user's cluster, under the standing ids where there are some."""
    exact = [parts.record(part) for part in found.part_of_cluster.tolist()]
    centroids, ids = found.guarded.centroids, np.arange(len(exact))
    if before is not None:
        ids = inherit(
            centroids,
            before.places,
            metric=before.metric,
            group=[tuple(sorted(record.items())) for record in exact],
            standing_group=[tuple(sorted(record.items())) for record in before.exact],
            retired=before.retired,
        )
        centroids, exact = _keep_retired(centroids, exact, ids, before)
    cluster_id = np.full(len(user_ids), ORIGINAL, np.int64)
    similarity = np.full(len(user_ids), np.nan, np.float32)
    cluster_id[found.order] = np.append(ids, ORIGINAL)[found.guarded.cluster_id]
    similarity[found.order] = found.guarded.placement.similarity
    reason[(cluster_id == ORIGINAL) & (reason == None)] = str(Outside.BELOW_FLOOR)  # noqa: E711 - elementwise
    return Outcome(user_ids, cluster_id, similarity, reason, centroids, exact)


def _keep_retired(
    centroids: Floats, exact: Sequence[Mapping[str, str]], ids: Integers, before: Standing
) -> tuple[Floats, list[Mapping[str, str]]]:
    """Rows by id: inherited and fresh ones the new centroid, retired ones the old."""
    count = max(len(before.places), int(ids.max()) + 1)
    kept = np.empty((count, centroids.shape[1]), np.float32)
    kept[: len(before.places)] = before.places
    shared: list[Mapping[str, str]] = [*before.exact, *[{}] * (count - len(before.exact))]
    for row, cluster_id in enumerate(ids.tolist()):
        kept[cluster_id], shared[cluster_id] = centroids[row], exact[row]
    return kept, shared

"""The `cluster` command: embeddings in, clusters with cards, a picture and a page out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import pyarrow as pa

from clustering.cards import Card
from clustering.commands import ClusterOptions, settings_of
from clustering.guardrails import ORIGINAL, Guarded, Outside
from clustering.vectors import (
    Floats,
    Integers,
    Mask,
    UserVectors,
    blocks,
    count_distinct,
    draw_rows,
    find_faults,
    open_user_vectors,
)
from creator.core.artefacts import Artefact, Draft, open_artefact, write_artefact, write_text
from creator.core.data import Data, open_data, write_table
from creator.core.disk import reserve_space
from creator.core.errors import ArtefactError, InputError
from creator.core.progress import Progress, say
from creator.facts.vocabulary import vocabulary

ASSIGNMENT = pa.schema(
    [
        ("user_id", pa.string()),
        ("cluster_id", pa.int32()),  # -1: the original title
        ("similarity", pa.float32()),  # cosine to the nearest centroid; null for a user without a usable embedding
        ("reason", pa.string()),  # why a user is in no cluster; null for one who is
    ]
)
DEFAULT_HISTORY = 100


def cluster(options: ClusterOptions) -> Mapping[str, object]:
    """Run `cluster`.

    Raises:
        ArtefactError: an input folder is not whole or does not belong to the other.
        InputError: K is larger than the usable users, or no cluster can be large enough.
    """
    embeddings = open_artefact(options.embeddings, "embeddings")
    data = open_data(options.data, "items", "events") if options.data else None
    if data:
        _same_source(embeddings, data)
    inputs = {"embeddings": embeddings} | ({"data": data.artefact} if data else {})
    with write_artefact(options.out, "clusters", config=settings_of(options), inputs=inputs) as draft:
        users = open_user_vectors(embeddings)
        broken, zero = find_faults(users.rows)
        usable = ~(broken | zero)
        if not usable.any():
            raise InputError(
                "no user has a usable embedding",
                got=f"{broken.sum()} with NaN or infinity, {zero.sum()} all zero",
                cure="run 'hllm-creator embed' again",
            )
        rows = _usable_rows(users, usable, draft.path / ".usable.npy")
        guarded, facts = _cluster_rows(rows, options)
        cluster_id = np.full(len(usable), ORIGINAL, np.int64)
        cluster_id[usable] = guarded.cluster_id
        _write_assignment(draft, users, guarded, usable, broken, cluster_id)
        np.save(draft.path / "centroids.npy", guarded.centroids)
        sizes = np.bincount(guarded.cluster_id[guarded.cluster_id >= 0], minlength=len(guarded.centroids))
        facts |= {
            "users": len(usable),
            "clustered": int(sizes.sum()),
            "below_floor": int((guarded.cluster_id < 0).sum()),
            "not_finite": int(broken.sum()),
            "zero": int(zero.sum()),
            "dissolved": guarded.dissolved,
            "size_min": int(sizes.min()),
            "size_median": float(np.median(sizes)),
            "size_max": int(sizes.max()),
            "similarity_median": float(np.median(guarded.placement.similarity)),
            "model_digest": _input(embeddings, "model"),
        }
        cards = _describe(users, cluster_id, guarded, sizes, options, embeddings, data, facts)
        _write_pages(draft, cards, rows, guarded, sizes, options.seed, facts)
        (draft.path / ".usable.npy").unlink(missing_ok=True)
        draft.rows = {"centroids": len(sizes), "assignment": len(usable), "cards": len(cards)}
        draft.facts = facts
    _print_cards(cards, facts)
    return {**{name: value for name, value in facts.items() if name != "trials"}, "out": str(options.out)}


def _cluster_rows(rows: Floats, options: ClusterOptions) -> tuple[Guarded, dict[str, object]]:
    from clustering.guardrails import guard
    from clustering.kmeans import (
        at_members_length,
        default_iterations,
        default_k,
        default_restarts,
        fit,
        polish,
        useful_rows,
    )

    k = options.k or default_k(len(rows), options.min_size)
    restarts = options.restarts or default_restarts(k)
    sample = draw_rows(rows, min(options.train_users, useful_rows(k)), options.seed)
    iterations = options.iterations or default_iterations(len(sample))
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
    distinct = count_distinct(sample)
    if len(fitted.centroids) < k:
        say(f"only {distinct:,} different rows among the users trained on: k is {len(fitted.centroids)}, not {k}")
    guarded = guard(
        rows,
        fitted.centroids,
        metric=options.metric,
        floor=options.floor,
        min_size=options.min_size,
        refit=lambda left: polish(sample, left, metric=options.metric, iterations=iterations),
    )
    if options.metric == "cosine":
        guarded = replace(guarded, centroids=at_members_length(guarded.centroids, rows, guarded.cluster_id))
    inside = guarded.cluster_id >= 0
    inertia = float(guarded.placement.distance[inside].sum(dtype=np.float64))
    return guarded, {
        "k": len(guarded.centroids),
        "k_asked": k,
        "metric": options.metric,
        "inertia": inertia,
        "inertia_per_user": inertia / int(inside.sum()),
        "trials": list(fitted.trials),
        "users_trained_on": len(sample),
        "duplicate_rows": len(sample) - distinct,
        "floor": options.floor,
        "min_size": options.min_size,
    }


def _describe(
    users: UserVectors,
    cluster_id: Integers,
    guarded: Guarded,
    sizes: Integers,
    options: ClusterOptions,
    embeddings: Artefact,
    data: Data | None,
    facts: dict[str, object],
) -> list[Card]:
    from clustering.cards import describe, read_windows

    order = np.argsort(guarded.cluster_id, kind="stable")[-int(sizes.sum()) :]
    similarity = np.split(guarded.placement.similarity[order], np.cumsum(sizes)[:-1])
    if data is None:
        return describe(sizes, similarity, len(cluster_id))
    as_of = embeddings.facts.get("as_of")
    history = options.history or _recorded_history(embeddings)
    windows = read_windows(
        data.histories,
        users.user_ids,
        cluster_id,
        as_of=float(as_of) if isinstance(as_of, int | float) else data.live_at,
        length=history,
        seed=options.seed,
    )
    facts |= {"history": history, "windows_read": len(windows.cluster_id)}
    words = vocabulary()
    withheld = frozenset(words.personal) - words.ambiguous
    return describe(sizes, similarity, len(cluster_id), windows, data.items["title"].astype(str).tolist(), withheld)


def _write_assignment(
    draft: Draft, users: UserVectors, guarded: Guarded, usable: Mask, broken: Mask, cluster_id: Integers
) -> None:
    similarity = np.full(len(usable), np.nan, np.float32)
    similarity[usable] = guarded.placement.similarity
    reason = np.full(len(usable), None, object)
    reason[cluster_id == ORIGINAL] = str(Outside.BELOW_FLOOR)
    reason[~usable] = str(Outside.ZERO)
    reason[broken] = str(Outside.NOT_FINITE)
    frame = pd.DataFrame(
        {"user_id": users.user_ids, "cluster_id": cluster_id, "similarity": similarity, "reason": reason}
    )
    write_table(draft.path / "assignment.parquet", frame, ASSIGNMENT)


def _write_pages(
    draft: Draft,
    cards: list[Card],
    rows: Floats,
    guarded: Guarded,
    sizes: Integers,
    seed: int,
    facts: Mapping[str, object],
) -> None:
    from clustering.picture import project
    from clustering.report import render

    points = project(rows, guarded.cluster_id, guarded.centroids, seed=seed)
    write_text(draft.path / "points.json", json.dumps(points.record()))
    write_text(
        draft.path / "cards.json",
        json.dumps({"users": facts["users"], "clusters": cards}, indent=1, ensure_ascii=False),
    )
    shown = {
        "users": f"{facts['users']:,}",
        "clusters": facts["k"],
        "metric": facts["metric"],
        "inertia per user": f"{facts['inertia_per_user']:.4g}",
        "smallest": facts["size_min"],
        "median size": f"{facts['size_median']:g}",
        "largest": facts["size_max"],
        "similarity, median": f"{facts['similarity_median']:.3f}",
        "too small, merged": facts["dissolved"],
        "below the floor": facts["below_floor"],
        "without embedding": cast(int, facts["not_finite"]) + cast(int, facts["zero"]),
    }
    write_text(draft.path / "report.html", render(cards, sizes, points, shown))


def _print_cards(cards: list[Card], facts: Mapping[str, object]) -> None:
    print(
        f"{facts['clustered']:,} of {facts['users']:,} users in {facts['k']} clusters ({facts['metric']}), "
        f"inertia {facts['inertia']:,.5g}; "
        f"sizes {facts['size_min']} to {facts['size_max']}, median {facts['size_median']:g}"
    )
    outside = {
        "below the floor": facts["below_floor"],
        "NaN or infinite": facts["not_finite"],
        "all zero": facts["zero"],
    }
    if any(outside.values()):
        print("original title: " + ", ".join(f"{count:,} {why}" for why, count in outside.items() if count))
    if facts["dissolved"]:
        print(f"{facts['dissolved']} clusters of fewer than {facts['min_size']} users merged into their neighbours")
    print(f"\n{'cluster':>7} {'users':>8} {'share':>6} {'cosine':>6}  more than average")
    for card in cards:
        liked = ", ".join(f"{line['interest']} {line['lift']:.1f}x" for line in card["interests"][:4])
        size = f"{card['size']:>8,} {card['share']:>6.1%}"
        print(f"{card['cluster_id']:>7} {size} {card['similarity_median']:>6.3f}  {liked}")


def _usable_rows(users: UserVectors, usable: Mask, aside: Path) -> Floats:
    """The rows to cluster: the file itself, or, where some cannot be used, a copy of the others on disk."""
    if usable.all():
        return users.rows
    width = users.rows.shape[1]
    copy = np.lib.format.open_memmap(aside, mode="w+", dtype=np.float32, shape=(int(usable.sum()), width))
    reserve_space(aside)
    start = 0
    for part in blocks(*users.rows.shape):
        block = np.asarray(users.rows[part])[usable[part]]
        copy[start : start + len(block)] = block
        start += len(block)
    return copy


def _same_source(embeddings: Artefact, data: Data) -> None:
    recorded = _input(embeddings, "data")
    if recorded not in (None, data.artefact.digest):
        raise ArtefactError(
            "the embeddings were made from another DATA than the one named",
            got=str(data.artefact.path),
            cure="name the DATA folder that 'embed' was given",
        )


def _input(artefact: Artefact, name: str) -> str | None:
    inputs = artefact.manifest.get("inputs")
    return cast(dict[str, str], inputs).get(name) if isinstance(inputs, dict) else None


def _recorded_history(embeddings: Artefact) -> int:
    found = embeddings.facts.get("history")
    return found if isinstance(found, int) else DEFAULT_HISTORY

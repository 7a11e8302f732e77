"""What a CLUSTERS folder holds: the assignment, the centroids, cards, a picture and a page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd

from clustering.cards import Card, describe, read_windows
from clustering.ground import Ground
from clustering.lineage import compare
from clustering.picture import project
from clustering.report import render
from clustering.standing import ASSIGNMENT, PLACES, Standing
from clustering.vectors import Floats, Integers
from creator.core.artefacts import Artefact, Draft, write_text
from creator.core.data import Data, write_table
from creator.core.errors import ArtefactError
from creator.facts.vocabulary import vocabulary

DEFAULT_HISTORY = 100
OUTSIDE_IN_WORDS = {
    "below_floor": "below the floor",
    "not_finite": "NaN or infinite",
    "zero": "all zero",
    "attributes_unknown": "without the attributes that must agree",
    "attributes_rare": "with too rare attributes",
    "too_few": "in clusters that have become too small",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """Every user's cluster.

    Args:
        user_ids: [B].
        cluster_id: [B], or -1.
        similarity: [B], cosine to the nearest centroid; NaN where there is none.
        reason: [B], why a user is in no cluster, or None.
        centroids: [K, D]; rows of retired ids have no members.
        exact: for each of the K clusters the attributes that its members share.
        ground: how users' rows to cluster by are made, where those are not their embeddings; and then
        places: [K, D'], the centroids among those rows, to which users are assigned.
    """

    user_ids: Sequence[str]
    cluster_id: Integers
    similarity: Floats
    reason: np.ndarray[tuple[int], np.dtype[np.object_]]
    centroids: Floats
    exact: Sequence[Mapping[str, str]]
    ground: Ground | None = None
    places: Floats | None = None

    @property
    def nearest_of(self) -> Floats:
        """[K, D or D'], what users are assigned to."""
        return self.centroids if self.places is None else self.places

    @property
    def sizes(self) -> Integers:
        """[K] members."""
        return np.bincount(self.cluster_id[self.cluster_id >= 0], minlength=len(self.centroids))

    def facts(self) -> dict[str, object]:
        """Figures for the manifest."""
        sizes = self.sizes[self.sizes > 0]
        reasons = pd.Series(self.reason, dtype=object).value_counts()
        seen = self.similarity[np.isfinite(self.similarity)]
        return {
            "users": len(self.user_ids),
            "clustered": int(sizes.sum()),
            **{name: int(reasons.get(name, 0)) for name in OUTSIDE_IN_WORDS},
            "size_min": int(sizes.min()) if len(sizes) else 0,
            "size_median": float(np.median(sizes)) if len(sizes) else 0.0,
            "size_max": int(sizes.max()) if len(sizes) else 0,
            "similarity_median": float(np.median(seen)) if len(seen) else None,
            "exact": [dict(record) for record in self.exact],
        }


def make_cards(
    outcome: Outcome,
    data: Data | None,
    embeddings: Artefact,
    *,
    history: int | None,
    seed: int,
    before: Standing | None = None,
) -> tuple[list[Card], dict[str, object]]:
    """The cards of all clusters with members, and figures on what they rest on.

    Args:
        outcome: every user's cluster.
        data: DATA, or None: cards then hold sizes only.
        embeddings: says until when, and how far back, a user's window goes.
        history: events in a window, or None for as many as the embeddings' windows have.
        seed: of the sample of users read.
        before: the last clustering, for what changed since.
    """
    sizes = outcome.sizes
    order = np.argsort(outcome.cluster_id, kind="stable")[-int(sizes.sum()) or len(sizes) :]
    similarity = np.split(outcome.similarity[order], np.cumsum(sizes)[:-1])
    facts: dict[str, object] = {}
    if data is None:
        cards = describe(sizes, similarity, len(outcome.cluster_id))
    else:
        as_of, recorded = embeddings.facts.get("as_of"), embeddings.facts.get("history")
        length = history or (recorded if isinstance(recorded, int) else DEFAULT_HISTORY)
        until = float(as_of) if isinstance(as_of, int | float) else data.live_at
        windows = read_windows(
            data.histories, outcome.user_ids, outcome.cluster_id, as_of=until, length=length, seed=seed
        )
        facts = {"history": length, "windows_read": len(windows.cluster_id)}
        words = vocabulary()
        withheld = frozenset(words.personal) - words.ambiguous
        titles = data.items["title"].astype(str).tolist()
        cards = describe(sizes, similarity, len(outcome.cluster_id), windows, titles, withheld)
    for card in cards:
        card["exact"] = dict(outcome.exact[card["cluster_id"]])
    if before is not None:
        _tell_changes(cards, outcome, before)
    return cards, facts


def _tell_changes(cards: Sequence[Card], outcome: Outcome, before: Standing) -> None:
    now = dict(zip(outcome.user_ids, outcome.cluster_id.tolist(), strict=True))
    then = dict(zip(before.assignment["user_id"], before.assignment["cluster_id"].tolist(), strict=True))
    for card in cards:
        k = card["cluster_id"]
        card["change"] = compare(
            k,
            now=now,
            before=then,
            centroid=outcome.centroids[k],
            standing=before.centroids,
            interests=[line["interest"] for line in card["interests"]],
            card_before=before.cards.get(k),
        )


def write_clusters(draft: Draft, outcome: Outcome, rows: Floats, row_cluster: Integers, seed: int) -> None:
    """Write the assignment, the centroids and the picture's points.

    Args:
        draft: of the folder.
        outcome: every user's cluster.
        rows: [N, D], usable rows for the picture, of the kind that users are assigned by.
        row_cluster: [N], their clusters, or -1.
        seed: of the picture's sample.
    """
    frame = pd.DataFrame(
        {
            "user_id": outcome.user_ids,
            "cluster_id": outcome.cluster_id,
            "similarity": outcome.similarity,
            "reason": outcome.reason,
        }
    )
    write_table(draft.path / "assignment.parquet", frame, ASSIGNMENT)
    np.save(draft.path / "centroids.npy", outcome.centroids)
    if outcome.ground is not None:
        outcome.ground.save(draft.path)
        np.save(draft.path / PLACES, outcome.nearest_of)
    draft.rows = {"centroids": len(outcome.centroids), "assignment": len(frame)}
    points = project(rows, row_cluster, outcome.nearest_of, seed=seed)
    write_text(draft.path / "points.json", json.dumps(points.record()))


def write_pages(
    draft: Draft, cards: list[Card], outcome: Outcome, rows: Floats, row_cluster: Integers, facts: Mapping[str, object],
    seed: int
) -> None:  # fmt: skip
    """Write cards.json and report.html.

    Args:
        draft: of the folder.
        cards: one for each cluster with members.
        outcome: every user's cluster.
        rows: [N, D], usable rows for the picture.
        row_cluster: [N], their clusters, or -1.
        facts: of the manifest.
        seed: of the picture's sample.
    """
    points = project(rows, row_cluster, outcome.nearest_of, seed=seed)
    write_text(
        draft.path / "cards.json",
        json.dumps({"users": facts["users"], "clusters": cards}, indent=1, ensure_ascii=False),
    )
    shown = {
        "users": f"{facts['users']:,}",
        "clusters": len(cards),
        "metric": facts["metric"],
        "inertia per user": f"{facts['inertia_per_user']:.4g}",
        "smallest": facts["size_min"],
        "median size": f"{facts['size_median']:g}",
        "largest": facts["size_max"],
        "similarity, median": f"{facts['similarity_median']:.3f}",
        "too small, merged": facts.get("dissolved", 0),
        "below the floor": facts["below_floor"],
        "without embedding": cast(int, facts["not_finite"]) + cast(int, facts["zero"]),
    }
    write_text(draft.path / "report.html", render(cards, outcome.sizes, points, shown))
    draft.rows["cards"] = len(cards)


def print_cards(cards: Sequence[Card], facts: Mapping[str, object]) -> None:
    """The clustering on the terminal."""
    print(
        f"{facts['clustered']:,} of {facts['users']:,} users in {len(cards)} clusters ({facts['metric']}), "
        f"inertia {facts['inertia']:,.5g}; "
        f"sizes {facts['size_min']} to {facts['size_max']}, median {facts['size_median']:g}"
    )
    outside = [f"{facts[name]:,} {words}" for name, words in OUTSIDE_IN_WORDS.items() if facts[name]]
    if outside:
        print("original title: " + ", ".join(outside))
    if facts.get("dissolved"):
        print(f"{facts['dissolved']} clusters of fewer than {facts['min_size']} users merged into their neighbours")
    print(f"\n{'cluster':>7} {'users':>8} {'share':>6} {'cosine':>6}  more than average")
    for card in cards:
        liked = ", ".join(f"{line['interest']} {line['lift']:.1f}x" for line in card["interests"][:4])
        size = f"{card['size']:>8,} {card['share']:>6.1%}"
        told = _told(card)
        print(f"{card['cluster_id']:>7} {size} {card['similarity_median']:>6.3f}  {told}{liked}")


def _told(card: Card) -> str:
    exact = ", ".join(f"{name} {value}" for name, value in card["exact"].items())
    change = card["change"]
    if change is None:
        return f"[{exact}] " if exact else ""
    news = "new" if change["new"] else f"before {change['size_before']:,}, +{change['joined']:,} -{change['left']:,}"
    return f"[{'; '.join(filter(None, (exact, news)))}] "


def same_source(embeddings: Artefact, data: Data) -> None:
    """Embeddings and DATA must belong together.

    Raises:
        ArtefactError: the embeddings were made from another DATA.
    """
    recorded = input_digest(embeddings, "data")
    if recorded not in (None, data.artefact.digest):
        raise ArtefactError(
            "the embeddings were made from another DATA than the one named",
            got=str(data.artefact.path),
            cure="name the DATA folder that 'embed' was given",
        )


def input_digest(artefact: Artefact, name: str) -> str | None:
    """The digest that an artefact recorded of one of its inputs."""
    inputs = artefact.manifest.get("inputs")
    return cast(dict[str, str], inputs).get(name) if isinstance(inputs, dict) else None

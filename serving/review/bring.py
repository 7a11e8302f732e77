"""Bringing a folder of titles to the store, where people and releases find them as a draft."""

from __future__ import annotations

import hashlib
import time

import pandas as pd
from sqlalchemy import Connection, func, select

from creator.core.errors import StoreError
from creator.core.records import Ad, Check
from creator.facts.guide import with_guides
from serving.folders import Inputs, count_clusters, read_ads, read_assignment, read_cards, read_titles, rows_of
from serving.gate import gate
from serving.review.drafts import find_draft, keep_ads, keep_cards, read_draft, write_draft
from serving.review.records import Draft
from serving.review.rules import read_rules
from serving.rows import insert_many
from serving.schema import ASSIGNMENTS, CLUSTERINGS
from serving.store import Store


def bring(store: Store, inputs: Inputs, *, onto: int | None = None, checked: Checked | None = None) -> Draft:
    """Bring titles to the store for review or release; inputs that were brought before are not brought again.

    Args:
        store: where to; made if it is not there.
        inputs: the three folders.
        onto: a draft whose titles are taken over for the pairs that these titles do not have.
        checked: remembers the fact check's answers.

    Raises:
        ArtefactError: an input is missing, damaged, or belongs to another clustering.
        StoreError: the store cannot be written, or `onto` is a draft of other clusters or other ads.
    """
    # nothing is made for inputs that cannot be used
    parts = None if store.path is None or store.path.exists() else _read(inputs)
    store.prepare()
    digest = inputs.digest if onto is None else hashlib.sha256(f"{inputs.digest} onto {onto}".encode()).hexdigest()
    with store.reading() as connection:  # before the work of checking, so that a repeated call costs nothing
        found, rules = find_draft(connection, digest), read_rules(connection)
        base = None if onto is None else read_draft(connection, onto)
    if found is not None:
        return found
    if base is not None and (base.clusters_digest, base.data_digest) != (inputs.clusters.digest, inputs.data.digest):
        raise StoreError(
            f"draft {onto} has other clusters or other ads than these titles",
            cure="leave --onto out, or name its draft",
        )
    assignment, cards, clusters, ads, titles = parts or _read(inputs)
    gated = gate(rows_of(titles), ads, clusters, with_guides((checked or Checked()).check, rules.guides))
    if len(gated.titles) + sum(gated.refused.values()) != len(titles):
        raise AssertionError("titles in = kept + refused")
    with store.writing(alone=True) as connection:
        found = find_draft(connection, digest)
        if found is not None:
            return found
        clustering = _clustering(connection, inputs.clusters.digest, assignment)
        keep_cards(connection, clustering, cards)
        keep_ads(connection, inputs.data.digest, ads)
        users = {"users": len(assignment), "users_in_a_cluster": int((assignment["cluster_id"].to_numpy() >= 0).sum())}
        digests = (inputs.titles.digest, inputs.clusters.digest, inputs.data.digest)
        draft = Draft(0, digest, time.time(), clustering, *digests, clusters, {**users, "ads": len(ads)})
        return write_draft(connection, draft, gated, base)


def _read(inputs: Inputs) -> tuple[pd.DataFrame, dict[int, str], int, dict[str, Ad], pd.DataFrame]:
    """Users' clusters, cards, how many clusters there are, ads and titles."""
    return read_assignment(inputs), read_cards(inputs), count_clusters(inputs), read_ads(inputs), read_titles(inputs)


class Checked:
    """The fact check, each title once.

    A title is checked as it is brought and again as it is released; in one command the answers are the same.
    """

    def __init__(self) -> None:
        self._answers: dict[tuple[str, str], Check] = {}

    def check(self, title: str, ad: Ad) -> Check:
        """What `check_title` says."""
        from creator.facts.verifier import check_title

        key = (str(ad.ad_id), title)
        if key not in self._answers:
            self._answers[key] = check_title(title, ad)
        return self._answers[key]


def _clustering(connection: Connection, digest: str, assignment: pd.DataFrame) -> int:
    """The number of a clustering in the store; its users are written the first time."""
    found = connection.execute(select(CLUSTERINGS.c.clustering_id).where(CLUSTERINGS.c.digest == digest)).scalar()
    if found is not None:
        return found
    number = (connection.execute(select(func.max(CLUSTERINGS.c.clustering_id))).scalar() or 0) + 1
    connection.execute(CLUSTERINGS.insert().values(clustering_id=number, digest=digest, users=len(assignment)))
    ordered = assignment.sort_values("user_id")  # the primary key's order: pages are filled one after another
    rows = list(zip([number] * len(ordered), ordered["user_id"].tolist(), ordered["cluster_id"].tolist(), strict=True))
    insert_many(connection, ASSIGNMENTS, ("clustering_id", "user_id", "cluster_id"), rows)
    return number

"""Drafts: the titles brought to the store for a release, with the facts they are held to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Connection, Row, func, select

from creator.core.errors import StoreError
from creator.core.records import Ad, AdId, ItemId
from serving.gate import Gated, Refusal, State
from serving.review.records import Candidate, Draft
from serving.rows import StoredTitle, insert_many
from serving.schema import AD_FACTS, CANDIDATES, CARDS, DRAFTS

COLUMNS = tuple(column.name for column in CANDIDATES.columns)


def as_draft(row: Row[Any]) -> Draft:
    """A row of `drafts` as a record."""
    return Draft(
        row.draft_id,
        row.digest,
        row.created_at,
        row.clustering_id,
        row.titles_digest,
        row.clusters_digest,
        row.data_digest,
        row.clusters,
        json.loads(row.counts),
    )


def as_candidate(row: Row[Any]) -> Candidate:
    """A row of `candidates` as a record."""
    return Candidate(
        row.draft_id,
        row.title_id,
        row.cluster_id,
        row.ad_id,
        row.generated,
        row.title,
        row.verdict,
        bool(row.publishable),
        bool(row.doubted),
        row.findings,
        tuple(row.kinds.split()),
        row.provenance,
        State(row.state),
        bool(row.again),
        row.reviewer,
        row.decided_at,
        row.version,
    )


def find_draft(connection: Connection, digest: str) -> Draft | None:
    """The draft of these inputs, if they were brought before."""
    row = connection.execute(select(DRAFTS).where(DRAFTS.c.digest == digest)).first()
    return None if row is None else as_draft(row)


def newest_draft(connection: Connection) -> Draft | None:
    """The draft that was brought last."""
    row = connection.execute(select(DRAFTS).order_by(DRAFTS.c.draft_id.desc()).limit(1)).first()
    return None if row is None else as_draft(row)


def read_draft(connection: Connection, draft_id: int) -> Draft:
    """A draft by number.

    Raises:
        StoreError: there is none.
    """
    row = connection.execute(select(DRAFTS).where(DRAFTS.c.draft_id == draft_id)).first()
    if row is None:
        raise StoreError(f"there is no draft {draft_id}", cure="'hllm-creator review load' brings titles for review")
    return as_draft(row)


def read_candidates(connection: Connection, draft_id: int) -> list[Candidate]:
    """A draft's titles by ad and cluster; of one pair's the one decided last comes first."""
    order = (CANDIDATES.c.ad_id, CANDIDATES.c.cluster_id, CANDIDATES.c.decided_at.desc().nulls_last())
    query = select(CANDIDATES).where(CANDIDATES.c.draft_id == draft_id)
    return [as_candidate(row) for row in connection.execute(query.order_by(*order, CANDIDATES.c.title_id))]


def read_ads(connection: Connection, data_digest: str, ad_ids: Sequence[str] | None = None) -> dict[str, Ad]:
    """The ads of a DATA with their facts, all of them or those named."""
    query = select(AD_FACTS.c.ad_id, AD_FACTS.c.facts).where(AD_FACTS.c.data_digest == data_digest)
    if ad_ids is not None:
        query = query.where(AD_FACTS.c.ad_id.in_(ad_ids))
    return {row[0]: _ad(json.loads(row[1])) for row in connection.execute(query.order_by(AD_FACTS.c.ad_id))}


def keep_ads(connection: Connection, data_digest: str, ads: Mapping[str, Ad]) -> None:
    """Keep a DATA's ads, once."""
    if connection.execute(select(func.count()).where(AD_FACTS.c.data_digest == data_digest)).scalar():
        return
    rows = [(data_digest, str(ad.ad_id), json.dumps(asdict(ad), ensure_ascii=False)) for ad in ads.values()]
    insert_many(connection, AD_FACTS, ("data_digest", "ad_id", "facts"), rows)


def keep_cards(connection: Connection, clustering_id: int, cards: Mapping[int, str]) -> None:
    """Keep a clustering's cards (JSON text by cluster), once."""
    if connection.execute(select(func.count()).where(CARDS.c.clustering_id == clustering_id)).scalar():
        return
    rows = [(clustering_id, cluster, card) for cluster, card in sorted(cards.items())]
    insert_many(connection, CARDS, ("clustering_id", "cluster_id", "card"), rows)


def write_draft(connection: Connection, draft: Draft, gated: Gated, onto: Draft | None = None) -> Draft:
    """Write a draft with its titles; decisions on the same title of the last draft of the same facts stay in force.

    Args:
        connection: a transaction that keeps other publishers out.
        draft: its number and the count of its candidates are set here.
        gated: what the gate let through, and what it held.
        onto: a draft whose titles are taken over for the pairs that these titles do not have.

    Returns:
        the draft as written.
    """
    earlier = onto or newest_draft(connection)
    number = (connection.execute(select(func.max(DRAFTS.c.draft_id))).scalar() or 0) + 1
    rows, dropped = _rows(number, gated)
    if earlier is not None and earlier.data_digest == draft.data_digest:
        before = {c.title_id: c for c in read_candidates(connection, earlier.draft_id)}
        rows = [_carried(row, before.get(row.title_id)) for row in rows]
        if onto is not None:
            pairs, ids = {(row.ad_id, row.cluster_id) for row in rows}, {row.title_id for row in rows}
            kept = [c for c in before.values() if (c.ad_id, c.cluster_id) not in pairs and c.title_id not in ids]
            rows += [replace(c, draft_id=number) for c in kept]
    refused = dict(gated.refused)
    for _, reason in gated.held:
        refused[reason] -= 1
    refused[Refusal.DUPLICATE_ID] = refused.get(Refusal.DUPLICATE_ID, 0) + dropped
    counts = {f"refused_{reason}": refused.get(reason, 0) for reason in Refusal}
    counts = {**draft.counts, **counts, "candidates": len(rows) + sum(counts.values())}
    made = replace(draft, draft_id=number, counts=counts)
    connection.execute(DRAFTS.insert().values({**asdict(made), "counts": json.dumps(counts)}))
    insert_many(connection, CANDIDATES, COLUMNS, [_values(row) for row in rows])
    return made


def _rows(number: int, gated: Gated) -> tuple[list[Candidate], int]:
    """Each title id once, what passes first; and how many were dropped for it."""
    rows: dict[str, Candidate] = {}
    found = [*((title, None) for title in gated.titles), *gated.held]
    for title, refusal in found:
        rows.setdefault(title.title_id, _candidate(number, title, refusal))
    return list(rows.values()), len(found) - len(rows)


def _candidate(number: int, title: StoredTitle, refusal: Refusal | None) -> Candidate:
    return Candidate(
        number,
        title.title_id,
        title.cluster_id,
        title.ad_id,
        title.title,
        title.title,
        title.verdict,
        refusal is None,
        refusal is Refusal.VERDICT,
        title.findings,
        kinds_of(title.findings),
        title.provenance,
        State.OPEN,
        again=False,
        reviewer=None,
        decided_at=None,
        version=0,
    )


def kinds_of(findings: str) -> tuple[str, ...]:
    """The kinds in a JSON list of findings, each once."""
    return tuple(sorted({str(entry["kind"]) for entry in json.loads(findings)}))


def _carried(row: Candidate, before: Candidate | None) -> Candidate:
    """The row, decided as it was before. What is published is checked again then, as everything is."""
    if before is None or before.state is State.OPEN or (before.ad_id, before.cluster_id) != (row.ad_id, row.cluster_id):
        return row
    decided = replace(
        row, state=before.state, reviewer=before.reviewer, decided_at=before.decided_at, version=before.version
    )
    if before.title == row.title:
        return decided
    checked = {"verdict": before.verdict, "publishable": before.publishable, "findings": before.findings}
    return replace(decided, title=before.title, kinds=before.kinds, **checked)


def _values(row: Candidate) -> tuple[object, ...]:
    flat = {"publishable": int(row.publishable), "again": int(row.again), "kinds": f" {' '.join(row.kinds)} "}
    flat |= {"doubted": int(row.doubted), "state": str(row.state), "verdict": str(row.verdict)}
    return tuple(flat[name] if name in flat else getattr(row, name) for name in COLUMNS)


def _ad(entry: Mapping[str, Any]) -> Ad:
    return Ad(
        AdId(entry["ad_id"]),
        entry["title"],
        entry["description"],
        tuple(entry["selling_points"]),
        dict(entry["attributes"]),
        entry["category"],
        ItemId(entry["item_id"]) if entry["item_id"] else None,
        tuple(ItemId(item) for item in entry["item_ids"]),
        entry["locale"],
    )

"""Clusters as cards, one ad with its titles and evidence, and the audits."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import FastAPI, Query
from sqlalchemy import ColumnElement, Connection, func, select
from starlette.responses import Response

from creator.core.errors import HllmCreatorError
from creator.core.records import Ad, AdId, FindingKind, Verdict
from serving.console.marks import Piece, Preview, mark_sources, mark_title, previews
from serving.console.pages import Desk, Told, Visit, in_words, visiting
from serving.gate import State
from serving.review.drafts import as_candidate, newest_draft, read_ads, read_draft
from serving.review.records import Candidate, Draft
from serving.rows import current_release
from serving.schema import ADS, CANDIDATES, CARDS, RELEASES, TITLES

TITLES_A_PAGE = 25


@dataclass(frozen=True, slots=True)
class Shown:
    """One title of an ad, as a page shows it.

    Args:
        cluster_id, name: for whom; the name is the cluster card's, or "".
        title: the words.
        pieces: the same with what bears them out or speaks against them.
        verdict: of the last check.
        state: "live", or what the reviewers say.
        previews: how every channel takes it.
        provenance: what is known of how it was made, by name.
    """

    cluster_id: int
    name: str
    title: str
    pieces: tuple[Piece, ...]
    verdict: str
    state: str
    previews: tuple[Preview, ...]
    provenance: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Audited:
    """One title of a draft with its original, for the list of audits."""

    candidate: Candidate
    pieces: tuple[Piece, ...]
    original: str


def install(app: FastAPI, desk: Desk) -> None:
    """Add the pages to the app."""
    seer = visiting(desk)

    @app.get("/console/clusters", include_in_schema=False)
    def clusters(visit: Visit = seer) -> Response:
        try:
            with visit.store.reading() as connection:
                clustering, titles = _clustering(connection)
                cards = read_cards(connection, clustering)
        except HllmCreatorError as error:
            raise in_words(error) from None
        return visit.page("clusters.html.jinja", cards=list(cards.values()), titles=titles)

    @app.get("/console/ad", include_in_schema=False)
    def ad(id: Annotated[str, Query(min_length=1, max_length=1_024)], visit: Visit = seer) -> Response:
        try:
            with visit.store.reading() as connection:
                found, live, drafted, names = _ad(connection, id)
        except HllmCreatorError as error:
            raise in_words(error) from None
        shown = [_of_release(row, found, names) for row in live] + [_of_draft(c, found, names) for c in drafted]
        findings = [row.findings for row in live] + [c.findings for c in drafted]
        sources = mark_sources([each.title for each in shown], findings, found)
        return visit.page("ad.html.jinja", ad=found, titles=shown, sources=sources, original=previews(found.title))

    @app.get("/console/audits", include_in_schema=False)
    def audits(
        kind: Annotated[str, Query(max_length=40)] = "",
        verdict: Annotated[str, Query(max_length=40)] = "",
        state: Annotated[str, Query(max_length=40)] = "",
        draft: Annotated[int | None, Query(ge=1, le=1 << 31)] = None,
        page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
        visit: Visit = seer,
    ) -> Response:
        chosen = {
            "kind": kind if kind in [str(k) for k in FindingKind] else "",
            "verdict": verdict if verdict in [str(v) for v in Verdict] else "",
            "state": state if state in [str(s) for s in State] else "",
        }
        try:
            with visit.store.reading() as connection:
                found = newest_draft(connection) if draft is None else read_draft(connection, draft)
                counts, count, rows = _audits(connection, found, chosen, page)
        except HllmCreatorError as error:
            raise in_words(error) from None
        return visit.page(
            "audits.html.jinja",
            draft=found,
            rows=rows,
            found=count,
            counts=counts,
            chosen=chosen,
            kinds=[str(k) for k in FindingKind],
            verdicts=[str(v) for v in Verdict],
            states=[str(s) for s in State],
            page=min(page, max(1, -(-count // TITLES_A_PAGE))),
            last=max(1, -(-count // TITLES_A_PAGE)),
        )


def read_cards(connection: Connection, clustering: int | None) -> dict[int, dict[str, Any]]:
    """A clustering's cards by cluster; {} when it has none."""
    rows = connection.execute(
        select(CARDS.c.cluster_id, CARDS.c.card).where(CARDS.c.clustering_id == clustering).order_by(CARDS.c.cluster_id)
    )
    return {row[0]: json.loads(row[1]) for row in rows}


def card_names(connection: Connection, clustering: int | None) -> dict[int, str]:
    """What a clustering's clusters are called."""
    return {cluster: str(card.get("name", "")) for cluster, card in read_cards(connection, clustering).items()}


def _clustering(connection: Connection) -> tuple[int | None, dict[int, int]]:
    """The live release's clustering, or the newest draft's; and how many live titles each cluster has."""
    live = current_release(connection)
    if live is None:
        draft = newest_draft(connection)
        return (None if draft is None else draft.clustering_id), {}
    grouped = select(TITLES.c.cluster_id, func.count()).where(TITLES.c.release == live.release)
    return live.clustering_id, {row[0]: row[1] for row in connection.execute(grouped.group_by(TITLES.c.cluster_id))}


def _ad(connection: Connection, ad_id: str) -> tuple[Ad, list[Any], list[Candidate], dict[int, str]]:
    """The ad with its facts, its live titles, what the newest draft has for it, and the clusters' names."""
    live, draft = current_release(connection), newest_draft(connection)
    titles: list[Any] = []
    drafted: list[Candidate] = []
    facts: dict[str, Ad] = {}
    if live is not None:
        here = (TITLES.c.release == live.release, TITLES.c.ad_id == ad_id)
        titles = list(connection.execute(select(TITLES).where(*here).order_by(TITLES.c.cluster_id)))
        data = connection.execute(select(RELEASES.c.data_digest).where(RELEASES.c.release == live.release)).scalar_one()
        facts = read_ads(connection, data, [ad_id])
    if draft is not None:
        facts = facts or read_ads(connection, draft.data_digest, [ad_id])
        query = select(CANDIDATES).where(CANDIDATES.c.draft_id == draft.draft_id, CANDIDATES.c.ad_id == ad_id)
        said = {(row.cluster_id, row.title) for row in titles}
        found = [as_candidate(row) for row in connection.execute(query.order_by(CANDIDATES.c.cluster_id))]
        drafted = [c for c in found if (c.cluster_id, c.title) not in said]
    if ad_id not in facts and live is not None:  # a release made before facts were kept
        original = connection.execute(
            select(ADS.c.title).where(ADS.c.release == live.release, ADS.c.ad_id == ad_id)
        ).scalar()
        facts = {} if original is None else {ad_id: Ad(AdId(ad_id), original, "")}
    if ad_id not in facts:
        raise Told(404, "There is no such ad", "Neither the live release nor the newest draft has an ad of this id.")
    clustering = live.clustering_id if live is not None else draft.clustering_id if draft is not None else None
    return facts[ad_id], titles, drafted, card_names(connection, clustering)


def _of_release(row: Any, ad: Ad, names: dict[int, str]) -> Shown:
    pieces = mark_title(row.title, row.findings, ad)
    name = names.get(row.cluster_id, "")
    known = json.loads(row.provenance)
    return Shown(row.cluster_id, name, row.title, pieces, row.verdict, "live", previews(row.title), known)


def _of_draft(c: Candidate, ad: Ad, names: dict[int, str]) -> Shown:
    pieces, name = mark_title(c.title, c.findings, ad), names.get(c.cluster_id, "")
    state = str(c.state)
    return Shown(c.cluster_id, name, c.title, pieces, c.verdict, state, previews(c.title), json.loads(c.provenance))


def _audits(
    connection: Connection, draft: Draft | None, chosen: dict[str, str], page: int
) -> tuple[Counter[str], int, list[Audited]]:
    """How many titles of a draft have each kind of finding; how many fit the filters; and a page of those."""
    counts: Counter[str] = Counter()
    if draft is None:
        return counts, 0, []
    mine = CANDIDATES.c.draft_id == draft.draft_id
    for row in connection.execute(select(CANDIDATES.c.kinds, func.count()).where(mine).group_by(CANDIDATES.c.kinds)):
        counts.update(dict.fromkeys(row[0].split(), row[1]))
    where: list[ColumnElement[bool]] = [mine]
    if chosen["kind"]:
        where.append(CANDIDATES.c.kinds.like(f"% {chosen['kind']} %"))
    where += [CANDIDATES.c[name] == chosen[name] for name in ("verdict", "state") if chosen[name]]
    count = connection.execute(select(func.count()).select_from(CANDIDATES).where(*where)).scalar_one()
    page = min(page, max(1, -(-count // TITLES_A_PAGE)))
    query = (
        select(CANDIDATES).where(*where).order_by(CANDIDATES.c.ad_id, CANDIDATES.c.cluster_id, CANDIDATES.c.title_id)
    )
    rows = connection.execute(query.limit(TITLES_A_PAGE).offset((page - 1) * TITLES_A_PAGE))
    found = [as_candidate(row) for row in rows]
    ads = read_ads(connection, draft.data_digest, sorted({c.ad_id for c in found}))
    return counts, count, [Audited(c, mark_title(c.title, c.findings, ads[c.ad_id]), ads[c.ad_id].title) for c in found]

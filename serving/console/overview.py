"""The overview: the live release, the way titles took to it, and every title beside its original."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import FastAPI, Query
from sqlalchemy import func, select
from starlette.responses import Response

from creator.core.errors import HllmCreatorError
from serving.console.catalogue import card_names
from serving.console.pages import Desk, Visit, furniture, templates, visiting
from serving.experiments.registry import read_trials
from serving.experiments.trial import Trial
from serving.lookup import Tables
from serving.review.drafts import newest_draft
from serving.review.rules import read_rules
from serving.rows import current_release
from serving.schema import CANDIDATES, EVENTS
from serving.store import Store

ADS_A_PAGE = 25
MAX_SEARCH_CHARACTERS = 200
TEMPLATE = "overview.html.jinja"


@dataclass(frozen=True, slots=True)
class AdRow:
    """One ad as the page shows it: its original and the titles that match the search."""

    ad_id: str
    original: str
    titles: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the funnel: its name, how many titles or events are left, and of how many."""

    name: str
    count: int
    of: int


@dataclass(frozen=True, slots=True)
class Progress:
    """What is under way beside the live release.

    Args:
        draft: the number of the draft that was brought last; None before the first.
        open, approved, rejected: its titles by what reviewers said.
        required: whether only approved titles enter a release.
        funnel: from the titles brought to the clicks that came back.
        trials: the experiments that are not over.
    """

    draft: int | None
    open: int
    approved: int
    rejected: int
    required: bool
    funnel: tuple[Stage, ...]
    trials: tuple[Trial, ...]


def install(app: FastAPI, desk: Desk) -> None:
    """Add the page to the app."""
    seer = visiting(desk, open_page=desk.open_overview)

    @app.get("/console", include_in_schema=False)
    def show(
        q: Annotated[str, Query(max_length=MAX_SEARCH_CHARACTERS)] = "",
        cluster: Annotated[str, Query(max_length=10)] = "",
        page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
        visit: Visit = seer,
    ) -> Response:
        """The page; runs in a thread, so that look-ups go on meanwhile."""
        wanted = int(cluster) if cluster.isascii() and cluster.isdigit() else None
        seen = content(desk.live.tables, search=q, cluster=wanted, page=page)
        inside = visit.session is not None or not desk.sessions.keyed
        progress = read_progress(desk.store) if inside else None
        return visit.page(TEMPLATE, **seen, progress=progress, names=read_names(desk.store) if inside else {})


def render(
    tables: Tables,
    store_up: bool,
    *,
    search: str = "",
    cluster: int | None = None,
    page: int = 1,
    progress: Progress | None = None,
) -> str:
    """The page as HTML, as nobody in particular sees it.

    Args:
        tables: what is being served.
        store_up: whether the store answered last time.
        search: words that an ad (its id, its original, or a title) must have; "" for all.
        cluster: show only this cluster's titles.
        page: from 1.
        progress: what is under way; None to leave it out.
    """
    seen = content(tables, search=search, cluster=cluster, page=page)
    around = furniture(TEMPLATE, store_up, None, keyed=False)
    return templates().get_template(TEMPLATE).render({**around, **seen, "progress": progress, "names": {}})


def content(tables: Tables, *, search: str, cluster: int | None, page: int) -> dict[str, Any]:
    """What the page shows of the tables; arguments as `render`."""
    found = list(matching(tables, search, cluster))
    pages = max(1, -(-len(found) // ADS_A_PAGE))
    page = min(page, pages)
    return {
        "release": tables.release,
        "clusters": sorted({number for ad in tables.ads.values() for number in ad.by_cluster}),
        "search": search,
        "cluster": cluster,
        "found": len(found),
        "found_titles": sum(len(row.titles) for row in found),
        "rows": found[(page - 1) * ADS_A_PAGE : page * ADS_A_PAGE],
        "page": page,
        "last": pages,
    }


def matching(tables: Tables, search: str, cluster: int | None) -> Iterator[AdRow]:
    """The ads that fit a search, those with titles first.

    A search word may stand in the ad's id, its original or a title. Where the ad itself fits, all its titles show;
    otherwise those that fit.
    """
    words = search.casefold().split()
    for titled in (True, False):
        for ad_id, ad in tables.ads.items():
            if bool(ad.by_cluster) is not titled:
                continue
            titles = tuple(
                (number, pair.title)
                for number, pair in sorted(ad.by_cluster.items())
                if cluster is None or number == cluster
            )
            if cluster is not None and not titles:
                continue
            if not _fits(words, f"{ad_id} {ad.original}"):
                titles = tuple(t for t in titles if _fits(words, f"{ad_id} {ad.original} {t[1]}"))
                if not titles:
                    continue
            yield AdRow(ad_id, ad.original, titles)


def read_names(store: Store) -> dict[int, str]:
    """What the live release's clusters are called; {} where the store cannot say."""
    try:
        with store.reading() as connection:
            live = current_release(connection)
            return {} if live is None else card_names(connection, live.clustering_id)
    except HllmCreatorError:
        return {}


def read_progress(store: Store) -> Progress | None:
    """What is under way; None where the store cannot say."""
    try:
        with store.reading() as connection:
            draft, required = newest_draft(connection), read_rules(connection).required
            states: Mapping[str, int] = {}
            passing = 0
            if draft is not None:
                mine = CANDIDATES.c.draft_id == draft.draft_id
                grouped = select(CANDIDATES.c.state, func.count()).where(mine).group_by(CANDIDATES.c.state)
                states = {row[0]: row[1] for row in connection.execute(grouped)}
                passing = connection.execute(
                    select(func.count()).where(mine, CANDIDATES.c.publishable == 1)
                ).scalar_one()
            events = select(EVENTS.c.kind, func.count()).group_by(EVENTS.c.kind)
            kinds = {row[0]: row[1] for row in connection.execute(events)}
            trials = tuple(read_trials(connection))
    except HllmCreatorError:
        return None
    by_state = {name: states.get(name, 0) for name in ("open", "approved", "rejected")}
    brought = sum(by_state.values())
    exposures = kinds.get("exposure", 0)
    funnel = (
        Stage("titles brought", brought, brought),
        Stage("pass the check", passing, brought),
        Stage("approved", by_state["approved"], brought),
        Stage("shown to users", exposures, exposures),
        Stage("clicked", kinds.get("click", 0), exposures),
    )
    return Progress(
        None if draft is None else draft.draft_id, **by_state, required=required, funnel=funnel, trials=trials
    )


def _fits(words: list[str], text: str) -> bool:
    folded = text.casefold()
    return all(word in folded for word in words)

"""The page for people at /console: the live release and its titles beside the originals. Reads only."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Query
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from starlette.responses import HTMLResponse, Response

from serving.live import Live
from serving.lookup import Tables

FOLDER = Path(__file__).parent
ADS_A_PAGE = 25
MAX_SEARCH_CHARACTERS = 200
POLICY = "default-src 'none'; style-src 'sha256-{}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"


@dataclass(frozen=True, slots=True)
class AdRow:
    """One ad as the page shows it: its original and the titles that match the search."""

    ad_id: str
    original: str
    titles: tuple[tuple[int, str], ...]


def install(app: FastAPI, live: Live) -> None:
    """Add the page to the app."""

    @app.get("/console", include_in_schema=False)
    def show(
        q: Annotated[str, Query(max_length=MAX_SEARCH_CHARACTERS)] = "",
        cluster: Annotated[str, Query(max_length=10)] = "",
        page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    ) -> Response:
        """The page; runs in a thread, so that look-ups go on meanwhile."""
        wanted = int(cluster) if cluster.isascii() and cluster.isdigit() else None
        style = _style()
        text = render(live.tables, live.store_up, search=q, cluster=wanted, page=page)
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        return HTMLResponse(text, headers={"Content-Security-Policy": POLICY.format(digest)})


def render(tables: Tables, store_up: bool, *, search: str = "", cluster: int | None = None, page: int = 1) -> str:
    """The page as HTML.

    Args:
        tables: what is being served.
        store_up: whether the store answered last time.
        search: words that an ad (its id, its original, or a title) must have; "" for all.
        cluster: show only this cluster's titles.
        page: from 1.
    """
    found = list(matching(tables, search, cluster))
    pages = max(1, -(-len(found) // ADS_A_PAGE))
    page = min(page, pages)
    release = tables.release
    return _template().render(
        style=_style(),
        release=release,
        published=datetime.fromtimestamp(release.created_at, UTC).strftime("%d %B %Y, %H:%M UTC") if release else "",
        store_up=store_up,
        known_ads=len(tables.ads),
        clusters=sorted({number for ad in tables.ads.values() for number in ad.by_cluster}),
        search=search,
        cluster=cluster,
        found=len(found),
        found_titles=sum(len(row.titles) for row in found),
        rows=found[(page - 1) * ADS_A_PAGE : page * ADS_A_PAGE],
        page=page,
        pages=pages,
    )


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


def _fits(words: list[str], text: str) -> bool:
    folded = text.casefold()
    return all(word in folded for word in words)


@cache
def _style() -> str:
    return (FOLDER / "page.css").read_text(encoding="utf-8")


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.jinja")

"""Releases: what is live, what differs, publishing a draft, and rolling back."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Annotated

from fastapi import FastAPI, Query
from sqlalchemy import func, select
from starlette.responses import Response

from creator.core.errors import HllmCreatorError
from serving.console.pages import Desk, Told, Visit, back, in_words, visiting
from serving.publish import release_draft
from serving.releases import Change, compare
from serving.review.drafts import as_draft
from serving.review.history import note
from serving.review.records import Draft
from serving.review.rules import read_rules
from serving.rows import current_release
from serving.schema import CANDIDATES, DRAFTS
from serving.store import Store

DRAFTS_SHOWN = 5
CHANGES_SHOWN = 200


@dataclass(frozen=True, slots=True)
class DraftRow:
    """A draft with how many of its titles pass, and how many are in each state."""

    draft: Draft
    titles: int
    passing: int
    states: Counter[str]


def install(app: FastAPI, desk: Desk) -> None:
    """Add the pages to the app."""
    seer = visiting(desk)

    @app.get("/console/releases", include_in_schema=False)
    def show(
        before: Annotated[int | None, Query(ge=1, le=1 << 31)] = None,
        after: Annotated[int | None, Query(ge=1, le=1 << 31)] = None,
        said: Annotated[str, Query(max_length=40)] = "",
        visit: Visit = seer,
    ) -> Response:
        try:
            found = visit.store.releases()
            with visit.store.reading() as connection:
                live, required = current_release(connection), read_rules(connection).required
            drafts = _drafts(visit.store)
            difference = None if before is None or after is None else compare(visit.store, before, after)
        except HllmCreatorError as error:
            raise in_words(error) from None
        changes: list[Change] = [] if difference is None else list(difference.changes)
        return visit.page(
            "releases.html.jinja",
            releases=found,
            live=None if live is None else live.release,
            drafts=drafts,
            required=required,
            before=before,
            after=after,
            difference=difference,
            changes=changes[:CHANGES_SHOWN],
            more=max(0, len(changes) - CHANGES_SHOWN),
            said=_told(said),
        )

    @app.post("/console/releases/publish", include_in_schema=False)
    def publish(visit: Visit = seer) -> Response:
        who, draft = visit.writer(), _number(visit.form.get("draft", ""))
        try:
            release, already, _ = release_draft(visit.store, draft, who=who)
        except HllmCreatorError as error:
            raise in_words(error) from None
        desk.live.look()
        return back(f"/console/releases?said={'already' if already else 'published'}-{release.release}")

    @app.post("/console/releases/roll-back", include_in_schema=False)
    def roll_back(visit: Visit = seer) -> Response:
        who, goal = visit.writer(), _number(visit.form.get("release", ""))
        try:
            was, now = visit.store.roll_back(goal)
            if was != now:
                with visit.store.writing(alone=False) as connection:
                    note(connection, who, "rollback", release=now, before={"release": was}, after={"release": now})
        except HllmCreatorError as error:
            raise in_words(error) from None
        desk.live.look()
        return back(f"/console/releases?said=live-{now}")


def _drafts(store: Store) -> list[DraftRow]:
    with store.reading() as connection:
        rows = connection.execute(select(DRAFTS).order_by(DRAFTS.c.draft_id.desc()).limit(DRAFTS_SHOWN)).all()
        found: list[DraftRow] = []
        for draft in map(as_draft, rows):
            columns = (CANDIDATES.c.state, CANDIDATES.c.publishable)
            mine = CANDIDATES.c.draft_id == draft.draft_id
            states: Counter[str] = Counter()
            passing = 0
            for state, passes, count in connection.execute(
                select(*columns, func.count()).where(mine).group_by(*columns)
            ):
                states[state] += count
                passing += count if passes else 0
            found.append(DraftRow(draft, states.total(), passing, states))
    return found


def _told(said: str) -> str:
    kind, _, number = said.partition("-")
    if not (number.isascii() and number.isdigit()):
        return ""
    return {
        "published": f"Release {number} is live.",
        "already": f"These titles are release {number} already. If another is live, make {number} live below.",
        "live": f"Release {number} is live.",
    }.get(kind, "")


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Told(422, "That could not be done", "The form lacks a number.")
    return int(text)

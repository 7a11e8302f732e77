"""The review queue: one card a title, decided one by one or in bulk, and taken back."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Annotated

from fastapi import FastAPI, Query
from sqlalchemy import ColumnElement, Connection, func, select
from starlette.responses import Response

from creator.core.errors import HllmCreatorError
from creator.core.records import Ad
from serving.console.catalogue import card_names
from serving.console.marks import Piece, Preview, Source, mark_sources, mark_title, previews
from serving.console.pages import Desk, Told, Visit, back, in_words, visiting
from serving.gate import State, findings_json, repeats
from serving.review.decisions import MAX_TITLE_CHARACTERS, Action, Decision, Outcome, checker, decide, faults_of, undo
from serving.review.drafts import as_candidate, newest_draft, read_ads, read_draft
from serving.review.history import Entry, is_undone, of_title
from serving.review.records import Candidate, Draft
from serving.review.rules import read_rules
from serving.schema import CANDIDATES

CARDS_A_PAGE = 12
SAID = {
    Outcome.DONE: "",
    Outcome.STALE: "Somebody else decided on this title meanwhile. This is how it stands now.",
    Outcome.FAILING: "These words do not pass the check, so they cannot be approved.",
    Outcome.ORIGINAL: "These are the original's words. Whoever sees no personal title sees them anyway.",
    Outcome.ABSENT: "This title is no longer in the draft.",
}


@dataclass(frozen=True, slots=True)
class Card:
    """One title as the queue shows it.

    Args:
        candidate: the title.
        ad: what it is about.
        cluster: what its cluster is called, or "".
        pieces: the title with what bears it out or speaks against it.
        sources: the ad's fields, likewise.
        previews: how every channel takes it.
        last: what was done to it last, where that can be taken back.
        fault: what went wrong with a decision just sent, or "".
    """

    candidate: Candidate
    ad: Ad
    cluster: str
    pieces: tuple[Piece, ...]
    sources: tuple[Source, ...]
    previews: tuple[Preview, ...]
    last: Entry | None = None
    fault: str = ""


def install(app: FastAPI, desk: Desk) -> None:
    """Add the pages to the app."""
    seer = visiting(desk)

    @app.get("/console/review", include_in_schema=False)
    def show(
        state: Annotated[str, Query(max_length=20)] = "open",
        check: Annotated[str, Query(max_length=20)] = "",
        draft: Annotated[int | None, Query(ge=1, le=1 << 31)] = None,
        said: Annotated[str, Query(max_length=300)] = "",
        step: Annotated[int | None, Query(ge=1, le=1 << 31)] = None,
        page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
        visit: Visit = seer,
    ) -> Response:
        wanted = State(state) if state in [str(s) for s in State] else None
        passing = {"passing": True, "failing": False}.get(check)
        try:
            with visit.store.reading() as connection:
                found = newest_draft(connection) if draft is None else read_draft(connection, draft)
                required = read_rules(connection).required
                states, count, cards = _cards(connection, found, wanted, passing, page)
                may_undo = step is not None and not is_undone(connection, step)
        except HllmCreatorError as error:
            raise in_words(error) from None
        return visit.page(
            "review.html.jinja",
            draft=found,
            required=required,
            state="all" if wanted is None else state,
            check=check if passing is not None else "",
            cards=cards,
            states=states,
            found=count,
            said=_told(said),
            step=step if may_undo else None,
            page=min(page, max(1, -(-count // CARDS_A_PAGE))),
            last=max(1, -(-count // CARDS_A_PAGE)),
        )

    @app.post("/console/review/check", include_in_schema=False)
    def check_words(visit: Visit = seer) -> Response:
        """The audit of words that are being typed; nothing is kept."""
        visit.writer()
        title = " ".join(visit.form.get("title", "").split())[:MAX_TITLE_CHARACTERS]
        try:
            with visit.store.reading() as connection:
                candidate, ad = _one(connection, visit)
                found = checker(connection)(title, ad)
        except HllmCreatorError as error:
            raise in_words(error) from None
        fault = SAID[Outcome.ORIGINAL] if repeats(title, ad.title) else ""
        return visit.page(
            "check.html.jinja",
            title=title,
            pieces=mark_title(title, findings_json(found), ad),
            verdict=str(found.verdict),
            publishable=found.publishable and not fault,
            fault=fault,
            previews=previews(title),
            changed=title != candidate.title,
        )

    @app.post("/console/review/decide", include_in_schema=False)
    def decide_one(visit: Visit = seer) -> Response:
        who, decision = visit.writer(), _decision(visit)
        faults = faults_of(decision)
        outcome, step = Outcome.DONE, None
        try:
            if not faults:
                with visit.store.writing(alone=False) as connection:
                    made = decide(connection, _draft_id(visit), [decision], who)
                    outcome, step = made.outcomes[decision.title_id], made.step
            with visit.store.reading() as connection:
                if visit.is_part:
                    candidate, ad = _one(connection, visit)
                    fault = "; ".join(faults) or SAID[outcome]
                    names = card_names(connection, read_draft(connection, candidate.draft_id).clustering_id)
                    return visit.page("card.html.jinja", card=_card(connection, candidate, ad, names, fault))
        except HllmCreatorError as error:
            raise in_words(error) from None
        if faults:
            raise Told(422, "That could not be done", f"{'; '.join(faults)}.".capitalize())
        return _queue(visit, f"1-{outcome}", step)

    @app.post("/console/review/bulk", include_in_schema=False)
    def decide_many(visit: Visit = seer) -> Response:
        who, action = visit.writer(), _action(visit)
        picked = [pick.rpartition(":") for pick in dict.fromkeys(visit.many.get("pick", ()))]
        reason = visit.form.get("reason", "")
        decisions = [Decision(title_id, _number(version), action, reason) for title_id, _, version in picked]
        faults = sorted({fault for decision in decisions for fault in faults_of(decision)})
        if action is Action.EDIT or faults or not decisions:
            raise Told(422, "That could not be done", f"{'; '.join(faults) or 'no title is chosen'}.".capitalize())
        try:
            with visit.store.writing(alone=False) as connection:
                made = decide(connection, _draft_id(visit), decisions, who)
        except HllmCreatorError as error:
            raise in_words(error) from None
        tally = Counter(made.outcomes.values())
        return _queue(visit, " ".join(f"{n}-{outcome}" for outcome, n in tally.items()), made.step)

    @app.post("/console/review/undo", include_in_schema=False)
    def take_back(visit: Visit = seer) -> Response:
        who = visit.writer()
        try:
            with visit.store.writing(alone=False) as connection:
                count = undo(connection, _number(visit.form.get("step", "")), who)
            if visit.is_part and visit.form.get("title_id"):
                with visit.store.reading() as connection:
                    candidate, ad = _one(connection, visit)
                    names = card_names(connection, read_draft(connection, candidate.draft_id).clustering_id)
                    return visit.page("card.html.jinja", card=_card(connection, candidate, ad, names))
        except HllmCreatorError as error:
            raise in_words(error) from None
        if visit.form.get("from") == "history":
            return back("/console/history")
        return _queue(visit, f"{count}-undone", None)


def _cards(
    connection: Connection, draft: Draft | None, state: State | None, passing: bool | None, page: int
) -> tuple[dict[str, int], int, list[Card]]:
    """How many titles of a draft are in each state; how many fit the filters; and a page of cards."""
    if draft is None:
        return {}, 0, []
    mine = CANDIDATES.c.draft_id == draft.draft_id
    grouped = select(CANDIDATES.c.state, func.count()).where(mine).group_by(CANDIDATES.c.state)
    states = {row[0]: row[1] for row in connection.execute(grouped)}
    where: list[ColumnElement[bool]] = [mine]
    where += [] if state is None else [CANDIDATES.c.state == str(state)]
    where += [] if passing is None else [CANDIDATES.c.publishable == int(passing)]
    count = connection.execute(select(func.count()).select_from(CANDIDATES).where(*where)).scalar_one()
    page = min(page, max(1, -(-count // CARDS_A_PAGE)))
    query = (
        select(CANDIDATES).where(*where).order_by(CANDIDATES.c.ad_id, CANDIDATES.c.cluster_id, CANDIDATES.c.title_id)
    )
    rows = connection.execute(query.limit(CARDS_A_PAGE).offset((page - 1) * CARDS_A_PAGE))
    candidates = [as_candidate(row) for row in rows]
    ads = read_ads(connection, draft.data_digest, sorted({c.ad_id for c in candidates}))
    names = card_names(connection, draft.clustering_id)
    return states, count, [_card(connection, c, ads[c.ad_id], names) for c in candidates]


def _card(connection: Connection, c: Candidate, ad: Ad, names: dict[int, str], fault: str = "") -> Card:
    entries = of_title(connection, c.title_id) if c.version else []
    last = next((e for e in entries if e.draft_id == c.draft_id), None)
    if last is not None and (last.action == "undo" or c.state is State.OPEN):
        last = None
    pieces = mark_title(c.title, c.findings, ad)
    sources = mark_sources([c.title], [c.findings], ad)
    return Card(c, ad, names.get(c.cluster_id, ""), pieces, sources, previews(c.title), last, fault)


def _one(connection: Connection, visit: Visit) -> tuple[Candidate, Ad]:
    """The title that a form names, and its ad.

    Raises:
        Told: there is none.
    """
    draft_id, title_id = _draft_id(visit), visit.form.get("title_id", "")
    here = (CANDIDATES.c.draft_id == draft_id, CANDIDATES.c.title_id == title_id)
    row = connection.execute(select(CANDIDATES).where(*here)).first()
    if row is None:
        raise Told(404, "There is no such title", SAID[Outcome.ABSENT])
    candidate = as_candidate(row)
    data = read_draft(connection, draft_id).data_digest
    return candidate, read_ads(connection, data, [candidate.ad_id])[candidate.ad_id]


def _decision(visit: Visit) -> Decision:
    """The decision that a form sends. Approving with other words than before is an edit."""
    action, title = _action(visit), visit.form.get("title", "")
    if action is Action.APPROVE and "title" in visit.form and title != visit.form.get("before"):
        action = Action.EDIT
    version = _number(visit.form.get("version", ""))
    return Decision(visit.form.get("title_id", ""), version, action, visit.form.get("reason", ""), title)


def _action(visit: Visit) -> Action:
    given = visit.form.get("action", "")
    if given not in [str(action) for action in Action]:
        raise Told(422, "That could not be done", "The form names no decision.")
    return Action(given)


def _draft_id(visit: Visit) -> int:
    return _number(visit.form.get("draft", ""))


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Told(422, "That could not be done", "The form lacks a number.")
    return int(text)


def _queue(visit: Visit, said: str, step: int | None) -> Response:
    """Back to the queue as the reviewer had it."""
    state, check = visit.form.get("state", ""), visit.form.get("check", "")
    place = f"/console/review?draft={_draft_id(visit)}" if visit.form.get("draft") else "/console/review?"
    place += f"&state={state}" if state in ("all", *map(str, State)) else ""
    place += f"&check={check}" if check in ("passing", "failing") else ""
    return back(f"{place}&said={said.replace(' ', '+')}" + (f"&step={step}" if step else ""))


def _told(said: str) -> list[str]:
    """What became of the last decisions, from the words that `_queue` puts into the address."""
    lines: list[str] = []
    for part in said.split():
        number, _, outcome = part.partition("-")
        if not (number.isascii() and number.isdigit() and len(number) < 7):
            continue
        titles = f"{int(number):,} title{'' if int(number) == 1 else 's'}"
        if outcome == Outcome.DONE:
            lines.append(f"Decided on {titles}.")
        elif outcome == "undone":
            lines.append(f"Taken back for {titles}.")
        elif outcome in [str(o) for o in Outcome]:
            lines.append(f"Not done for {titles}: {SAID[Outcome(outcome)]}")
    return lines

"""Settings: whether review is required, brand guides with their banned words, and the API keys."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import FastAPI, Query
from sqlalchemy import Connection, select
from starlette.responses import Response

from creator.core.errors import HllmCreatorError
from creator.facts.guide import EVERYBODY, TOKEN, BrandGuide, Capitalisation
from serving.console.pages import Desk, Told, Visit, back, in_words, visiting
from serving.console.sessions import MAX_NAME_CHARACTERS
from serving.keys import Scope, create_key, revoke_key
from serving.review.history import note
from serving.review.rules import drop_guide, keep_guide, read_rules, require_review
from serving.schema import API_KEYS

MAX_WORDS = 200
MAX_WORD_CHARACTERS = 100
PLACE = "/console/settings"


def install(app: FastAPI, desk: Desk) -> None:
    """Add the pages to the app."""
    seer = visiting(desk)

    @app.get(PLACE, include_in_schema=False)
    def show(
        advertiser: Annotated[str | None, Query(max_length=MAX_WORD_CHARACTERS)] = None,
        said: Annotated[str, Query(max_length=20)] = "",
        visit: Visit = seer,
    ) -> Response:
        return _page(visit, advertiser=advertiser, said="Kept." if said == "kept" else "")

    @app.get(f"{PLACE}/guides.json", include_in_schema=False)
    def download(visit: Visit = seer) -> Response:
        """The guides as a file, for whoever writes or checks titles elsewhere (`creator.facts.guide.read_guides`)."""
        try:
            with visit.store.reading() as connection:
                guides = read_rules(connection).guides
        except HllmCreatorError as error:
            raise in_words(error) from None
        text = json.dumps([asdict(guides[name]) for name in sorted(guides)], ensure_ascii=False, indent=1)
        headers = {"Content-Disposition": 'attachment; filename="guides.json"'}
        return Response(text.encode(), media_type="application/json", headers=headers)

    @app.post(f"{PLACE}/review", include_in_schema=False)
    def require(visit: Visit = seer) -> Response:
        who = visit.writer()
        with _writing(visit) as connection:
            require_review(connection, visit.form.get("required") == "yes", who)
        return back(f"{PLACE}?said=kept")

    @app.post(f"{PLACE}/guide", include_in_schema=False)
    def keep(visit: Visit = seer) -> Response:
        who, guide = visit.writer(), _guide(visit)
        with _writing(visit) as connection:
            if visit.form.get("action") == "delete":
                drop_guide(connection, guide.advertiser, who)
            else:
                keep_guide(connection, guide, who)
        return back(f"{PLACE}?said=kept")

    @app.post(f"{PLACE}/keys/create", include_in_schema=False)
    def make(visit: Visit = seer) -> Response:
        """Make a key and show it, this once; the answer is no redirection, so that the key is in no address."""
        who, name, scope = visit.writer(), " ".join(visit.form.get("name", "").split()), visit.form.get("scope", "")
        if not 1 <= len(name) <= MAX_NAME_CHARACTERS or not name.isprintable() or scope not in tuple(Scope):
            raise Told(422, "No key was made", f"Say whose it is, in at most {MAX_NAME_CHARACTERS} characters.")
        try:
            grant, key = create_key(visit.store, name, [Scope(scope)])
        except HllmCreatorError as error:
            raise in_words(error) from None
        with _writing(visit) as connection:
            note(connection, who, "settings", after={"key made": grant.key_id, "for": name, "scope": scope})
        desk.live.look()
        return _page(visit, made=key, made_for=name)

    @app.post(f"{PLACE}/keys/revoke", include_in_schema=False)
    def revoke(visit: Visit = seer) -> Response:
        who, key_id = visit.writer(), visit.form.get("key_id", "")
        try:
            revoke_key(visit.store, key_id)
        except HllmCreatorError as error:
            raise in_words(error) from None
        with _writing(visit) as connection:
            note(connection, who, "settings", after={"key revoked": key_id})
        desk.live.look()
        return back(f"{PLACE}?said=kept")


def _page(
    visit: Visit, *, advertiser: str | None = None, said: str = "", made: str = "", made_for: str = ""
) -> Response:
    """The page.

    Args:
        visit: whose.
        advertiser: whose guide is in the form; None for a new one.
        said: what was just done.
        made, made_for: a key that was just made, and whose it is.
    """
    try:
        with visit.store.reading() as connection:
            rules = read_rules(connection)
            keys: list[Any] = list(connection.execute(select(API_KEYS).order_by(API_KEYS.c.created_at)))
    except HllmCreatorError as error:
        raise in_words(error) from None
    edited = rules.guides.get(advertiser or EVERYBODY) if advertiser is not None else None
    return visit.page(
        "settings.html.jinja",
        rules=rules,
        guides=[rules.guides[name] for name in sorted(rules.guides)],
        edited=edited or BrandGuide(advertiser or EVERYBODY),
        cases=[str(case) for case in Capitalisation],
        keys=keys,
        said=said,
        made=made,
        made_for=made_for,
    )


@contextmanager
def _writing(visit: Visit) -> Generator[Connection]:
    """A writing transaction whose failure is a page."""
    try:
        with visit.store.writing(alone=True) as connection:
            yield connection
    except HllmCreatorError as error:
        raise in_words(error) from None


def _guide(visit: Visit) -> BrandGuide:
    """The guide that a form sends.

    Raises:
        Told: fields are too long, or a token has no braces; every fault is named.
    """
    faults: list[str] = []

    def lines(name: str) -> tuple[str, ...]:
        found = dict.fromkeys(" ".join(line.split()) for line in visit.form.get(name, "").split("\n"))
        words = tuple(word for word in found if word)
        if len(words) > MAX_WORDS or any(len(word) > MAX_WORD_CHARACTERS for word in words):
            faults.append(f"{name}: at most {MAX_WORDS} lines of at most {MAX_WORD_CHARACTERS} characters")
        return words

    advertiser = " ".join(visit.form.get("advertiser", "").split())
    tone = " ".join(visit.form.get("tone", "").split())
    tokens = lines("tokens")
    if any(not TOKEN.fullmatch(token) for token in tokens):
        faults.append("tokens: each in braces, such as {KeyWord:Ropes}")
    if len(advertiser) > MAX_WORD_CHARACTERS or len(tone) > 500:
        faults.append("advertiser: at most 100 characters; tone: at most 500")
    case = visit.form.get("capitalisation", "any")
    if case not in [str(known) for known in Capitalisation]:
        faults.append("capitalisation: one of those offered")
    required, banned = lines("required"), lines("banned")
    both = {word.casefold() for word in required} & {word.casefold() for word in banned}
    if both:
        faults.append("a phrase is both required and banned")
    if faults:
        raise Told(422, "The guide was not kept", f"{'; '.join(faults)}.")
    return BrandGuide(advertiser, tone, required, banned, Capitalisation(case), tokens)

"""Signing in and out."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Query, Request
from starlette.responses import Response

from serving.console.pages import SIGN_IN, Desk, Visit, back, visiting
from serving.console.sessions import COOKIE, LASTS_S, MAX_NAME_CHARACTERS
from serving.keys import Scope
from serving.problems import Refused


def install(app: FastAPI, desk: Desk) -> None:
    """Add the pages to the app."""
    anybody = visiting(desk, open_page=True)

    @app.get(SIGN_IN, include_in_schema=False)
    def show(next: Annotated[str, Query(max_length=2_000)] = "", visit: Visit = anybody) -> Response:
        return visit.page("sign-in.html.jinja", goal=_inside(next), name="", fault="")

    @app.post(SIGN_IN, include_in_schema=False)
    def sign_in(request: Request, visit: Visit = anybody) -> Response:
        key, goal = visit.form.get("key", ""), _inside(visit.form.get("next", ""))
        name = " ".join(visit.form.get("name", "").split())
        fault, status = "", 422
        if request.headers.get("Sec-Fetch-Site") not in (None, "same-origin", "none"):
            fault, status = "Send the form from this page.", 403
        elif not 1 <= len(name) <= MAX_NAME_CHARACTERS or not name.isprintable():
            fault = f"Give your name, of at most {MAX_NAME_CHARACTERS} characters: the history says who did what."
        else:
            try:
                desk.access.check(key.strip() or None, request.client.host if request.client else "", Scope.READ)
            except Refused as refused:
                fault, status = refused.detail, refused.status
        if fault:
            return visit.page("sign-in.html.jinja", status=status, goal=goal, name=name, fault=fault)
        answer = back(goal)
        answer.set_cookie(
            COOKIE,
            desk.sessions.start(key.strip(), name),
            max_age=LASTS_S,
            path="/console",
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )
        return answer

    @app.post("/console/sign-out", include_in_schema=False)
    def sign_out(visit: Visit = anybody) -> Response:
        answer = back("/console")
        answer.delete_cookie(COOKIE, path="/console")
        return answer


def _inside(place: str) -> str:
    """A place in the console; what leads elsewhere becomes the overview."""
    inside = place == "/console" or place.startswith(("/console/", "/console?"))
    return place if inside and "\\" not in place and place.isprintable() else "/console"

"""Pages as responses: templates, assets, the content security policy, and who may see and do what."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from fastapi import Depends, FastAPI, Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse, Response

from creator.core.errors import HllmCreatorError
from serving.access import Access
from serving.console.sessions import COOKIE, Session, Sessions
from serving.console.words import FILTERS
from serving.live import Live
from serving.store import Store

FOLDER = Path(__file__).parent
ASSETS = {
    "console.css": "text/css; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "htmx-2.0.11.min.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
SIGN_IN = "/console/sign-in"
PAGES = (
    ("overview", "/console", "Overview"),
    ("clusters", "/console/clusters", "Clusters"),
    ("review", "/console/review", "Review"),
    ("audits", "/console/audits", "Audits"),
    ("releases", "/console/releases", "Releases"),
    ("experiments", "/console/experiments", "Experiments"),
    ("history", "/console/history", "History"),
    ("settings", "/console/settings", "Settings"),
)


class Told(Exception):  # noqa: N818 - it is a page, not a failure
    """A request that is answered with a page that says one thing.

    Args:
        status: the HTTP status.
        title: the page's heading.
        detail: one sentence or two.
    """

    def __init__(self, status: int, title: str, detail: str) -> None:
        self.status, self.title, self.detail = status, title, detail
        super().__init__(title)


class SignInNeeded(Exception):  # noqa: N818 - it is a redirection, not a failure
    """A request that only somebody who is signed in may make."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What every page works with.

    Args:
        live: what is being served.
        access: checks the key of somebody who signs in.
        sessions: who is signed in.
        open_overview: whether the overview needs no key, as look-ups need none.
    """

    live: Live
    access: Access
    sessions: Sessions
    open_overview: bool

    @property
    def store(self) -> Store:
        """Where everything is."""
        return self.live.store


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of one person.

    Args:
        request: as it came.
        desk: what pages work with.
        session: who it is; None without a sign-in.
        form: the fields of a form that was sent, each name's last value.
        many: every value of fields that may stand more than once.
    """

    request: Request
    desk: Desk
    session: Session | None
    form: Mapping[str, str]
    many: Mapping[str, tuple[str, ...]]

    @property
    def store(self) -> Store:
        """Where everything is."""
        return self.desk.store

    @property
    def is_part(self) -> bool:
        """Whether the page's script asks, for a part of the page only."""
        return self.request.headers.get("HX-Request") == "true"

    def writer(self) -> str:
        """Who does it, for the history.

        Raises:
            Told: they may not, or the form is not one that we made for them.
        """
        if self.session is None:
            raise SignInNeeded
        sent = self.form.get("csrf", "")
        if not hmac.compare_digest(sent.encode(), self.session.csrf.encode()) or not self._same_origin():
            raise Told(403, "This form is out of date", "Open the page again and send the form from there.")
        if not self.session.may_write:
            raise Told(403, "Your key is for looking only", "Reviewing and publishing take a key with the scope admin.")
        return self.session.who

    def _same_origin(self) -> bool:
        origin = self.request.headers.get("Origin")
        return origin in (None, "null") or urlsplit(origin).netloc == self.request.headers.get("Host")

    def page(self, template: str, *, status: int = 200, **values: object) -> Response:
        """A page, or a part of one, from its template."""
        shared = furniture(template, self.desk.live.store_up, self.session, keyed=self.desk.sessions.keyed)
        text = templates().get_template(template).render({**shared, **values})
        return HTMLResponse(text, status, headers={"Content-Security-Policy": POLICY, "Vary": "Cookie, HX-Request"})


def furniture(template: str, store_up: bool, session: Session | None, *, keyed: bool) -> dict[str, object]:
    """What every page shows around its own matter.

    Args:
        template: which page it is.
        store_up: whether the store answered last time.
        session: who looks; None without a sign-in.
        keyed: whether there is any key to sign in with.
    """
    return {
        "session": session,
        "keyed": keyed,
        "pages": PAGES,
        "here": template.partition(".")[0],
        "store_up": store_up,
    }


def visiting(desk: Desk, *, open_page: bool = False) -> Any:
    """The default of a route's `visit`: makes a `Visit` of a request.

    Args:
        desk: what pages work with.
        open_page: whether the page may be seen without signing in. Where there is no key to sign in with, every page
            may be seen, and none can be written to.
    """

    async def visit(request: Request) -> Visit:
        session = desk.sessions.read(request.cookies.get(COOKIE))
        if session is None and not open_page and desk.sessions.keyed:
            raise SignInNeeded
        pairs: list[tuple[str, str]] = []
        if request.method == "POST":
            body = (await request.body()).decode("utf-8", "replace")
            try:
                pairs = parse_qsl(body, keep_blank_values=True, max_num_fields=2_000)
            except ValueError:
                raise Told(422, "This form cannot be read", "It has too many fields.") from None
        many: dict[str, tuple[str, ...]] = {}
        for name, value in pairs:
            many[name] = (*many.get(name, ()), value.replace("\r\n", "\n").replace("\0", ""))
        return Visit(request, desk, session, {name: values[-1] for name, values in many.items()}, many)

    return Depends(visit)


def back(place: str) -> Response:
    """Send the browser to a page with a GET."""
    return RedirectResponse(place, 303)


def install(app: FastAPI, desk: Desk) -> None:
    """Add the assets, and what answers a person when a page cannot."""

    def nobody(request: Request) -> Visit:
        return Visit(request, desk, desk.sessions.read(request.cookies.get(COOKIE)), {}, {})

    async def sign_in(request: Request, error: Exception) -> Response:
        place = request.url.path if request.method == "GET" else "/console"
        query = f"?{request.url.query}" if request.url.query and request.method == "GET" else ""
        goal = f"{SIGN_IN}?next={quote(place + query, safe='')}"
        if request.headers.get("HX-Request") == "true":
            return Response(status_code=401, headers={"HX-Redirect": goal})
        return back(goal)

    async def told(request: Request, error: Exception) -> Response:
        assert isinstance(error, Told)
        return nobody(request).page("told.html.jinja", status=error.status, title=error.title, detail=error.detail)

    app.add_exception_handler(SignInNeeded, sign_in)
    app.add_exception_handler(Told, told)

    @app.get("/console/assets/{name}", include_in_schema=False)
    def asset(name: str) -> Response:
        """One of the files that pages load."""
        if name not in ASSETS:
            raise Told(404, "There is no such file", "The console's pages ask for others.")
        headers = {"Cache-Control": "public, max-age=31536000, immutable"}
        return Response(_asset(name), media_type=ASSETS[name], headers=headers)


def in_words(error: HllmCreatorError) -> Told:
    """A failure of the store as a page."""
    return Told(409, "That did not work", f"{error}. Nothing was changed.")


@cache
def _asset(name: str) -> bytes:
    return (FOLDER / "assets" / name).read_bytes()


def asset_url(name: str) -> str:
    """Where an asset is; the address changes with its content."""
    return f"/console/assets/{name}?v={hashlib.sha256(_asset(name)).hexdigest()[:12]}"


@cache
def templates() -> Environment:
    """The templates, with their filters."""
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update({**FILTERS, "asset": asset_url})
    return environment

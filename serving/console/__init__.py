"""The console for people at /console: what is live, review, audits, releases, experiments, history
and settings.

sessions.py  who is signed in          pages.py    templates, visits, refusals
marks.py     evidence and previews     *.py        one file a page, each with its routes
"""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import FastAPI

from serving.access import Access
from serving.console import catalogue, entrance, log, overview, pages, queue, releases, rules, trials
from serving.console.sessions import Sessions
from serving.keys import Grant
from serving.live import Live


def install(
    app: FastAPI, live: Live, access: Access, environment: Mapping[str, Grant], *, open_overview: bool = True
) -> None:
    """Add the console to the app.

    Args:
        app: the service.
        live: what is being served.
        access: checks the key of somebody who signs in.
        environment: the keys that came with the process, by digest.
        open_overview: whether the overview, which tells no more than look-ups do, needs no key.
    """
    desk = pages.Desk(live, access, Sessions(live, environment), open_overview)
    pages.install(app, desk)
    for part in (entrance, overview, catalogue, queue, releases, trials, log, rules):
        part.install(app, desk)

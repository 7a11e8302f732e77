"""The history of who did what."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Query
from starlette.responses import Response

from creator.core.errors import HllmCreatorError
from serving.console.pages import Desk, Visit, in_words, visiting
from serving.review.history import last_steps, of_title

STEPS_A_PAGE = 50


def install(app: FastAPI, desk: Desk) -> None:
    """Add the page to the app."""
    seer = visiting(desk)

    @app.get("/console/history", include_in_schema=False)
    def show(
        title: Annotated[str, Query(max_length=1_024)] = "",
        before: Annotated[int | None, Query(ge=1, le=1 << 31)] = None,
        visit: Visit = seer,
    ) -> Response:
        try:
            with visit.store.reading() as connection:
                steps = [] if title else last_steps(connection, STEPS_A_PAGE, before=before)
                entries = of_title(connection, title) if title else []
        except HllmCreatorError as error:
            raise in_words(error) from None
        older = steps[-1].first.step if len(steps) == STEPS_A_PAGE else None
        return visit.page("history.html.jinja", steps=steps, entries=entries, title=title, older=older)

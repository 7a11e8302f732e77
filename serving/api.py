"""The HTTP API: look-ups, events, health, metrics and the console page."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query
from fastapi.openapi.utils import get_openapi
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from serving import console, problems
from serving.edge import Edge
from serving.live import Live
from serving.metrics import Metrics
from serving.problems import FieldFault, Problem, Refused, documented
from serving.settings import KEYS_VARIABLE, MAX_BATCH, MAX_ID_CHARACTERS, Settings
from serving.wire import Batch, Health, Kept, Pairs, SentEvents, TitleAnswer, answer_body

UserQuery = Annotated[str, Query(min_length=1, max_length=MAX_ID_CHARACTERS, examples=["u017"])]
AdQuery = Annotated[str, Query(min_length=1, max_length=MAX_ID_CHARACTERS, examples=["a03"])]
_HEADER_KEY = APIKeyHeader(name="X-API-Key", auto_error=False)
_BEARER_KEY = HTTPBearer(auto_error=False)


def create_app(live: Live, settings: Settings) -> FastAPI:
    """The service over a live release.

    Args:
        live: where the tables are; started and stopped with the app.
        settings: limits and keys.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        await run_in_threadpool(live.start)
        yield
        await run_in_threadpool(live.stop)

    app = FastAPI(
        title="HLLM-Creator",
        version=version("hllm-creator"),
        summary="Which title a user sees of an ad.",
        docs_url=None,  # that page loads its script from elsewhere
        redoc_url=None,
        lifespan=lifespan,
    )
    metrics = Metrics(live)
    problems.install(app)
    app.add_middleware(
        Edge, metrics=metrics, max_body_bytes=settings.max_body_bytes, log_requests=settings.log_requests
    )
    _add_lookups(app, live, metrics)
    _add_events(app, live, metrics, settings)
    _add_state(app, live, metrics)
    console.install(app, live)
    app.openapi = lambda: _openapi(app)
    return app


def _json(body: Mapping[str, object]) -> Response:
    return Response(json.dumps(body, ensure_ascii=False).encode(), media_type="application/json")


def _add_lookups(app: FastAPI, live: Live, metrics: Metrics) -> None:
    @app.get("/v1/title", response_model=TitleAnswer, responses=documented(404, 422), tags=["look-ups"])
    async def get_title(user_id: UserQuery, ad_id: AdQuery) -> Response:
        """The title this user sees of this ad: the cluster's, or the original and why."""
        answer = live.tables.answer(user_id, ad_id, store_up=live.store_up)
        if answer is None:
            metrics.lookups.labels("unknown_ad").inc()
            raise Refused(404, "unknown-ad", "The live release has no ad of this id.")
        metrics.lookups.labels(answer.reason or "cluster").inc()
        return _json(answer_body(answer))

    @app.post("/v1/titles", response_model=Batch, responses=documented(400, 413, 422), tags=["look-ups"])
    async def post_titles(body: Pairs) -> Response:
        """The titles of up to 1,000 pairs, all from one release, in the order of the pairs."""
        tables, store_up = live.tables, live.store_up
        bodies = [answer_body(tables.answer(p.user_id, p.ad_id, store_up=store_up)) for p in body.pairs]
        for reason, count in Counter(entry["reason"] for entry in bodies).items():
            metrics.lookups.labels(reason or "cluster").inc(count)
        return _json({"titles": bodies})


def _add_events(app: FastAPI, live: Live, metrics: Metrics, settings: Settings) -> None:
    async def writer(
        header: Annotated[str | None, Depends(_HEADER_KEY)],
        bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER_KEY)],
    ) -> None:
        if not settings.key_digests:
            raise Refused(
                401, "no-key-configured", f"Writing is closed: the service was started without {KEYS_VARIABLE}."
            )
        given = header if header is not None else bearer.credentials if bearer is not None else None
        if given is None or not settings.knows(given):
            detail = "Writing needs an API key, as X-API-Key or as a bearer token."
            raise Refused(401, "key-needed", detail, {"WWW-Authenticate": "Bearer"})

    @app.post(
        "/v1/events",
        response_model=Kept,
        responses=documented(400, 401, 413, 422, 503),
        dependencies=[Depends(writer)],
        tags=["events"],
    )
    async def post_events(body: SentEvents) -> Response:
        """Keep up to 1,000 exposures and clicks, each event_id once. After a 503 send the same request again."""
        events = {event.event_id: event.as_record() for event in reversed(body.events)}
        fresh = await run_in_threadpool(live.store.add_events, list(events.values()))
        metrics.events.labels("new").inc(fresh)
        metrics.events.labels("duplicate").inc(len(body.events) - fresh)
        return _json({"accepted": fresh, "duplicates": len(body.events) - fresh})


def _add_state(app: FastAPI, live: Live, metrics: Metrics) -> None:
    @app.get("/healthz", response_model=Health, tags=["state"])
    async def healthz() -> Response:
        """The process is alive."""
        return _json({"status": "ok"})

    @app.get("/readyz", response_model=Health, responses=documented(503), tags=["state"])
    async def readyz() -> Response:
        """Look-ups have ads to answer for. "degraded": the store is down and everybody sees the originals."""
        tables = live.tables
        if not tables.ads:
            raise Refused(503, "not-ready", "No release has been published, and no ads were given with --data.")
        release = None if tables.release is None else tables.release.release
        status, store = ("ready", "up") if live.store_up else ("degraded", "down")
        return _json({"status": status, "release": release, "store": store})

    @app.get("/metrics", tags=["state"], response_class=Response)
    async def read_metrics() -> Response:
        """Prometheus metrics."""
        return Response(metrics.text(), media_type=metrics.content_type)


def _openapi(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, with our problem document in the place of the framework's error bodies."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
        schemas = document["components"]["schemas"]
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        for model in (Problem, FieldFault):
            schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
            schema.pop("$defs", None)
            schemas[model.__name__] = schema
        document["info"]["description"] = (
            f"Batches hold at most {MAX_BATCH:,} entries. Errors are RFC 9457 problem documents."
        )
        app.openapi_schema = document
    return app.openapi_schema

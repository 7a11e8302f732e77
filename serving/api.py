"""The HTTP API: look-ups, events, health, metrics and the console page."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Annotated

from fastapi import Depends, FastAPI, Query, params
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from serving import console, problems
from serving.access import Access
from serving.edge import Edge
from serving.experiments.tend import Watch
from serving.fast_lane import FastLane
from serving.intake import Intake
from serving.keys import Scope
from serving.live import Live
from serving.metrics import Metrics
from serving.openapi import openapi
from serving.problems import NOT_READY, Refused, documented
from serving.settings import MAX_ID_CHARACTERS, Settings, usual_queue
from serving.spool import SpoolFull
from serving.wire import Batch, Health, Kept, Pairs, SentEvents, TitleAnswer, answer_text, encode

UserQuery = Annotated[str, Query(min_length=1, max_length=MAX_ID_CHARACTERS, examples=["u017"])]
AdQuery = Annotated[str, Query(min_length=1, max_length=MAX_ID_CHARACTERS, examples=["a03"])]
STORED_WAIT_S = 2.0  # how long an answer waits to say how many events were new


def create_app(live: Live, settings: Settings) -> FastAPI:
    """The service over a live release.

    Args:
        live: where the tables are; started and stopped with the app.
        settings: limits and keys.
    """

    queue = settings.queue if settings.queue is not None else usual_queue(live.store)
    intake = Intake(live.store, queue, settings.max_queue_bytes)
    watch = Watch(live.store, settings.tend_s)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        await run_in_threadpool(live.start)
        intake.start()
        watch.start()
        yield
        await run_in_threadpool(watch.stop)
        await run_in_threadpool(intake.stop)
        await run_in_threadpool(live.stop)

    app = FastAPI(
        title="HLLM-Creator",
        version=version("hllm-creator"),
        summary="Which title a user sees of an ad.",
        docs_url=None,  # that page loads its script from elsewhere
        redoc_url=None,
        lifespan=lifespan,
        generate_unique_id_function=lambda route: route.name,
    )
    access = Access(settings.keys, live, settings.rate_limit)
    metrics = Metrics(live, intake)
    problems.install(app)
    if settings.open_lookups:
        app.add_middleware(FastLane, live=live, metrics=metrics)
    app.add_middleware(
        Edge,
        metrics=metrics,
        max_body_bytes=settings.max_body_bytes,
        log_requests=settings.log_requests,
        rate_limit=settings.rate_limit,
    )
    _add_lookups(app, live, metrics, [] if settings.open_lookups else [Depends(access.needs(Scope.READ))])
    _add_events(app, intake, metrics, access)
    _add_state(app, live, metrics)
    console.install(app, live, access, settings.keys, open_overview=settings.open_lookups)
    app.openapi = lambda: openapi(app)
    return app


def _json(body: Mapping[str, object], status: int = 200) -> Response:
    return Response(encode(body), status, media_type="application/json")


def _add_lookups(app: FastAPI, live: Live, metrics: Metrics, keyed: Sequence[params.Depends]) -> None:
    refusals = (401, 403, 429) if keyed else (429,)

    @app.get(
        "/v1/title",
        response_model=TitleAnswer,
        responses=documented(404, 422, *refusals),
        dependencies=keyed,
        tags=["look-ups"],
    )
    async def get_title(user_id: UserQuery, ad_id: AdQuery) -> Response:
        """The title this user sees of this ad: the cluster's, or the original and why."""
        answer = live.tables.answer(user_id, ad_id, store_up=live.store_up)
        if answer is None:
            metrics.lookup("unknown_ad").inc()
            raise Refused(404, "unknown-ad", "The live release has no ad of this id.")
        metrics.lookup(answer.reason or "cluster").inc()
        return Response(answer_text(answer).encode(), media_type="application/json")

    @app.post(
        "/v1/titles",
        response_model=Batch,
        responses=documented(400, 413, 422, *refusals),
        dependencies=keyed,
        tags=["look-ups"],
    )
    async def post_titles(body: Pairs) -> Response:
        """The titles of up to 1,000 pairs, all from one release, in the order of the pairs."""
        tables, store_up = live.tables, live.store_up
        answers = tables.answers([(pair.user_id, pair.ad_id) for pair in body.pairs], store_up=store_up)
        for reason, count in Counter("unknown_ad" if a is None else a.reason or "cluster" for a in answers).items():
            metrics.lookup(reason).inc(count)
        whole = f'{{"titles": [{", ".join(map(answer_text, answers))}]}}'
        return Response(whole.encode(), media_type="application/json")


def _add_events(app: FastAPI, intake: Intake, metrics: Metrics, access: Access) -> None:
    @app.post(
        "/v1/events",
        response_model=Kept,
        responses={202: {"model": Kept, "description": "Kept on disk; the store is away."}}
        | documented(400, 401, 403, 413, 422, 429, 503),
        dependencies=[Depends(access.needs(Scope.WRITE))],
        tags=["events"],
    )
    async def post_events(body: SentEvents) -> Response:
        """Keep up to 1,000 exposures and clicks, each event_id once, in any order and however late.

        After a 503, or no answer at all, send the same request again.
        """
        events = body.as_records()
        try:
            sent = intake.submit(events)
            await asyncio.wrap_future(sent.queued)
        except SpoolFull:
            detail = "The queue of events is full; nothing was kept. Send the same request again."
            raise Refused(503, "queue-full", detail, {"Retry-After": "1"}) from None
        except OSError:
            detail = "The disk does not take the events; nothing was kept. Send the same request again."
            raise Refused(503, "queue-unavailable", detail, {"Retry-After": "1"}) from None
        stored = asyncio.wrap_future(sent.stored)
        if intake.flowing:
            await asyncio.wait((stored,), timeout=STORED_WAIT_S)
        fresh = stored.result() if stored.done() else None
        kept = len(events) if fresh is None else fresh
        for event in events:
            metrics.event_delay.observe(event.received_at - event.timestamp)
        known = {"accepted": kept, "duplicates": len(body.events) - kept, "queued": kept if fresh is None else 0}
        return _json(known, 202 if fresh is None else 200)


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
            raise Refused(503, *NOT_READY)
        release = None if tables.release is None else tables.release.release
        status, store = ("ready", "up") if live.store_up else ("degraded", "down")
        return _json({"status": status, "release": release, "store": store})

    @app.get("/metrics", tags=["state"], response_class=Response)
    async def read_metrics() -> Response:
        """Prometheus metrics."""
        return Response(metrics.text(), media_type=metrics.content_type)

"""What surrounds every request: the body limit, security headers, metrics and the request log."""

from __future__ import annotations

import json
import logging
import sys
import time
from datetime import UTC, datetime

from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.metrics import Metrics
from serving.problems import too_many
from serving.rates import Rates

LOG = logging.getLogger("serving.requests")
NEVER_LIMITED = ("/healthz", "/readyz", "/metrics")
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)


class Edge:
    """The outermost layer of the app. The log has routes, statuses and times; no ids, no query, no address.

    Args:
        app: what it surrounds.
        metrics: where requests are counted.
        max_body_bytes: the largest body; a longer one is answered 413.
        log_requests: whether a line is written for each request.
        rate_limit: requests a second from one address; more are answered 429. 0 for no limit.
    """

    def __init__(
        self, app: ASGIApp, metrics: Metrics, max_body_bytes: int, log_requests: bool, rate_limit: float
    ) -> None:
        self._app, self._metrics, self._limit, self._log = app, metrics, max_body_bytes, log_requests
        self._rates = Rates(rate_limit, max(1.0, rate_limit))
        self._lines = RequestLines()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (or pass on the start and end of the app)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                given: list[tuple[bytes, bytes]] = message["headers"]
                names = {name for name, _ in given}
                message["headers"] = [*given, *(header for header in HEADERS if header[0] not in names)]
            await send(message)

        try:
            client = scope.get("client")
            if scope["path"] not in NEVER_LIMITED and (wait_s := self._rates.take(client[0] if client else "")):
                await too_many("requests from this address", wait_s).answer()(scope, receive, sending)
            else:
                await self._app(scope, self._limited(scope, receive), sending)
        finally:
            self._note(scope, status, time.perf_counter() - started)

    def _limited(self, scope: Scope, receive: Receive) -> Receive:
        if scope["method"] in ("GET", "HEAD"):
            return receive
        taken, limit = 0, self._limit
        too_large = HTTPException(413, f"The body is larger than {limit:,} bytes")
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")

        async def receiving() -> Message:
            nonlocal taken
            if declared.isdigit() and int(declared[:20]) > limit:
                raise too_large
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                raise too_large
            return message

        return receiving

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "none")
        self._metrics.count_request(route, status, seconds)
        if status >= 500:
            facts = {"method": scope["method"], "route": route, "status": status, "ms": round(seconds * 1e3, 2)}
            LOG.error("request", extra={"facts": facts})
        elif self._log:
            self._lines.write(scope["method"], route, status, seconds)


class RequestLines:
    """A line for each request as `JsonLines` writes it, made without a log record: that would take half the time of a
    look-up.
    """

    def __init__(self) -> None:
        self._second, self._stamp = 0, ""

    def write(self, method: str, route: str, status: int, seconds: float) -> None:
        """Write one to stderr, where the service's log goes; nowhere, while nobody has sent it there."""
        if not LOG.isEnabledFor(logging.INFO):
            return
        now = time.time()
        if int(now) != self._second:
            self._second, self._stamp = int(now), datetime.fromtimestamp(int(now), UTC).strftime("%Y-%m-%dT%H:%M:%S")
        sys.stderr.write(
            f'{{"time": "{self._stamp}.{int(now % 1 * 1e3):03d}+00:00", "level": "info", "logger": "{LOG.name}", '
            f'"message": "request", "method": {_ENCODE(method)}, "route": "{route}", "status": {status}, '
            f'"ms": {round(seconds * 1e3, 2)}}}\n'
        )


_ENCODE = json.JSONEncoder(ensure_ascii=False).encode


class JsonLines(logging.Formatter):
    """Log records as one JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record's time, level, logger, message and facts."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            # the kind and the place; a message may quote what a caller sent
            kind, _, trace = record.exc_info
            while trace is not None and trace.tb_next is not None:
                trace = trace.tb_next
            place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else ""
            line["exception"] = f"{kind.__name__ if kind else ''} at {place}"
        return _ENCODE(line)


def log_to_stderr() -> None:
    """Send the service's and the server's logs to stderr as JSON lines."""
    # what no line tells is not looked up for each
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    for name in ("serving", "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(logging.INFO if name == "serving" else logging.WARNING)

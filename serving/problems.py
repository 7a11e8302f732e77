"""Errors as RFC 9457 problem documents. They name fields and rules, never what a caller sent."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from creator.core.errors import HllmCreatorError

MEDIA_TYPE = "application/problem+json"
TOO_LARGE = "body-too-large"  # Python's phrase for 413 differs between versions
LOG = logging.getLogger("serving.problems")


EXAMPLES: dict[int, tuple[str, str]] = {
    400: ("bad-request", "There was an error parsing the body."),
    401: ("key-needed", "This needs an API key, as X-API-Key or as a bearer token."),
    403: ("key-out-of-scope", "The key is not for this; it takes one with the scope 'write'."),
    404: ("unknown-ad", "The live release has no ad of this id."),
    413: (TOO_LARGE, "The body is larger than 1,048,576 bytes."),
    422: ("invalid-request", "The request is not as documented; see errors."),
    429: ("too-many-requests", "Too many requests from this address."),
    503: ("queue-full", "The queue of events is full; nothing was kept. Send the same request again."),
}
NOT_READY = ("not-ready", "No release has been published, and no ads were given with --data.")


class FieldFault(BaseModel):
    """One thing wrong with a request."""

    field: str = Field(description="where, as a dotted path", examples=["query.ad_id"])
    detail: str = Field(examples=["Field required"])


class Problem(BaseModel):
    """An RFC 9457 problem document."""

    type: str = Field(examples=["urn:hllm-creator:problem:unknown-ad"])
    title: str = Field(examples=["unknown ad"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["The live release has no ad of this id."])
    errors: list[FieldFault] | None = Field(None, description="with 422: each fault")


class Refused(Exception):  # noqa: N818 - it is an answer, not a failure
    """A request that is answered with a problem document.

    Args:
        status: the HTTP status.
        name: the problem's short name, which its `type` ends with.
        detail: one sentence for the caller.
        headers: further response headers.
    """

    def __init__(self, status: int, name: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        self.status, self.name, self.detail, self.headers = status, name, detail, headers
        super().__init__(detail)

    def answer(self) -> Response:
        """The problem document."""
        return problem(self.status, self.name, self.detail, headers=self.headers)


def too_many(what: str, wait_s: float) -> Refused:
    """The refusal of a caller that passed a limit.

    Args:
        what: what there were too many of.
        wait_s: when the caller may ask again.
    """
    return Refused(429, "too-many-requests", f"Too many {what}.", {"Retry-After": str(math.ceil(wait_s))})


def problem(
    status: int,
    name: str,
    detail: str,
    *,
    errors: Sequence[Mapping[str, str]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem document as a response."""
    body: dict[str, object] = {
        "type": f"urn:hllm-creator:problem:{name}",
        "title": name.replace("-", " "),
        "status": status,
        "detail": detail,
    }
    if errors is not None:
        body["errors"] = list(errors)
    return Response(json.dumps(body), status, dict(headers or {}), MEDIA_TYPE)


def documented(*statuses: int) -> dict[int | str, dict[str, object]]:
    """The OpenAPI `responses` of these problem statuses."""
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: schema}} for status in statuses}


def example(status: int, path: str) -> dict[str, object]:
    """A problem document as `path` answers it with this status."""
    name, detail = NOT_READY if path == "/readyz" else EXAMPLES[status]
    found: dict[str, object] = {
        "type": f"urn:hllm-creator:problem:{name}",
        "title": name.replace("-", " "),
        "status": status,
        "detail": detail,
    }
    if status == 422:
        found["errors"] = [{"field": "query.ad_id", "detail": "Field required"}]
    return found


def install(app: FastAPI) -> None:
    """Answer every error of the app with a problem document."""

    async def refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)
        return error.answer()

    async def invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        faults = [{"field": ".".join(map(str, e["loc"])), "detail": str(e["msg"])} for e in error.errors()]
        return problem(422, "invalid-request", "The request is not as documented; see errors.", errors=faults)

    async def http(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        phrase = HTTPStatus(error.status_code).phrase
        name = TOO_LARGE if error.status_code == 413 else phrase.lower().replace(" ", "-")
        return problem(error.status_code, name, f"{error.detail or phrase}.", headers=error.headers)

    async def ours(_: Request, error: Exception) -> Response:
        assert isinstance(error, HllmCreatorError)
        LOG.warning("store refused", extra={"facts": {"error": str(error)}})
        detail = "The store cannot be reached now; nothing was kept. Send the same request again."
        return problem(503, "store-unavailable", detail, headers={"Retry-After": "1"})

    async def unforeseen(_: Request, error: Exception) -> Response:
        return problem(500, "internal-error", "The service failed; the fault is in its log.")

    app.add_exception_handler(Refused, refused)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(HllmCreatorError, ours)
    app.add_exception_handler(Exception, unforeseen)

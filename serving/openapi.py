"""The OpenAPI document: the framework's, with our problem documents, names and an example of everything."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import JsonValue

from serving.problems import EXAMPLES, MEDIA_TYPE, FieldFault, Problem, example
from serving.settings import MAX_BATCH
from serving.wire import ANSWER_EXAMPLE, EVENT_EXAMPLE, ORIGINAL_EXAMPLE

TAGS = {
    "look-ups": "Which title a user sees of an ad.",
    "events": "What was shown and what was clicked.",
    "state": "For whoever runs the service.",
}
REQUESTS: dict[str, JsonValue] = {
    "/v1/titles": {"pairs": [{"user_id": "u017", "ad_id": "a03"}, {"user_id": "u018", "ad_id": "a03"}]},
    "/v1/events": {"events": [EVENT_EXAMPLE]},
}
ANSWERS: dict[tuple[str, str], dict[str, JsonValue]] = {
    ("/v1/title", "200"): {"the cluster's": ANSWER_EXAMPLE, "the original": ORIGINAL_EXAMPLE},
    ("/v1/titles", "200"): {"two pairs": {"titles": [ANSWER_EXAMPLE, ORIGINAL_EXAMPLE]}},
    ("/v1/events", "200"): {"in the store": {"accepted": 1, "duplicates": 0, "queued": 0}},
    ("/v1/events", "202"): {"on disk": {"accepted": 1, "duplicates": 0, "queued": 1}},
    ("/healthz", "200"): {"alive": {"status": "ok"}},
    ("/readyz", "200"): {
        "ready": {"status": "ready", "release": 12, "store": "up"},
        "degraded": {"status": "degraded", "release": 12, "store": "down"},
    },
    ("/metrics", "200"): {"some": 'hllm_release 12.0\nhllm_lookups_total{answer="cluster"} 3041.0\n'},
}
PARAMETERS = {"user_id": "u017", "ad_id": "a03"}


def openapi(app: FastAPI) -> dict[str, Any]:
    """The document of an app, made once."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
        document["info"]["description"] = (
            f"Batches hold at most {MAX_BATCH:,} entries. Errors are RFC 9457 problem documents. "
            "Writing needs an API key."
        )
        document["info"]["license"] = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
        document["tags"] = [{"name": name, "description": text} for name, text in TAGS.items()]
        _add_problems(document["components"]["schemas"])
        for path, methods in document["paths"].items():
            for operation in methods.values():
                _complete(path, operation)
        app.openapi_schema = document
    return app.openapi_schema


def _add_problems(schemas: dict[str, Any]) -> None:
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for model in (Problem, FieldFault):
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schema.pop("$defs", None)
        schemas[model.__name__] = schema


def _complete(path: str, operation: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", ()):
        parameter["example"] = PARAMETERS[parameter["name"]]
    if path in REQUESTS:
        operation["requestBody"]["content"]["application/json"]["example"] = REQUESTS[path]
    for status, response in operation["responses"].items():
        if int(status) in EXAMPLES and status not in ("200", "202"):
            response["content"][MEDIA_TYPE]["example"] = example(int(status), path)
            continue
        kind = "text/plain" if path == "/metrics" else "application/json"
        content = response.setdefault("content", {}).setdefault(kind, {"schema": {"type": "string"}})
        content["examples"] = {name: {"value": value} for name, value in ANSWERS[path, status].items()}

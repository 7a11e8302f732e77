"""The OpenAPI document says everything, and what it says is so; whatever is sent, the service does not fail."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.serving.service import KEY, Process

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["pairs", "events", "user_id", "ad_id", "event_id", "kind", "timestamp"]), inner
        )
    ),
    max_leaves=12,
)
TEXT = st.text(min_size=1, max_size=12) | st.sampled_from(["a1", "u-climber", "'--", "<b>", "../x", "\ud7ff", "%00"])
EVENTS = st.fixed_dictionaries(
    {"event_id": TEXT, "kind": st.sampled_from(["exposure", "click", "view"]), "user_id": TEXT, "ad_id": TEXT},
    optional={
        "timestamp": st.floats() | st.datetimes().map(str) | TEXT,
        "release": st.integers(),
        "title_id": TEXT | st.none(),
    },
)


@pytest.fixture(scope="module")
def document(service: Process) -> dict[str, object]:
    return service.http.get("/openapi.json").json()


def operations(document: dict[str, object]) -> Iterator[tuple[str, str, dict[str, object]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_every_operation_parameter_body_and_answer_has_words_and_an_example(document: dict[str, object]):
    seen = 0
    for path, method, operation in operations(document):
        assert operation["summary"], path
        assert operation["description"], path
        assert operation["tags"][0] in {tag["name"] for tag in document["tags"]}
        assert all("example" in parameter for parameter in operation.get("parameters", []))
        assert method == "get" or operation["requestBody"]["content"]["application/json"]["example"]
        for status, response in operation["responses"].items():
            (content,) = response["content"].values()
            assert content.keys() & {"example", "examples"}, (path, status)
            seen += 1
    assert seen == 4 + 5 + 9 + 1 + 2 + 1
    names = [operation["operationId"] for *_, operation in operations(document)]
    assert names == ["get_title", "post_titles", "post_events", "healthz", "readyz", "read_metrics"]


def test_the_examples_are_like_what_is_answered(service: Process, document: dict[str, object]):
    for path, method, operation in operations(document):
        if path == "/metrics":
            continue
        query = {p["name"]: {"u017": "u-climber", "a03": "a1"}[p["example"]] for p in operation.get("parameters", [])}
        body = operation["requestBody"]["content"]["application/json"]["example"] if method == "post" else None
        answer = service.http.request(method, path, params=query, json=body, headers={"X-API-Key": KEY})
        told = operation["responses"][str(answer.status_code)]["content"]["application/json"]["examples"]
        assert [*answer.json()] in [[*example["value"]] for example in told.values()], path
    wrong = service.http.get("/v1/title").json()
    told = document["paths"]["/v1/title"]["get"]["responses"]["422"]["content"]["application/problem+json"]["example"]
    assert wrong.keys() == told.keys()
    assert {**wrong, "errors": None} == {**told, "errors": None}


@settings(max_examples=60)
@given(st.sampled_from(["/v1/titles", "/v1/events"]), st.builds(json.dumps, JSON) | st.text(max_size=30))
def test_no_body_whatever_makes_the_service_fail(service: Process, path: str, body: str):
    headers = {"X-API-Key": KEY, "content-type": "application/json"}
    answer = service.http.post(path, content=body.encode("utf-8", "surrogatepass"), headers=headers)
    assert answer.status_code in (200, 400, 422)


@settings(max_examples=50)
@given(st.lists(EVENTS, min_size=1, max_size=3))
def test_no_event_whatever_makes_the_service_fail(service: Process, events: list[dict[str, object]]):
    content = json.dumps({"events": events}).encode()
    answer = service.http.post(
        "/v1/events", content=content, headers={"X-API-Key": KEY, "content-type": "application/json"}
    )
    assert answer.status_code in (200, 400, 422), answer.text


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from(["user_id", "ad_id", "x"]), TEXT))
def test_no_query_whatever_makes_the_service_fail(service: Process, query: dict[str, str]):
    assert service.http.get("/v1/title", params=query).status_code in (200, 404, 422)

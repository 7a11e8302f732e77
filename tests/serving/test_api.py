"""The API over real HTTP."""

from __future__ import annotations

import json
import re
import time

import pytest

from serving.store import Store
from tests.serving.artefacts import GOOD, ORIGINALS, USERS
from tests.serving.service import KEY, Process

EVENT = {
    "event_id": "e1",
    "kind": "exposure",
    "user_id": "u-climber",
    "ad_id": "a1",
    "title_id": "t1",
    "timestamp": "2026-01-31T12:00:00Z",
    "release": 1,
}
NAMES = ["title", "title_id", "source", "cluster_id", "release", "experiment", "variation", "reason", "propensity"]


def is_problem(answer: object, status: int, name: str) -> dict[str, object]:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (body["status"], body["type"]) == (status, f"urn:hllm-creator:problem:{name}")
    assert body["title"]
    assert body["detail"]
    return body


def test_every_known_user_and_ad_gets_its_clusters_title_or_the_original(service: Process):
    titles = {(cluster, ad): (title_id, title) for title_id, cluster, ad, title, *_ in GOOD}
    reasons = set()
    for user, cluster in {**USERS, "u-new": None}.items():
        for ad, original in ORIGINALS.items():
            answer = service.title(user, ad)
            assert list(answer) == NAMES
            assert (answer["release"], answer["experiment"], answer["variation"]) == (1, None, None)
            reasons.add(answer["reason"])
            if (cluster, ad) in titles:
                assert (answer["title_id"], answer["title"]) == titles[cluster, ad]
                assert (answer["source"], answer["cluster_id"], answer["reason"]) == ("cluster", cluster, None)
            else:
                assert (answer["title_id"], answer["title"], answer["source"]) == (None, original, "original")
    assert reasons == {None, "unknown_user", "no_cluster", "pruned_pair"}


def test_a_batch_answers_in_order_what_single_look_ups_answer(service: Process):
    pairs = [{"user_id": user, "ad_id": ad} for user in USERS for ad in ORIGINALS]
    answer = service.http.post("/v1/titles", json={"pairs": [*pairs, {"user_id": "u", "ad_id": "none"}]})
    assert answer.status_code == 200
    assert answer.json()["titles"] == [
        *(service.title(**pair) for pair in pairs),
        {**dict.fromkeys(NAMES), "reason": "unknown_ad"},
    ]


def test_a_batch_of_a_thousand_is_answered_and_one_more_is_refused(service: Process):
    pair = {"user_id": "u-climber", "ad_id": "a1"}
    assert len(service.http.post("/v1/titles", json={"pairs": [pair] * 1000}).json()["titles"]) == 1000
    is_problem(service.http.post("/v1/titles", json={"pairs": [pair] * 1001}), 422, "invalid-request")
    is_problem(service.http.post("/v1/titles", json={"pairs": []}), 422, "invalid-request")


def test_an_unknown_ad_is_404(service: Process):
    is_problem(service.http.get("/v1/title", params={"user_id": "u-climber", "ad_id": "a9"}), 404, "unknown-ad")


@pytest.mark.parametrize("query", ["", "user_id=u", "ad_id=a1", "user_id=&ad_id=a1", f"user_id={'x' * 1025}&ad_id=a1"])
def test_a_wrong_query_is_a_problem_that_names_the_field(service: Process, query: str):
    body = is_problem(service.http.get(f"/v1/title?{query}"), 422, "invalid-request")
    assert all(re.fullmatch(r"query\.(user_id|ad_id)", fault["field"]) and fault["detail"] for fault in body["errors"])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 422),
        (b"[]", 422),
        (b'{"pairs": 3}', 422),
        (b'{"pairs": [{"user_id": 1, "ad_id": "a1"}]}', 422),
        (b'{"pairs": [{"user_id": "\\ud800", "ad_id": "a1"}]}', 422),
        (b"[" * 200_000, 400),
        (b"\xff\xfe", 422),
        (b'{"pairs": [{"user_id": "u\\u0000", "ad_id": "a1"}]}', 422),
        (b"9" * 5000, 400),
    ],
)
def test_malformed_bodies_are_problems_that_repeat_nothing_sent(service: Process, body: bytes, status: int):
    answer = service.http.post("/v1/titles", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert "input" not in answer.text


def test_a_body_over_the_limit_is_413_whether_or_not_it_says_its_length(service: Process):
    blank = b" " * (1 << 20) + b"{}"
    kind = {"content-type": "application/json"}
    is_problem(service.http.post("/v1/titles", content=blank, headers=kind), 413, "body-too-large")
    chunks = (blank[n : n + 65_536] for n in range(0, len(blank), 65_536))
    is_problem(service.http.post("/v1/titles", content=chunks, headers=kind), 413, "body-too-large")


def test_unknown_paths_and_methods_are_problems(service: Process):
    is_problem(service.http.get("/v1/nothing"), 404, "not-found")
    answer = service.http.post("/v1/title")
    is_problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "GET"
    is_problem(
        service.http.options("/v1/title", headers={"Origin": "http://x", "Access-Control-Request-Method": "GET"}),
        405,
        "method-not-allowed",
    )


def test_titles_and_ids_that_look_like_code_are_only_text(service: Process):
    for nasty in ("' OR 1=1 --", "<script>alert(1)</script>", "../../etc/passwd", "ü\u202e\n", "%00"):
        assert service.title(nasty, "a1")["title"] == ORIGINALS["a1"]
        answer = service.http.get("/v1/title", params={"user_id": "u", "ad_id": nasty})
        is_problem(answer, 404, "unknown-ad")
        assert nasty not in answer.text


def test_events_are_kept_once_however_often_they_are_sent(service: Process, shop_store: str):
    assert service.send(EVENT).json() == {"accepted": 1, "duplicates": 0, "queued": 0}
    click = {**EVENT, "event_id": "e2", "kind": "click", "timestamp": 1_769_860_801.25}
    assert service.send(EVENT, click, click).json() == {"accepted": 1, "duplicates": 2, "queued": 0}
    bearer = {"Authorization": f"Bearer {KEY}"}
    plain = {"event_id": "e3", "kind": "click", "user_id": "u", "ad_id": "a2"}
    assert service.http.post("/v1/events", json={"events": [plain]}, headers=bearer).json()["accepted"] == 1
    with Store(shop_store) as store, store.reading() as connection:
        rows = connection.exec_driver_sql(
            "SELECT event_id, timestamp, title_id, release FROM events WHERE event_id LIKE 'e_' ORDER BY event_id"
        ).all()
    # 2026-01-31T12:00:00Z is 1769860800 s after the epoch
    assert rows[:2] == [("e1", 1_769_860_800.0, "t1", 1), ("e2", 1_769_860_801.25, "t1", 1)]
    assert (rows[2][0], rows[2][2]) == ("e3", None)


def test_clocks_that_are_wrong_are_corrected_and_late_events_keep_their_time(service: Process, shop_store: str):
    now = time.time()
    plain = {"kind": "click", "user_id": "u", "ad_id": "a2"}
    late = {**plain, "event_id": "late", "timestamp": now - 90 * 86_400}
    ahead = {**plain, "event_id": "ahead", "timestamp": now + 3_600}
    service.send(late, ahead)
    body = {"sent_at": now + 7_200, "events": [{**plain, "event_id": "fast-clock", "timestamp": now + 7_200 - 300}]}
    assert service.http.post("/v1/events", json=body, headers={"X-API-Key": KEY}).json()["accepted"] == 1
    with Store(shop_store) as store, store.reading() as connection:
        found = {row[0]: row[1] for row in connection.exec_driver_sql("SELECT event_id, timestamp FROM events")}
    assert found["late"] == pytest.approx(now - 90 * 86_400)  # however late
    assert now <= found["ahead"] <= time.time()  # nothing happens after it is received
    assert found["fast-clock"] == pytest.approx(now - 300, abs=5)  # the sender's own clock said so


def test_writing_needs_one_of_the_keys(service: Process):
    for key in (None, "a key for the test", KEY + "x", "other,", "other,a key for the tests"):
        answer = service.send({**EVENT, "event_id": "never"}, key=key)
        is_problem(answer, 401, "key-unknown" if key is not None else "key-needed")
        assert answer.headers["www-authenticate"] == "Bearer"
    answer = service.http.post(
        "/v1/events", json={"events": [EVENT]}, headers={"X-API-Key": "caf\xe9".encode("latin-1")}
    )
    is_problem(answer, 401, "key-unknown")
    assert service.send(EVENT, key="other").status_code == 200


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "view"},
        {"event_id": ""},
        {"event_id": None},
        {"timestamp": "yesterday"},
        {"timestamp": 1e300},
        {"timestamp": -1},
        {"timestamp": "1969-12-31T23:59:59Z"},
        {"timestamp": 1_700_000_000_000},
        {"release": 0},
        {"release": 2**40},
        {"user_id": "u\x00"},
        {"ad_id": ["a"]},
        {"timestamp": True},
    ],
)
def test_a_faulty_event_refuses_its_batch(service: Process, fault: dict[str, object]):
    sound = {**EVENT, "event_id": f"beside {fault}"}
    is_problem(service.send(sound, {**EVENT, **fault}), 422, "invalid-request")
    assert service.send(sound).json()["accepted"] == 1  # it is new


def test_health_metrics_and_readiness_tell_the_state(service: Process):
    assert service.http.get("/healthz").json() == {"status": "ok"}
    assert service.http.get("/readyz").json() == {"status": "ready", "release": 1, "store": "up"}
    service.title("u-climber", "a1")
    text = service.http.get("/metrics").text
    assert "hllm_release 1.0\n" in text
    assert f"hllm_users {float(len(USERS))}\n" in text
    assert re.search(r'hllm_lookups_total\{answer="cluster"\} \d', text)
    assert re.search(r'hllm_requests_total\{route="/v1/title",status="200"\} \d', text)


def test_every_answer_carries_the_security_headers_and_no_cors(service: Process):
    for path in ("/healthz", "/v1/title", "/console", "/nowhere"):
        headers = service.http.get(path, headers={"Origin": "https://elsewhere.example"}).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert not [name for name in headers if name.startswith("access-control")]
        assert "server" not in headers


def test_the_openapi_document_has_examples_and_our_errors(service: Process):
    document = service.http.get("/openapi.json").json()
    assert set(document["paths"]) == {"/v1/title", "/v1/titles", "/v1/events", "/healthz", "/readyz", "/metrics"}
    text = json.dumps(document)
    assert "HTTPValidationError" not in text
    refs = set(re.findall(r'"\$ref": "#/components/schemas/(\w+)"', text))
    assert refs <= set(document["components"]["schemas"])
    for path in ("/v1/titles", "/v1/events"):
        schema = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        assert document["components"]["schemas"][schema.rsplit("/", 1)[1]]["examples"]
    assert document["paths"]["/v1/events"]["post"]["security"]
    problems = document["paths"]["/v1/title"]["get"]["responses"]
    assert list(problems["404"]["content"]) == list(problems["422"]["content"]) == ["application/problem+json"]


def test_the_examples_of_the_openapi_document_are_accepted(service: Process):
    schemas = service.http.get("/openapi.json").json()["components"]["schemas"]
    assert service.http.post("/v1/titles", json=schemas["Pairs"]["examples"][0]).status_code == 200
    sent = schemas["SentEvents"]["examples"][0]
    assert service.http.post("/v1/events", json=sent, headers={"X-API-Key": KEY}).status_code == 200


def test_logs_are_json_lines_without_a_user_id(service: Process):
    service.title("u-very-private-person", "a1")
    service.send({**EVENT, "event_id": "e9", "user_id": "u-very-private-person"})
    lines = [json.loads(line) for line in service.log.read_text().splitlines()]
    assert any(
        line["message"] == "request" and line["route"] == "/v1/title" and line["status"] == 200 for line in lines
    )
    assert "u-very-private-person" not in service.log.read_text()
    assert KEY not in service.log.read_text()

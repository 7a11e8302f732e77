"""The fast lane answers what the documented route answers, to the byte."""

from __future__ import annotations

from tests.serving.service import Process, serve

QUERIES = (
    "user_id=u-climber&ad_id=a1",
    "ad_id=a1&user_id=u-climber",
    "user_id=u-far&ad_id=a3",
    "user_id=u%2Dclimber&ad_id=%61%31",
    "user_id=u+climber&ad_id=a1",
    "user_id=%C3%BC%00%0A&ad_id=a2",
    "user_id=%ff%fe&ad_id=a2",
    "user_id=first&user_id=u-climber&ad_id=a9&ad_id=a1",
    "user_id=u-climber&ad_id=a1&other=1",
    "user_id=u-climber&ad_id=a1&user_id=",
    "user_id=u-climber;ad_id=a1",
    "user_id=u-climber",
    "user_id=&ad_id=a1",
    "user_id=u-climber&ad_id=a9",
    "",
    "&&=&user_id",
    f"user_id={'x' * 1024}&ad_id=a1",
    f"user_id={'x' * 1025}&ad_id=a1",
    f"user_id={'%C3%BC' * 1024}&ad_id=a1",
)


def test_every_query_is_answered_as_the_documented_route_answers_it(service: Process, shop_store: str):
    with serve(shop_store, keys="read:r", open_lookups=False) as slow:
        statuses: set[int] = set()
        for query in QUERIES:
            fast = service.http.get(f"/v1/title?{query}")
            documented = slow.http.get(f"/v1/title?{query}", headers={"X-API-Key": "r"})
            statuses.add(fast.status_code)
            assert (fast.status_code, fast.content) == (documented.status_code, documented.content), query
            told = [{k: v for k, v in answer.headers.items() if k != "date"} for answer in (fast, documented)]
            assert told[0] == told[1], query
    assert statuses == {200, 404, 422}


def test_other_methods_are_refused_as_anywhere(service: Process):
    for method in ("POST", "PUT", "DELETE", "HEAD"):
        assert service.http.request(method, "/v1/title?user_id=u-climber&ad_id=a1").status_code == 405

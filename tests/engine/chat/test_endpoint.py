"""The endpoint, the desk and the budget against a real HTTP server that misbehaves as told."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from creator.core.errors import EngineError, UsageError
from creator.engine.chat.budget import Budget, Prices
from creator.engine.chat.desk import NOT_ASKED, Desk
from creator.engine.chat.endpoint import Address, Endpoint, Traffic
from creator.engine.chat.ledger import Ledger
from creator.engine.chat.question import Answer, Message, NoAnswer, Question, Reply, Wording
from tests.scripted_endpoint import Response, Script, Served, endpoint

KEY = "sk-secret-key-of-the-test"


class Said(BaseModel):
    """An answer."""

    said: str


def question(number: int, most_tokens: int = 20) -> Question:
    return Question("title", "title-1", (Message("user", f"question {number}"),), Said, most_tokens)


def ask(
    script: Script,
    questions: list[Question],
    path: Path,
    *,
    budget: Callable[[Prices], Budget] = Budget,
    **settings: Any,
) -> tuple[list[Reply], Traffic, Served]:
    """Ask all questions at once through a desk."""

    async def run(url: str, ledger: Ledger) -> tuple[list[Reply], Traffic]:
        prices, wording = Prices(1.0, 2.0), Wording("m")
        shape = {"concurrency": 4, "timeout_s": 5.0, "retries": 4} | settings
        one = Endpoint(Address(url, KEY), wording, prices, **shape)
        desk = Desk(wording, ledger, budget(prices), one)
        try:
            return list(await asyncio.gather(*(desk.ask(q) for q in questions))), one.traffic
        finally:
            await one.close()

    with endpoint(script) as running, closing(Ledger(path)) as ledger:
        replies, traffic = asyncio.run(run(running.url, ledger))
        return replies, traffic, running.served


def well(_: int, __: str, body: dict[str, Any]) -> Response:
    return Response({"said": body["messages"][-1]["content"]})


def first(response: Response, times: int = 1) -> Script:
    """A script that answers well after so many bad responses."""
    return lambda number, step, body: response if number < times else well(number, step, body)


def test_every_question_gets_its_own_answer_and_the_counts_agree(tmp_path: Path) -> None:
    replies, traffic, served = ask(well, [question(n) for n in range(12)], tmp_path / "a.jsonl")
    assert [json.loads(r.text)["said"] for r in replies if isinstance(r, Answer)] == [
        f"question {n}" for n in range(12)
    ]
    assert (traffic.sent, traffic.answered) == (served.requests, served.answered) == (12, 12)
    assert sum(r.tokens_in for r in replies if isinstance(r, Answer)) == served.tokens_in
    assert sum(r.tokens_out for r in replies if isinstance(r, Answer)) == served.tokens_out
    assert served.keys == {f"Bearer {KEY}"}
    assert served.most_at_once <= 4


def test_the_same_question_asked_by_many_goes_out_once_and_never_again(tmp_path: Path) -> None:
    replies, _, served = ask(well, [question(1)] * 9, tmp_path / "a.jsonl")
    assert served.requests == 1
    assert len({id(r) for r in replies}) == 1
    _, _, later = ask(well, [question(1), question(2)], tmp_path / "a.jsonl")
    assert later.requests == 1


@pytest.mark.parametrize(
    ("bad", "counted"),
    [
        (Response(status=429, headers={"Retry-After": "0.05"}), "refused"),
        (Response(status=503), "refused"),
        (Response(status=500), "failed"),
        (Response(status=408), "failed"),
        (Response(cut="body"), "lost"),
        (Response(cut="json"), "lost"),
        (Response(wait_s=1.2), "lost"),
        (Response("slow", trickle_s=0.02), "lost"),
    ],
)
def test_what_is_worth_repeating_is_repeated_and_counted(tmp_path: Path, bad: Response, counted: str) -> None:
    replies, traffic, served = ask(first(bad), [question(1)], tmp_path / "a.jsonl", timeout_s=0.6)
    assert isinstance(replies[0], Answer)
    assert (traffic.sent, traffic.answered, getattr(traffic, counted)) == (2, 1, 1)
    assert served.requests == 2


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_request_that_is_wrong_in_itself_is_not_repeated(tmp_path: Path, status: int) -> None:
    replies, _, served = ask(first(Response(status=status)), [question(1), question(2)], tmp_path / "a.jsonl")
    assert served.requests == 2
    assert sorted(type(r).__name__ for r in replies) == ["Answer", "NoAnswer"]
    assert NoAnswer(f"endpoint: HTTP {status}") in replies


def test_a_question_without_answer_after_all_repetitions_says_why(tmp_path: Path) -> None:
    replies, traffic, _ = ask(first(Response(status=500), 99), [question(1)], tmp_path / "a.jsonl", retries=1)
    assert replies == [NoAnswer("endpoint: HTTP 500")]
    assert traffic.sent == 2


def test_everybody_waits_as_long_as_retry_after_says(tmp_path: Path) -> None:
    import time

    seen: list[float] = []

    def script(number: int, step: str, body: dict[str, Any]) -> Response:
        seen.append(time.monotonic())
        return Response(status=429, headers={"Retry-After": "0.4"}) if number == 0 else well(number, step, body)

    replies, _, _ = ask(script, [question(n) for n in range(6)], tmp_path / "a.jsonl", concurrency=1)
    assert all(isinstance(r, Answer) for r in replies)
    assert seen[1] - seen[0] >= 0.4


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (Response(status=401), "does not accept the key"),
        (Response(status=404), "no such model"),
        (Response(status=429, code="insufficient_quota"), "quota"),
        (Response(status=429, headers={"Retry-After": "3600"}), "left alone for 3600 s"),
    ],
)
def test_what_will_not_get_better_ends_the_job_without_a_secret(
    tmp_path: Path, bad: Response, words: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(EngineError, match=words) as caught:
        ask(first(bad, 99), [question(n) for n in range(3)], tmp_path / "a.jsonl")
    told = capsys.readouterr()
    assert KEY not in f"{caught.value} {caplog.text} {told.out} {told.err} {Address('http://h', KEY)!r}"


def test_an_endpoint_that_is_down_ends_the_job_and_keeps_what_was_paid(tmp_path: Path) -> None:
    def script(number: int, step: str, body: dict[str, Any]) -> Response:
        return well(number, step, body) if number < 5 else Response(status=500)

    with pytest.raises(EngineError, match="in a row"):
        ask(script, [question(n) for n in range(60)], tmp_path / "a.jsonl", retries=0)
    with closing(Ledger(tmp_path / "a.jsonl")) as ledger:
        assert len(ledger) == 5


def test_the_budget_is_never_passed_and_what_is_known_stays_free(tmp_path: Path) -> None:
    def tight(prices: Prices) -> Budget:
        return Budget(prices, tokens=200)

    replies, _, served = ask(well, [question(n) for n in range(20)], tmp_path / "a.jsonl", budget=tight)
    assert 3 <= served.answered < 20
    assert served.tokens_in + served.tokens_out <= 200
    assert replies.count(NOT_ASKED) == 20 - served.answered
    known = [question(n) for n, reply in enumerate(replies) if isinstance(reply, Answer)]
    again, _, later = ask(well, known, tmp_path / "a.jsonl", budget=tight)
    assert later.requests == 0
    assert NOT_ASKED not in again


def test_thinking_given_apart_or_inside_is_kept_aside(tmp_path: Path) -> None:
    def script(number: int, _: str, __: dict[str, Any]) -> Response:
        return Response('<think>b</think>{"said": "x"}', reasoning="a")

    (reply,), _, _ = ask(script, [question(1)], tmp_path / "a.jsonl")
    assert isinstance(reply, Answer)
    assert (reply.text, reply.thought) == ('{"said": "x"}', "a\nb")


def test_the_environment_names_the_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(UsageError, match="OPENAI_API_KEY is not set"):
        Address.from_environment()
    monkeypatch.setenv("OPENAI_BASE_URL", "not an address with sk-abc")
    with pytest.raises(UsageError) as caught:
        Address.from_environment()
    assert "sk-abc" not in str(caught.value)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://user:sk-abc@127.0.0.1:8000/v1")
    assert Address.from_environment().host == "127.0.0.1"

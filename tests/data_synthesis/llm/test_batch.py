"""The Batch API as a mode: rounds of questions, found again after whatever happens in between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.data_synthesis.llm.conftest import Outcome
from tests.scripted_batches import Batches
from tests.scripted_endpoint import Response, endpoint
from tests.scripted_teacher import good_answer, good_teacher

Synthesize = Callable[..., Outcome]
BATCH = ("--mode", "batch", "--batch-poll-s", "0.01", "--copies", "99", "--retries", "0")


def test_a_job_is_one_batch_a_step_and_makes_the_same_titles_as_online(synthesize: Synthesize) -> None:
    batches = Batches(good_teacher)
    with endpoint(good_teacher, batches) as server:
        made = synthesize(server.url, *BATCH)
        assert server.served.requests == 0
        online = synthesize(server.url, "--copies", "99", out="online")
    assert len(batches.batches) == 3
    assert len(made.examples) == 14
    assert made.facts["answers"] == batches.answered
    assert max(batches.paid.values()) == 1
    assert made.examples["title"].tolist() == online.examples["title"].tolist()


def test_rows_that_a_batch_fails_are_rejected_and_bad_answers_asked_again(synthesize: Synthesize) -> None:
    def script(number: int, step: str, body: dict[str, Any]) -> Response:
        if step == "title" and number % 5 == 0:
            return Response(status=400)
        return Response("{") if step == "choice" and number % 4 == 0 else Response(good_answer(step, body))

    batches = Batches(script)
    with endpoint(good_teacher, batches) as server:
        made = synthesize(server.url, *BATCH)
    assert len(made.rows) == 14
    assert not made.rows.duplicated(["user_id", "ad_id", "as_of"]).any()
    assert set(made.rejected["reason"]) <= {"endpoint: HTTP 400", "choice: not JSON"}
    assert "endpoint: HTTP 400" in set(made.rejected["reason"])
    assert made.facts["answers"] == batches.answered


def test_a_batch_that_was_handed_in_is_found_again_and_not_paid_twice(
    synthesize: Synthesize, capsys: pytest.CaptureFixture[str]
) -> None:
    batches = Batches(good_teacher, broken_looks=1)
    with endpoint(good_teacher, batches) as server:
        assert synthesize(server.url, *BATCH).status == 1
        assert "answers so far are kept" in capsys.readouterr().err
        assert len(batches.batches) == 1
        made = synthesize(server.url, *BATCH)
    assert len(batches.batches) == 3
    assert len(made.examples) == 14
    assert max(batches.paid.values()) == 1


def test_a_batch_the_ledger_never_heard_of_is_found_by_its_mark(synthesize: Synthesize, tmp_path: Any) -> None:
    batches = Batches(good_teacher, broken_looks=1)
    with endpoint(good_teacher, batches) as server:
        assert synthesize(server.url, *BATCH).status == 1
        (tmp_path / "examples.answers.jsonl").unlink()
        made = synthesize(server.url, *BATCH)
    assert len(batches.batches) == 3
    assert len(made.examples) == 14


def test_an_expired_batch_rejects_what_it_did_not_answer(synthesize: Synthesize) -> None:
    class Expiring(Batches):
        def _finish(self, batch: dict[str, Any]) -> None:
            batch["status"] = "expired"

    with endpoint(good_teacher, Expiring(good_teacher)) as server:
        made = synthesize(server.url, *BATCH)
    assert set(made.rejected["reason"]) == {"batch: expired"}
    assert len(made.rejected) == 14


def test_the_budget_holds_in_batches(synthesize: Synthesize) -> None:
    batches = Batches(good_teacher)
    with endpoint(good_teacher, batches) as server:
        made = synthesize(server.url, *BATCH, "--budget-tokens", "4000")
    assert made.facts["tokens_in"] + made.facts["tokens_out"] <= 4000
    assert len(made.rows) == 14
    assert "budget: not asked" in set(made.rejected["reason"])

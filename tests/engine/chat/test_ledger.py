"""The file of answers: what is on disk stays, whatever comes after it."""

import json
from contextlib import closing
from pathlib import Path

import pytest

from creator.core.errors import InputError
from creator.engine.chat.budget import Budget, Prices
from creator.engine.chat.ledger import Ledger
from creator.engine.chat.question import Answer, Message, Question
from tests.engine.chat.test_reading import Shape

ANSWER = Answer("{}", "thought", "stop", False, 10, 5, 0.25)


def test_answers_and_sums_survive(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "answers.jsonl")
    ledger.record("a", "title", ANSWER)
    ledger.record("a", "title", ANSWER)  # the same question is paid for once
    ledger.record("b", "title", ANSWER)
    ledger.close()
    with closing(Ledger(tmp_path / "answers.jsonl")) as again:
        assert (len(again), again.get("a"), again.tokens, again.cost_usd) == (2, ANSWER, 30, 0.5)


@pytest.mark.parametrize("lost", [1, 7, 60])
def test_a_line_cut_short_by_a_kill_is_dropped_and_the_file_goes_on(tmp_path: Path, lost: int) -> None:
    path = tmp_path / "answers.jsonl"
    ledger = Ledger(path)
    ledger.record("a", "title", ANSWER)
    ledger.record("b", "title", ANSWER)
    ledger.close()
    path.write_bytes(path.read_bytes()[:-lost])
    again = Ledger(path)
    assert again.get("a") == ANSWER
    assert again.get("b") is None
    again.record("c", "title", ANSWER)
    again.close()
    rows = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert [row["key"] for row in rows[1:]] == ["a", "c"]


def test_a_kill_in_the_very_first_line_leaves_a_usable_file(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_bytes(b'{"hllm-cre')
    ledger = Ledger(path)
    ledger.record("a", "title", ANSWER)
    ledger.close()
    with closing(Ledger(path)) as again:
        assert again.get("a") == ANSWER


@pytest.mark.parametrize("content", [b'{"user_id": "u1"}\n', b"user_id,item_id\n", b"\x89PNG\r\n\x1a\n"])
def test_a_file_that_is_something_else_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "events.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match="no file of answers"):
        Ledger(path)
    assert path.read_bytes() == content


def test_two_cannot_write_one_file(tmp_path: Path) -> None:
    first = Ledger(tmp_path / "answers.jsonl")
    with pytest.raises(InputError, match="in use"):
        Ledger(tmp_path / "answers.jsonl")
    first.close()
    Ledger(tmp_path / "answers.jsonl").close()


def test_batches_not_collected_are_remembered(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "answers.jsonl")
    ledger.record_batch("b1", {"k": "title"})
    ledger.record_batch("b2", {"l": "title"})
    ledger.record_collected("b1")
    ledger.close()
    with closing(Ledger(tmp_path / "answers.jsonl")) as again:
        assert again.open_batches() == {"b2": {"l": "title"}}


def test_a_budget_counts_what_is_out() -> None:
    question = Question("title", "title-1", (Message("user", "x" * 300),), Shape, 100)  # 100 + 16 in, 100 out
    budget = Budget(Prices(1.0, 2.0), tokens=500)
    assert budget.most_of(question) == (216, (116 + 200) / 1e6)
    assert budget.fits(question, 0, 0.0)
    budget.hold(question)
    assert budget.fits(question, 0, 0.0)
    budget.hold(question)
    assert not budget.fits(question, 0, 0.0)  # 648 > 500
    assert budget.allows(question, 284, 0.0)  # alone it would fit: 500
    assert not budget.allows(question, 285, 0.0)
    assert not budget.allows(question, 0, 0.0)  # the first no stays

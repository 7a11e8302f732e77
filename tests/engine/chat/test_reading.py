"""Answers and their thinking, and the schemas that are sent along."""

from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from creator.engine.chat.question import Answer, Message, Question, Wording
from creator.engine.chat.reading import UnusableAnswerError, read_answer, split_thought


class Shape(BaseModel):
    """A title and numbers."""

    model_config = ConfigDict(extra="forbid", strict=True)
    title: str
    points: Annotated[list[int], Field(max_length=3)]


GOOD = '{"title": "Ropes", "points": [1]}'


def answer(text: str, finish: str = "stop", refusal: bool = False) -> Answer:
    return Answer(text, "", finish, refusal, 1, 1, 0.0)


@pytest.mark.parametrize(
    ("text", "rest", "thought"),
    [
        (f"<think>hm\nso</think>\n{GOOD}", GOOD, "hm\nso"),
        (f"hm</think>{GOOD}", GOOD, "hm"),
        ("<think>never ends", "", "never ends"),
        (f"<THINKING>a</THINKING>{GOOD}<think>b</think>", GOOD, "a\nb"),
        (GOOD, GOOD, ""),
    ],
)
def test_thinking_is_taken_out_and_kept(text: str, rest: str, thought: str) -> None:
    assert split_thought(text) == (rest, thought)


@given(st.text())
def test_any_text_can_be_read_or_is_unusable(text: str) -> None:
    rest, _ = split_thought(text)
    with pytest.raises(UnusableAnswerError):
        read_answer(answer(rest), Shape)


def test_a_fenced_answer_is_read() -> None:
    assert read_answer(answer(f"```json\n{GOOD}\n```"), Shape) == Shape(title="Ropes", points=[1])


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (answer("sorry", refusal=True), "refused"),
        (answer("", finish="content_filter"), "refused"),
        (answer('{"title": "Ro', finish="length"), "broken off"),
        (answer('{"title": "Ro'), "not JSON"),
        (answer('{"title": "Ropes"}'), "wrong schema"),
        (answer('{"title": "Ropes", "points": ["1"]}'), "wrong schema"),
        (answer('{"title": "Ropes", "points": [1, 2, 3, 4]}'), "wrong schema"),
        (answer('{"title": "Ropes", "points": [], "more": 1}'), "wrong schema"),
        (answer("[" * 100_000), "not JSON"),
    ],
)
def test_unusable_answers_say_why_and_nothing_of_their_text(made: Answer, reason: str) -> None:
    with pytest.raises(UnusableAnswerError) as caught:
        read_answer(made, Shape)
    assert str(caught.value) == reason


def test_the_schema_sent_is_strict_and_holds_the_limits() -> None:
    question = Question("title", "title-1", (Message("user", "x"),), Shape, 50, (("points", (1, 2)),))
    assert question.schema() == {
        "type": "object",
        "additionalProperties": False,
        "required": ["title", "points"],
        "properties": {
            "title": {"type": "string"},
            "points": {"type": "array", "maxItems": 3, "items": {"type": "integer", "enum": [1, 2]}},
        },
    }


def test_a_question_s_identity_is_what_is_sent_and_its_version() -> None:
    question = Question("title", "title-1", (Message("user", "x"),), Shape, 50)
    key = Wording("m").key(question)
    assert key == Wording("m").key(Question("title", "title-1", (Message("user", "x"),), Shape, 50))
    others = [
        Wording("m2").key(question),
        Wording("m", seed=1).key(question),
        Wording("m", temperature=0.0).key(question),
        Wording("m", schema_mode="json_object").key(question),
        Wording("m").key(question.again()),
        Wording("m").key(Question("title", "title-2", (Message("user", "x"),), Shape, 50)),
    ]
    assert len({key, *others}) == 7

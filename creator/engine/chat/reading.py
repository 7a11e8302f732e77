"""Reading a model's answer: thinking apart, JSON out, of the shape that was asked for."""

from __future__ import annotations

import json
import re
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from creator.engine.chat.question import Answer

Shape = TypeVar("Shape", bound=BaseModel)

_THINK = re.compile(r"<think(?:ing)?>(.*?)(?:</think(?:ing)?>|\Z)", re.DOTALL | re.IGNORECASE)
_LATE_END = re.compile(r"\A(.*?)</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_FENCE = re.compile(r"\A```\w*\s*\n(.*?)\n?```\s*\Z", re.DOTALL)


class UnusableAnswerError(Exception):
    """An answer that cannot be used; its text is the reason, without a word of the answer."""


def split_thought(text: str) -> tuple[str, str]:
    """An answer and the thinking that stood in it.

    Thinking that is never closed (the answer was cut off) is all thinking; where a chat template has opened it already,
    all that stands before the closing mark is.
    """
    thoughts = [match[1].strip() for match in _THINK.finditer(text)]
    rest = _THINK.sub("", text)
    if late := _LATE_END.match(rest):
        thoughts.insert(0, late[1].strip())
        rest = rest[late.end() :]
    return rest.strip(), "\n".join(t for t in thoughts if t)


def read_answer(answer: Answer, shape: type[Shape]) -> Shape:
    """The answer as a record.

    Raises:
        UnusableAnswerError: it is a refusal, broken off, no JSON, or of another shape.
    """
    if answer.refusal or answer.finish == "content_filter":
        raise UnusableAnswerError("refused")
    fenced = _FENCE.match(answer.text)
    try:
        value = json.loads(fenced[1] if fenced else answer.text)
    except (ValueError, RecursionError):
        raise UnusableAnswerError("broken off" if answer.finish == "length" else "not JSON") from None
    try:
        return shape.model_validate(value)
    except ValidationError:
        raise UnusableAnswerError("wrong schema") from None

"""What is asked of a chat model and what comes back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal, TypeAlias

from pydantic import BaseModel

from creator.core.artefacts import config_digest

BYTES_PER_TOKEN = 3
"""English has about 4.2 UTF-8 bytes a token and Chinese about 3: an estimate that errs on the dear side."""
WRAPPING_TOKENS = 16
"""What a chat template adds to a message, about."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """A conversation that the model is to continue with JSON.

    Args:
        step: what is asked, for counts and for the endpoint's name of the schema ("title").
        version: which wording of the prompt ("title-1").
        messages: the conversation so far.
        shape: what the answer must be; its JSON schema is sent along.
        most_tokens: tokens of the answer, at most.
        limits: allowed values of integer fields, by the field's name; they sharpen the schema.
        turn: 0 the first time; asked again after an unusable answer, the next number.
    """

    step: str
    version: str
    messages: tuple[Message, ...]
    shape: type[BaseModel]
    most_tokens: int
    limits: tuple[tuple[str, tuple[int, ...]], ...] = ()
    turn: int = 0

    def again(self) -> Question:
        """The same question, to be answered afresh."""
        return replace(self, turn=self.turn + 1)

    @property
    def tokens(self) -> int:
        """Tokens of the conversation, estimated from its bytes."""
        return sum(len(m.text.encode()) // BYTES_PER_TOKEN + WRAPPING_TOKENS for m in self.messages)

    def schema(self) -> dict[str, object]:
        """The JSON schema of the answer, as strict structured output wants it: no other fields, none left out."""
        return json.loads(_schema(self.shape, self.limits))


@cache
def _schema(shape: type[BaseModel], limits: tuple[tuple[str, tuple[int, ...]], ...]) -> str:
    made = shape.model_json_schema()
    _tighten(made, dict(limits))
    return json.dumps(made)


def _tighten(schema: dict[str, object], limits: Mapping[str, Sequence[int]]) -> None:
    schema.pop("title", None)
    schema.pop("description", None)
    properties = schema.get("properties")
    if isinstance(properties, dict):
        schema |= {"additionalProperties": False, "required": list(properties)}
        for name, inner in properties.items():
            _tighten(inner, limits)
            if name in limits:
                (inner.get("items") or inner)["enum"] = list(limits[name])
    for part in (schema.get("items"), *(_values(schema.get("$defs")))):
        if isinstance(part, dict):
            _tighten(part, limits)


def _values(mapping: object) -> list[object]:
    return list(mapping.values()) if isinstance(mapping, dict) else []


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model said, and what it cost. Every answer is paid for, usable or not.

    Args:
        text: the answer without its thinking.
        thought: what stood in `<think>`, or what the endpoint gave apart as reasoning; "" for none.
        finish: why it ended: "stop", "length", "content_filter".
        refusal: whether the endpoint marked it as a refusal.
        tokens_in: tokens of the conversation, as the endpoint counted them.
        tokens_out: tokens of the answer, as the endpoint counted them.
        cost_usd: what that costs at the prices given.
    """

    text: str
    thought: str
    finish: str
    refusal: bool
    tokens_in: int
    tokens_out: int
    cost_usd: float


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Why there is none; nothing was paid as far as the endpoint told.

    Args:
        reason: for the count of rejections ("endpoint: HTTP 500", "budget: not asked").
    """

    reason: str


Reply: TypeAlias = Answer | NoAnswer


@dataclass(frozen=True, slots=True)
class Wording:
    """What of a request is the same for every question of a job; with the question it decides the answer's identity.

    Args:
        model: the endpoint's name of the model.
        seed: asked of the endpoint, so that an answer can be had again where the endpoint honours it.
        temperature: None leaves it to the endpoint.
        schema_mode: "json_schema" where the endpoint can hold an answer to a schema; "json_object" where it only knows
            JSON, and the schema stands in the prompt.
        thinking_tokens: room that every answer gets besides, for a model that thinks first.
    """

    model: str
    seed: int = 0
    temperature: float | None = None
    schema_mode: Literal["json_schema", "json_object"] = "json_schema"
    thinking_tokens: int = 0

    def body(self, question: Question) -> dict[str, object]:
        """The request as the chat completions endpoint takes it."""
        schema = question.schema()
        messages = [{"role": m.role, "content": m.text} for m in question.messages]
        form: dict[str, object] = {"type": "json_object"}
        if self.schema_mode == "json_schema":
            form = {"type": "json_schema", "json_schema": {"name": question.step, "strict": True, "schema": schema}}
        else:
            messages[0]["content"] += f"\nAnswer with one JSON object of this JSON schema:\n{schema}"
        body: dict[str, object] = {
            "model": self.model,
            "messages": messages,
            "response_format": form,
            "max_completion_tokens": question.most_tokens + self.thinking_tokens,
            "seed": self.seed + question.turn,
        }
        return body if self.temperature is None else body | {"temperature": self.temperature}

    def key(self, question: Question) -> str:
        """Identity of a question: what is sent, and its version."""
        return config_digest([self.body(question), question.version, question.turn])[:32]

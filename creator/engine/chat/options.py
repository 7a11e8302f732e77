"""The settings of every command that asks a chat model; light, so that `--help` stays quick."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from creator.core.command import option


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointOptions:
    """How the chat model at OPENAI_BASE_URL is asked, and what that may cost."""

    answers: Path | None = option(
        None, help="file that keeps every answer paid for, also beyond --out; default: OUT.answers.jsonl", writes=True
    )
    price_in: float = option(0.0, help="USD for a million tokens of a chat model's prompts")
    price_out: float = option(0.0, help="USD for a million tokens of a chat model's answers")
    budget_usd: float | None = option(None, help="stop before the answers file has cost more than this")
    budget_tokens: int | None = option(None, help="stop before the answers file holds more tokens")
    schema: Literal["json_schema", "json_object"] = option(
        "json_schema", help="json_object for an endpoint that cannot hold answers to a schema"
    )
    thinking_tokens: int = option(0, help="room for thinking in every answer, for a reasoning model")
    concurrency: int = option(16, help="requests at once, at most; fewer while the endpoint complains")
    timeout_s: float = option(120.0, help="for one attempt at the endpoint, to the last byte")
    retries: int = option(6, help="repetitions of one request that failed in a way worth repeating, at most")

    @staticmethod
    def endpoint_faults(options: EndpointOptions) -> list[str]:
        """What is out of range."""
        least = {"concurrency": 1, "retries": 0, "thinking_tokens": 0, "price_in": 0, "price_out": 0}
        found = [
            f"{name}: got {getattr(options, name)}, expected {bound} or more"
            for name, bound in least.items()
            if not getattr(options, name) >= bound
        ]
        found += [
            f"{name}: got {getattr(options, name)}, expected more than 0"
            for name in ("timeout_s", "budget_usd", "budget_tokens")
            if getattr(options, name) is not None and not getattr(options, name) > 0
        ]
        if options.budget_usd is not None and not (options.price_in or options.price_out):
            found.append("budget_usd: expected price_in and price_out beside it, USD for a million tokens")
        return found

"""Settings of `evaluate judge`, apart from its code so that `--help` stays quick."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from creator.core.command import option


@dataclass(frozen=True, slots=True)
class JudgeOptions:
    """Settings of `evaluate judge`."""

    table: Path = option(help="rows to judge: Parquet, CSV or JSON Lines")
    column: str = option(help="the column of titles under judgement")
    against: str = option(help="the column of titles they are held against")
    model: str = option(help="the endpoint's name of the judge (OPENAI_BASE_URL, OPENAI_API_KEY in the environment)")
    out: Path = option(help="folder to make")
    profile: str = option("user_profile", help="column with the reader's profile; read if it is there")
    title: str = option("original_title", help="column with the ad's own title; read if it is there")
    description: str = option("original_description", help="column with the ad's description; read if it is there")
    group: str = option(
        "user_id", help="column whose values the interval resamples; each row by itself if it is missing"
    )
    limit: int = option(1000, help="rows judged, at most; drawn by the seed")
    resamples: int = option(1000, help="bootstrap resamples")
    seed: int = option(11, help="of the drawing and the resampling")
    answers: Path | None = option(
        None, help="file that keeps every answer paid for; default: OUT.answers.jsonl", writes=True
    )
    price_in: float = option(0.0, help="USD for a million tokens of prompts")
    price_out: float = option(0.0, help="USD for a million tokens of answers")
    budget_usd: float | None = option(None, help="stop before the answers file has cost more than this")
    budget_tokens: int | None = option(None, help="stop before the answers file holds more tokens")
    temperature: float | None = option(None, help="of the answers; left to the endpoint by default")
    schema: Literal["json_schema", "json_object"] = option(
        "json_schema", help="json_object for an endpoint that cannot hold answers to a schema"
    )
    thinking_tokens: int = option(0, help="room for thinking in every answer, for a reasoning model")
    concurrency: int = option(16, help="requests at once, at most; fewer while the endpoint complains")
    timeout_s: float = option(120.0, help="for one attempt, to the last byte")
    retries: int = option(6, help="repetitions of one request that failed in a way worth repeating, at most")

    @staticmethod
    def faults(options: JudgeOptions) -> list[str]:
        """Range faults."""
        least = {"limit": 1, "resamples": 20, "concurrency": 1, "retries": 0, "thinking_tokens": 0,
                 "price_in": 0, "price_out": 0}  # fmt: skip
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
        if options.column == options.against:
            found.append("column and against: expected two different columns")
        if options.budget_usd is not None and not (options.price_in or options.price_out):
            found.append("budget_usd: expected price_in and price_out beside it")
        return found

"""Settings of `audit` and `evaluate audit`, apart from their code so that `--help` stays quick."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from creator.core.command import option
from creator.facts.channels import ChannelName


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """Settings of `audit`."""

    ads: Path = option(help="ads as JSON Lines (the ads columns), or a DATA folder")
    titles: Path = option(help="titles as JSON Lines (title_id, ad_id, title), or a TITLES folder")
    out: Path = option(help="AUDIT folder to make")
    channels: tuple[ChannelName, ...] = option((), help="ad platforms whose rules the titles must keep as well")
    guide: Path | None = option(
        None, help="brand guides the titles must keep as well: the JSON file that the console's settings page offers"
    )
    verifier: str = option(
        "",
        help="learned check beside the rules: a VERIFIER folder, a Hugging Face NLI classifier's folder or id, "
        "or openai:NAME for a chat model at OPENAI_BASE_URL",
    )
    verifier_label: str = option(
        "", help="the classifier's label for a title that is borne out, if its name is not plain"
    )
    workers: int = option(0, help="processes; 0 takes every core once there are enough titles")
    shown: int = option(2000, help="titles shown in report.html at most; verdicts.jsonl always holds all")
    answers: Path | None = option(
        None, help="file that keeps every answer paid for; default: OUT.answers.jsonl (openai)", writes=True
    )
    price_in: float = option(0.0, help="USD for a million tokens of prompts (openai)")
    price_out: float = option(0.0, help="USD for a million tokens of answers (openai)")
    budget_usd: float | None = option(None, help="stop before the answers file has cost more than this (openai)")
    budget_tokens: int | None = option(None, help="stop before the answers file holds more tokens (openai)")
    schema: Literal["json_schema", "json_object"] = option(
        "json_schema", help="json_object for an endpoint that cannot hold answers to a schema (openai)"
    )
    thinking_tokens: int = option(0, help="room for thinking in every answer, for a reasoning model (openai)")
    concurrency: int = option(16, help="requests at once, at most; fewer while the endpoint complains (openai)")
    timeout_s: float = option(120.0, help="for one attempt, to the last byte (openai)")
    retries: int = option(6, help="repetitions of one request that failed in a way worth repeating, at most (openai)")

    @staticmethod
    def faults(options: AuditOptions) -> list[str]:
        """What is out of range."""
        least = {"workers": 0, "shown": 1, "concurrency": 1, "retries": 0, "thinking_tokens": 0, "price_in": 0,
                 "price_out": 0}  # fmt: skip
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
        if options.verifier == "openai:":
            found.append("verifier: expected openai:NAME, the endpoint's name of the model")
        if options.verifier.startswith("openai:") and options.workers > 1:
            found.append(
                "workers: a chat model is asked from one process; --concurrency says how many requests at once"
            )
        if options.budget_usd is not None and not (options.price_in or options.price_out):
            found.append("budget_usd: expected price_in and price_out beside it")
        return found


@dataclass(frozen=True, slots=True)
class EvaluateAuditOptions:
    """Settings of `evaluate audit`."""

    audit: Path = option(help="AUDIT folder whose titles carried labels")
    out: Path | None = option(None, help="folder to make for summary.json; left out, the table is only printed")

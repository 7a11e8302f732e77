"""Settings of `audit` and `evaluate audit`, apart from their code so that `--help` stays quick."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from creator.core.command import option
from creator.engine.chat.options import EndpointOptions
from creator.facts.channels import ChannelName


@dataclass(frozen=True, slots=True)
class AuditOptions(EndpointOptions):
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

    @staticmethod
    def faults(options: AuditOptions) -> list[str]:
        """What is out of range."""
        least = {"workers": 0, "shown": 1}
        found = [
            f"{name}: got {getattr(options, name)}, expected {bound} or more"
            for name, bound in least.items()
            if not getattr(options, name) >= bound
        ]
        if options.verifier == "openai:":
            found.append("verifier: expected openai:NAME, the endpoint's name of the model")
        if options.verifier.startswith("openai:") and options.workers > 1:
            found.append(
                "workers: a chat model is asked from one process; --concurrency says how many requests at once"
            )
        return found + EndpointOptions.endpoint_faults(options)


@dataclass(frozen=True, slots=True)
class EvaluateAuditOptions:
    """Settings of `evaluate audit`."""

    audit: Path = option(help="AUDIT folder whose titles carried labels")
    out: Path | None = option(None, help="folder to make for summary.json; left out, the table is only printed")

"""Settings of `audit` and `evaluate audit`, apart from their code so that `--help` stays quick."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from creator.core.command import option

ChannelName = Literal[
    "google_ads_editor", "merchant_center", "microsoft_ads", "meta", "tiktok", "oceanengine", "amazon_sponsored_brands"
]


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """Settings of `audit`."""

    ads: Path = option(help="ads as JSON Lines (the ads columns), or a DATA folder")
    titles: Path = option(help="titles as JSON Lines (title_id, ad_id, title), or a TITLES folder")
    out: Path = option(help="AUDIT folder to make")
    channels: tuple[ChannelName, ...] = option((), help="ad platforms whose rules the titles must keep as well")
    verifier: str = option(
        "", help="learned check beside the rules: a VERIFIER folder, or a Hugging Face NLI classifier's folder or id"
    )
    workers: int = option(0, help="processes; 0 takes every core once there are enough titles")
    shown: int = option(2000, help="titles shown in report.html at most; verdicts.jsonl always holds all")

    @staticmethod
    def faults(options: AuditOptions) -> list[str]:
        """Range faults."""
        return [
            f"{name}: got {value}, expected {least} or more"
            for name, value, least in (("workers", options.workers, 0), ("shown", options.shown, 1))
            if value < least
        ]


@dataclass(frozen=True, slots=True)
class EvaluateAuditOptions:
    """Settings of `evaluate audit`."""

    audit: Path = option(help="AUDIT folder whose titles carried labels")
    out: Path | None = option(None, help="folder to make for summary.json; left out, the table is only printed")

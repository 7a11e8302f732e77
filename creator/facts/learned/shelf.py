"""Twelve ads of other trades with titles written and judged by hand: a verifier is calibrated on them, not trained.

A threshold from made titles alone would be too low for titles that people write.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from creator.core.records import Ad, AdId, FindingKind
from creator.facts.learned.titles import LabelledTitle


def shelf_titles() -> list[LabelledTitle]:
    """The labelled titles of `shelf.json`."""
    rows: list[dict[str, Any]] = json.loads(Path(__file__).with_name("shelf.json").read_text(encoding="utf-8"))
    return [title for row in rows for title in _titles(row)]


def _titles(row: dict[str, Any]) -> list[LabelledTitle]:
    ad = Ad(AdId(row["ad_id"]), row["title"], row["description"], tuple(row["selling_points"]), row["attributes"])
    wrong = [LabelledTitle(ad, text, FindingKind(kind)) for kind, texts in row["wrong"].items() for text in texts]
    return [LabelledTitle(ad, text, None) for text in row["true"]] + wrong

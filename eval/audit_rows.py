"""Rows of an audit on their way to verdicts.jsonl and rejected.jsonl."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from creator.core.records import Ad, Check


@dataclass(frozen=True, slots=True)
class Checked:
    """A row of titles with its outcome so far.

    Args:
        fields: the row as given.
        number: of the row, from 1.
        title_id: its id.
        title: the title.
        ad: its ad.
        outcome: what the checks say.
        unjudged: why the learned check said nothing of it, or "".
    """

    fields: Mapping[str, object]
    number: int
    title_id: str
    title: str
    ad: Ad
    outcome: Check
    unjudged: str = ""


def verdict_line(row: Checked) -> bytes:
    """A row of verdicts.jsonl."""
    outcome = row.outcome
    record: dict[str, object] = {
        "title_id": row.title_id,
        "ad_id": row.ad.ad_id,
        "title": row.title,
        "verdict": outcome.verdict,
        "publishable": outcome.publishable,
        "findings": [
            {
                "kind": f.kind,
                "span": f.span,
                "claim": f.claim,
                "evidence": f.evidence,
                "source_field": f.source_field,
                "score": f.score,
            }
            for f in outcome.findings
        ],
    }
    for name in ("cluster_id", "label", "label_source"):
        if row.fields.get(name) is not None:
            record[name] = row.fields[name]
    return as_line(record)


def as_line(record: Mapping[str, object]) -> bytes:
    """A record as a line of JSON, whatever Unicode is in it."""
    text = json.dumps(record, ensure_ascii=False)
    try:
        return text.encode("utf-8") + b"\n"
    except UnicodeEncodeError:  # a lone surrogate in a title
        return json.dumps(record).encode("ascii") + b"\n"

"""The audit's page for a reviewer: every shown title with its findings, to filter, sort and read beside its source."""

from __future__ import annotations

import heapq
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zlib import crc32

from markupsafe import Markup

from creator.core.records import Ad, FindingKind
from creator.facts.passages import passages_of
from eval.audit_summary import GIVEN, OK, Summary, interval, read_records
from eval.page import write_page

ORDER = {"missed": 0, "false alarm": 1, "unsupported": 2, "unverifiable": 3, "supported": 4}


def write_audit_page(folder: Path, ads: Mapping[str, Ad], summary: Summary, shown: int) -> None:
    """Write report.html: mistakes against labels first, then errors, then a fair draw of the rest.

    Args:
        folder: where verdicts.jsonl lies and the page goes.
        ads: the ads by id.
        summary: the audit's figures.
        shown: titles to show at most.
    """
    picked = heapq.nsmallest(shown, ((_rank(r), n, r) for n, r in enumerate(read_records(folder / "verdicts.jsonl"))))
    rows = [_row(record) for _, _, record in sorted(picked, key=lambda p: p[1])]
    used = {row["ad"] for row in rows}
    sources = {ad_id: [[p.field, p.text] for p in passages_of(ads[ad_id])] for ad_id in sorted(used)}
    tables = [
        (
            source,
            summary.figures(source),
            [
                (label, score, interval(score.stopped, score.titles))
                for label, score in sorted(by_label.items(), key=lambda pair: (pair[0] == OK, pair[0]))
            ],
        )
        for source, by_label in sorted(summary.scores.items())
    ]
    write_page(
        folder / "report.html",
        "audit.html.jinja",
        summary=summary,
        shown=len(rows),
        tables=tables,
        given=GIVEN,
        ok=OK,
        kinds=[str(k) for k in FindingKind if summary.kinds.get(k)],
        rows=_script(rows),
        sources=_script(sources),
    )


def _rank(record: Mapping[str, Any]) -> tuple[int, int]:
    """What is shown first when not everything can be."""
    return ORDER[_state(record)], crc32(str(record["title_id"]).encode("utf-8", "surrogatepass"))


def _state(record: Mapping[str, Any]) -> str:
    label = record.get("label")
    if isinstance(label, str) and label != OK and record["publishable"]:
        return "missed"
    if label == OK and not record["publishable"]:
        return "false alarm"
    return str(record["verdict"])


def _row(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": record["title_id"],
        "ad": record["ad_id"],
        "title": record["title"],
        "verdict": record["verdict"],
        "publishable": record["publishable"],
        "label": record.get("label") if isinstance(record.get("label"), str) else None,
        "state": _state(record),
        "cluster": record.get("cluster_id"),
        "findings": [
            [f["kind"], f["span"][0], f["span"][1], f["evidence"], f["source_field"], f["score"]]
            for f in record["findings"]
        ],
    }


def _script(value: object) -> Markup:
    """Data for a script element: nothing in it can end the element or be read as markup."""
    text = json.dumps(value, ensure_ascii=True).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return Markup(text)  # noqa: S704 - escaped above

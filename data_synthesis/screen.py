"""The fact check between a teacher and its examples: the one place where synthesis asks the verifier."""

from __future__ import annotations

import json

from creator.core.records import Ad, Check
from creator.facts.verifier import check_title


class Screen:
    """Checks titles against their ads, each pair once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Check] = {}

    def check(self, title: str, ad: Ad) -> Check:
        """What the ad's facts say about a title."""
        key = (ad.ad_id, title)
        if key not in self._known:
            self._known[key] = check_title(title, ad)
        return self._known[key]


def reason_of(check: Check) -> str:
    """Why a check keeps a title back, for the count of rejections; "" when it does not."""
    if check.publishable:
        return ""
    kinds = sorted({str(finding.kind) for finding in check.findings if finding.score > 0}) or ["no finding"]
    return "facts: " + ", ".join(kinds)


def findings_json(check: Check) -> str:
    """A check's findings as a JSON list, in the words of the audit files."""
    return json.dumps(
        [
            {
                "kind": str(f.kind),
                "span": list(f.span),
                "claim": f.claim,
                "evidence": f.evidence,
                "source_field": f.source_field,
                "score": f.score,
            }
            for f in check.findings
        ],
        ensure_ascii=False,
    )

"""The fact check: what an ad supports of a title, with the span, the evidence and its place for every finding.

    title -> words, segments -> policy, ranks, reader, amounts, dates, denials, conditions, strangers -> verdict

A finding of score 0.5 or more is an error; below that the words are harmless and only cannot be verified.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from creator.core.records import Ad, Check, Finding, FindingKind, Verdict
from creator.facts.checks import findings_of
from creator.facts.evidence import AdFacts
from creator.facts.reading import Reading

ERROR_FROM = 0.5
_KEPT_ADS = 4096
_kept: OrderedDict[int, tuple[Ad, AdFacts]] = OrderedDict()


def facts_of(ad: Ad) -> AdFacts:
    """An ad's facts, kept for the next title of the same ad object."""
    kept = _kept.get(id(ad))
    if kept is not None and kept[0] is ad:
        return kept[1]
    facts = AdFacts.of(ad)
    _kept[id(ad)] = (ad, facts)
    if len(_kept) > _KEPT_ADS:
        _kept.popitem(last=False)
    return facts


def check_title(title: str, ad: Ad) -> Check:
    """Check one title against one ad. Pure, deterministic, and never raises, whatever the text."""
    return check(title, facts_of(ad))


def check(title: str, facts: AdFacts) -> Check:
    """Check one title against an ad prepared with `AdFacts.of`.

    Returns:
        the verdict; `UNVERIFIABLE` when nothing is wrong but some words say nothing the ad could bear out.
    """
    reading = Reading.of(title, facts)
    findings = tuple(f for f in _merged(sorted(findings_of(reading), key=lambda f: (f.span, -f.score))) if f.score > 0)
    if any(f.score >= ERROR_FROM for f in findings):
        return Check(Verdict.UNSUPPORTED, False, findings)
    if findings or not reading.touches_ad:
        return Check(Verdict.UNVERIFIABLE, True, findings)
    return Check(Verdict.SUPPORTED, True, findings)


def _merged(findings: list[Finding]) -> Iterator[Finding]:
    """One finding for each kind and span."""
    seen: set[tuple[FindingKind, tuple[int, int]]] = set()
    for finding in findings:
        if (finding.kind, finding.span) not in seen:
            seen.add((finding.kind, finding.span))
            yield finding

"""The fact check: what an ad supports of a title, with the span, the evidence and its place for every finding."""

from __future__ import annotations

from collections import OrderedDict

from creator.core.records import Ad, Check, Finding, FindingKind, Verdict
from creator.facts.evidence import AdFacts
from creator.facts.policy import injection_faults, quality_faults
from creator.facts.text import Folded, fold, words

_FREE_WORDS = frozenset(
    [
        "a",
        "an",
        "the",
        "and",
        "or",
        "of",
        "for",
        "to",
        "in",
        "on",
        "at",
        "by",
        "with",
        "from",
        "your",
        "you",
        "our",
        "it",
        "its",
        "is",
        "are",
        "be",
        "this",
        "that",
        "these",
        "those",
        "as",
        "more",
        "all",
        "get",
        "try",
        "shop",
        "find",
        "discover",
        "enjoy",
        "love",
        "lover",
        "fan",
        "buy",
        "save",
        "great",
        "good",
        "perfect",
        "new",
        "now",
        "today",
        "time",
        "pick",
        "choose",
        "here",
        "ready",
        "meet",
        "say",
        "hello",
        "bring",
        "back",
        "favorite",
        "often",
        "bought",
        "made",
        "make",
    ]
)

_KEPT: OrderedDict[int, tuple[Ad, AdFacts]] = OrderedDict()
_KEPT_ADS = 4096


def facts_of(ad: Ad) -> AdFacts:
    """An ad's facts, kept for the next title of the same ad object."""
    kept = _KEPT.get(id(ad))
    if kept is not None and kept[0] is ad:
        return kept[1]
    facts = AdFacts.of(ad)
    _KEPT[id(ad)] = (ad, facts)
    if len(_KEPT) > _KEPT_ADS:
        _KEPT.popitem(last=False)
    return facts


def check_title(title: str, ad: Ad) -> Check:
    """Check one title against one ad. Pure, deterministic, and never raises, whatever the text."""
    return check(title, facts_of(ad))


def check(title: str, facts: AdFacts) -> Check:
    """Check one title against an ad prepared with `AdFacts.of`."""
    folded = fold(title)
    found = words(folded.text)
    if not found:
        return Check(
            Verdict.UNSUPPORTED, False, (Finding(FindingKind.CHANNEL, (0, len(title)), title, "", "policy", 1.0),)
        )
    findings = [
        _finding(title, folded, fault.kind, fault.span, fault.message, "policy", 1.0)
        for fault in quality_faults(folded.text, found) + injection_faults(folded.text)
    ]
    for word in found:
        if word.kind == "sign" or word.stem in facts.places or word.text in _FREE_WORDS or word.stem in _FREE_WORDS:
            continue
        kind = FindingKind.NUMBER if word.kind == "number" else FindingKind.UNSUPPORTED
        findings.append(_finding(title, folded, kind, (word.start, word.end), "", "", 0.7))
    findings.sort(key=lambda f: f.span)
    if findings:
        return Check(Verdict.UNSUPPORTED, False, tuple(findings))
    return Check(Verdict.SUPPORTED, True)


def _finding(
    title: str, folded: Folded, kind: FindingKind, span: tuple[int, int], evidence: str, field: str, score: float
) -> Finding:
    start, end = folded.span(*span)
    return Finding(kind, (start, end), title[start:end], evidence, field, score)

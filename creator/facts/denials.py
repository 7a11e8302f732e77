"""Denials in a title that the ad does not make, and statements that the ad denies."""

from __future__ import annotations

from collections.abc import Iterator

from creator.core.records import Finding, FindingKind
from creator.facts.evidence import AdFacts
from creator.facts.negation import IDIOMS, denied_words, read_denials, without_prefix
from creator.facts.passages import Passage
from creator.facts.reading import Reading, quoted
from creator.facts.text import Word, stem_of
from creator.facts.vocabulary import vocabulary


def denial_findings(reading: Reading) -> Iterator[tuple[Finding, int, int]]:
    """Denials the ad does not make, and statements that it denies."""
    found, facts = reading.words, reading.facts
    denied = denied_words(found, read_denials(found))
    counted = {n for q in reading.quantities for n in range(q.first, q.last + 1)}
    for n, denial in denied.items():
        word = found[n]
        if n in counted or word.text in IDIOMS:
            continue
        where = _where(facts, word.stem, denied=True)
        if n + 1 in denied and found[n + 1].kind == "word":
            continue  # it only narrows the next word: "no artificial colours"
        if where is not None and _wider(facts, found, n):
            where = None
        elif where is None and f"{word.text.removesuffix('s')}less" in facts.known.spoken:
            yield reading.finding(FindingKind.NEGATION, n, n, 0.0), n, n
            continue
        if where is None and turned_place(facts, word.text) is None:
            against = _where(facts, word.stem, denied=False)
            evidence, field = quoted(against)
            if (
                against is None
                and not denial.absent
                and not any(w.text in ("that", "which") for w in found[: denial.negator])
            ):
                yield reading.finding(FindingKind.NEGATION, n, n, 0.0), n, n  # "never hurried": colour in the telling
                continue
            score = 0.9 if against is not None or denial.absent else 0.7
            yield (
                reading.finding(
                    FindingKind.NEGATION, min(n, denial.negator), max(n, denial.negator), score, evidence, field
                ),
                n,
                n,
            )
    for n, word in enumerate(found):
        if word.kind not in ("word", "code") or n in denied or word.text in vocabulary().function or n in counted:
            continue
        against = _where(facts, word.stem, denied=True)
        if against is not None and _where(facts, word.stem, denied=False) is None:
            yield reading.finding(FindingKind.NEGATION, n, n, 0.9, *quoted(against)), n, n
        elif word.stem not in facts.known.stems:
            turned = turned_place(facts, word.text)
            if turned is not None:
                yield reading.finding(FindingKind.NEGATION, n, n, 0.9, *quoted(turned)), n, n


def _wider(facts: AdFacts, found: tuple[Word, ...], n: int) -> bool:
    """Whether the title denies more than the ad: "no sugar" where the ad has "no refined sugar"."""
    own = found[n - 1].stem if n else ""
    narrow: list[bool] = []
    for passage, words_denied in facts.denied:
        for at, word in enumerate(passage.words):
            if word.stem == found[n].stem and at in words_denied:
                narrow.append(
                    at - 1 in words_denied
                    and passage.words[at - 1].kind == "word"
                    and passage.words[at - 1].stem != own
                )
    return bool(narrow) and all(narrow)


def turned_place(facts: AdFacts, text: str) -> tuple[Passage, int] | None:
    """Where the ad has the word with a denying prefix added or taken away ("unfiltered" for "filtered")."""
    bare = without_prefix(text)
    if bare and stem_of(bare) in facts.known.stems:
        return _where(facts, stem_of(bare), denied=False)
    turned = facts.turned.get(stem_of(text))
    return _where(facts, turned, denied=False) if turned is not None else None


def _where(facts: AdFacts, stem: str, *, denied: bool) -> tuple[Passage, int] | None:
    """Where the ad has a word, denied or not."""
    if stem not in facts.places:
        return None
    for passage, words_denied in facts.denied:
        for n, word in enumerate(passage.words):
            if word.stem == stem and (n in words_denied) == denied:
                return passage, n
    return None

"""Denials in a title that the ad does not make, and statements that the ad denies."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from creator.core.records import Finding, FindingKind
from creator.facts.conditions import GENERIC, content_stems
from creator.facts.evidence import AdFacts
from creator.facts.negation import IDIOMS, denied_words, read_denials, without_prefix
from creator.facts.passages import Passage
from creator.facts.reading import Reading, quoted
from creator.facts.text import Word, listed, stem_of
from creator.facts.vocabulary import vocabulary

_VERSIONS = listed("version edition model option kind variant format type size plan included available support")
_SELF = listed("its itself automatically self themselves")
_CHARGES = listed("charge charges cost costs fee fees")


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
        if _left_out(facts, word.stem) or (denial.absent and word.text in _CHARGES and _is_free(reading)):
            continue
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
    said = frozenset(w.stem for n, w in enumerate(found) if n not in denied)
    yield from _by_itself(reading)
    for n, word in enumerate(found):
        if word.kind not in ("word", "code") or n in denied or word.text in vocabulary().function or n in counted:
            continue
        against = _where(facts, word.stem, denied=True, said=said)
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


def _only_describes(word: Word, after: Word) -> bool:
    """Whether a denied word says which of the next is denied: "no added sugar" does not deny adding."""
    describes = word.text.endswith(("ed", "ing")) or word.text in vocabulary().meanings.describing
    return after.kind == "word" and describes and after.text.removesuffix("s") not in _VERSIONS


def _by_itself(reading: Reading) -> Iterator[tuple[Finding, int, int]]:
    """ "Empties its own box" of what "is emptied by hand", "folds itself" of what has no self-folding frame."""
    found = reading.words
    for n, word in enumerate(found):
        if word.text not in _SELF or not n:
            continue
        for at in (m for m in (n - 1, n - 2, n + 2) if 0 <= m < len(found) and found[m].kind == "word"):
            where = _by_hand(reading.facts, found[at].stem)
            if where is not None and found[at].text not in vocabulary().function:
                yield reading.finding(FindingKind.NEGATION, min(at, n), max(at, n), 0.9, *quoted(where)), at, n


def _by_hand(facts: AdFacts, stem: str) -> tuple[Passage, int] | None:
    """Where the ad says that a person does it."""
    for passage, denied in facts.denied:
        for n, word in enumerate(passage.words):
            if word.stem != stem:
                continue
            after = [w.text for w in passage.words[n + 1 : n + 6]]
            own = n >= 2 and passage.words[n - 2].text == "self" and n in denied
            if own or "manually" in after or any(pair == ("by", "hand") for pair in pairwise(after)):
                return passage, n
    return None


def _left_out(facts: AdFacts, stem: str) -> bool:
    """Whether the ad also sells without the thing: "£19 with a contract, or £25 without"."""
    for passage in facts.passages:
        for first, last in passage.sentences:
            found = passage.words[first:last]
            for n, word in enumerate(found):
                after = found[n + 1].text if n + 1 < len(found) else ""
                if word.text == "without" and (not after or after in ",;)") and any(w.stem == stem for w in found[:n]):
                    return True
    return False


def _is_free(reading: Reading) -> bool:
    """Whether the ad gives free what the title says costs nothing."""
    said = content_stems(reading.words) - {stem_of(c) for c in _CHARGES} - GENERIC
    return any(clause.free and clause.stems & said for clause in reading.facts.clauses)


def _where(
    facts: AdFacts, stem: str, *, denied: bool, said: frozenset[str] | None = None
) -> tuple[Passage, int] | None:
    """Where the ad has a word, denied or not; with `said`, not where it only narrows a denied word outside these."""
    if stem not in facts.places:
        return None
    for passage, words_denied in facts.denied:
        for n, word in enumerate(passage.words):
            if word.stem != stem or (n in words_denied) != denied:
                continue
            after = passage.words[n + 1] if n + 1 in words_denied else None
            if said is None or after is None or after.stem in said or not _only_describes(word, after):
                return passage, n
    return None

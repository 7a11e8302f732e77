"""Every check on one title, each a generator of findings over one shared reading of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from creator.core.records import Finding, FindingKind
from creator.facts import reader
from creator.facts.claims import amount_tokens, match, said_stems
from creator.facts.conditions import Title, content_stems, dropped_conditions, unbounded, unoffered
from creator.facts.dates import Date, read_dates, weekdays
from creator.facts.entities import opposites, strangers, swapped_names
from creator.facts.evidence import AdFacts, date_words
from creator.facts.han import unknown_runs
from creator.facts.negation import IDIOMS, denied_words, read_denials, without_prefix
from creator.facts.numbers import read_figures
from creator.facts.passages import Passage
from creator.facts.policy import injection_faults, quality_faults
from creator.facts.quantities import Quantity, read_quantities
from creator.facts.ranks import read_ranks
from creator.facts.segments import Segment, read_segments, segment_at
from creator.facts.text import Folded, Word, fold, stem_of, words
from creator.facts.units import COUNT
from creator.facts.vocabulary import vocabulary

_READ_AT_MOST = 1000  # characters of a title that are read; a longer one is at fault for its length anyway
_RIGHT = "policy"


@dataclass(frozen=True, slots=True)
class Reading:
    """A title read against an ad.

    Args:
        title: as given.
        folded: folded.
        words: its words.
        segments: its segments.
        dates: its dates.
        quantities: its amounts.
        facts: the ad.
    """

    title: str
    folded: Folded
    words: tuple[Word, ...]
    segments: tuple[Segment, ...]
    dates: tuple[Date, ...]
    quantities: tuple[Quantity, ...]
    facts: AdFacts

    @classmethod
    def of(cls, title: str, facts: AdFacts) -> Reading:
        """Read a title."""
        folded = fold(title[:_READ_AT_MOST])
        found = words(folded.text)
        dates = read_dates(found)
        segments = read_segments(found, lambda w: w.stem in facts.known.stems)
        return cls(title, folded, found, segments, tuple(dates), tuple(read_quantities(found, date_words(dates))), facts)

    @property
    def touches_ad(self) -> bool:
        """Whether any word of meaning in the title is the ad's."""
        plain = vocabulary().function
        return bool(self.quantities or self.dates) or any(
            w.stem in self.facts.known.stems for w in self.words if w.kind != "sign" and w.text not in plain)

    def finding(self, kind: FindingKind, first: int, last: int, score: float, evidence: str = "", field: str = "") -> Finding:
        """A finding on words first to last (inclusive)."""
        start, end = self.folded.span(self.words[first].start, self.words[last].end)
        return Finding(kind, (start, end), self.title[start:end], evidence, field, score)


def findings_of(reading: Reading) -> Iterator[Finding]:
    """Everything to be said against a title."""
    yield from _policy(reading)
    if not reading.words:
        return
    taken: set[int] = set(date_words(list(reading.dates)))
    for finding, first, last in (*_ranks(reading), *_reader(reading)):
        taken.update(range(first, last + 1))
        yield finding
    yield from _dates(reading)
    yield from _quantities(reading, frozenset(taken))
    for quantity in reading.quantities:
        taken.update(range(quantity.first, quantity.last + 1))
    for finding, first, last in _denials(reading):
        taken.update(range(first, last + 1))
        yield finding
    yield from _conditions(reading)
    yield from _strangers(reading, frozenset(taken))
    for start, end in unknown_runs(reading.folded.text, reading.facts.stated):
        first, last = reading.folded.span(start, end)
        yield Finding(FindingKind.UNSUPPORTED, (first, last), reading.title[first:last], "", "", 0.7)


def _policy(reading: Reading) -> Iterator[Finding]:
    text, title = reading.folded.text, reading.title
    if not reading.words:
        yield Finding(FindingKind.CHANNEL, (0, len(title)), title, "a title has at least two words", _RIGHT, 1.0)
        return
    for fault in (*quality_faults(title, text, reading.words), *injection_faults(text)):
        start, end = reading.folded.span(*fault.span)
        yield Finding(fault.kind, (start, end), title[start:end], fault.message, _RIGHT, 1.0)


def _ranks(reading: Reading) -> Iterator[tuple[Finding, int, int]]:
    for rank in read_ranks(reading.folded.text, reading.words, reading.facts.stated, reading.facts.spoken):
        yield (reading.finding(FindingKind.SUPERLATIVE, rank.first, rank.last, 0.95, rank.rule, _RIGHT if rank.rule else ""),
               rank.first, rank.last)


def _reader(reading: Reading) -> Iterator[tuple[Finding, int, int]]:
    for said in reader.read_attributions(reading.folded.text, reading.words, reading.segments, reading.facts.spoken):
        yield (reading.finding(FindingKind.PERSONAL_ATTRIBUTE, said.first, said.last, 0.9, f"{said.about}: {reader.RULE}", _RIGHT),
               said.first, said.last)


def _dates(reading: Reading) -> Iterator[Finding]:
    for date in reading.dates:
        if any(date.agrees(fact) for fact, _ in reading.facts.dates):
            continue
        near = next(((fact, passage) for fact, passage in reading.facts.dates), None)
        evidence, field = (near[1].quote(near[0].first, near[0].last), near[1].field) if near else ("", "")
        yield reading.finding(FindingKind.NUMBER, date.first, date.last, 0.9, evidence, field)
    for n in weekdays(reading.words):
        stem = reading.words[n].stem
        named = [p for p in reading.facts.passages if weekdays(p.words)]
        if stem not in reading.facts.places and named:
            at = weekdays(named[0].words)[0]
            yield reading.finding(FindingKind.NUMBER, n, n, 0.85, named[0].quote(at, at), named[0].field)


def _quantities(reading: Reading, taken: frozenset[int]) -> Iterator[Finding]:
    facts, found = reading.facts, reading.words
    for quantity in reading.quantities:
        if quantity.figure in taken or (quantity.high == 0 and quantity.units[0] is COUNT):
            continue
        before = found[quantity.figure - 1] if quantity.figure else None
        if quantity.units[0] is COUNT and before is not None and before.kind == "word" and before.stem in facts.numbered:
            if found[quantity.figure].text in facts.numbered[before.stem]:
                continue
        first, last = _chunk(reading, quantity)
        others = amount_tokens(q for q in reading.quantities if q is not quantity)
        verdict = match(quantity, said_stems(found) | others, said_stems(found[first:last]) | others,
                        frozenset(w.text for w in found), frozenset(q.low for q in reading.quantities), facts.facts)
        if verdict.supported:
            continue
        fact = verdict.fact
        kind = FindingKind.UNIT if verdict.unit else FindingKind.NUMBER
        yield reading.finding(kind, quantity.first, quantity.last, 0.9, fact.evidence if fact else "",
                              fact.passage.field if fact else "")
    for figure in read_figures(found):
        if figure.ordinal and figure.value > 1 and figure.first not in taken and not any(
                q.first <= figure.first <= q.last for q in reading.quantities):
            stated = {f.value for p in facts.passages for f in read_figures(p.words) if f.ordinal}
            if figure.value not in stated:
                yield reading.finding(FindingKind.NUMBER, figure.first, figure.last, 0.8)


def _chunk(reading: Reading, quantity: Quantity) -> tuple[int, int]:
    """The part of the quantity's segment between commas."""
    segment = segment_at(reading.segments, quantity.figure)
    commas = [n for n in range(segment.first, segment.last) if reading.words[n].text == ","]
    first = max((n + 1 for n in commas if n < quantity.first), default=segment.first)
    return first, min((n for n in commas if n > quantity.last), default=segment.last)


def _denials(reading: Reading) -> Iterator[tuple[Finding, int, int]]:
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
            evidence, field = _quote(against)
            score = 0.9 if against is not None or denial.absent else 0.7
            yield reading.finding(FindingKind.NEGATION, min(n, denial.negator), max(n, denial.negator), score, evidence, field), n, n
    for n, word in enumerate(found):
        if word.kind not in ("word", "code") or n in denied or word.text in vocabulary().function or n in counted:
            continue
        against = _where(facts, word.stem, denied=True)
        if against is not None and _where(facts, word.stem, denied=False) is None:
            yield reading.finding(FindingKind.NEGATION, n, n, 0.9, *_quote(against)), n, n
        elif word.stem not in facts.known.stems:
            turned = turned_place(facts, word.text)
            if turned is not None:
                yield reading.finding(FindingKind.NEGATION, n, n, 0.9, *_quote(turned)), n, n


def _wider(facts: AdFacts, found: tuple[Word, ...], n: int) -> bool:
    """Whether the title denies more than the ad: "no sugar" where the ad has "no refined sugar"."""
    own = found[n - 1].stem if n else ""
    narrow: list[bool] = []
    for passage, words_denied in facts.denied:
        for at, word in enumerate(passage.words):
            if word.stem == found[n].stem and at in words_denied:
                narrow.append(at - 1 in words_denied and passage.words[at - 1].kind == "word" and passage.words[at - 1].stem != own)
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


def _quote(where: tuple[Passage, int] | None) -> tuple[str, str]:
    return ("", "") if where is None else (where[0].quote(where[1], where[1]), where[0].field)


def _conditions(reading: Reading) -> Iterator[Finding]:
    title = Title(reading.folded.text, reading.words, content_stems(reading.words), reading.quantities)
    dropped = dropped_conditions(title, reading.facts.clauses, reading.facts.spoken)
    if dropped is not None:
        passage = dropped.clause.passage
        yield reading.finding(FindingKind.SCOPE, dropped.first, dropped.last, 0.85,
                              passage.quote(dropped.condition.first, dropped.condition.last), passage.field)
        return
    nouns = frozenset(f.words[n - 1].stem for f in reading.facts.passages for n, w in enumerate(f.words) if w.text == "-" and n
                      and n + 1 < len(f.words) and f.words[n + 1].text == "free")
    nouns |= {stem for p, denied in reading.facts.denied for n in denied for stem in (p.words[n].stem,)}
    free = unoffered(title, reading.facts.clauses, nouns)
    if free is not None:
        first, last, clause = free
        evidence = clause.passage.quote(clause.first, clause.last - 1, 0) if clause else ""
        priced = clause is not None and any(q.units[0].dimension.startswith("money") for q in clause.quantities)
        yield reading.finding(FindingKind.NEGATION if priced else FindingKind.UNSUPPORTED, first, last, 0.8, evidence,
                              clause.passage.field if clause else "")
        return
    loose = unbounded(title, reading.facts.stated)
    if loose is not None:
        yield reading.finding(FindingKind.SCOPE, *loose, 0.8)


def _strangers(reading: Reading, taken: frozenset[int]) -> Iterator[Finding]:
    facts = reading.facts
    for first, last, other in swapped_names(reading.words, facts.names):
        where = facts.places.get(other.stems[0])
        yield reading.finding(FindingKind.ENTITY, first, last, 0.85, *_quote(where))
    for n, passage, at in opposites(reading.words, facts.passages, facts.known):
        yield reading.finding(FindingKind.WRONG_PRODUCT, n, n, 0.85, passage.quote(at, at), passage.field)
    for stranger in strangers(reading.words, reading.segments, facts.known, taken):
        yield reading.finding(stranger.kind, stranger.word, stranger.word, stranger.score)

"""Every check on one title, each a generator of findings over one shared reading of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from creator.core.records import Finding, FindingKind
from creator.facts import reader
from creator.facts.claims import match
from creator.facts.conditions import content_stems
from creator.facts.dates import weekdays
from creator.facts.denials import denial_findings
from creator.facts.entities import opposites, swapped_names
from creator.facts.evidence import date_words
from creator.facts.han import denied_runs, unknown_runs
from creator.facts.numbers import read_figures
from creator.facts.policy import TWICE, injection_faults, quality_faults
from creator.facts.quantities import Quantity
from creator.facts.ranks import read_ranks
from creator.facts.reading import Reading, quoted
from creator.facts.relations import relation_findings
from creator.facts.restricted import restricted_findings
from creator.facts.scope import Title, dropped_conditions, unbounded, unoffered
from creator.facts.segments import segment_at
from creator.facts.stated import amount_tokens, longest_list, said_stems
from creator.facts.strangers import strangers
from creator.facts.units import COUNT, PERCENT, is_money

_POLICY = "policy"


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
    for finding, first, last in denial_findings(reading):
        taken.update(range(first, last + 1))
        yield finding
    yield from _conditions(reading)
    yield from restricted_findings(reading)
    yield from _strangers(reading, frozenset(taken))
    yield from relation_findings(reading)
    for start, end, score in unknown_runs(reading.folded.text, reading.facts.stated):
        first, last = reading.folded.span(start, end)
        yield Finding(FindingKind.UNSUPPORTED, (first, last), reading.title[first:last], "", "", score)
    for start, end, clause in denied_runs(reading.folded.text, reading.facts.stated):
        first, last = reading.folded.span(start, end)
        yield Finding(FindingKind.NEGATION, (first, last), reading.title[first:last], *reading.field_of(clause), 0.85)


def _policy(reading: Reading) -> Iterator[Finding]:
    text, title = reading.folded.text, reading.title
    if not reading.words:
        yield Finding(FindingKind.CHANNEL, (0, len(title)), title, "a title has at least two words", _POLICY, 1.0)
        return
    for fault in (*quality_faults(title, text, reading.words), *injection_faults(text)):
        if fault.message == TWICE and text[slice(*fault.span)] in reading.facts.stated:
            continue  # the ad's own: "dandruff shampoo and shampoo"
        start, end = reading.folded.span(*fault.span)
        yield Finding(fault.kind, (start, end), title[start:end], fault.message, _POLICY, 1.0)


def _ranks(reading: Reading) -> Iterator[tuple[Finding, int, int]]:
    for rank in read_ranks(reading.folded.text, reading.words, reading.facts.stated, reading.facts.spoken):
        yield (
            reading.finding(
                FindingKind.SUPERLATIVE, rank.first, rank.last, 0.95, rank.rule, _POLICY if rank.rule else ""
            ),
            rank.first,
            rank.last,
        )


def _reader(reading: Reading) -> Iterator[tuple[Finding, int, int]]:
    for said in reader.read_attributions(reading.folded.text, reading.words, reading.segments, reading.facts.spoken):
        yield (
            reading.finding(
                FindingKind.PERSONAL_ATTRIBUTE, said.first, said.last, 0.9, f"{said.about}: {reader.RULE}", _POLICY
            ),
            said.first,
            said.last,
        )


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
    own_list = longest_list(found) if reading.quantities else 0
    for quantity in reading.quantities:
        if quantity.figure in taken or (quantity.high == 0 and quantity.units[0] is COUNT):
            continue
        after = [w.text for w in found[quantity.last + 1 : quantity.last + 3]]
        if quantity.units[0] is COUNT and after and after[0] == "of" and after[-1] in ("you", "us"):
            continue  # "for the two of you"
        if quantity.units[0] is COUNT and not quantity.counted and quantity.low == own_list:
            continue  # "gas, electric or induction: all three"
        before = found[quantity.figure - 1] if quantity.figure else None
        named = facts.numbered.get(before.stem) if before is not None and before.kind == "word" else None
        if quantity.units[0] is COUNT and named is not None and found[quantity.figure].text in named:
            continue  # part of a name: "Arc 2"
        first, last = _chunk(reading, quantity)
        others = amount_tokens(q for q in reading.quantities if q is not quantity)
        verdict, *rest = (
            match(
                meant,
                said_stems(found) | others,
                said_stems(found[first:last]) | others,
                frozenset(w.text for w in found),
                frozenset(q.low for q in reading.quantities),
                facts.facts,
                facts.known.product,
            )
            for meant in _meanings(quantity, reading.quantities)
        )
        if verdict.supported or any(other.supported for other in rest):
            continue
        fact = verdict.fact
        kind = FindingKind.UNIT if verdict.unit else FindingKind.SCOPE if verdict.loose else FindingKind.NUMBER
        yield reading.finding(
            kind, quantity.first, quantity.last, 0.9, fact.evidence if fact else "", fact.passage.field if fact else ""
        )
    for figure in read_figures(found):
        if (
            figure.ordinal
            and figure.value > 1
            and figure.first not in taken
            and not any(q.first <= figure.first <= q.last for q in reading.quantities)
        ):
            stated = {f.value for p in facts.passages for f in read_figures(p.words) if f.ordinal}
            if figure.value not in stated:
                yield reading.finding(FindingKind.NUMBER, figure.first, figure.last, 0.8)


def _meanings(quantity: Quantity, others: Sequence[Quantity]) -> Iterator[Quantity]:
    """The amount as it stands; a bare figure also in the units of the title's others: "over 400 km? Up to 412"."""
    yield quantity
    if quantity.units[0] is COUNT and not quantity.counted:
        for other in others:
            if other.units[0] is not COUNT and other.units[0] is not PERCENT and not is_money(other.units[0]):
                yield replace(quantity, units=other.units)


def _chunk(reading: Reading, quantity: Quantity) -> tuple[int, int]:
    """The part of the quantity's segment between commas."""
    segment = segment_at(reading.segments, quantity.figure)
    commas = [n for n in range(segment.first, segment.last) if reading.words[n].text == ","]
    first = max((n + 1 for n in commas if n < quantity.first), default=segment.first)
    return first, min((n for n in commas if n > quantity.last), default=segment.last)


def _conditions(reading: Reading) -> Iterator[Finding]:
    title = Title(reading.folded.text, reading.words, content_stems(reading.words), reading.quantities)
    dropped = dropped_conditions(title, reading.facts.clauses, reading.facts.stated)
    if dropped is not None:
        passage = dropped.clause.passage
        yield reading.finding(
            FindingKind.SCOPE,
            dropped.first,
            dropped.last,
            0.85,
            passage.quote(dropped.condition.first, dropped.condition.last),
            passage.field,
        )
        return
    nouns = frozenset(
        f.words[n - 1].stem
        for f in reading.facts.passages
        for n, w in enumerate(f.words)
        if w.text == "-" and n and n + 1 < len(f.words) and f.words[n + 1].text == "free"
    )
    nouns |= {stem for p, denied in reading.facts.denied for n in denied for stem in (p.words[n].stem,)}
    free = unoffered(title, reading.facts.clauses, nouns)
    if free is not None:
        first, last, clause = free
        evidence = clause.passage.quote(clause.first, clause.last - 1, 0) if clause else ""
        priced = clause is not None and any(q.units[0].dimension.startswith("money") for q in clause.quantities)
        yield reading.finding(
            FindingKind.NEGATION if priced else FindingKind.UNSUPPORTED,
            first,
            last,
            0.8,
            evidence,
            clause.passage.field if clause else "",
        )
        return
    loose = unbounded(title, reading.facts.stated)
    if loose is not None:
        yield reading.finding(FindingKind.SCOPE, *loose, 0.8)


def _strangers(reading: Reading, taken: frozenset[int]) -> Iterator[Finding]:
    facts = reading.facts
    for first, last, other in swapped_names(reading.words, facts.names):
        where = facts.places.get(other.stems[0])
        yield reading.finding(FindingKind.ENTITY, first, last, 0.85, *quoted(where))
    for n, passage, at in opposites(reading.words, facts.passages, facts.known):
        yield reading.finding(FindingKind.WRONG_PRODUCT, n, n, 0.85, passage.quote(at, at), passage.field)
    for stranger in strangers(reading.words, reading.segments, facts.known, taken):
        yield reading.finding(stranger.kind, stranger.word, stranger.word, stranger.score)

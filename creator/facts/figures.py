"""What a title's dates, times and amounts get wrong, against the ad's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from creator.core.records import Finding, FindingKind
from creator.facts.claims import match
from creator.facts.dates import weekdays
from creator.facts.evidence import date_words
from creator.facts.numbers import read_figures
from creator.facts.quantities import Quantity
from creator.facts.reading import Reading
from creator.facts.segments import segment_at
from creator.facts.stated import amount_tokens, longest_list, said_stems
from creator.facts.units import COUNT, PERCENT, is_money


def figure_words(reading: Reading) -> frozenset[int]:
    """Indices of the title's words that belong to dates and days of the week."""
    return date_words(list(reading.dates))


def figure_findings(reading: Reading, taken: frozenset[int]) -> Iterator[Finding]:
    """Every date, day and amount of the title that the ad does not bear out.

    Args:
        reading: the title.
        taken: indices of words that belong to something else.
    """
    yield from _dates(reading)
    yield from _quantities(reading, taken)


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

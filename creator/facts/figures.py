"""What a title's dates, times and amounts get wrong, against the ad's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import combinations, pairwise

from creator.core.records import Finding, FindingKind
from creator.facts.claims import Match, match
from creator.facts.clock import NAMED, Clock
from creator.facts.composed import longest_list
from creator.facts.derive import meets, one_free
from creator.facts.evidence import AdFacts, date_words
from creator.facts.numbers import ORDINALS, read_figures, small_number
from creator.facts.operands import PACKS, Said, each_of
from creator.facts.quantities import Quantity
from creator.facts.reading import Reading
from creator.facts.segments import segment_at
from creator.facts.stated import JOINERS, PRODUCT, amount_tokens, is_bare, said_stems
from creator.facts.text import Word, listed
from creator.facts.units import COUNT, PERCENT, is_money, unit_forms
from creator.facts.vocabulary import vocabulary

_FIRST_YEAR, _LAST_YEAR = 1900, 2100
_APART = 3  # words from one day of a list to the next
_MOST = 1000  # things that a title takes for granted
_OTHERS = listed("more others other besides")
_LABELS = listed("book part volume vol chapter season episode stage grade phase step")
_SINGLED = listed("each every per")
_CLOSED = listed("closed shut except excluding not never")
_ENDINGS = listed("st nd rd th")
_TWO = listed("pair both duo twins")


def figure_words(reading: Reading) -> frozenset[int]:
    """Indices of the title's words that belong to dates, times and days of the week."""
    stated = {n for days, _ in reading.facts.days for n in days.days}
    days = [d for d in reading.days if d.named or d.days <= stated]  # "seven days a week"
    return date_words([*reading.dates, *reading.clocks, *days])


def figure_findings(reading: Reading, taken: frozenset[int]) -> Iterator[Finding]:
    """Every date, day and amount of the title that the ad does not bear out.

    Args:
        reading: the title.
        taken: indices of words that belong to something else.
    """
    yield from _dates(reading)
    yield from _clocks(reading)
    yield from _days(reading)
    yield from _quantities(reading, taken)


def _dates(reading: Reading) -> Iterator[Finding]:
    for date in reading.dates:
        if any(date.agrees(fact) for fact, _ in reading.facts.dates):
            continue
        near = next(((fact, passage) for fact, passage in reading.facts.dates), None)
        evidence, field = (near[1].quote(near[0].first, near[0].last), near[1].field) if near else ("", "")
        yield reading.finding(FindingKind.NUMBER, date.first, date.last, 0.9, evidence, field)


def _clocks(reading: Reading) -> Iterator[Finding]:
    if not reading.clocks:
        return
    facts = reading.facts
    lasting = {
        f.quantity.units[0].base(f.quantity.low) / 60
        for f in facts.facts
        if f.quantity.units[0].dimension == unit_forms()["minute"].dimension and f.quantity.low == f.quantity.high
    }
    for clock in reading.clocks:
        if any(clock.agrees(fact) for fact, _ in facts.clocks):
            continue
        if any(
            (one is clock or two is clock) and one.until(two) & lasting for one, two in combinations(reading.clocks, 2)
        ):
            continue  # "plugged in at midnight, full by six": six hours
        framed = segment_at(reading.segments, clock.first).frame
        if framed and (not facts.clocks or _within(clock, [c for c, _ in facts.clocks])):
            continue
        if not facts.clocks and reading.words[clock.first].text in NAMED:
            continue  # "from noon to midnight": a way to say all the time
        near = next(iter(facts.clocks), None)
        evidence, field = (near[1].quote(near[0].first, near[0].last), near[1].field) if near else ("", "")
        yield reading.finding(FindingKind.NUMBER, clock.first, clock.last, 0.9, evidence, field)


def _within(clock: Clock, stated: Sequence[Clock]) -> bool:
    """Whether a time lies in a span that the ad states: "free at 7 pm?" of "from 9 am to 9 pm"."""
    spans = [(one, two) for one, two in pairwise(stated) if one.side == "start" and two.side == "end"]
    return any(min(one.until(clock)) <= min(one.until(two)) for one, two in spans)


def _days(reading: Reading) -> Iterator[Finding]:
    facts = reading.facts
    named = [(days, passage) for days, passage in facts.days if days.named]
    for days in reading.days:
        if not days.named or not named or segment_at(reading.segments, days.first).question:
            continue
        if _CLOSED & {w.text for w in reading.words[max(0, days.first - 3) : days.first]} and not any(
            _CLOSED & {w.text for w in p.words} for _, p in facts.days
        ):
            good = not any(days.days & fact.days for fact, _ in facts.days)
        else:
            good = any(days.days <= fact.days for fact, _ in facts.days)
        if not good:
            fact, passage = named[0]
            yield reading.finding(
                FindingKind.NUMBER, days.first, days.last, 0.85, passage.quote(fact.first, fact.last), passage.field
            )


def _quantities(reading: Reading, taken: frozenset[int]) -> Iterator[Finding]:
    used = set[Fraction]()
    wrong: list[tuple[Quantity, Match]] = []
    for quantity in reading.quantities:
        if quantity.figure in taken or _says_nothing(reading, quantity):
            continue
        if quantity.units[0] is COUNT and reading.words[quantity.last].text == "s":
            if not any(f.quantity.units[0] is COUNT and f.quantity.low == quantity.low for f in reading.facts.facts):
                wrong.append((quantity, Match(None, False)))
            continue  # "under-16s"
        verdict, *rest = (_match(reading, quantity, meant) for meant in _meanings(reading, quantity))
        good = next((v for v in (verdict, *rest) if v.supported), None)
        if good is None:
            wrong.append((quantity, verdict))
        else:
            used |= good.used
    for quantity, verdict in wrong:
        if quantity.units[0] is COUNT and quantity.low == quantity.high and quantity.low in used:
            continue  # "three computers for $18": the reader's own number
        thing = reading.words[quantity.last + 1].stem if quantity.last + 1 < len(reading.words) else ""
        said = said_stems(reading.words) - reading.facts.known.product
        sold = PACKS | (frozenset() if _SINGLED & {w.text for w in reading.words} else reading.facts.known.product)
        if meets(quantity, thing, sold, said, reading.facts.facts):
            continue  # "two tubes earn you a lip balm": they cost more than it takes
        fact = verdict.fact
        kind = FindingKind.UNIT if verdict.unit else FindingKind.SCOPE if verdict.loose else FindingKind.NUMBER
        yield reading.finding(
            kind, quantity.first, quantity.last, 0.9, fact.evidence if fact else "", fact.passage.field if fact else ""
        )
    yield from _ordinals(reading, taken)


def _says_nothing(reading: Reading, quantity: Quantity) -> bool:
    """Whether a figure is no amount of anything: part of a name, or counting what the title itself lists."""
    found = reading.words
    weekly = quantity.rate == "week" and quantity.units[0].name in ("day", "")
    if weekly and quantity.high in {len(days) for days in _day_lists(reading.facts)}:
        return True  # "three sleepers a week": on Monday, Wednesday and Saturday
    if quantity.units[0] is not COUNT:
        return False
    after = [w.text for w in found[quantity.last + 1 : quantity.last + 3]]
    if quantity.high == 0 or (after and after[0] == "of" and after[-1] in ("you", "us")):
        return True  # "for the two of you"
    named_here = longest_list(found)
    if not quantity.counted and quantity.low == named_here:
        return True  # "gas, electric or induction: all three"
    stated = [f.quantity for f in reading.facts.facts if not f.derived]
    if after and after[0] in _OTHERS and any(q.low == quantity.low + named_here - 1 for q in stated):
        return True  # "phone, laptop and six more" of eight
    if after[-1:] in (["figure"], ["figures"], ["digit"]) or after[:1] == ["figures"]:
        return any(is_money(q.units[0]) and len(str(int(q.high))) == quantity.low for q in stated)
    before = found[quantity.figure - 1] if quantity.figure else None
    if _FIRST_YEAR <= quantity.low <= _LAST_YEAR and found[quantity.figure].text in reading.facts.spoken:
        return True  # "departures in 2026"
    if before is not None and _labelled(reading.facts, before, quantity):
        return True
    if before is not None and before.text in _LABELS and not quantity.counted & _LABELS:
        return _has_place(reading.facts, quantity.low, frozenset((before.stem,)), ())  # "book two" of three
    named = reading.facts.numbered.get(before.stem) if before is not None and before.kind == "word" else None
    if named is not None:
        return found[quantity.figure].text in named  # "Arc 2"
    return (
        quantity.high == 1
        and not quantity.rate
        and not any(q.units[0] is COUNT and q.low > 1 and q.counted & quantity.counted for q in stated)
    )


def _day_lists(facts: AdFacts) -> Iterator[frozenset[int]]:
    """The days of the week that the ad lists together: "Monday, Wednesday and Saturday"."""
    together, before = frozenset[int](), None
    for days, passage in facts.days:
        goes_on = before is not None and before[1] is passage and days.first - before[0].last <= _APART
        if not goes_on:
            yield together
        together = together | days.days if goes_on else days.days
        before = (days, passage)
    yield together


def _labelled(facts: AdFacts, noun: Word, quantity: Quantity) -> bool:
    """Whether the ad calls a thing by that number: "in size 8", "bill two" for "your second bill"."""
    if noun.kind != "word" or quantity.low != quantity.high or noun.text in vocabulary().function:
        return False
    for passage in facts.passages if noun.stem in facts.places else ():
        for one, two in pairwise(passage.words):
            if one.stem == noun.stem and small_number(two) == quantity.low > 0:
                return True
            if two.stem == noun.stem and ORDINALS.get(one.text) == quantity.low:
                return True
    return False


def _match(reading: Reading, quantity: Quantity, meant: Quantity) -> Match:
    found, facts = reading.words, reading.facts
    first, last = _chunk(reading, quantity)
    others = [q for q in reading.quantities if q is not quantity]
    amounts = amount_tokens(others)
    words = frozenset(w.text for w in found)
    counts = {q.low for q in others if q.units[0] is COUNT and q.low == q.high and 1 < q.low < _MOST}
    counts -= {q.low for q in others if q.low in counts and q.figure and _labelled(facts, found[q.figure - 1], q)}
    counts |= {Fraction(2)} if words & _TWO else set()
    said = said_stems(found)
    sizes = {q.units[0].dimension: q.units[0].base(q.low) for q in others if q.low == q.high}
    stated = facts.facts
    single = any(q.units[0] is COUNT and q.last == quantity.first - 1 for q in others)
    beside = Said(words, said, frozenset(counts), each_of([w.text for w in found]), sizes, single)
    if single:
        stated = tuple(f for f in stated if f.derived != PRODUCT)  # "two 23 kg cases": each
    chunk = said_stems(found[first:last]) | amount_tokens(q for q in others if first <= q.first < last)
    return match(meant, said | amounts, chunk, beside, stated, facts.known.product, facts.ledger)


def _ordinals(reading: Reading, taken: frozenset[int]) -> Iterator[Finding]:
    if not any(w.text in ORDINALS or w.text in _ENDINGS for w in reading.words):
        return
    amounts = {n for q in reading.quantities for n in range(q.first, q.last + 1)}
    for figure in read_figures(reading.words):
        if figure.ordinal and figure.value > 1 and figure.first not in taken | amounts:
            of = reading.words[figure.last + 1 : figure.last + 3]
            if not _has_place(reading.facts, figure.value, said_stems(of), [w.text for w in of]):
                yield reading.finding(FindingKind.NUMBER, figure.first, figure.last, 0.8)


def _has_place(facts: AdFacts, place: Fraction, of: frozenset[str], units: Sequence[str]) -> bool:
    """Whether the ad has so many of a thing that one of them is, say, the third, or names that place itself."""
    if any(f.ordinal and f.value == place for p in facts.passages for f in read_figures(p.words)):
        return True
    if any(ORDINALS.get(w.text) == place for p in facts.passages for w in p.words):
        return True
    stated = [f for f in facts.facts if not f.derived]
    for fact in stated:
        measure, high = fact.quantity.units[0], fact.quantity.high
        if high == place and (measure.name in units or (measure is COUNT and of & fact.quantity.counted)):
            return True  # "a third guaranteed year" of three years
    return bool(one_free(place, stated))  # "buy two, get the third free"


def _meanings(reading: Reading, quantity: Quantity) -> Iterator[Quantity]:
    """The amount as it stands; a bare figure also in the units of the title's others: "over 400 km? Up to 412"."""
    yield quantity
    after = reading.words[quantity.last + 1].text if quantity.last + 1 < len(reading.words) else ""
    if quantity.units[0] is COUNT and (not quantity.counted or not after.endswith("s")):
        if not is_bare(reading.words, quantity):
            return
        if any(quantity.counted & f.quantity.counted for f in reading.facts.facts if f.quantity.units[0] is COUNT):
            return
        for other in reading.quantities:
            if other.units[0] is not COUNT and other.units[0] is not PERCENT and not is_money(other.units[0]):
                yield replace(quantity, units=other.units, counted=frozenset())


def _chunk(reading: Reading, quantity: Quantity) -> tuple[int, int]:
    """The part of the quantity's segment that is about it: between commas, and between the amounts beside it."""
    segment = segment_at(reading.segments, quantity.figure)
    found = reading.words
    commas = [n for n in range(segment.first, segment.last) if found[n].text == ","]
    first = max((n + 1 for n in commas if n < quantity.first), default=segment.first)
    last = min((n for n in commas if n > quantity.last), default=segment.last)
    for other in reading.quantities:
        if first <= other.first and other.last < quantity.first:
            first = next((n + 1 for n in range(quantity.first - 1, other.last, -1) if found[n].text in JOINERS), first)
        elif quantity.last < other.first and other.last < last:
            last = next((n for n in range(quantity.last + 1, other.first) if found[n].text in JOINERS), last)
    return first, last

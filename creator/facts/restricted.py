"""Amounts and extras that an ad gives only to some, at some times or with something else, and a title gives outright.

"Adults pay €212; travellers under 27 pay €159" bears out no "Rail Pass for €159", and a planetarium that "costs £4
extra" is not included.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction

from creator.core.records import Finding, FindingKind
from creator.facts.circumstances import circumstance_findings
from creator.facts.conditions import GENERIC, GIVEN, content_stems
from creator.facts.quantities import AT_LEAST, AT_MOST, Quantity, read_quantities
from creator.facts.reading import Reading
from creator.facts.stated import Fact
from creator.facts.text import Word, listed, stem_of
from creator.facts.units import COUNT, PERCENT, is_money, unit_forms
from creator.facts.vocabulary import vocabulary

_NEAR = 2  # sentences between a price and the days it holds on
_TO = listed("for with without if when on as at under over online by via")
_ENDS = listed(", ; . ( ) : or and but which that to until less")
_PAYING = listed("pay pays paid get gets enjoy enter")
_EXTRA = frozenset(stem_of(w) for w in ("cost", "costs", "extra", "hired", "ordered", "charged", "added", "bought"))
_ANY = listed("any every all each anytime daily whenever always")
_ALWAYS = re.compile(r"\b(?:any ?time|(?:any|every|all|each) (?:day|week|night|evening)s?|daily|seven days)\b")
_OUTRIGHT = re.compile(r"(?<![-\w])(?:free|included|includes|including|complimentary)(?![-\w])")
_IS_EXTRA = re.compile(
    r"(?:^|[.;,:] |\b(?:but|and) )(?:an? |the |our |any )?((?:[\w'-]+ ){1,4}?)"
    r"(?:(?:is|are) available (?:for|at) (?=[$€£¥]?\d)|(?:is|are|costs?|comes? at) (?:an )?"
    r"(?:[$€£¥]?\d[\d.,]* ?[$€£¥]? )?(?:optional )?extra\b(?! [a-z]{3,}(?<!each)(?<!per)))"
)
_NEAR_WORDS = 4
_UNLIMITED = re.compile(r"\bunlimited\b")


def restricted_findings(reading: Reading) -> Iterator[Finding]:
    """Every amount or extra that the title gives without the restriction the ad puts on it."""
    for claim in reading.quantities:
        unit = claim.units[0]
        if claim.cut or unit is COUNT or unit is PERCENT:
            continue
        fact = _unrestricted(reading, claim)
        if fact is not None:
            yield reading.finding(FindingKind.SCOPE, claim.first, claim.last, 0.8, fact.evidence, fact.passage.field)
            return
    yield from _any_day(reading)
    yield from circumstance_findings(reading)
    yield from _paid_extras(reading)
    yield from _charged_apart(reading)
    yield from _unlimited(reading)


def _unrestricted(reading: Reading, claim: Quantity) -> Fact | None:
    """The restricted fact that alone states the claimed amount, if the title has none of the restriction's words."""
    facts = [f for f in reading.facts.facts if not f.derived and not f.quantity.cut]
    alike = [f for f in facts if any(u.dimension == f.quantity.units[0].dimension for u in claim.units)]
    stating = [f for f in alike if _base(f.quantity) == _base(claim)]
    if not stating:
        return None
    others = {_base(f.quantity) for f in alike} - {_base(claim)}
    own_base = _base(claim)
    most = claim.relation == AT_MOST and all(own_base >= other for other in others)
    least = claim.relation == AT_LEAST and all(own_base <= other for other in others)
    loose = any(w.text in _ANY for w in reading.words)
    if not others or most or (least and not loose):
        return None  # "up to" the most and "from" the least hold without conditions
    said = {w.stem for w in reading.words}
    elsewhere = _of_a_rival(reading, stating, alike, said)
    if elsewhere is not None:
        return elsewhere
    for fact in stating:
        own = _restriction(fact, reading.facts.known.product)
        rivals = [f for f in alike if _beside(fact, f) and _base(f.quantity) != _base(claim)]
        common = frozenset[str]().union(*(r.around for r in rivals))
        if not own or (own - common or own) & said or not rivals:
            return None
        if not is_money(claim.units[0]) and not any(_restriction(f, reading.facts.known.product) for f in rivals):
            return None
    return stating[0]


def _of_a_rival(reading: Reading, stating: list[Fact], alike: list[Fact], said: set[str]) -> Fact | None:
    """The fact whose amount the title gives for what the ad gives another: "£19 from the driver" of "£19 online"."""
    named = reading.facts.known.product
    own = frozenset[str]().union(*(f.near for f in stating))
    amounts = {_base(q) for q in reading.quantities}
    for fact in alike:
        if is_money(fact.quantity.units[0]) and _base(fact.quantity) not in amounts:
            rival = {s for s in _restriction(fact, named) - own if not s.isdigit()}
            if (own - fact.near) & said or _counted_alike(reading, stating):
                continue  # it says its own words too
            if rival and rival <= said and any(_beside(fact, f) for f in stating):
                return stating[0]
    return None


def _counted_alike(reading: Reading, stating: list[Fact]) -> bool:
    """Whether the title names the count that the ad gives the amount for: "three computers" of "$108 for three"."""
    counts = {q.low for q in reading.quantities if q.units[0] is COUNT or q.units[0].dimension == "count"}
    for fact in stating:
        after = fact.passage.words[fact.quantity.last + 1 : fact.quantity.last + 4]
        if after and after[0].text in ("for", "("):
            own = {q.low for q in read_quantities(after[1:])}
            if own & counts and 1 not in own:
                return True
    return False


def _base(quantity: Quantity) -> Fraction:
    return quantity.units[0].base(quantity.high)


def _beside(one: Fact, two: Fact) -> bool:
    """Whether two amounts stand in one sentence of a field or in neighbouring ones, or in two selling points."""
    if one.passage is not two.passage:
        points = ("selling_points", "attributes")
        return one.passage.field.startswith(points) and two.passage.field.startswith(points)
    bounds = list(one.passage.sentences)
    places = [next((n for n, (a, b) in enumerate(bounds) if a <= f.quantity.first < b), 0) for f in (one, two)]
    return abs(places[0] - places[1]) <= 1


def _restriction(fact: Fact, named: frozenset[str]) -> frozenset[str]:
    """Stems of whom or what an amount is for: what follows it after "for" or "with", or who pays it."""
    first, last = fact.passage.sentence_at(fact.quantity.first)
    found, at = fact.passage.words, fact.quantity.last + 1
    if at + 1 < last and found[at].text in ("a", "an", "per", "each", "/"):
        at += 2
    inside: list[Word] = []
    if at < last and found[at].text in _TO:
        end = next((n for n in range(at + 1, last) if found[n].text in _ENDS), last)
        inside += found[at:end]
    start = fact.quantity.first - 1
    if start > first and found[start].text in _PAYING:
        begin = next((n + 1 for n in range(start, first - 1, -1) if found[n].text in _ENDS), first)
        inside += found[begin:start]
    elif not inside and _has_rival(fact, first, last):
        begin = next((n + 1 for n in range(start, first - 1, -1) if found[n].text in _ENDS), first)
        inside += found[begin : start + 1]  # "grown-ups £22, guests under 16 £13"
    figures = {w.text for w in inside if w.kind == "number"}
    return (content_stems(inside) - named - GENERIC) | figures if content_stems(inside) - named else frozenset()


def _has_rival(fact: Fact, first: int, last: int) -> bool:
    """Whether a selling point or attribute names a price beside the fact's own."""
    words = fact.passage.words[first:last]
    prices = sum(w.text in unit_forms() and is_money(unit_forms()[w.text]) for w in words)
    return is_money(fact.quantity.units[0]) and prices > 1 and fact.passage.field.startswith(("sell", "attr"))


def _any_day(reading: Reading) -> Iterator[Finding]:
    """ "£9 any day" and "any two nights from £245" of what the ad sells for some days of the week."""
    text = reading.folded.text
    match = _ALWAYS.search(text)
    priced = [q for q in reading.quantities if is_money(q.units[0]) or (q.units[0] is PERCENT and not q.part)]
    loose = next((n for n, w in enumerate(reading.words) if w.text in _ANY), None)
    if not priced or loose is None or (match is not None and match.group() in reading.facts.stated):
        return
    for clause in reading.facts.clauses:
        limit = next((c for c in clause.conditions if c.kind == "weekday"), None)
        if limit is None or any(w.stem in limit.stems for w in reading.words):
            continue
        same = any(
            q.low == p.low and q.units[0].dimension == p.units[0].dimension for q in clause.quantities for p in priced
        )
        if same or (match is not None and _near_price(reading, clause.passage.field, clause.first, priced)):
            yield reading.finding(
                FindingKind.SCOPE,
                loose,
                loose,
                0.8,
                clause.passage.quote(limit.first, limit.last),
                clause.passage.field,
            )
            return


def _near_price(reading: Reading, field: str, first: int, priced: list[Quantity]) -> bool:
    """Whether the price stands within two sentences of the one that names the days."""
    for fact in reading.facts.facts:
        if fact.passage.field == field and any(fact.quantity.low == p.low for p in priced):
            bounds = [a for a, _ in fact.passage.sentences]
            at = fact.passage.sentence_at(fact.quantity.first)[0]
            if abs(bounds.index(first) - bounds.index(at)) <= _NEAR:
                return True
    return False


def _paid_extras(reading: Reading) -> Iterator[Finding]:
    """ "Planetarium included" of one that costs £4 extra."""
    match = _OUTRIGHT.search(reading.folded.text)
    if match is None:
        return
    found, facts = reading.words, reading.facts
    at = next(n for n, w in enumerate(found) if w.end > match.start())
    span = range(at + 1, min(at + 4, len(found))) if match.group() != "included" else range(max(0, at - 3), at)
    given = {s for c in facts.clauses if c.free for s in c.stems}
    for fact in facts.facts:
        if fact.derived or fact.quantity.cut or not is_money(fact.quantity.units[0]) or fact.quantity.low == 0:
            continue
        if not fact.near & _EXTRA or fact.passage.field in ("title", "category"):
            continue
        for n in span:
            stem = found[n].stem
            own = found[n].kind == "word" and found[n].text not in vocabulary().function and stem not in _EXTRA
            if own and stem in fact.near - given - facts.known.product - GENERIC:
                yield reading.finding(
                    FindingKind.NEGATION, min(n, at), max(n, at), 0.85, fact.evidence, fact.passage.field
                )
                return


def _charged_apart(reading: Reading) -> Iterator[Finding]:
    """ "All your diesel included" where "diesel is extra"."""
    match = GIVEN.search(reading.folded.text)
    if match is None:
        return
    for passage in reading.facts.passages:
        for extra in _IS_EXTRA.finditer(passage.folded.text):
            subject = content_stems([w for w in passage.words if extra.start(1) <= w.start < extra.end(1)])
            stems = subject - reading.facts.known.product - GENERIC
            at = [n for n, w in enumerate(reading.words) if w.stem in stems and w.kind == "word"]
            near = [n for n in at if abs(_index(reading, match.start()) - n) <= _NEAR_WORDS]
            if stems and near:
                first = next(n for n, w in enumerate(passage.words) if w.start >= extra.start(1))
                yield reading.finding(
                    FindingKind.NEGATION, near[0], near[-1], 0.85, passage.quote(first, first), passage.field
                )
                return


def _index(reading: Reading, start: int) -> int:
    return next((n for n, w in enumerate(reading.words) if w.end > start), 0)


def _unlimited(reading: Reading) -> Iterator[Finding]:
    """ "Unlimited data" where the ad has unlimited calls."""
    for match in _UNLIMITED.finditer(reading.folded.text):
        at = next(n for n, w in enumerate(reading.words) if w.end > match.start())
        after = next((w for w in reading.words[at + 1 : at + 3] if w.kind == "word"), None)
        own: set[str] = set()
        for passage in reading.facts.passages:
            for n, word in enumerate(passage.words):
                if word.text == "unlimited":
                    own |= {w.stem for w in passage.words[n + 1 : n + 6]}
        if own and after is not None and after.stem in reading.facts.known.stems and after.stem not in own:
            yield reading.finding(FindingKind.SCOPE, at, at + 1, 0.85)

"""Amounts that follow from what one field of an ad states: products, pairs, spans of time, areas, counts of lists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import combinations, pairwise

from creator.facts.clock import read_clocks
from creator.facts.passages import Passage
from creator.facts.quantities import IS, Quantity
from creator.facts.stated import CARRIED, LISTED, PAIR, PRODUCT, Fact, is_bare, said_stems
from creator.facts.text import Word, listed
from creator.facts.units import COUNT, PERCENT, is_money, unit_forms
from creator.facts.vocabulary import stems

_PIECES = stems("pieces items parts things elements components")
_ARRIVES = listed("arrives arriving arrival reaches ends ending finishes finishing returns returning until back lands")
_PARTS = frozenset(("and", "or", "plus", ",", ";", ":", ".", "orders", "order"))


def composed_facts(passage: Passage, stated: Sequence[Fact]) -> list[Fact]:
    """What follows from the amounts that one field states."""
    measures = _measures(passage, [f.quantity for f in stated])
    return [
        *_carried(stated),
        *_products(passage, stated),
        *_lists(passage),
        *_pairs_of(passage),
        *measures,
        *_spans(passage),
        *_areas(passage, [*stated, *measures]),
        *_over_time(stated),
        *_introduced(passage, stated),
        *_enumerated(passage, stated),
    ]


def multiples(facts: Sequence[Fact]) -> list[Fact]:
    """What the ad's counts of a product make of an amount for one of its things: 12 packs, 104 kcal per pack."""
    counts = [
        f
        for f in facts
        if f.quantity.units[0] is COUNT
        and f.quantity.low == f.quantity.high > 1
        and not f.derived
        and (f.passage.field == "title" or f.passage.field.startswith("attributes."))
    ]
    made: list[Fact] = []
    for one in facts if counts else ():
        amount = one.quantity
        if one.derived or amount.units[0] in (COUNT, PERCENT) or amount.units[0].dimension == "temperature":
            continue
        things = _singled(one) if not is_money(amount.units[0]) else frozenset[str]()
        for count in counts:
            if things & count.quantity.counted:
                n = count.quantity.low
                total = replace(amount, low=amount.low * n, high=amount.high * n, rate="", every="")
                made.append(Fact(total, one.passage, one.near | count.near, one.around, PRODUCT))
    return made


def _singled(fact: Fact) -> frozenset[str]:
    """The thing an amount is given for one of: "each 28 g pack has 104 kcal", "60 mg per bowl"."""
    amount, words = fact.quantity, fact.passage.words
    if amount.rate and amount.rate not in unit_forms():
        return frozenset((amount.rate,))
    first, _ = fact.passage.sentence_at(amount.first)
    for n in range(amount.first - 1, max(first, amount.first - 7) - 1, -1):
        if words[n].text in ("each", "every", "one"):
            return said_stems(words[n + 1 : amount.first])
        if words[n].text in (",", "and"):
            break
    return frozenset()


def _carried(facts: Sequence[Fact]) -> Iterator[Fact]:
    """ "24 litres, extends to 30", "110 or 220 volts": a bare figure in the unit of the one beside it."""
    for one, two in (*pairwise(facts), *((b, a) for a, b in pairwise(facts) if _listed_with(a, b))):
        a, b = one.quantity, two.quantity
        if b.units[0] is not COUNT or b.counted or a.units[0] in (COUNT, PERCENT) or is_money(a.units[0]):
            continue
        if one.passage.sentence_at(a.first) == one.passage.sentence_at(b.first) and is_bare(one.passage.words, b):
            yield replace(two, quantity=replace(b, units=a.units), derived=CARRIED)


def _listed_with(one: Fact, two: Fact) -> bool:
    between = [w.text for w in one.passage.words[one.quantity.last + 1 : two.quantity.first]]
    return between in (["and"], ["or"], [","], ["/"], ["&"])


def _enumerated(passage: Passage, facts: Sequence[Fact]) -> list[Fact]:
    """ "4 plates, 4 bowls and 4 mugs" are twelve pieces."""
    made: list[Fact] = []
    counts = [f for f in facts if f.quantity.units[0] is COUNT and f.quantity.relation == IS]
    at = 0
    while at < len(counts):
        end = at + 1
        while end < len(counts) and _goes_on(counts[end - 1], counts[end]):
            end += 1
        if end - at > 1:
            total = sum((f.quantity.low for f in counts[at:end]), Fraction(0))
            whole = replace(counts[at].quantity, low=total, high=total, counted=_PIECES)
            made.append(Fact(whole, passage, _PIECES, counts[at].around, "in all"))
        at = end
    return made


def _goes_on(one: Fact, two: Fact) -> bool:
    """Whether two counts stand in one list: "4 plates, 4 bowls"."""
    between = [w.text for w in one.passage.words[one.quantity.last + 1 : two.quantity.first]]
    return 1 < len(between) <= 5 and between[-1] in (",", "and", "plus", "&") and "." not in between


def _pairs_of(passage: Passage) -> list[Fact]:
    """ "A pair of dumbbells" are two dumbbells; "3 pairs" are counted as pairs elsewhere."""
    made: list[Fact] = []
    for n, word in enumerate(passage.words):
        if word.text not in ("pair", "twin", "duo", "couple") or (n and passage.words[n - 1].kind == "number"):
            continue
        first, last = passage.sentence_at(n)
        near = said_stems(passage.words[max(first, n - 3) : min(last, n + 5)])
        made.append(
            Fact(
                Quantity(Fraction(2), Fraction(2), (COUNT,), IS, "", near, n, n, n),
                passage,
                near,
                said_stems(passage.words[first:last]),
                PAIR,
            )
        )
    return made


def _spans(passage: Passage) -> list[Fact]:
    """ "From 5 pm to 9 pm" is four hours."""
    made: list[Fact] = []
    found, minute = passage.words, unit_forms()["minute"]
    for start, end in pairwise(read_clocks(found)):
        first, last = passage.sentence_at(start.first)
        spans = start.side == "start" and end.side == "end" and end.first == start.last + 2
        lasts = end.first < last and any(w.text in _ARRIVES for w in found[start.last + 1 : end.first])
        if not spans and not (lasts and start.sure and end.sure):
            continue
        around = said_stems(found[first:last])
        made += [
            Fact(
                Quantity(Fraction(n), Fraction(n), (minute,), IS, "", frozenset(), start.first, end.last, start.first),
                passage,
                around,
                around,
                "from, to",
            )
            for n in sorted(start.until(end))
        ]
    return made


def _areas(passage: Passage, facts: Sequence[Fact]) -> list[Fact]:
    """ "8 x 6 ft" covers 48 square feet."""
    forms, made = unit_forms(), list[Fact]()
    for one, two in combinations(facts, 2):
        a, b = sorted((one.quantity, two.quantity), key=lambda q: q.first)
        if [w.text for w in passage.words[a.last + 1 : b.first]] != ["x"] or a.units[0] != b.units[0]:
            continue
        square = {"foot": "sqft"}.get(b.units[0].name, "sqm")
        if b.units[0].dimension == forms["m"].dimension:
            area = b.units[0].base(a.low) * b.units[0].base(b.low) / forms[square].factor
            made.append(
                Fact(replace(b, low=area, high=area, units=(forms[square],)), passage, one.near, two.around, "area")
            )
    return made


def _over_time(facts: Sequence[Fact]) -> list[Fact]:
    """ "One service a year for five years" is five."""
    made: list[Fact] = []
    for rate, span in pairwise(facts):
        a, b = rate.quantity, span.quantity
        unit = unit_forms().get(a.every or a.rate)
        between = {w.text for w in rate.passage.words[a.last + 1 : b.first]}
        if unit is None or unit.dimension != b.units[0].dimension or not between & {"for", "over"}:
            continue
        if rate.passage is not span.passage or rate.passage.sentence_at(a.first) != rate.passage.sentence_at(b.first):
            continue
        total = a.low * b.units[0].base(b.low) / unit.factor
        quantity = replace(a, low=total, high=total, rate="", every="")
        made.append(Fact(quantity, rate.passage, rate.near | span.near, rate.around, PRODUCT))
    return made


def _introduced(passage: Passage, facts: Sequence[Fact]) -> list[Fact]:
    """ "Two classes a day: 90 minutes of this and 60 of that" are 150 minutes a day."""
    made: list[Fact] = []
    for n, head in enumerate(facts):
        first, last = passage.sentence_at(head.quantity.first)
        after = [f for f in facts[n + 1 :] if first <= f.quantity.first < last and not f.derived]
        if head.derived or head.quantity.units[0] is not COUNT or head.quantity.low != len(after) or len(after) < 2:
            continue
        colon = any(w.text == ":" for w in passage.words[head.quantity.last : after[0].quantity.first])
        if colon and len({f.quantity.units[0] for f in after} - {COUNT, PERCENT}) == 1:
            low, high = (sum((end(f.quantity) for f in after), Fraction(0)) for end in (_low, _high))
            near = head.near.union(*(f.near for f in after))
            total = replace(after[0].quantity, low=low, high=high, counted=frozenset(), rate=head.quantity.rate)
            made.append(Fact(total, passage, near, head.around, "a list"))
    return made


def _low(quantity: Quantity) -> Fraction:
    return quantity.low


def _high(quantity: Quantity) -> Fraction:
    return quantity.high


def _measures(passage: Passage, quantities: Sequence[Quantity]) -> list[Fact]:
    """ "225 x 220 cm": the first measure is in centimetres too."""
    made: list[Fact] = []
    for one, two in pairwise(quantities):
        between = [w.text for w in passage.words[one.last + 1 : two.first]]
        if between == ["x"] and one.units[0] is COUNT and two.units[0].dimension == unit_forms()["m"].dimension:
            first, last = passage.sentence_at(one.first)
            measure = replace(one, units=two.units, counted=two.counted)
            quantities = [measure if q is one else q for q in quantities]
            made.append(Fact(measure, passage, frozenset(), said_stems(passage.words[first:last]), "x"))
    if len(quantities) >= 3 and made:
        for one, two in pairwise(quantities):
            between = [w.text for w in passage.words[one.last + 1 : two.first]]
            if between == ["x"] and one.units[0] is COUNT and two.units == made[0].quantity.units:
                made.append(Fact(replace(one, units=two.units), passage, frozenset(), made[0].around, "x"))
    return made


def _products(passage: Passage, facts: Sequence[Fact]) -> list[Fact]:
    """ "6 x 500 ml" and "three payments of 130" also state their product; so does a count of things of one size."""
    made: list[Fact] = []
    for one, two in pairwise(facts):
        a, b = one.quantity, two.quantity
        between = [w.text for w in passage.words[a.last + 1 : b.first]]
        close = between in (["x"], ["packs", "of"], ["*"]) or (len(between) <= 3 and between[-1:] == ["of"])
        after = [w.text for w in passage.words[b.last + 1 : b.last + 4]]
        apiece = one.passage.sentence_at(a.first) == one.passage.sentence_at(b.first) and (
            "each" in after or passage.words[max(0, a.first - 3)].text == "each"
        )
        flat = apiece or (between[-1:] == ["of"] and not _PARTS & set(between))
        if (close or flat) and a.units[0] is COUNT and b.units[0] is COUNT and b.counted and "x" not in between:
            total = replace(b, low=a.low * b.low, high=a.high * b.high, first=a.first)
            made.append(Fact(total, passage, one.near | two.near, two.around, PRODUCT))
        if a.units[0] is COUNT and b.units[0] is not COUNT and b.units[0] is not PERCENT and close and a.low == a.high:
            total = Quantity(
                a.low * b.low, a.high * b.high, b.units, b.relation, "", b.counted, a.first, b.last, b.figure, b.digits
            )
            made.append(Fact(total, passage, one.near | two.near, two.around, PRODUCT))
    return made


def _lists(passage: Passage) -> list[Fact]:
    """A list of things states their number: "pumpkin, sunflower and flax seeds" are three seeds."""
    made: list[Fact] = []
    found = passage.words
    names = passage.field.startswith("attributes.")
    for first, last in passage.sentences:
        start = first
        if names:
            start = next((n + 1 for n in range(first, last) if found[n].text == ":"), first)
        at = start
        while at < last:
            end, items = _list_at(found, at, last, bare=names)
            if items >= 2:
                near = said_stems(found[at : min(last, end + 3)]) | (
                    said_stems(found[first:start]) if names else frozenset()
                )
                before = said_stems(found[max(first, at - 3) : at])
                quantity = Quantity(
                    Fraction(items), Fraction(items), (COUNT,), IS, "", near | before, at, min(end, last) - 1, at
                )
                made.append(Fact(quantity, passage, near | before, said_stems(found[first:last]), LISTED))
                at = end
            else:
                at += 1
    return made


def longest_list(found: Sequence[Word]) -> int:
    """How many things the longest list among the words names; 0 without a list."""
    return max((_list_at(found, at, len(found), bare=False)[1] for at in range(len(found))), default=0)


def _list_at(found: Sequence[Word], at: int, last: int, *, bare: bool) -> tuple[int, int]:
    """The end and number of items of a list that begins at a word: items of one or two words, "and" before the last."""
    items, start, n, ended = 0, at, at, False
    while n < last:
        text = found[n].text
        if text in (",", "and", "&", "/") or (text == "or" and items):
            if not 1 <= n - start <= 2:
                return n, 0
            items += 1
            ended = ended or text != ","
            if text == "," and n + 1 < last and found[n + 1].text in ("and", "or"):
                n += 1
                ended = True
            start = n + 1
            if ended and text in ("and", "&", "or"):
                return min(start + 1, last), items + 1
        elif found[n].kind not in ("word", "han", "code") and text not in ("-", "'"):
            break
        n += 1
    if bare and items and n - start >= 1:
        return n, items + 1
    return n, 0

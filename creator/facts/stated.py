"""Quantities that an ad states, and those that follow from one field alone: products, pairs, counts of lists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

from creator.facts.passages import Passage
from creator.facts.quantities import IS, Quantity, read_quantities
from creator.facts.text import Word, listed
from creator.facts.units import COUNT, PERCENT, unit_forms
from creator.facts.vocabulary import vocabulary

SWITCHES = listed("on off with without")
_HALVES = {"am": 0, "pm": 12}


@dataclass(frozen=True, slots=True)
class Fact:
    """A quantity that the ad states, or that follows from what it states.

    Args:
        quantity: the amount.
        passage: where it stands.
        near: stems of its clause, up to the next quantity on either side.
        around: stems of its sentence.
        derived: how it follows ("6 x 500 ml"), or "" when it stands there.
    """

    quantity: Quantity
    passage: Passage
    near: frozenset[str]
    around: frozenset[str]
    derived: str = ""

    @property
    def evidence(self) -> str:
        """The words of the ad that state it."""
        return self.passage.quote(self.quantity.first, min(self.quantity.last, len(self.passage.words) - 1))


def read_facts(passage: Passage, taken: frozenset[int]) -> list[Fact]:
    """Every quantity of one field, and those that follow from it alone (products, lists)."""
    found = passage.words
    quantities = read_quantities(found, taken, ones=True)
    facts: list[Fact] = []
    for n, quantity in enumerate(quantities):
        first, last = passage.sentence_at(quantity.first)
        left = _clause_start(found, first, quantity.first, quantities[n - 1].last + 1 if n else first)
        right = _clause_end(found, quantity.last, last, quantities[n + 1].first if n + 1 < len(quantities) else last)
        beside = amount_tokens(
            q
            for q in (*quantities[max(0, n - 1) : n], *quantities[n + 1 : n + 2])
            if first <= q.first < last
            and not any(w.text in (",", ":") for w in found[min(q.last, quantity.last) : max(q.first, quantity.first)])
        )
        facts.append(Fact(quantity, passage, said_stems(found[left:right]) | beside, said_stems(found[first:last])))
    facts.extend(_products(passage, facts))
    facts.extend(_lists(passage))
    facts.extend(_pairs_of(passage))
    facts.extend(_measures(passage, quantities))
    facts.extend(_spans(passage))
    return facts


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
                "a pair",
            )
        )
    return made


def _spans(passage: Passage) -> list[Fact]:
    """ "From 5 pm to 9 pm" is four hours."""
    made: list[Fact] = []
    found, hour = passage.words, unit_forms()["hour"]
    for n, word in enumerate(found):
        texts = [w.text for w in found[n : n + 5]]
        if word.kind != "number" or len(texts) < 5 or texts[1] not in _HALVES or texts[2] not in ("to", "-", "until"):
            continue
        if not (texts[0].isdigit() and texts[3].isdigit() and texts[4] in _HALVES):
            continue
        start, end = (int(t) % 12 + _HALVES[half] for t, half in ((texts[0], texts[1]), (texts[3], texts[4])))
        hours = Fraction((end - start) % 24)
        first, last = passage.sentence_at(n)
        around = said_stems(found[first:last])
        made.append(
            Fact(Quantity(hours, hours, (hour,), IS, "", frozenset(), n, n + 4, n), passage, around, around, "from, to")
        )
    return made


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


def _clause_start(found: Sequence[Word], first: int, at: int, after_other: int) -> int:
    start = max(first, min(after_other, at))
    for n in range(at - 1, start - 1, -1):
        if found[n].text in (",", ":"):
            return n + 1
    return start


def _clause_end(found: Sequence[Word], at: int, last: int, before_other: int) -> int:
    end = min(last, max(before_other, at + 1))
    for n in range(at + 1, end):
        if found[n].text in (",", ":"):
            return n
    return end


def said_stems(found: Iterable[Word]) -> frozenset[str]:
    """Stems of what tells one amount's subject from another's: content words and "on", "off", "with", "without"."""
    function, units = vocabulary().function, unit_forms()
    return frozenset(
        w.stem
        for w in found
        if w.kind in ("word", "code", "han")
        and (w.text in SWITCHES or (w.text not in function and w.text not in units))
    )


def amount_tokens(quantities: Iterable[Quantity]) -> frozenset[str]:
    """Measured amounts in base units, so that "2 TB" and "2,000 GB" name the same plan."""
    return frozenset(
        f"{q.units[0].base(q.low)} {q.units[0].dimension}"
        for q in quantities
        if q.units[0] is not COUNT and q.low == q.high
    )


def _products(passage: Passage, facts: Sequence[Fact]) -> list[Fact]:
    """ "6 x 500 ml" and "three payments of 130" also state their product; so does a count of things of one size."""
    made: list[Fact] = []
    for one, two in pairwise(facts):
        a, b = one.quantity, two.quantity
        between = [w.text for w in passage.words[a.last + 1 : b.first]]
        close = between in (["x"], ["packs", "of"], ["*"]) or (len(between) <= 3 and between[-1:] == ["of"])
        if a.units[0] is COUNT and b.units[0] is not COUNT and b.units[0] is not PERCENT and close and a.low == a.high:
            total = Quantity(
                a.low * b.low, a.high * b.high, b.units, b.relation, "", b.counted, a.first, b.last, b.figure, b.digits
            )
            made.append(Fact(total, passage, one.near | two.near, two.around, f"{a.low} x {b.low}"))
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
                made.append(Fact(quantity, passage, near | before, said_stems(found[first:last]), "listed"))
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

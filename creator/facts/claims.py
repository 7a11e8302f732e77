"""Does a quantity in a title follow from the ad's quantities? Conversion, rounding, direction, sums, products, lists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from creator.facts.passages import Passage
from creator.facts.quantities import ABOUT, AT_LEAST, AT_MOST, IS, OVER, UNDER, Quantity, read_quantities
from creator.facts.text import Word, listed
from creator.facts.units import COUNT, PERCENT, Unit, is_money, unit_forms
from creator.facts.vocabulary import vocabulary

_SWITCHES = listed("on off with without")
ABOUT_WITHIN = Fraction(1, 10)  # "about 5" is true of 4.5 to 5.5
CONVERSION_WITHIN = Fraction(1, 100)  # a rounded ounce-to-gram figure may be this far off
_PACKS = frozenset(("pack", "set", "piec", "count", "pcs", "bundl", "box", "cas", "ct", "pk", "bag", "carton", "tray", "multipack"))
_KINDS = frozenset(("kind", "typ", "sort", "varieti", "flavor", "color", "shad", "scent", "styl", "option", "choic", "ingredient",
                    "finish", "siz", "blend", "not", "topic", "subject"))
_LESS = listed("less cheaper off saving save saves savings under reduced knocks knocked lower cut cuts extra more dearer "
                  "difference")
_TOTAL = listed("total altogether together combined all overall in of per a pack case box set worth over every each")


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
    quantities = read_quantities(found, taken)
    facts: list[Fact] = []
    for n, quantity in enumerate(quantities):
        first, last = passage.sentence_at(quantity.first)
        left = _clause_start(found, first, quantity.first, quantities[n - 1].last + 1 if n else first)
        right = _clause_end(found, quantity.last, last, quantities[n + 1].first if n + 1 < len(quantities) else last)
        beside = amount_tokens(q for q in (*quantities[max(0, n - 1):n], *quantities[n + 1:n + 2]) if first <= q.first < last and not any(
            w.text in (",", ":") for w in found[min(q.last, quantity.last):max(q.first, quantity.first)]))
        facts.append(Fact(quantity, passage, said_stems(found[left:right]) | beside, said_stems(found[first:last])))
    facts.extend(_products(passage, facts))
    facts.extend(_lists(passage))
    return facts


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
    """Stems of the words that tell one amount's subject from another's: content words and "on", "off", "with", "without"."""
    function, units = vocabulary().function, unit_forms()
    return frozenset(w.stem for w in found if w.kind in ("word", "code", "han") and (
        w.text in _SWITCHES or (w.text not in function and w.text not in units)))


def amount_tokens(quantities: Iterable[Quantity]) -> frozenset[str]:
    """Measured amounts in base units, so that "2 TB" and "2,000 GB" name the same plan."""
    return frozenset(f"{q.units[0].base(q.low)} {q.units[0].dimension}" for q in quantities
                     if q.units[0] is not COUNT and q.low == q.high)


def _products(passage: Passage, facts: Sequence[Fact]) -> list[Fact]:
    """"6 x 500 ml" and "three payments of 130" also state their product; so does a count of things of one size."""
    made: list[Fact] = []
    for one, two in zip(facts, facts[1:], strict=False):
        a, b = one.quantity, two.quantity
        between = [w.text for w in passage.words[a.last + 1:b.first]]
        close = between in (["x"], ["packs", "of"], ["*"]) or (len(between) <= 3 and between[-1:] == ["of"])
        if a.units[0] is COUNT and b.units[0] is not COUNT and b.units[0] is not PERCENT and close and a.low == a.high:
            total = Quantity(a.low * b.low, a.high * b.high, b.units, b.relation, "", b.counted, a.first, b.last, b.figure, b.digits)
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
                near = said_stems(found[at:min(last, end + 3)]) | (said_stems(found[first:start]) if names else frozenset())
                before = said_stems(found[max(first, at - 3):at])
                quantity = Quantity(Fraction(items), Fraction(items), (COUNT,), IS, "", near | before, at, min(end, last) - 1, at)
                made.append(Fact(quantity, passage, near | before, said_stems(found[first:last]), "listed"))
                at = end
            else:
                at += 1
    return made


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
            if ended and text in ("and", "&"):
                return min(start + 1, last), items + 1
        elif found[n].kind not in ("word", "han", "code") and text not in ("-", "'"):
            break
        n += 1
    if bare and items and n - start >= 1:
        return n, items + 1
    return n, 0


@dataclass(frozen=True, slots=True)
class Match:
    """What the ad says about a title's quantity.

    Args:
        fact: the fact that bears it out, or contradicts it; None when the ad has nothing of the kind.
        supported: whether it bears it out.
        unit: the figure is right and only its unit is wrong.
    """

    fact: Fact | None
    supported: bool
    unit: bool = False


def match(
    claim: Quantity,
    said: frozenset[str],
    chunk: frozenset[str],
    cues: frozenset[str],
    amounts: frozenset[Fraction],
    facts: Sequence[Fact],
) -> Match:
    """Compare a title's quantity with the ad's.

    Args:
        claim: the title's quantity.
        said: stems of the whole title.
        chunk: stems of the title's part the quantity stands in, between commas.
        cues: the title's words as written ("less", "total").
        amounts: every figure of the title.
        facts: the ad's quantities.
    """
    rivals = [f for f in facts if _same_dimension(claim, f.quantity)]
    equal = [f for f in rivals if _holds(claim, f.quantity) and _rate_fits(claim, f.quantity)]
    own = [f for f in equal if not f.derived]
    fitting = [f for f in equal if _fits(claim, f, said)]
    if fitting:
        best = max(fitting, key=lambda f: (len(said & f.near), not f.derived))
        rival = None if claim.relation in (OVER, UNDER) else _better(claim, fitting, chunk, said, [f for f in rivals if f not in equal and not f.derived])
        return Match(rival, False) if rival is not None else Match(best, True)
    if _follows(claim, cues, amounts, facts):
        return Match(None, True)
    if own and claim.units[0] is not COUNT and not _contradicted(claim, rivals, equal):
        return Match(own[0], True)
    wrong_unit = next((f for f in facts if not f.derived and f.quantity.low == claim.low and f.quantity.high == claim.high
                       and f.quantity.units[0] != claim.units[0] and f not in equal
                       and (COUNT not in (claim.units[0], f.quantity.units[0]))), None)
    if wrong_unit is not None:
        return Match(wrong_unit, False, unit=True)
    wrong_rate = next((f for f in rivals if _holds(claim, f.quantity) and f not in equal), None)
    if wrong_rate is not None:
        return Match(wrong_rate, False, unit=True)
    near = max(rivals, key=lambda f: len((claim.counted | said) & f.near), default=None)
    return Match(near, False)


def _same_dimension(claim: Quantity, fact: Quantity) -> bool:
    return any(c.dimension == f.dimension for c in claim.units for f in fact.units)


def _pairs(claim: Quantity, fact: Quantity) -> list[tuple[Unit, Unit]]:
    return [(c, f) for c in claim.units for f in fact.units if c.dimension == f.dimension]


def _holds(claim: Quantity, fact: Quantity) -> bool:
    """Whether the claimed amount is true of the fact's."""
    return any(_true_of(claim, c, fact, f) for c, f in _pairs(claim, fact))


def _true_of(claim: Quantity, c: Unit, fact: Quantity, f: Unit) -> bool:
    low, high, least, most = c.base(claim.low), c.base(claim.high), f.base(fact.low), f.base(fact.high)
    upward, downward = fact.relation in (OVER, AT_LEAST), fact.relation in (UNDER, AT_MOST)
    rounded = {c.system, f.system} == {"metric", "imperial"}
    if claim.relation in (OVER, AT_LEAST):
        if downward or high <= 0:
            return False
        true = low < least if claim.relation == OVER and not (upward and low == least) else low <= least
        return true and least <= 2 * low
    if claim.relation == UNDER:
        return not upward and (most < low or (most == low and fact.relation == UNDER)) and 2 * most >= low
    if claim.relation == AT_MOST:
        return not upward and (most == high or (rounded and _close(most, high, CONVERSION_WITHIN)))
    if claim.relation == ABOUT:
        return _close(low, least, ABOUT_WITHIN) and _close(high, most, ABOUT_WITHIN)
    if rounded:
        return _close(low, least, CONVERSION_WITHIN) and _close(high, most, CONVERSION_WITHIN)
    return (low, high) == (least, most)


def _close(one: Fraction, two: Fraction, within: Fraction) -> bool:
    return abs(one - two) <= within * abs(two)


def _rate_fits(claim: Quantity, fact: Quantity) -> bool:
    if not claim.rate or not fact.rate or claim.rate == fact.rate:
        return True
    forms = unit_forms()
    return claim.rate not in forms and fact.rate not in forms and is_money(claim.units[0])


def _fits(claim: Quantity, fact: Fact, said: frozenset[str]) -> bool:
    """Whether the fact's amount is of what the claim counts."""
    if claim.units[0] is not COUNT:
        return not claim.counted or not fact.quantity.counted or bool(claim.counted & (fact.near | fact.around))
    if fact.derived == "listed":
        return bool(claim.counted & fact.near) or bool(claim.counted & _KINDS)
    if claim.counted & (fact.quantity.counted | fact.near):
        return True
    return not claim.counted or not fact.quantity.counted or bool(
        fact.quantity.counted & _PACKS and claim.counted & fact.around)


def _contradicted(claim: Quantity, rivals: Sequence[Fact], equal: Sequence[Fact]) -> bool:
    """Whether what the claim counts is what another figure of the ad counts."""
    return any(claim.counted & f.quantity.counted for f in rivals if f not in equal)


def _better(claim: Quantity, fitting: Sequence[Fact], chunk: frozenset[str], said: frozenset[str], rivals: Sequence[Fact]) -> Fact | None:
    """A rival figure that the title's words single out against every one that matches ("noise cancelling on")."""
    own = frozenset[str]().union(*(f.near for f in fitting))
    around = frozenset[str]().union(*(f.around for f in fitting))
    fields = {f.passage.field for f in fitting}
    for rival in rivals:
        if rival.quantity.cut != claim.cut or rival.passage.field not in fields:
            continue
        for_rival = (chunk or said) & (rival.near - own)
        for_own = said & (own - rival.near)
        if for_rival and not for_own and (not for_rival <= around or for_rival & _SWITCHES):
            return rival
    return None


def _follows(claim: Quantity, cues: frozenset[str], said: frozenset[Fraction], facts: Sequence[Fact]) -> bool:
    """Whether the amount is a difference, a discounted price or a total of what the ad states."""
    stated = [f.quantity for f in facts if f.quantity.low == f.quantity.high]
    amounts = [(q.units[0].base(q.low), q) for q in stated if q.units[0].dimension in {u.dimension for u in claim.units}]
    if claim.low != claim.high:
        return False
    if claim.units[0] is COUNT:
        return any("pair" in q.counted and q.low * 2 == claim.low and (claim.counted & q.counted or not claim.counted)
                   for q in stated if q.units[0] is COUNT)
    value = claim.units[0].base(claim.low)
    if claim.rate and is_money(claim.units[0]) and _unit_price(claim, value, said, facts):
        return True
    if cues & _LESS and any(a - b == value for a, _ in amounts for b, _ in amounts):
        return True
    if is_money(claim.units[0]):
        cuts = [q.low for q in stated if q.units[0] is PERCENT]
        if any(a * (100 - cut) / 100 == value or (cues & _LESS and a * cut / 100 == value) for a, _ in amounts for cut in cuts):
            return True
    counts = [q.low for q in stated if q.units[0] is COUNT and q.low < 1000]
    return bool(cues & {"total", "altogether", "combined", "in-all"}) and any(a * n == value for a, _ in amounts for n in counts)


def _unit_price(claim: Quantity, value: Fraction, said: frozenset[Fraction], facts: Sequence[Fact]) -> bool:
    """Whether a price per piece or per unit is a stated price divided by a stated number or size, to the cent."""
    unit = unit_forms().get(claim.rate)
    prices = [f.quantity.low for f in facts if is_money(f.quantity.units[0]) and f.quantity.low == f.quantity.high]
    for fact in facts:
        size = fact.quantity
        if size.low != size.high or size.low <= 0 or is_money(size.units[0]):
            continue
        if unit is not None and unit.dimension == size.units[0].dimension:
            amount = size.units[0].base(size.low) / unit.factor
        elif size.units[0] is COUNT and (claim.rate in size.counted or claim.rate == "each" or _is_pack(fact)):
            amount = size.low
            if len(set(prices)) > 1 and amount not in said:
                continue  # a price for several, not for one alone: the title must say for how many
        else:
            continue
        if any(abs(price / amount - value) <= Fraction(1, 200) for price in prices):
            return True
    return False


def _is_pack(fact: Fact) -> bool:
    """Whether the count is of pieces in a pack: "a case of six", "6 x 1 L"."""
    at = fact.quantity.figure
    beside = fact.passage.words[max(0, at - 2):at] + fact.passage.words[fact.quantity.last + 1:fact.quantity.last + 2]
    return any(w.stem in _PACKS or w.text == "x" for w in beside)

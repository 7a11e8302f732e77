"""Amounts that an ad does not state and that follow from it: differences, prices after a cut, totals, unit prices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import combinations

from creator.facts.quantities import Quantity, read_quantities
from creator.facts.stated import Fact
from creator.facts.text import listed, stem_of
from creator.facts.units import COUNT, PERCENT, is_money, unit_forms

_PACKS = listed("pack set piec count pcs bundl box cas ct pk bag carton tray multipack")
_TOGETHER = listed("total altogether combined both together pair across all overall 一 合 共 合計")
_ADDED = listed("plus brings bring makes make totals adds added sum comes") | _TOGETHER
_LESS = listed(
    "less cheaper off saving save saves saved savings under reduced knocks knocked lower cut cuts extra more dearer "
    "difference costs cost adds keep keeps pocket 省 减 減 便 惠 差 得 安"
)
_HALF_CENT = Fraction(1, 200)
_MONTHS = Fraction(12)


def follows(claim: Quantity, cues: frozenset[str], said: frozenset[Fraction], facts: Sequence[Fact]) -> bool:
    """Whether a title's amount follows from what the ad states, by arithmetic that the title's words call for.

    Args:
        claim: the title's amount.
        cues: the title's words as written ("less", "together").
        said: every figure of the title.
        facts: the ad's amounts.
    """
    if claim.low != claim.high:
        return False
    stated = [f.quantity for f in facts if f.quantity.low == f.quantity.high]
    counts = [q for q in stated if q.units[0] is COUNT]
    if claim.units[0] is COUNT and any(
        "pair" in q.counted and q.low * 2 == claim.low and (claim.counted & q.counted or not claim.counted)
        for q in counts
    ):
        return True
    if claim.rate and _ratio(claim, said, facts):
        return True
    alike = _comparable(claim, facts)
    value = claim.units[0].base(claim.low)
    if cues & _ADDED and any(one + two == value for one, two in _addends(claim, cues, facts)):
        return True
    if claim.units[0] is COUNT:
        return False
    if cues & _LESS and _is_difference(value, alike, counts):
        return True
    if is_money(claim.units[0]) and _after_cut(value, cues, alike, stated):
        return True
    paid = {f.quantity.low for f in facts if f.quantity.units[0] is COUNT and "pay" in f.near and f.quantity.low > 1}
    if is_money(claim.units[0]) and any(one * n == value for one in _values(alike) for n in paid):
        return True  # "buy four and pay for three"
    ends = {*_values(alike), *(q.units[0].base(q.high) for q in (f.quantity for f in facts) if _same(claim, q))}
    many = {q.low for q in counts if 1 < q.low < 1000}
    return bool(cues & _TOGETHER) and any(one * n == value for one in ends for n in many)


def _same(claim: Quantity, other: Quantity) -> bool:
    return any(u.dimension == other.units[0].dimension for u in claim.units)


def _comparable(claim: Quantity, facts: Sequence[Fact]) -> list[Quantity]:
    """The single amounts of the claim's dimension; counts only of the same thing."""
    return [
        f.quantity
        for f in facts
        if f.quantity.low == f.quantity.high
        and not f.derived
        and _same(claim, f.quantity)
        and (claim.units[0] is not COUNT or claim.counted & (f.quantity.counted | f.near))
    ]


def _addends(claim: Quantity, cues: frozenset[str], facts: Sequence[Fact]) -> Iterator[tuple[Fraction, Fraction]]:
    """Pairs of amounts a title may add: one that its words name, and another such or the ad's main price or size."""
    said = {stem_of(cue) for cue in cues}
    named: set[Fraction] = set()
    main: set[Fraction] = set()
    for fact in facts:
        quantity = fact.quantity
        if fact.derived or quantity.low != quantity.high or not _same(claim, quantity):
            continue
        if claim.units[0] is COUNT and not claim.counted & (quantity.counted | fact.near):
            continue
        value = quantity.units[0].base(quantity.low)
        if fact.near & said:
            named.add(value)
        if fact.passage.field == "title" or fact.passage.field.startswith("attributes."):
            main.add(value)
    yield from combinations(sorted(named), 2)
    yield from ((one, two) for one in named for two in main - {one})


def _values(amounts: Sequence[Quantity]) -> list[Fraction]:
    return sorted({q.units[0].base(q.low) for q in amounts})


def _is_difference(value: Fraction, amounts: Sequence[Quantity], counts: Sequence[Quantity]) -> bool:
    """One amount, or several of it, less another; twelve of a monthly one less a yearly one."""
    few = {Fraction(1), *(q.low for q in counts if 1 < q.low < 10)}
    for one in amounts:
        times = {*few, _MONTHS} if one.rate == "month" else few
        for two in amounts:
            if any(one.units[0].base(one.low) * n - two.units[0].base(two.low) == value for n in times):
                return True
    return False


def _after_cut(value: Fraction, cues: frozenset[str], amounts: Sequence[Quantity], stated: Sequence[Quantity]) -> bool:
    """A price less what the ad takes off it, or a percentage of it."""
    prices = {q.units[0].base(q.low) for q in amounts if not q.cut}
    cuts = {q.units[0].base(q.low) for q in amounts if q.cut}
    if any(price - cut == value for price in prices for cut in cuts):
        return True
    shares = {q.low for q in stated if q.units[0] is PERCENT}
    return any(
        price * (100 - share) / 100 == value or (bool(cues & _LESS) and price * share / 100 == value)
        for price in prices
        for share in shares
    )


def _ratio(claim: Quantity, said: frozenset[Fraction], facts: Sequence[Fact]) -> bool:
    """Whether "X per Y" is an amount of the ad divided by a number or size of it: money to the cent, others exactly."""
    value = claim.units[0].base(claim.low)
    stated = [f.quantity for f in facts if not f.derived and f.quantity.low == f.quantity.high]
    tops = [q for q in stated if _same(claim, q) and (claim.units[0] is not COUNT or claim.counted & q.counted)]
    within = _HALF_CENT if is_money(claim.units[0]) else Fraction(0)
    prices = {q.low for q in tops}
    for amount, multibuy in _sizes(claim, said, facts):
        if multibuy and len(prices) > 1 and amount not in said:
            continue  # a price for several, not for one alone: the title must say for how many
        if any(abs(top.units[0].base(top.low) / amount - value) <= within for top in tops):
            return True
    return False


def _sizes(claim: Quantity, said: frozenset[Fraction], facts: Sequence[Fact]) -> Iterator[tuple[Fraction, bool]]:
    """What the claim may be per, as amounts, and whether the ad names a price for that many."""
    unit = unit_forms().get(claim.rate)
    for fact in facts:
        size = fact.quantity
        if fact.derived or size.low != size.high or size.low <= 0 or is_money(size.units[0]):
            continue
        if unit is not None and unit.dimension == size.units[0].dimension:
            yield size.units[0].base(size.low) / unit.factor, False
        elif size.units[0] is COUNT and (claim.rate in size.counted or claim.rate == "each" or _is_pack(fact)):
            yield size.low, _multibuy(fact)
        elif size.units[0] is COUNT and size.low in said and is_money(claim.units[0]):
            yield size.low, False  # "€4 a head when you buy four"


def _multibuy(fact: Fact) -> bool:
    """Whether the count's own clause names a price: "two sticks for €30"."""
    first, last = fact.passage.sentence_at(fact.quantity.first)
    beside = fact.passage.words[max(first, fact.quantity.first - 2) : min(last, fact.quantity.last + 6)]
    return any(q for q in read_quantities(beside) if is_money(q.units[0]))


def _is_pack(fact: Fact) -> bool:
    """Whether the count is of pieces in a pack: "a case of six", "6 x 1 L"."""
    at = fact.quantity.figure
    beside = (
        fact.passage.words[max(0, at - 2) : at] + fact.passage.words[fact.quantity.last + 1 : fact.quantity.last + 2]
    )
    return any(w.stem in _PACKS or w.text == "x" for w in beside)

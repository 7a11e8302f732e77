"""Amounts that an ad does not state and that follow from it: differences, prices after a cut, totals, unit prices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import combinations

from creator.facts.numbers import read_figures
from creator.facts.operands import (
    EACH,
    LESS,
    PACKS,
    Said,
    alike_of,
    base_of,
    bought_for,
    cuts_of,
    is_pack,
    priced_beside,
    same_kind,
)
from creator.facts.quantities import AT_LEAST, OVER, Quantity
from creator.facts.stated import CARRIED, PAIR, PRODUCT, Fact
from creator.facts.text import listed
from creator.facts.units import COUNT, PERCENT, TIMES, is_money, unit_forms

_TOGETHER = listed("total altogether combined both together pair all overall duo twin whole entire 一 合 共 合計")
_ADDED = listed("plus brings bring makes make totals including inclusive incl adds added sum comes") | _TOGETHER
_WHOLE = _TOGETHER | LESS
_SPARE = listed("spar extra bonus reserv addition additional")
_FREE = listed("free gratis gratuit 送 無料")
_SOUND = frozenset(("", PRODUCT, CARRIED))
_APART = listed("separately individually apart singly")
_FEES = listed("fee bas deposit deliveri postag ship setup surcharg supplement extra pfand kaution")
_HALF_CENT = Fraction(1, 200)
_MONTHS = Fraction(12)
_MOST = 1000  # things that a title multiplies by


def follows(claim: Quantity, said: Said, facts: Sequence[Fact]) -> frozenset[Fraction] | None:
    """Whether a title's amount follows from what the ad states, by arithmetic that the title's words call for.

    Args:
        claim: the title's amount.
        said: the rest of the title.
        facts: the ad's amounts.

    Returns:
        the title's own counts that the arithmetic takes up; None when the amount does not follow.
    """
    if claim.low != claim.high or claim.units[0].dimension == "temperature":
        return None
    own = [f for f in facts if f.quantity.low == f.quantity.high and f.derived in _SOUND]
    value = claim.units[0].base(claim.low)
    within = _HALF_CENT if is_money(claim.units[0]) else Fraction(0)
    alike = alike_of(claim, own)
    for derive in (_counts, _differences, _sums, _prices, _multiples, _shares, _ranges):
        reach = _with_tops(own, facts) if derive in (_multiples, _ranges) and said.words & _WHOLE else own
        for derived, used in derive(claim, said, reach, alike if reach is own else alike_of(claim, reach)):
            if abs(derived - value) <= within if derive is _shares else derived == value:
                return frozenset() if used is None else frozenset((used,))
    return None


def _with_tops(own: Sequence[Fact], facts: Sequence[Fact]) -> list[Fact]:
    """The amounts with the high ends of ranges as amounts of their own, and with pairs."""
    tops = [
        replace(f, quantity=replace(f.quantity, low=f.quantity.high), lowest=f.quantity.low)
        for f in facts
        if f.quantity.low < f.quantity.high and f.derived in _SOUND
    ]
    return [*own, *tops, *(f for f in facts if f.derived == PAIR)]


_Derived = Iterator[tuple[Fraction, Fraction | None]]


def _counts(claim: Quantity, said: Said, own: Sequence[Fact], alike: Sequence[Fact]) -> _Derived:
    """Counts from counts: three pairs are six, "four times" of 256 and 64, a spare one more."""
    if claim.units[0] is TIMES:
        for one, two in combinations((f for f in own if f.quantity.low > 0), 2):
            if one.quantity.units[0].dimension == two.quantity.units[0].dimension != "count":
                large, small = sorted((base_of(one), base_of(two)), reverse=True)
                if said.stems & one.near and said.stems & two.near and small > 0:
                    yield large / small, None
    if claim.units[0] is not COUNT:
        return
    for fact in own:
        if fact.quantity.units[0] is not COUNT:
            continue
        if "pair" in fact.quantity.counted - claim.counted and claim.counted & (fact.quantity.counted | fact.around):
            yield fact.quantity.low * 2, None
        for n in said.counts if is_pack(fact) else ():
            yield fact.quantity.low * n, n  # "two packs, 100 wipes"
        spare = any(w.stem in said.stems & _SPARE for w in fact.passage.words)
        if spare and claim.counted & fact.quantity.counted:
            yield fact.quantity.low + 1, None


def _differences(claim: Quantity, said: Said, own: Sequence[Fact], alike: Sequence[Fact]) -> _Derived:
    """One amount, or several of it, less another; two less what they cost together."""
    if claim.units[0] is COUNT or claim.units[0] is PERCENT:
        return
    for one, two in () if said.words & _APART else _named(said, alike):
        yield base_of(one) - base_of(two), None
        if one.quantity.rate == "month":
            yield base_of(one) * _MONTHS - base_of(two), None
        for n in said.counts:
            yield base_of(one) * n - base_of(two), n
        for n in bought_for(two, own) if not said.counts else ():
            yield base_of(one) * n - base_of(two), None
    if is_money(claim.units[0]) and len(alike) < 20:
        for one, two in combinations(alike, 2):
            for both in alike:
                if both is not one and both is not two and base_of(both) > max(base_of(one), base_of(two)):
                    yield base_of(one) + base_of(two) - base_of(both), None
        for one in alike:
            for share in cuts_of(said, own):
                yield base_of(one) * share / 100, None
                for n in said.counts:
                    yield base_of(one) * n * share / 100, n


def _named(said: Said, alike: Sequence[Fact]) -> list[tuple[Fact, Fact]]:
    """Ordered pairs of amounts; only those of which the title's words name both, where there are any."""
    pairs = [(one, two) for one in alike for two in alike if base_of(one) != base_of(two)]
    named = [f for f in alike if said.stems & f.around or f.passage.field.startswith("attributes.")]
    both = [(one, two) for one, two in pairs if one in named and two in named]
    return both or pairs


def _sums(claim: Quantity, said: Said, own: Sequence[Fact], alike: Sequence[Fact]) -> _Derived:
    """Two amounts together: one that the title's words name, and another such or the ad's main price or size."""
    whole = claim.units[0] is COUNT and bool(said.stems & PACKS)
    if claim.units[0] is PERCENT or not (said.words & _ADDED or whole):
        for one, two in _joined(alike):
            yield one + two, None
        return
    if not said.words & _ADDED:
        for one, two in combinations(alike, 2):
            if one.passage is two.passage and one.around == two.around and claim.counted & one.near & two.near:
                yield base_of(one) + base_of(two), None
        return
    named: set[Fraction] = set()
    main: set[Fraction] = set()
    for fact in alike:
        if fact.near & said.stems:
            named.add(base_of(fact))
        if fact.passage.field == "title" or fact.passage.field.startswith("attributes."):
            main.add(base_of(fact))
    for one, two in combinations(sorted(named), 2):
        yield one + two, None
    for one in named:
        for two in main - {one}:
            yield one + two, None
    for one, two in combinations(alike, 2):
        if one.passage is two.passage and one.around == two.around and said.stems & (one.near | two.near):
            yield base_of(one) + base_of(two), None
    for one, two in _joined(alike):
        yield one + two, None


def _joined(alike: Sequence[Fact]) -> Iterator[tuple[Fraction, Fraction]]:
    """Amounts that the ad itself adds up: "8.40 plus 3.30 deposit"."""
    for one, two in combinations(alike, 2):
        words = one.passage.words[one.quantity.last + 1 : two.quantity.first]
        if one.passage is two.passage and len(words) < 4 and any(w.text in ("plus", "+") for w in words):
            yield base_of(one), base_of(two)


def _prices(claim: Quantity, said: Said, own: Sequence[Fact], alike: Sequence[Fact]) -> _Derived:
    """What one or several cost after a cut, with a fee, with one of them free."""
    if not is_money(claim.units[0]):
        return
    cuts = [base_of(f) for f in alike if f.quantity.cut]
    priced = [f for f in alike if not f.quantity.cut]
    shares = cuts_of(said, own)
    named = {n for f in priced for n in bought_for(f, own)}
    single = [f for f in priced if f.quantity.rate and f.quantity.rate not in unit_forms()]  # "$6 per computer"
    for fact in priced:
        price = base_of(fact)
        for n in (Fraction(1), *said.counts):
            if n > 1 and n in named:
                continue  # the ad names a price for that many
            used = n if n > 1 else None
            if n > 1 and single and fact not in single:
                continue
            if n > 1 and (fact.quantity.rate or fact.passage.field.startswith("attributes.") or said.stems & fact.near):
                yield price * n, used
                for other in priced:
                    if other.near & _FEES and other not in single:
                        yield price * n + base_of(other), used
            for cut in cuts:
                yield price * n - cut, used
            for share in shares:
                yield price * n * (100 - share) / 100, used
            if n > 2 and one_free(n, own):
                yield price * (n - 1), used
        for share in (f.quantity.low for f in own if f.quantity.units[0] is PERCENT):
            yield said.sizes.get(claim.units[0].dimension, Fraction(0)) * share / 100, None  # "4% on £5,000"
        for n in (f.quantity.low for f in own if "pay" in f.near and f.quantity.units[0] is COUNT):
            yield price * n, None  # "buy four and pay for three"


def _ranges(claim: Quantity, said: Said, own: Sequence[Fact], alike: Sequence[Fact]) -> _Derived:
    """How far a range goes: from 70 to 120 cm are 50 cm."""
    for fact in own if said.words & LESS else ():
        top, low = fact.quantity, fact.lowest
        if low is not None and same_kind(claim, top) and claim.units[0] is not COUNT and claim.units[0] is not PERCENT:
            yield top.units[0].base(top.low - low), None


def one_free(n: Fraction, own: Sequence[Fact]) -> bool:
    """Whether the ad gives one of so many for nothing: "order five tubs and the fifth is free"."""
    for fact in own:
        if fact.quantity.units[0] is COUNT and fact.quantity.low in (n, n - 1):
            first, last = fact.passage.sentence_at(fact.quantity.first)
            words = fact.passage.words[first:last]
            places = {f.value for f in read_figures(words) if f.ordinal and f.value > 1}
            if any(w.text in _FREE for w in words) and (n in places or not places):
                return True
    return False


def meets(claim: Quantity, thing: str, sold: frozenset[str], stems: frozenset[str], facts: Sequence[Fact]) -> bool:
    """Whether so many of the thing cost what an offer that the title names takes: two tubes at €19, "over €35".

    Args:
        claim: how many things the title names.
        thing: the stem of what it counts.
        sold: stems of what a price is for.
        stems: the title's.
        facts: the ad's amounts.
    """
    if claim.units[0] is not COUNT or claim.low != claim.high or not 1 <= claim.low < _MOST:
        return False
    money = [f for f in facts if not f.derived and is_money(f.quantity.units[0])]
    prices = [f for f in money if f.passage.field.startswith("attributes.") and not f.quantity.cut]
    if not any(thing in sold or thing == price.quantity.rate for price in prices):
        return False
    stems -= PACKS
    least = [f for f in money if f.quantity.relation in (AT_LEAST, OVER) and f not in prices and stems & f.around]
    return any(
        base_of(price) * claim.low > base_of(limit) - (limit.quantity.relation == AT_LEAST) * _HALF_CENT
        for price in prices
        for limit in least
        if same_kind(price.quantity, limit.quantity)
    )


def _multiples(claim: Quantity, said: Said, own: Sequence[Fact], alike: Sequence[Fact]) -> _Derived:
    """So many times one amount, when the title speaks of all together."""
    together = said.words & _TOGETHER or ({"between", "them"} <= said.words) or said.stems & PACKS
    if claim.units[0] is COUNT or claim.units[0] is PERCENT or not together or said.single:
        return
    many = [f for f in own if f.quantity.units[0] is COUNT and 1 < f.quantity.low < _MOST]
    for fact in [f for f in alike if f.derived != PRODUCT]:
        for count in many:
            if count.quantity.counted & said.each:
                continue  # "in a bag" speaks of one
            if said.words & _TOGETHER or count.near & fact.around or count.quantity.counted & said.stems:
                yield base_of(fact) * count.quantity.low, None
        for n in said.counts if fact.quantity.rate or _said_of_each(fact) else ():
            yield base_of(fact) * n, n  # "a pair weighs 560 g" of 280 g each


def _said_of_each(fact: Fact) -> bool:
    first, last = fact.passage.sentence_at(fact.quantity.first)
    return any(w.text in ("each", "every", "apiece") for w in fact.passage.words[first:last])


def _shares(claim: Quantity, said: Said, own: Sequence[Fact], alike: Sequence[Fact]) -> _Derived:
    """An amount divided by a number or size of it: "X per Y", "each", "six instalments of X"."""
    tops = [
        f
        for f in own
        if same_kind(claim, f.quantity) and (claim.units[0] is not COUNT or claim.counted & f.quantity.counted)
    ]
    if claim.rate:
        several = len({f.quantity.low for f in tops}) > 1
        for amount, multibuy in _sizes(claim, said, own):
            if multibuy and (several or said.counts) and amount not in said.counts:
                continue  # a price for several, not for one alone: the title must say for how many
            for top in tops:
                yield base_of(top) / amount, None
    if claim.units[0] is COUNT:  # 500 ml in doses of 20 ml
        for whole, dose in ((w, d) for d in own if claim.counted & d.near for w in own):
            if whole.quantity.units[0].dimension == dose.quantity.units[0].dimension not in ("count", "percent"):
                yield base_of(whole) / (base_of(dose) or 1), None
    for count in own:
        n = count.quantity.low
        if count.quantity.units[0] is not COUNT or not 1 < n < _MOST:
            continue
        singled = said.each & count.quantity.counted or (n in said.counts and said.words & EACH)
        parted = n in said.counts and "of" in said.words and said.stems & count.quantity.counted
        if singled or parted:
            for top in tops:
                yield base_of(top) / n, None


def _sizes(claim: Quantity, said: Said, own: Sequence[Fact]) -> Iterator[tuple[Fraction, bool]]:
    """What the claim may be per, as amounts, and whether the ad names a price for that many."""
    unit = unit_forms().get(claim.rate)
    for fact in own:
        size = fact.quantity
        if size.low <= 0 or is_money(size.units[0]):
            continue
        if unit is not None and unit.dimension == size.units[0].dimension:
            base = size.units[0].base(size.low)
            if said.sizes.get(unit.dimension, base) == base:
                yield base / unit.factor, False
        elif size.units[0] is COUNT and (claim.rate in size.counted or claim.rate == "each" or is_pack(fact)):
            yield size.low, bool(priced_beside(fact, own))
        elif size.units[0] is COUNT and size.low in said.counts and is_money(claim.units[0]):
            yield size.low, False  # "€4 a head when you buy four"

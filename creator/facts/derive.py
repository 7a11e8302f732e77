"""Amounts that an ad does not state and that follow from it: differences, prices after a cut, totals, unit prices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations

from creator.facts.numbers import read_figures
from creator.facts.quantities import AT_LEAST, IS, OVER, Quantity
from creator.facts.stated import CARRIED, PAIR, PRODUCT, Fact
from creator.facts.text import listed, stem_of
from creator.facts.units import COUNT, PERCENT, TIMES, is_money, unit_forms

PACKS = listed(
    "pack set piec count pcs bundl box cas ct pk bag carton tray multipack crat kit pouch tin tub jar hamp kast bottl "
    "packet sachet roll packung flasch"
)
_TOGETHER = listed("total altogether combined both together pair all overall duo twin whole entire 一 合 共 合計")
_ADDED = listed("plus brings bring makes make totals including inclusive incl adds added sum comes") | _TOGETHER
_LESS = listed(
    "less cheaper off saving save saves saved savings under reduced knocks knocked lower cut cuts extra more dearer "
    "difference between range travel costs cost adds keep keeps pocket bonus gain gains grows grow extends top "
    "supplement longer shorter heavier lighter taller wider gap upgrade 省 减 減 便 惠 差 得 安"
)
_CHEAPER = _LESS | listed("instead was now reduced down only just statt")
_WHOLE = _TOGETHER | _LESS
_EACH = listed("each apiece every per one single 每 每个 各")
_SPARE = listed("spar extra bonus reserv addition additional")
_FREE = listed("free gratis gratuit 送 無料")
_SOUND = frozenset(("", PRODUCT, CARRIED))
_APART = listed("separately individually apart singly")
_FEES = listed("fee bas deposit deliveri postag ship setup surcharg supplement extra pfand kaution")
_HALF_CENT = Fraction(1, 200)
_MONTHS = Fraction(12)
_MOST = 1000  # things that a title multiplies by


@dataclass(frozen=True, slots=True)
class Said:
    """What a title says beside the amount in question.

    Args:
        words: its words as written ("less", "together").
        stems: their stems.
        counts: how many things its other counts name; what it takes for granted ("two tubes").
        each: stems of the things that "each", "every", "per", "a" or "one" single out.
        sizes: its other amounts in base units, by dimension.
        single: a count right before the amount makes it that of one thing ("two 23 kg cases").
    """

    words: frozenset[str]
    stems: frozenset[str]
    counts: frozenset[Fraction]
    each: frozenset[str]
    sizes: Mapping[str, Fraction]
    single: bool = False


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
    alike = _alike(claim, own)
    for derive in (_counts, _differences, _sums, _prices, _multiples, _shares, _rates, _ranges):
        reach = _with_tops(own, facts) if derive in (_multiples, _ranges) and said.words & _WHOLE else own
        for derived, used in derive(claim, said, reach, alike if reach is own else _alike(claim, reach)):
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
                large, small = sorted((_base(one), _base(two)), reverse=True)
                if said.stems & one.near and said.stems & two.near and small > 0:
                    yield large / small, None
    if claim.units[0] is not COUNT:
        return
    for fact in own:
        if fact.quantity.units[0] is not COUNT:
            continue
        if "pair" in fact.quantity.counted - claim.counted and claim.counted & (fact.quantity.counted | fact.around):
            yield fact.quantity.low * 2, None
        for n in said.counts if _is_pack(fact) else ():
            yield fact.quantity.low * n, n  # "two packs, 100 wipes"
        spare = any(w.stem in said.stems & _SPARE for w in fact.passage.words)
        if spare and claim.counted & fact.quantity.counted:
            yield fact.quantity.low + 1, None


def _differences(claim: Quantity, said: Said, own: Sequence[Fact], alike: Sequence[Fact]) -> _Derived:
    """One amount, or several of it, less another; two less what they cost together."""
    if claim.units[0] is COUNT or not (said.words & _LESS or "by" in said.words):
        return
    for one, two in () if said.words & _APART else _named(said, alike):
        yield _base(one) - _base(two), None
        if one.quantity.rate == "month":
            yield _base(one) * _MONTHS - _base(two), None
        for n in said.counts:
            yield _base(one) * n - _base(two), n
        for n in _bought(two, own) if not said.counts else ():
            yield _base(one) * n - _base(two), None
    if is_money(claim.units[0]) and len(alike) < 20:
        for one, two in combinations(alike, 2):
            for both in alike:
                if both is not one and both is not two and _base(both) > max(_base(one), _base(two)):
                    yield _base(one) + _base(two) - _base(both), None
        for one in alike:
            for share in _cuts(said, own):
                yield _base(one) * share / 100, None
                for n in said.counts:
                    yield _base(one) * n * share / 100, n


def _named(said: Said, alike: Sequence[Fact]) -> list[tuple[Fact, Fact]]:
    """Ordered pairs of amounts; only those of which the title's words name both, where there are any."""
    pairs = [(one, two) for one in alike for two in alike if _base(one) != _base(two)]
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
                yield _base(one) + _base(two), None
        return
    named: set[Fraction] = set()
    main: set[Fraction] = set()
    for fact in alike:
        if fact.near & said.stems:
            named.add(_base(fact))
        if fact.passage.field == "title" or fact.passage.field.startswith("attributes."):
            main.add(_base(fact))
    for one, two in combinations(sorted(named), 2):
        yield one + two, None
    for one in named:
        for two in main - {one}:
            yield one + two, None
    for one, two in combinations(alike, 2):
        if one.passage is two.passage and one.around == two.around and said.stems & (one.near | two.near):
            yield _base(one) + _base(two), None
    for one, two in _joined(alike):
        yield one + two, None


def _joined(alike: Sequence[Fact]) -> Iterator[tuple[Fraction, Fraction]]:
    """Amounts that the ad itself adds up: "8.40 plus 3.30 deposit"."""
    for one, two in combinations(alike, 2):
        words = one.passage.words[one.quantity.last + 1 : two.quantity.first]
        if one.passage is two.passage and len(words) < 4 and any(w.text in ("plus", "+") for w in words):
            yield _base(one), _base(two)


def _prices(claim: Quantity, said: Said, own: Sequence[Fact], alike: Sequence[Fact]) -> _Derived:
    """What one or several cost after a cut, with a fee, with one of them free."""
    if not is_money(claim.units[0]):
        return
    cuts = [_base(f) for f in alike if f.quantity.cut]
    priced = [f for f in alike if not f.quantity.cut]
    shares = _cuts(said, own)
    named = {n for f in priced for n in _bought(f, own)}
    single = [f for f in priced if f.quantity.rate and f.quantity.rate not in unit_forms()]  # "$6 per computer"
    for fact in priced:
        price = _base(fact)
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
                        yield price * n + _base(other), used
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


def _rates(claim: Quantity, said: Said, own: Sequence[Fact], alike: Sequence[Fact]) -> _Derived:
    """What a rate comes to for an amount: £19 an hour for two hours, 62 g per metre for 60 m."""
    for fact in alike if not claim.rate and claim.units[0] is not COUNT else ():
        for amount in own if said.stems & fact.around else ():
            if said.stems & amount.near and (times := _at_rate(fact.quantity, amount.quantity)):
                yield _base(fact) * times, None


def _ranges(claim: Quantity, said: Said, own: Sequence[Fact], alike: Sequence[Fact]) -> _Derived:
    """How far a range goes: from 70 to 120 cm are 50 cm."""
    for fact in own if said.words & _LESS else ():
        top, low = fact.quantity, fact.lowest
        if low is not None and _same(claim, top) and claim.units[0] is not COUNT and claim.units[0] is not PERCENT:
            yield top.units[0].base(top.low - low), None


def _at_rate(rate: Quantity, amount: Quantity) -> Fraction | None:
    """How many times a rate is due for an amount: "£19 an hour" for two hours."""
    unit = unit_forms().get(rate.every or rate.rate)
    own = amount.units[0]
    return own.base(amount.low) / unit.factor if unit is not None and unit.dimension == own.dimension else None


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
        _base(price) * claim.low > _base(limit) - (limit.quantity.relation == AT_LEAST) * _HALF_CENT
        for price in prices
        for limit in least
        if _same(price.quantity, limit.quantity)
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
                yield _base(fact) * count.quantity.low, None
        for n in said.counts if fact.quantity.rate or _said_of_each(fact) else ():
            yield _base(fact) * n, n  # "a pair weighs 560 g" of 280 g each


def _said_of_each(fact: Fact) -> bool:
    first, last = fact.passage.sentence_at(fact.quantity.first)
    return any(w.text in ("each", "every", "apiece") for w in fact.passage.words[first:last])


def _shares(claim: Quantity, said: Said, own: Sequence[Fact], alike: Sequence[Fact]) -> _Derived:
    """An amount divided by a number or size of it: "X per Y", "each", "six instalments of X"."""
    tops = [
        f
        for f in own
        if _same(claim, f.quantity) and (claim.units[0] is not COUNT or claim.counted & f.quantity.counted)
    ]
    if claim.rate:
        several = len({f.quantity.low for f in tops}) > 1
        for amount, multibuy in _sizes(claim, said, own):
            if multibuy and (several or said.counts) and amount not in said.counts:
                continue  # a price for several, not for one alone: the title must say for how many
            for top in tops:
                yield _base(top) / amount, None
    if claim.units[0] is COUNT:  # 500 ml in doses of 20 ml
        for whole, dose in ((w, d) for d in own if claim.counted & d.near for w in own):
            if whole.quantity.units[0].dimension == dose.quantity.units[0].dimension not in ("count", "percent"):
                yield _base(whole) / (_base(dose) or 1), None
    for count in own:
        n = count.quantity.low
        if count.quantity.units[0] is not COUNT or not 1 < n < _MOST:
            continue
        singled = said.each & count.quantity.counted or (n in said.counts and said.words & _EACH)
        parted = n in said.counts and "of" in said.words and said.stems & count.quantity.counted
        if singled or parted:
            for top in tops:
                yield _base(top) / n, None


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
        elif size.units[0] is COUNT and (claim.rate in size.counted or claim.rate == "each" or _is_pack(fact)):
            yield size.low, bool(_priced_beside(fact, own))
        elif size.units[0] is COUNT and size.low in said.counts and is_money(claim.units[0]):
            yield size.low, False  # "€4 a head when you buy four"


def _same(claim: Quantity, other: Quantity) -> bool:
    return any(u.dimension == other.units[0].dimension for u in claim.units)


def _alike(claim: Quantity, own: Sequence[Fact]) -> list[Fact]:
    """One fact for each amount of the claim's dimension; counts only of the same thing."""
    kept: dict[tuple[object, ...], Fact] = {}
    for f in own:
        if _same(claim, f.quantity) and (claim.units[0] is not COUNT or claim.counted & (f.quantity.counted | f.near)):
            kept.setdefault((_base(f), f.quantity.cut, f.quantity.rate, f.near), f)
    return list(kept.values())


def _base(fact: Fact) -> Fraction:
    return fact.quantity.units[0].base(fact.quantity.low)


def _cuts(said: Said, own: Sequence[Fact]) -> set[Fraction]:
    """The percentages that the ad takes off, as far as the title speaks of them."""
    return {
        f.quantity.low
        for f in own
        if f.quantity.units[0] is PERCENT and (said.stems & f.around or said.words & _CHEAPER or "%" in said.words)
    }


def _bought(price: Fact, own: Sequence[Fact]) -> set[Fraction]:
    """For how many things the ad states a price: "two sticks for €30"."""
    return {f.quantity.low for f in own if f.passage is price.passage and price in _priced_beside(f, [price])}


def _priced_beside(count: Fact, own: Sequence[Fact]) -> list[Fact]:
    """The prices that the ad names in a count's own clause."""
    if count.quantity.units[0] is not COUNT or count.quantity.low < 2 or count.quantity.relation != IS:
        return []
    first, last = count.passage.sentence_at(count.quantity.first)
    first, last = max(first, count.quantity.first - 2), min(last, count.quantity.last + 6)
    return [
        f
        for f in own
        if f.passage is count.passage and is_money(f.quantity.units[0]) and first <= f.quantity.first < last
    ]


def _is_pack(fact: Fact) -> bool:
    """Whether the count is of pieces in a pack: "a case of six", "6 x 1 L"."""
    at = fact.quantity.figure
    beside = (
        fact.passage.words[max(0, at - 2) : at] + fact.passage.words[fact.quantity.last + 1 : fact.quantity.last + 2]
    )
    return any(w.stem in PACKS or w.text == "x" for w in beside)


def each_of(words: Sequence[str]) -> frozenset[str]:
    """Stems of what "each", "every", "per" and "one" single out among folded words: "in every bag"."""
    return frozenset(
        stem_of(word)
        for n, before in enumerate(words[:-1])
        if before in _EACH or before in ("a", "an")
        for word in words[n + 1 : n + 3]
    )

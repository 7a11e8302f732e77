"""Unit algebra: whether an amount is exactly what one to three amounts of an ad come to; it asks for no cue words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from creator.facts.clock import Clock
from creator.facts.passages import Passage
from creator.facts.quantities import AT_LEAST, AT_MOST, IS, Quantity
from creator.facts.stated import CARRIED, PRODUCT, Fact
from creator.facts.units import COUNT, PERCENT, is_money, unit_forms

_SOUND = frozenset(("", PRODUCT, CARRIED))
_PERIODS = {"month": 12, "week": 52, "quarter": 4}  # of a year
_EXACT = (IS, AT_LEAST)
_HALF_CENT = Fraction(1, 200)
_TELLING = 100  # an amount of three digits is hardly met by chance
_NEAR = 5  # words from one amount to the next
_MOST = 1000  # things that are multiplied
_TIME = "second"


@dataclass(frozen=True, slots=True)
class Operand:
    """An amount to reckon with.

    Args:
        value: in base units.
        about: stems of what it is of; empty for an amount that the whole ad is about.
        rate: what it is per.
        cut: it is taken off a price.
        span: it is the time between two times of day.
        around: stems of its sentence.
        counts: it is a number of things.
    """

    value: Fraction
    about: frozenset[str]
    rate: str = ""
    cut: bool = False
    span: bool = False
    around: frozenset[str] = frozenset()
    counts: bool = False


@dataclass(frozen=True, slots=True)
class Ledger:
    """An ad's amounts, laid out for reckoning.

    Args:
        amounts: the operands of each dimension.
        counts: how many of something it names.
        shares: its percentages.
    """

    amounts: dict[str, dict[Fraction, Operand]]
    counts: dict[Fraction, Operand]
    shares: tuple[Operand, ...]

    @classmethod
    def of(cls, facts: Sequence[Fact], clocks: Sequence[tuple[Clock, Passage]]) -> Ledger:
        """Lay out an ad's amounts and the times between two times of day of one sentence."""
        amounts: defaultdict[str, dict[Fraction, Operand]] = defaultdict(dict)
        counts: dict[Fraction, Operand] = {}
        shares: list[Operand] = []
        for before, fact in pairwise((None, *facts)):
            if fact is None or fact.derived not in _SOUND:
                continue
            own = fact.quantity
            if own.low != own.high or own.low <= 0 or (own.relation not in _EXACT and not _lies_on(before, fact)):
                continue
            main = fact.passage.field == "title" or fact.passage.field.startswith("attributes.")
            about = frozenset[str]() if main else fact.near
            if own.units[0] is COUNT:
                if 1 < own.low < _MOST:
                    counts.setdefault(
                        own.low, Operand(own.low, fact.near | own.counted, counts=True, around=fact.around)
                    )
            elif own.units[0] is PERCENT:
                shares.append(Operand(own.low / 100, fact.near))
            else:
                for unit in own.units[:1] if is_money(own.units[0]) else own.units:
                    value = unit.base(own.low)
                    amounts[unit.dimension].setdefault(
                        value, Operand(value, about, own.rate, own.cut, around=fact.around)
                    )
        time = unit_forms()[_TIME]
        for (one, where), (two, there) in pairwise(clocks):
            first = where.sentence_at(one.first)
            if where is there and first == there.sentence_at(two.first):
                for minutes in one.until(two) if one.sure or two.sure or one.side == "start" else ():
                    value = Fraction(minutes * 60)
                    if value:
                        amounts[time.dimension].setdefault(value, Operand(value, frozenset(), span=True))
        return cls(dict(amounts), counts, tuple(shares))

    def reaches(self, claim: Quantity, stems: frozenset[str], named: frozenset[Fraction]) -> frozenset[Fraction] | None:
        """Whether an amount with a unit is what amounts of the ad come to.

        Args:
            claim: the title's amount.
            stems: the title's stems.
            named: counts of the title's own; "three computers".

        Returns:
            the title's own counts that the reckoning takes up; None when the amount does not follow.
        """
        if claim.low != claim.high or claim.relation not in _EXACT or claim.units[0] in (COUNT, PERCENT):
            return None
        for unit in claim.units:
            own = self.amounts.get(unit.dimension)
            if not own or unit.dimension in ("temperature", "times"):
                continue
            value = unit.base(claim.low)
            telling = _telling(claim.low)
            within = _HALF_CENT if is_money(unit) and value >= 1 else Fraction(0)
            for operands, used in self._ways(value, within, own, claim, stems, named, far=telling and is_money(unit)):
                if telling or used or _go_together(operands, stems):
                    return frozenset(used)
        return None

    def _ways(
        self,
        value: Fraction,
        within: Fraction,
        own: dict[Fraction, Operand],
        claim: Quantity,
        stems: frozenset[str],
        named: frozenset[Fraction],
        *,
        far: bool,
    ) -> Iterator[tuple[tuple[Operand, ...], tuple[Fraction, ...]]]:
        """Every way to come to a value: the operands, and which counts of the title are among them."""
        flat = [a for a in own.values() if not a.rate or a.rate == claim.rate or a.rate not in unit_forms()]
        here = own.get(value)
        if here is not None and here.span:
            yield (here,), ()
        for a in flat:
            two = own.get(value - a.value)
            if two is not None and two is not a and two.rate == a.rate and not a.cut and not two.cut:
                yield (a, two), ()
            two = own.get(a.value + value)
            if two is not None and two.rate == a.rate:
                yield (two, a), ()
        for a in own.values():
            for n, count in self._times(a, claim, stems, named):
                for result in (a.value * n, a.value / n):
                    if result == value or (result < a.value and abs(result - value) <= within):
                        yield (a, count or a), () if count else (n,)
                    if far and result > 0:
                        yield from self._third(value, result, own, (a, count or a), () if count else (n,))
            if far:
                yield from self._third(value, a.value, own, (a,), ())

    def _times(
        self, a: Operand, claim: Quantity, stems: frozenset[str], named: frozenset[Fraction]
    ) -> Iterator[tuple[Fraction, Operand | None]]:
        """What an amount may be multiplied or divided by; None beside a count that is the title's."""
        yield from ((n, None) for n in named)
        unit = unit_forms().get(a.rate)
        if unit is None:
            peers = sum(o.around == a.around for o in self.amounts.get(claim.units[0].dimension, {}).values())
            for n, count in self.counts.items():
                if count.about & stems and (peers == 1 or count.around != a.around):
                    yield n, count  # not "two sessions, 40 minutes of this and 35 of that"
        elif a.rate != claim.rate:
            if a.rate in _PERIODS and claim.rate in ("", "year"):
                yield Fraction(_PERIODS[a.rate]), a
            for other in self.amounts.get(unit.dimension, {}).values():
                yield other.value / unit.factor, other

    def _third(
        self,
        value: Fraction,
        part: Fraction,
        own: dict[Fraction, Operand],
        operands: tuple[Operand, ...],
        used: tuple[Fraction, ...],
    ) -> Iterator[tuple[tuple[Operand, ...], tuple[Fraction, ...]]]:
        """With one more amount added or taken off, or a share of it."""
        if len(operands) > 1:
            for apart in (value - part, part - value):
                third = own.get(apart)
                if third is not None and third not in operands:
                    yield (*operands, third), used
        for share in self.shares:
            if abs(part * share.value - value) <= _HALF_CENT or abs(part * (1 - share.value) - value) <= _HALF_CENT:
                yield (*operands, share), used


def _telling(figure: Fraction) -> bool:
    """Whether a figure is hardly met by chance: with pence or three digits before its zeros."""
    return figure.denominator > 2 or (figure >= _TELLING and figure % 10 != 0)


def _go_together(operands: Iterable[Operand], stems: frozenset[str]) -> bool:
    """Whether a small round result is no accident: the title speaks of every operand but the ad's main one."""
    named, unnamed = list[Operand](), list[Operand]()
    for operand in operands:
        (named if operand.about & stems else unnamed).append(operand)
    if len(unnamed) > 1:
        return False
    return all(not o.about or any((n.counts or o.rate) and n.around == o.around for n in named) for o in unnamed)


def _lies_on(below: Fact | None, fact: Fact) -> bool:
    """ "8 cm of foam over 6 cm of felt": the second is not more than 6 cm."""
    if below is None or below.passage is not fact.passage or fact.passage.words[fact.quantity.first].text != "over":
        return False
    alike = below.quantity.units[0].dimension == fact.quantity.units[0].dimension
    return alike and 0 < fact.quantity.first - below.quantity.last <= _NEAR


def surpassed(claim: Quantity, fact: Quantity) -> bool:
    """Whether "more than a week" is possible where the ad says "up to 9 days"."""
    return fact.relation in (AT_MOST, AT_LEAST) and any(
        c.dimension == f.dimension and c.base(claim.low) < f.base(fact.high) <= 2 * c.base(claim.low)
        for c in claim.units
        for f in fact.units
    )

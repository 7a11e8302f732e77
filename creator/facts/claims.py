"""Does a quantity in a title follow from the ad's? Conversion, rounding, direction, differences, unit prices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from creator.facts.algebra import Ledger, surpassed
from creator.facts.derive import follows as derived
from creator.facts.operands import PACKS, Said
from creator.facts.quantities import ABOUT, AT_LEAST, AT_MOST, IS, OVER, UNDER, Quantity
from creator.facts.stated import LISTED, SWITCHES, Fact, amount_tokens
from creator.facts.text import listed
from creator.facts.units import COUNT, Unit, is_money, unit_forms
from creator.facts.vocabulary import base_forms, stems, vocabulary

ABOUT_WITHIN = Fraction(1, 10)  # "about 5" is true of 4.5 to 5.5
_BESIDE = 4  # words before an amount that name what it is of: "balcony cabins from €980"
_MONTH = Fraction(2629746)  # seconds of a mean Gregorian month (365.2425 days / 12), for "about two months"
CONVERSION_WITHIN = Fraction(1, 100)  # a rounded ounce-to-gram figure may be this far off
_KINDS = listed(
    "kind typ sort varieti flavor color shad scent styl option choic ingredient finish siz blend not topic subject "
    "countri citi island region town languag destin way posit position mod pattern set function level effect program "
    "thing"
)
_POSSIBLE = listed("possible can may could might")
_FEW = stems("student member subscriber child senior concession pensioner teacher trade")  # who pays another price


@dataclass(frozen=True, slots=True)
class Match:
    """What the ad says about a title's quantity.

    Args:
        fact: the fact that bears it out, or contradicts it; None when the ad has nothing of the kind.
        supported: whether it bears it out.
        unit: the figure is right and only its unit is wrong.
        loose: the figure is right and the ad's "up to" is gone.
        used: other counts of the title that the amount follows with ("$18" for "three computers").
    """

    fact: Fact | None
    supported: bool
    unit: bool = False
    loose: bool = False
    used: frozenset[Fraction] = frozenset()


def match(
    claim: Quantity,
    said: frozenset[str],
    chunk: frozenset[str],
    beside: Said,
    facts: Sequence[Fact],
    named: frozenset[str],
    ledger: Ledger,
) -> Match:
    """Compare a title's quantity with the ad's.

    Args:
        claim: the title's quantity.
        said: stems of the whole title.
        chunk: stems of the title's part the quantity stands in, between commas.
        beside: what else the title says that arithmetic may need.
        facts: the ad's quantities.
        named: stems of the ad's title; they name the product and single no amount of it out.
        ledger: the ad's quantities, for reckoning with.
    """
    if claim.rate:
        facts = [_at_rate(claim, f) for f in facts]
    kinds = {u.dimension for u in claim.units}
    rivals = [
        f for f in facts if any(u.dimension in kinds for u in f.quantity.units) or _about_months(claim, f.quantity)
    ]
    equal = [f for f in rivals if _holds(claim, f.quantity) and _rate_fits(claim, f.quantity)]
    exact = {f.quantity.every for f in equal if f.quantity.every}
    others = {f.quantity.every for f in rivals if f.quantity.every and f.quantity.low == claim.low}
    if claim.every and claim.every not in exact and others:  # where the ad gives the time, only that time is right
        return Match(next(f for f in rivals if f.quantity.every in others), False, unit=True)
    own = [f for f in equal if not f.derived]
    fitting = [f for f in equal if _fits(claim, f, said)]
    if fitting and claim.cut and claim.relation == IS and all(f.quantity.relation == AT_MOST for f in fitting):
        return Match(fitting[0], False, loose=True)
    if fitting and is_money(claim.units[0]) and all(f.near & _FEW and not said & f.near & _FEW for f in fitting):
        return Match(fitting[0], False, loose=True)
    if fitting:
        stated = [f for f in fitting if f.derived != LISTED]
        named_so = claim.units[0] is not COUNT or any(claim.counted & (f.quantity.counted | f.near) for f in stated)
        other = None if named_so else next((f for f in rivals if f not in equal and _counts_just(claim, f)), None)
        if other is not None:
            return Match(other, False)  # "six cabins" of a boat that sleeps six in three cabins
        if not stated and _contradicted(claim, [f for f in rivals if not f.derived], equal):
            return Match(
                next(f for f in rivals if not f.derived and f not in equal and claim.counted & f.quantity.counted),
                False,
            )
        best = max(fitting, key=lambda f: (len(said & f.near), not f.derived))
        rival = (
            None
            if claim.relation in (OVER, UNDER)
            else _better(
                claim,
                fitting,
                chunk,
                said,
                [f for f in rivals if f not in equal and not f.derived],
                named,
                beside.counts,
            )
        )
        if rival is None or derived(claim, beside, facts) is not None:
            return Match(best, True)
        return Match(rival, False)
    slips = _slips(claim, rivals)
    used = None if beside.single or slips else ledger.reaches(claim, said, beside.counts)
    if used is None and not slips:
        used = derived(claim, beside, facts)
    if used is not None:
        return Match(None, True, used=used)
    if claim.relation == OVER and beside.words & _POSSIBLE:
        reached = next((f for f in rivals if surpassed(claim, f.quantity)), None)
        if reached is not None:
            return Match(reached, True)
    if own and claim.units[0] is not COUNT and not _contradicted(claim, rivals, equal):
        return Match(own[0], True)
    wrong_unit = next(
        (
            f
            for f in facts
            if not f.derived
            and f.quantity.low == claim.low
            and f.quantity.high == claim.high
            and f.quantity.units[0] != claim.units[0]
            and f not in equal
            and (COUNT not in (claim.units[0], f.quantity.units[0]))
        ),
        None,
    )
    if wrong_unit is not None:
        return Match(wrong_unit, False, unit=True)
    wrong_rate = next((f for f in rivals if _holds(claim, f.quantity) and f not in equal), None)
    if wrong_rate is not None:
        return Match(wrong_rate, False, unit=True)
    near = max(rivals, key=lambda f: len((claim.counted | said) & f.near), default=None)
    return Match(near, False)


def _slips(claim: Quantity, rivals: Sequence[Fact]) -> bool:
    """Whether the ad has the figure in another unit of the kind: 20 inches, not 20 cm."""
    return any(f.quantity.low == claim.low and not f.derived and f.quantity.units[0] not in claim.units for f in rivals)


def _at_rate(claim: Quantity, fact: Fact) -> Fact:
    """The fact per the claim's time: "900 litres an hour" are 15 litres a minute."""
    own = fact.quantity
    if not own.rate or not claim.rate:
        return fact
    forms = unit_forms()
    per, said = forms.get(own.rate), forms.get(claim.rate)
    if per is None or said is None or per.name == said.name or per.dimension != said.dimension:
        return fact
    scale = said.factor / per.factor
    return replace(fact, quantity=replace(own, low=own.low * scale, high=own.high * scale, rate=claim.rate))


def _holds(claim: Quantity, fact: Quantity) -> bool:
    """Whether the claimed amount is true of the fact's."""
    for c in claim.units:
        for f in fact.units:
            if c.dimension == f.dimension and _true_of(claim, c, fact, f):
                return True
    return _about_months(claim, fact)


def _about_months(claim: Quantity, fact: Quantity) -> bool:
    """ "About two months" of "eight to ten weeks": months have no exact length, an approximate figure needs none."""
    if claim.relation != ABOUT and fact.relation != ABOUT:
        return False
    kinds = {claim.units[0].dimension, fact.units[0].dimension}
    if kinds != {"calendar", unit_forms()["second"].dimension}:
        return False
    said, low, high = (
        figure * unit.factor * (_MONTH if unit.dimension == "calendar" else 1)
        for figure, unit in ((claim.low, claim.units[0]), (fact.low, fact.units[0]), (fact.high, fact.units[0]))
    )
    return claim.low == claim.high and low * (1 - ABOUT_WITHIN) <= said <= high * (1 + ABOUT_WITHIN)


def _true_of(claim: Quantity, c: Unit, fact: Quantity, f: Unit) -> bool:
    low, high, least, most = c.base(claim.low), c.base(claim.high), f.base(fact.low), f.base(fact.high)
    upward, downward = fact.relation in (OVER, AT_LEAST), fact.relation in (UNDER, AT_MOST)
    rounded = {c.system, f.system} == {"metric", "imperial"}
    if claim.relation in (OVER, AT_LEAST):
        if downward or high <= 0:
            return False
        if claim.relation == AT_LEAST and is_money(c):
            return low == least  # "from £89" names the lowest price itself
        true = low < least if claim.relation == OVER and not (upward and low == least) else low <= least
        return true and least <= 2 * low
    if claim.relation == UNDER:
        return not upward and (most < low or (most == low and fact.relation == UNDER)) and 2 * most >= low
    if claim.relation == AT_MOST:
        return not upward and (most == high or (rounded and _close(most, high, CONVERSION_WITHIN)))
    if claim.relation == ABOUT and low == high and least < most:
        return least <= low <= most
    if claim.relation == ABOUT:
        return _close(low, least, ABOUT_WITHIN) and _close(high, most, ABOUT_WITHIN)
    if rounded:
        return _close(low, least, CONVERSION_WITHIN) and _close(high, most, CONVERSION_WITHIN)
    return (low, high) == (least, most)


def _close(one: Fraction, two: Fraction, within: Fraction) -> bool:
    return abs(one - two) <= within * abs(two)


def _rate_fits(claim: Quantity, fact: Quantity) -> bool:
    if claim.every and fact.every and claim.every != fact.every:
        return False
    if not claim.rate or not fact.rate or claim.rate == fact.rate:
        return True
    forms = unit_forms()
    return claim.rate not in forms and fact.rate not in forms and is_money(claim.units[0])


def _fits(claim: Quantity, fact: Fact, said: frozenset[str]) -> bool:
    """Whether the fact's amount is of what the claim counts."""
    if claim.units[0] is not COUNT:
        return not claim.counted or not fact.quantity.counted or bool(claim.counted & (fact.near | fact.around))
    if fact.derived == LISTED:
        return bool(claim.counted & fact.near) or bool(claim.counted & _KINDS)
    if claim.counted & (fact.quantity.counted | fact.near):
        return True
    if claim.counted & _KINDS and fact.quantity.counted & _KINDS and said & fact.near:
        return True  # a "seven-pattern spray gun" has seven ways to spray
    return (
        not claim.counted
        or not fact.quantity.counted
        or bool(fact.quantity.counted & PACKS and claim.counted & fact.around)
    )


def _contradicted(claim: Quantity, rivals: Sequence[Fact], equal: Sequence[Fact]) -> bool:
    """Whether what the claim counts is what another figure of the ad counts."""
    return any(claim.counted & f.quantity.counted for f in rivals if f not in equal)


def _words(stems: frozenset[str]) -> frozenset[str]:
    """Without the amounts, which stand among stems as "15 percent"."""
    return frozenset(stem for stem in stems if " " not in stem)


def _counts_just(claim: Quantity, fact: Fact) -> bool:
    """Whether a fact gives the number of the very thing that the claim counts."""
    own, after = fact.quantity, fact.passage.words[fact.quantity.last + 1 : fact.quantity.last + 2]
    plain = own.units[0] is COUNT and own.relation == IS and own.low > 1 and not fact.derived
    return plain and any(w.stem in claim.counted and w.text.endswith("s") for w in after)


def _is_verb(text: str) -> bool:
    verbs = vocabulary().meanings.verbs
    return any(form in verbs for form in base_forms(text))


def _better(
    claim: Quantity,
    fitting: Sequence[Fact],
    chunk: frozenset[str],
    said: frozenset[str],
    rivals: Sequence[Fact],
    named: frozenset[str],
    counts: frozenset[Fraction],
) -> Fact | None:
    """A rival figure that the title's words single out against every one that matches ("noise cancelling on")."""
    own = frozenset[str]().union(*(f.near for f in fitting))
    own |= {stem[2:] for stem in own if stem.startswith("re") and len(stem) > 5}  # it recharges: it is on charge
    around = frozenset[str]().union(*(f.around for f in fitting))
    fields = {f.passage.field for f in fitting}
    for rival in rivals:
        if claim.rate in unit_forms() and rival.quantity.rate != claim.rate:
            continue  # what is due by the month is no sum insured
        if rival.quantity.cut != claim.cut or rival.passage.field not in fields:
            continue
        alike = f" {rival.quantity.units[0].dimension}"  # another amount of its own kind ties it to nothing
        for_rival = frozenset(s for s in (chunk or said) & (rival.near - own - named) if not s.endswith(alike))
        if amount_tokens([rival.quantity]) & said:
            same = rival.quantity.units[0] == fitting[0].quantity.units[0]
            if (
                same
                and _words(for_rival)
                and _words(said & (own - rival.near))
                and not _words(chunk & (own - rival.near))
            ):
                return rival  # "15% in the cafe, 10% in the shop" of 10% and 15%
            continue  # the title names that amount too, for what it belongs to
        if rival.quantity.units[0] is COUNT and rival.quantity.low in counts:
            continue
        if not chunk and len(for_rival) < 2 and not for_rival & SWITCHES:
            continue  # the amount stands alone between commas; one word elsewhere does not tie it to another
        for_own = said & ((own | (around - rival.around)) - rival.near - {claim.rate})
        at = rival.quantity.first
        beside = {w.stem for w in rival.passage.words[max(0, at - _BESIDE) : at] if not _is_verb(w.text)}
        if for_rival and not for_own and (not for_rival <= around or for_rival & (SWITCHES | beside)):
            return rival
    return None

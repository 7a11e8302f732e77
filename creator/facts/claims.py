"""Does a quantity in a title follow from the ad's? Conversion, rounding, direction, differences, unit prices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from creator.facts.quantities import ABOUT, AT_LEAST, AT_MOST, IS, OVER, UNDER, Quantity, read_quantities
from creator.facts.stated import SWITCHES, Fact
from creator.facts.text import listed
from creator.facts.units import COUNT, PERCENT, Unit, is_money, unit_forms
from creator.facts.vocabulary import stems

ABOUT_WITHIN = Fraction(1, 10)  # "about 5" is true of 4.5 to 5.5
CONVERSION_WITHIN = Fraction(1, 100)  # a rounded ounce-to-gram figure may be this far off
_PACKS = frozenset(
    ("pack", "set", "piec", "count", "pcs", "bundl", "box", "cas", "ct", "pk", "bag", "carton", "tray", "multipack")
)
_KINDS = frozenset(
    (
        "kind",
        "typ",
        "sort",
        "varieti",
        "flavor",
        "color",
        "shad",
        "scent",
        "styl",
        "option",
        "choic",
        "ingredient",
        "finish",
        "siz",
        "blend",
        "not",
        "topic",
        "subject",
    )
)
_TOGETHER = listed("total altogether combined both together pair across all overall")
_FEW = stems("student member subscriber child senior concession pensioner teacher trade")  # who pays another price
_LESS = listed(
    "less cheaper off saving save saves savings under reduced knocks knocked lower cut cuts extra more dearer "
    "difference"
)


@dataclass(frozen=True, slots=True)
class Match:
    """What the ad says about a title's quantity.

    Args:
        fact: the fact that bears it out, or contradicts it; None when the ad has nothing of the kind.
        supported: whether it bears it out.
        unit: the figure is right and only its unit is wrong.
        loose: the figure is right and the ad's "up to" is gone.
    """

    fact: Fact | None
    supported: bool
    unit: bool = False
    loose: bool = False


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
    if fitting and claim.cut and claim.relation == IS and all(f.quantity.relation == AT_MOST for f in fitting):
        return Match(fitting[0], False, loose=True)
    if fitting and is_money(claim.units[0]) and all(f.near & _FEW and not said & f.near & _FEW for f in fitting):
        return Match(fitting[0], False, loose=True)
    if fitting:
        stated = [f for f in fitting if f.derived != "listed"]
        if not stated and _contradicted(claim, [f for f in rivals if not f.derived], equal):
            return Match(
                next(f for f in rivals if not f.derived and f not in equal and claim.counted & f.quantity.counted),
                False,
            )
        best = max(fitting, key=lambda f: (len(said & f.near), not f.derived))
        rival = (
            None
            if claim.relation in (OVER, UNDER)
            else _better(claim, fitting, chunk, said, [f for f in rivals if f not in equal and not f.derived])
        )
        return Match(rival, False) if rival is not None else Match(best, True)
    if _follows(claim, cues, amounts, facts):
        return Match(None, True)
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
        if claim.relation == AT_LEAST and is_money(c):
            return low == least  # "from £89" names the lowest price itself
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
    return (
        not claim.counted
        or not fact.quantity.counted
        or bool(fact.quantity.counted & _PACKS and claim.counted & fact.around)
    )


def _contradicted(claim: Quantity, rivals: Sequence[Fact], equal: Sequence[Fact]) -> bool:
    """Whether what the claim counts is what another figure of the ad counts."""
    return any(claim.counted & f.quantity.counted for f in rivals if f not in equal)


def _better(
    claim: Quantity, fitting: Sequence[Fact], chunk: frozenset[str], said: frozenset[str], rivals: Sequence[Fact]
) -> Fact | None:
    """A rival figure that the title's words single out against every one that matches ("noise cancelling on")."""
    own = frozenset[str]().union(*(f.near for f in fitting))
    around = frozenset[str]().union(*(f.around for f in fitting))
    fields = {f.passage.field for f in fitting}
    for rival in rivals:
        if rival.quantity.cut != claim.cut or rival.passage.field not in fields:
            continue
        for_rival = (chunk or said) & (rival.near - own)
        for_own = said & (own - rival.near)
        if for_rival and not for_own and (not for_rival <= around or for_rival & SWITCHES):
            return rival
    return None


def _follows(claim: Quantity, cues: frozenset[str], said: frozenset[Fraction], facts: Sequence[Fact]) -> bool:
    """Whether the amount is a difference, a discounted price or a total of what the ad states."""
    stated = [f.quantity for f in facts if f.quantity.low == f.quantity.high]
    amounts = [
        (q.units[0].base(q.low), q) for q in stated if q.units[0].dimension in {u.dimension for u in claim.units}
    ]
    if claim.low != claim.high:
        return False
    if claim.units[0] is COUNT:
        return any(
            "pair" in q.counted and q.low * 2 == claim.low and (claim.counted & q.counted or not claim.counted)
            for q in stated
            if q.units[0] is COUNT
        )
    value = claim.units[0].base(claim.low)
    if claim.rate and is_money(claim.units[0]) and _unit_price(claim, value, said, facts):
        return True
    few = [q.low for q in stated if q.units[0] is COUNT and 1 < q.low < 10]
    if cues & _LESS and any(a * n - b == value for a, _ in amounts for b, _ in amounts for n in (1, *few)):
        return True
    if is_money(claim.units[0]):
        cuts = [q.low for q in stated if q.units[0] is PERCENT]
        if any(
            a * (100 - cut) / 100 == value or (cues & _LESS and a * cut / 100 == value)
            for a, _ in amounts
            for cut in cuts
        ):
            return True
    counts = [q.low for q in stated if q.units[0] is COUNT and 1 < q.low < 1000]
    ends = {a for a, _ in amounts} | {
        q.units[0].base(q.high) for q in (f.quantity for f in facts) if q.units[0].dimension == claim.units[0].dimension
    }
    return bool(cues & _TOGETHER) and any(a * n == value for a in ends for n in counts)


def _unit_price(claim: Quantity, value: Fraction, said: frozenset[Fraction], facts: Sequence[Fact]) -> bool:
    """Whether a price per piece or per unit is a stated price divided by a stated number or size, to the cent."""
    unit = unit_forms().get(claim.rate)
    prices = [f.quantity.low for f in facts if is_money(f.quantity.units[0]) and f.quantity.low == f.quantity.high]
    for fact in facts:
        size = fact.quantity
        if fact.derived:
            continue
        if size.low != size.high or size.low <= 0 or is_money(size.units[0]):
            continue
        if unit is not None and unit.dimension == size.units[0].dimension:
            amount = size.units[0].base(size.low) / unit.factor
        elif size.units[0] is COUNT and (claim.rate in size.counted or claim.rate == "each" or _is_pack(fact)):
            amount = size.low
            if _multibuy(fact) and len(set(prices)) > 1 and amount not in said:
                continue  # a price for several, not for one alone: the title must say for how many
        else:
            continue
        if any(abs(price / amount - value) <= Fraction(1, 200) for price in prices):
            return True
    return False


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

"""Quantities in a text: a figure or range, its unit, direction ("up to"), rate ("a month") and what it counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from creator.facts.measures import skip_hyphen, text_at, unit_of
from creator.facts.numbers import Figure, read_figures
from creator.facts.text import Word, listed
from creator.facts.units import COUNT, PERCENT, TIMES, Unit, rate_adverbs, unit_forms
from creator.facts.vocabulary import vocabulary

IS, OVER, AT_LEAST, UNDER, AT_MOST, ABOUT = "is", "over", "at least", "under", "at most", "about"

_CUES: tuple[tuple[str, str, str], ...] = (  # direction, words before the amount, words after it; parted by "|"
    (OVER, "over|more than|above|exceeding|beyond|upwards of|longer than|greater than|超 过", ""),
    (
        AT_LEAST,
        "at least|minimum|min|no less than|not less than|as little as|starting at|no fewer than|至 少",
        "+|- plus|or more|or over|and over|and up|or above|and above|or longer|minimum|以 上",
    ),
    (UNDER, "under|less than|below|fewer than|lighter than|within less than|不 到", ""),
    (
        AT_MOST,
        "up to|at most|maximum|max|no more than|not more than|never more than|as much as|as many as|as long as|within"
        "|最 多|最 长|最 長|最 大",
        "or less|or fewer|or under|max|maximum|tops|以 内",
    ),
    (
        ABOUT,
        "about|around|approximately|approx|roughly|nearly|almost|circa|some|~|close to|约",
        "- odd|- ish|or so|or thereabouts",
    ),
)
_BEFORE: dict[tuple[str, ...], str] = {
    tuple(cue.split()): relation for relation, before, _ in _CUES for cue in before.split("|")
}
_AFTER: dict[tuple[str, ...], str] = {
    tuple(cue.split()): relation for relation, _, after in _CUES for cue in after.split("|") if cue
}
_LOOK_BACK, _CONTEXT = 3, 4
_RATE_WORDS = frozenset(("a", "an", "per", "each", "every", "/"))
_STOPS = listed(
    "at by for from in into on to with within without per than that which who when while if or but is are was as via "
    "a an each every your you x by"
)
_COMPARED = listed("the that as more less this what its your our")
_CUT_AFTER = listed("off discount cashback reduction less cheaper saving savings")
_CUT_BEFORE = listed("save saves saving discount takes take cut cuts knocks")


@dataclass(frozen=True, slots=True)
class Quantity:
    """An amount of something.

    Args:
        low: least figure as written; equal to `high` unless it is a range.
        high: greatest figure as written.
        units: what it may be measured in, the likeliest first.
        relation: "is", "over", "at least", "under", "at most" or "about".
        rate: what it is per: a unit's name, or a noun's stem; "" when it is not a rate.
        every: the time it is per besides ("£4 per employee per month"), or "".
        counted: stems of the words it counts or measures, as far as they follow it.
        first: index of its first word (a currency sign included).
        last: index of its last word (its unit included).
        figure: index of the first word of its first figure.
        digits: decimals it is written with.
        part: it is a fraction written as such ("a third").
    cut: it is taken off a price.
    """

    low: Fraction
    high: Fraction
    units: tuple[Unit, ...]
    relation: str
    rate: str
    counted: frozenset[str]
    first: int
    last: int
    figure: int
    digits: int = 0
    part: bool = False
    cut: bool = False
    every: str = ""


def read_quantities(
    found: Sequence[Word], taken: frozenset[int] = frozenset(), *, ones: bool = False
) -> list[Quantity]:
    """Every quantity among the words.

    Args:
        found: the words of a text.
        taken: indices of words that belong to something else (dates).
        ones: take "one" before a noun for a count; in a title it mostly is a pronoun.
    """
    figures = [f for f in read_figures(found) if f.first not in taken]
    quantities: list[Quantity] = []
    skip = False
    for n, figure in enumerate(figures):
        if skip:
            skip = False
            continue
        after = figures[n + 1] if n + 1 < len(figures) else None
        quantity = _range(found, figure, after) if after is not None else None
        if quantity is not None:
            skip = True
        else:
            quantity = _single(found, figure, ones=ones)
        if quantity is not None:
            quantity = _finish(found, quantity)
            if quantities and _goes_with(found, quantities[-1], quantity):
                quantity = replace(quantity, cut=True)
            quantities.append(quantity)
    return _joined(found, quantities)


def _goes_with(found: Sequence[Word], cut: Quantity, other: Quantity) -> bool:
    """ "Save 15% in the café and 10% in the shop": both are taken off."""
    alike = cut.cut and cut.units[0] is PERCENT and other.units[0] is PERCENT
    return alike and text_at(found, other.first - 1) in ("and", "or")


def _joined(found: Sequence[Word], quantities: list[Quantity]) -> list[Quantity]:
    """ "an hour and 20 minutes", "5 ft 3 in", "1 h 30": amounts in falling units that are one amount."""
    forms, joined = unit_forms(), list[Quantity]()
    for small in quantities:
        large = joined[-1] if joined else None
        if large is not None and _of_ten(found, large, small):
            low, high = (figure * 100 / small.low for figure in (large.low, large.high))
            joined[-1] = replace(
                small, low=low, high=high, units=(PERCENT,), first=large.first, relation=large.relation
            )
            continue
        unit = small.units[0]
        between = [w.text for w in found[large.last + 1 : small.first]] if large is not None else None
        if large is not None and small.figure == large.last + 3 and _is_and_part(found, small):
            share = small.low - 1 if small.low > 1 else small.low  # read as 3/2 alone
            whole = large.low + share
            joined[-1] = replace(large, low=whole, high=whole, last=small.last, digits=1)
            continue
        if (
            large is not None
            and between in ([], ["and"])
            and _falls(large.units[0], unit, small.low)
            and large.low == large.high
        ):
            total = large.low * large.units[0].factor / unit.factor + small.low
            joined[-1] = replace(
                small, low=total, high=total, first=large.first, figure=large.figure, relation=large.relation
            )
            continue
        before = forms.get(text_at(found, small.first - 2))
        if (
            before is not None
            and text_at(found, small.first - 1) == "and"
            and text_at(found, small.first - 3) in ("a", "an", "one")
            and _falls(before, unit, small.low)
        ):
            total = before.factor / unit.factor + small.low
            small = replace(small, low=total, high=total, first=small.first - 3)
        joined.append(small)
    return joined


def _of_ten(found: Sequence[Word], share: Quantity, whole: Quantity) -> bool:
    """Whether two counts are a share: "four in ten teams", not "two in ten days"."""
    between = [w.text for w in found[share.last + 1 : whole.first]]
    plain = share.units[0] is COUNT and whole.units[0] is COUNT and not share.counted - whole.counted
    return plain and between in (["in"], ["out", "of"]) and share.high < whole.low and whole.low in (10, 100)


def _is_and_part(found: Sequence[Word], small: Quantity) -> bool:
    """Whether an amount is the rest of "a year and a half"."""
    before = [w.text for w in found[max(0, small.figure - 3) : small.figure]]
    return (
        len(before) == 3
        and before[0] in unit_forms()
        and before[1:] == ["and", "a"]
        and small.low in (Fraction(1, 2), Fraction(3, 2))
    )


def _falls(large: Unit, small: Unit, figure: Fraction) -> bool:
    return (
        large.dimension == small.dimension
        and large.dimension not in ("percent", "count")
        and large.factor > small.factor
        and figure * small.factor < large.factor
    )


def _single(found: Sequence[Word], figure: Figure, *, ones: bool) -> Quantity | None:
    units, first, last = unit_of(found, figure)
    word = found[figure.first].text
    unit_before = unit_forms().get(text_at(found, figure.first - 3))
    if (
        word == "half"
        and unit_before is not None
        and [w.text for w in found[figure.first - 2 : figure.first]] == ["and", "a"]
    ):
        return Quantity(
            Fraction(3, 2),
            Fraction(3, 2),
            (unit_before,),
            IS,
            "",
            frozenset(),
            max(0, figure.first - 4),
            figure.first,
            figure.first,
        )
    if figure.ordinal:
        after = skip_hyphen(found, figure.last + 1)
        unit = unit_forms().get(text_at(found, after))
        if figure.value == 1 and unit is not None and unit.dimension == "calendar":
            return Quantity(figure.value, figure.value, (unit,), IS, "", frozenset(), figure.first, after, figure.first)
        return None
    value, part = figure.value, figure.part
    if not units and text_at(found, figure.last + 1) == "times" and _compares(found, figure.last + 2):
        units, last = (TIMES,), figure.last + 1
    if not units:
        if part and not (word == "half" and text_at(found, figure.last + 1) not in ("price", "off", "of", "the")):
            value, units = value * 100, (PERCENT,)
        elif (
            part
            or (word in ("one", "一") and figure.last == figure.first and not ones)
            or (word in ("couple", "pair", "duo", "trio") and figure.first == figure.last)
        ):
            return None
        else:
            units = (COUNT,)
    return Quantity(value, value, units, IS, "", frozenset(), first, last, figure.first, figure.digits, part)


def _compares(found: Sequence[Word], at: int) -> bool:
    """Whether "four times" is a factor, "four times that", "twice as long", and not how often."""
    after = text_at(found, at)
    return after in _COMPARED or (len(after) > 4 and after.endswith("er"))


def _range(found: Sequence[Word], one: Figure, two: Figure) -> Quantity | None:
    """ "5 to 6 hours", "60 g - 80 g", "between 5 and 6": one quantity of two figures."""
    units, first, last = unit_of(found, one)
    joiner = text_at(found, last + 1)
    start = unit_of(found, two)[1]
    between = text_at(found, first - 1) == "between" and joiner == "and"
    if (
        last + 2 != start
        or not (joiner in ("-", "to", "~", "至", "到") or between)
        or one.ordinal
        or two.ordinal
        or one.part
    ):
        return None
    after, _, end = unit_of(found, two)
    if one.value >= two.value or (units and after and units[0].dimension != after[0].dimension):
        return None
    measured = after or units or (COUNT,)
    return Quantity(
        one.value,
        two.value,
        measured,
        IS,
        "",
        frozenset(),
        first - between,
        end,
        one.first,
        max(one.digits, two.digits),
    )


def _finish(found: Sequence[Word], quantity: Quantity) -> Quantity:
    """Add direction, rate and what is counted."""
    relation, first = quantity.relation, quantity.first
    if text_at(found, first - 1) == "-" and text_at(found, first - 2) in ("under", "over"):
        relation, first = (UNDER if text_at(found, first - 2) == "under" else AT_LEAST), first - 2  # "under-16s"
    for length in range(_LOOK_BACK, 0, -1):
        key = tuple(w.text for w in found[max(0, first - length) : first])
        if len(key) == length and key in _BEFORE:
            if key[-1] == "than" and first > length and found[first - length - 1].kind == "number":
                break  # "$20 less than two singles" compares
            relation, first = _BEFORE[key], first - length
            break
    if (
        relation == IS
        and quantity.first >= 2
        and text_at(found, quantity.first - 1) in ("a", "an", "the", "just", "only", "one")
    ):
        key = tuple(w.text for w in found[max(0, quantity.first - 4) : quantity.first - 1])
        relation = next((_BEFORE[key[-n:]] for n in (3, 2, 1) if key[-n:] in _BEFORE), relation)
    if (
        relation == IS
        and text_at(found, first - 1) == "from"
        and quantity.low == quantity.high
        and not _goes_on(found, quantity.last + 1)
    ):
        relation, first = AT_LEAST, first - 1
    last = quantity.last
    for length in (2, 1):
        key = tuple(w.text for w in found[last + 1 : last + 1 + length])
        if len(key) == length and key in _AFTER and relation == IS:
            relation, last = _AFTER[key], last + length
            break
    if relation == IS and [w.text for w in found[max(0, first - 3) : first - 1]] == ["up", "to"]:
        relation, first = AT_MOST, first - 3  # "up to size 47"
    if quantity.units[0] is COUNT and relation == AT_MOST and text_at(found, first) == "within":
        relation = IS
    counted, rate, every = _counted(found, last + 1)
    if (
        not rate
        and quantity.units[0].dimension.startswith("money")
        and text_at(found, last + 1) in ("a", "an")
        and last + 2 < len(found)
    ):
        rate = found[last + 2].stem
    if not rate and quantity.units[0].dimension.startswith("money") and text_at(found, last + 1) in ("each", "apiece"):
        rate = "each"
    cut = (quantity.units[0] is PERCENT or quantity.units[0].dimension.startswith("money")) and (
        text_at(found, last + 1) in _CUT_AFTER or any(w.text in _CUT_BEFORE for w in found[max(0, first - 3) : first])
    )
    quantity = replace(quantity, relation=relation, first=first, last=last, counted=counted)
    return replace(quantity, rate=rate, every=every, cut=cut)


def _goes_on(found: Sequence[Word], at: int) -> bool:
    """Whether "from 5" goes on with "to": "from 5 minutes to an hour"; but "from 40 inches up to 120"."""
    later = [w.text for w in found[at : at + 7]]
    return any(
        w in ("to", "until", "-") and not (n and later[n - 1] == "up") and (w != "-" or n < 2)
        for n, w in enumerate(later)
    )


def _counted(found: Sequence[Word], at: int) -> tuple[frozenset[str], str, str]:
    """The stems that follow an amount, what it is per, and the time it is per besides."""
    function = vocabulary().function
    counted: set[str] = set()
    seen, rate = 0, ""
    while at < len(found) and seen < _CONTEXT:
        word = found[at]
        if word.text in _RATE_WORDS or word.text in rate_adverbs():
            break
        if (word.kind == "sign" and word.text not in ("-", "&", "'")) or word.kind == "number" or word.text in _STOPS:
            break
        if word.kind in ("word", "han") and word.text not in function:
            counted.add(word.stem)
            seen += 1
        at += 1
    if at < len(found):
        rate = _rate(found, at)
    every = _rate(found, at + 2) if rate and text_at(found, at + 2) in _RATE_WORDS | set(rate_adverbs()) else ""
    return frozenset(counted), rate, every if every in unit_forms() else ""


def _rate(found: Sequence[Word], at: int) -> str:
    if found[at].text in rate_adverbs():
        return rate_adverbs()[found[at].text].name
    if found[at].text not in _RATE_WORDS:
        return ""
    after = found[at + 1] if at + 1 < len(found) else None
    if after is not None and after.kind == "number":  # "per 45-minute lesson"
        unit_at = skip_hyphen(found, at + 2)
        noun_at = skip_hyphen(found, unit_at + (text_at(found, unit_at) in unit_forms()))
        after = found[noun_at] if noun_at < len(found) else None
    if after is None:
        return ""
    unit = unit_forms().get(after.text)
    if unit is not None and (unit.dimension in ("calendar", unit_forms()["second"].dimension) or found[at].text == "/"):
        return unit.name
    if found[at].text == "each" and after.text in vocabulary().function:
        return "each"
    return after.stem if found[at].text in ("per", "/", "each") and after.kind == "word" else ""

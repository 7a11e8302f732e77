"""Numbers as people write them: digits, words, fractions, dozens, ordinals, Chinese and Japanese numerals."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from creator.facts.text import Word, listed

_FOREIGN = {  # German, French and Spanish, but for words that English has too
    w: n
    for names in (
        "2 zwei drei vier funf sechs sieben acht neun zehn",
        "12 zwolf dreizehn vierzehn funfzehn",
        "2 deux trois quatre cinq",
        "8 huit neuf dix onze douze treize quatorze quinze",
        "2 dos tres cuatro cinco seis siete ocho nueve diez",
        "12 doce trece catorce quince",
    )
    for n, w in enumerate(names.split()[1:], start=int(names.split()[0]))
}
_ONES = {
    w: n
    for n, w in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
        ]
    )
} | _FOREIGN
_TENS = {
    w: 10 * n
    for names in (
        "twenty thirty forty fifty sixty seventy eighty ninety",
        "zwanzig dreissig vierzig funfzig sechzig siebzig achtzig neunzig",
        "vingt trente quarante cinquante soixante",
        "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa",
    )
    for n, w in enumerate(names.split(), start=2)
}
_SCALES = {"hundred": 100, "thousand": 1000, "million": 1_000_000, "billion": 1_000_000_000}
_GROUPS = {"dozen": 12, "dozens": 12, "couple": 2, "pair": 2, "trio": 3, "quartet": 4, "score": 20, "duo": 2}
_PARTS = {
    "half": 2,
    "halves": 2,
    "third": 3,
    "thirds": 3,
    "quarter": 4,
    "quarters": 4,
    "fifth": 5,
    "fifths": 5,
    "sixth": 6,
    "eighth": 8,
    "eighths": 8,
    "tenth": 10,
    "tenths": 10,
}
ORDINALS = {
    w: n
    for n, w in enumerate(
        [
            "first",
            "second",
            "third",
            "fourth",
            "fifth",
            "sixth",
            "seventh",
            "eighth",
            "ninth",
            "tenth",
            "eleventh",
            "twelfth",
        ],
        start=1,
    )
}
_HAN = {c: n for n, c in enumerate("零一二三四五六七八九")} | {"两": 2, "兩": 2, "〇": 0}
_HAN_SCALES = {"十": 10, "百": 100, "千": 1000, "万": 10_000, "萬": 10_000, "亿": 100_000_000}
_LONGEST_FIGURE = 18
_BOUNDS = ("under", "over", "within", "than")
_LASTS = ("in", "for", "about", "nearly", "almost", "around", "lasts", "last", "takes", "take")
_SHARES = listed("save saves saving by than nearly almost over per about just under around up cut cuts takes get")
_SHARED = listed(  # what follows a part: "a third of", "a fifth cheaper"; but "a third is free", "a fifth box"
    "of off less more cheaper lighter longer faster smaller larger bigger lower higher fewer shorter thinner extra the"
)
_SHORT_TIMES, _LONG_TIMES = ("hour", "minute"), ("day", "week", "fortnight", "month", "year", "decade")


@dataclass(frozen=True, slots=True)
class Figure:
    """A number in a text.

    Args:
        value: exactly.
        first: index of its first word.
        last: index of its last word.
        digits: decimals it is written with, for rounding; 0 for words.
        part: it is a part of something ("a third"): also that many hundredths.
        ordinal: it counts a place ("fourth"), not an amount.
    """

    value: Fraction
    first: int
    last: int
    digits: int = 0
    part: bool = False
    ordinal: bool = False


def read_digits(text: str) -> tuple[Fraction, int]:
    """A written number and its decimals: "3,000", "14,90", "4.10", "1.234.567,5".

    A single comma before exactly three digits groups thousands; a single point is always a decimal point.
    """
    text = text[:_LONGEST_FIGURE].rstrip(".,")
    comma, point = text.rfind(","), text.rfind(".")
    if comma >= 0 and point >= 0:
        mark = max(comma, point)
    elif comma >= 0:
        mark = -1 if text.count(",") > 1 or len(text) - comma == 4 else comma
    else:
        mark = -1 if text.count(".") > 1 else point
    if mark < 0:
        return Fraction(int(re.sub(r"[.,]", "", text))), 0
    whole, part = re.sub(r"[.,]", "", text[:mark]), text[mark + 1 :]
    return Fraction(int(whole + part), 10 ** len(part)), len(part)


def small_number(word: Word) -> int:
    """What one word says when it is a whole number below twenty; 0 when it is none."""
    if word.kind == "number":
        return int(word.text) if word.text.isdigit() and len(word.text) < 3 else 0
    return _ONES.get(word.text, 0)


def read_figures(found: Sequence[Word]) -> list[Figure]:
    """Every number among the words, in order. "one" alone is no number here unless something is measured in ones."""
    figures: list[Figure] = []
    at = 0
    while at < len(found):
        figure = _digits(found, at) or _spoken(found, at) or _han(found, at)
        if figure is None:
            at += 1
        else:
            figures.append(figure)
            at = figure.last + 1
    return figures


def _digits(found: Sequence[Word], at: int) -> Figure | None:
    word = found[at]
    if word.kind != "number":
        return None
    value, digits = read_digits(word.text)
    last = at
    after = found[at + 1].text if at + 1 < len(found) else ""
    touching = at + 1 < len(found) and found[at + 1].start == word.end
    if after in ("st", "nd", "rd", "th") and touching:
        return Figure(value, at, at + 1, ordinal=True)
    if after == "/" and at + 2 < len(found) and found[at + 2].kind == "number" and touching:
        below, _ = read_digits(found[at + 2].text)
        if below in (2, 3, 4, 5, 8) and value < below:
            return Figure(value / below, at, at + 2, part=True)
    if after in ("k", "bn") and touching and not digits:
        value, last = value * {"k": 1000, "bn": 1_000_000_000}[after], at + 1
    elif after in _SCALES:
        value, last = value * _SCALES[after], at + 1
    elif after in _HAN_SCALES and touching:
        value, last = value * _HAN_SCALES[after], at + 1
    elif (
        at + 3 < len(found)
        and found[at + 1].kind == "number"
        and found[at + 2].text == "/"
        and found[at + 3].kind == "number"
    ):
        above, below = read_digits(found[at + 1].text)[0], read_digits(found[at + 3].text)[0]
        if below in (2, 3, 4, 5, 8) and above < below:
            value, last = value + above / below, at + 3
    return _and_part(found, Figure(value, at, last, digits))


def _and_part(found: Sequence[Word], figure: Figure) -> Figure:
    """ "Two and a half", "3 and three quarters": with the part that follows, unless that begins a phrase of its own."""
    after = [w.text for w in found[figure.last + 1 : figure.last + 5]]
    above = 1 if after[1:2] in (["a"], ["one"]) else _ONES.get(after[1], 0) if len(after) > 1 else 0
    below = _PARTS.get(after[2], 0) if len(after) > 2 else 0
    if after[:1] != ["and"] or below not in (2, 4) or not 0 < above < below or after[3:] in (["-"], ["price"], ["off"]):
        return figure
    return Figure(figure.value + Fraction(above, below), figure.first, figure.last + 3)


def _spoken(found: Sequence[Word], at: int) -> Figure | None:
    word = found[at].text
    if found[at].kind != "word":
        return None
    if word in _PARTS:
        return _part(found, at)
    if word in ORDINALS and word != "second":
        return Figure(Fraction(ORDINALS[word]), at, at, ordinal=True)
    if word in ("a", "an"):
        return Figure(Fraction(1), at, at) if _is_one(found, at) else None
    if word == "per":
        return None
    total, current, last, seen = 0, 0, at, False
    while last < len(found):
        text = found[last].text
        if text in _ONES or text in _TENS:
            if seen and text in _ONES and current % 10 == 0 and current >= 20 and _ONES[text] < 10:
                current += _ONES[text]
            elif not seen or (current % 100 == 0 and current >= 100):
                current += _ONES.get(text, _TENS.get(text, 0))
            else:
                break
        elif text in _SCALES and (seen or last == at):
            current = max(current, 1) * _SCALES[text]
            if _SCALES[text] >= 1000:
                total, current = total + current, 0
        elif text in _GROUPS:
            if text == "score" and not seen:
                break
            current = max(current, 1) * _GROUPS[text]
            seen, last = True, last + 1
            break
        elif not (
            seen and text in ("-", "and") and last + 1 < len(found) and _joins(text, found[last + 1].text, current)
        ):
            break
        seen, last = True, last + 1
    if not seen:
        return None
    part = _PARTS.get(found[last].text) if last < len(found) else None
    hyphen = found[last].text == "-" if last < len(found) else False
    if part is None and hyphen and last + 1 < len(found):
        part = _PARTS.get(found[last + 1].text)
        last += 1 if part else 0
    if part and 0 < total + current < part:
        return Figure(Fraction(total + current, part), at, last, part=True)
    return _and_part(found, Figure(Fraction(total + current), at, last - 1))


def _is_one(found: Sequence[Word], at: int) -> bool:
    """Whether "an" counts: "in under an hour", "lasts an hour", "within a week"; but "£5 an hour", "for a day out"."""
    before = found[at - 1].text if at else ""
    after = found[at + 1].text if at + 1 < len(found) else ""
    short = after in _SHORT_TIMES
    return (before in _BOUNDS and (short or after in _LONG_TIMES)) or (before in _LASTS and short)


def _joins(joiner: str, after: str, current: int) -> bool:
    if joiner == "-":
        return current in _TENS.values() and 0 < _ONES.get(after, 0) < 10
    return current >= 100 and (after in _ONES or after in _TENS)


def _part(found: Sequence[Word], at: int) -> Figure | None:
    text = found[at].text
    before = found[at - 1].text if at else ""
    after = found[at + 1].text if at + 1 < len(found) else ""
    many = _GROUPS | _SCALES
    if text == "half" and after in ("a", "an", "-") and at + 2 < len(found) and found[at + 2].text in many:
        return Figure(Fraction(many[found[at + 2].text], 2), at, at + 2)
    if text == "half":
        return Figure(Fraction(1, 2), at, at + (after in ("a", "an")), part=True)
    article = before in ("a", "one")
    shares = before in _SHARES or (
        article and (text not in ORDINALS or after in _SHARED or (at > 1 and found[at - 2].text in _SHARES))
    )
    if shares and text in _PARTS and text != "halves":
        return Figure(Fraction(1, _PARTS[text]), at, at, part=True)
    if text in ORDINALS:
        return Figure(Fraction(ORDINALS[text]), at, at, ordinal=True)
    return None


def _han(found: Sequence[Word], at: int) -> Figure | None:
    if found[at].text == "半":
        return Figure(Fraction(1, 2), at, at, part=True)
    total, current, last = 0, 0, at
    while last < len(found) and (found[last].text in _HAN or found[last].text in _HAN_SCALES):
        text = found[last].text
        if text in _HAN:
            current = _HAN[text]
        else:
            total, current = total + max(current, 1) * _HAN_SCALES[text], 0
        last += 1
    return Figure(Fraction(total + current), at, last - 1) if last > at else None

"""The unit that a figure in a text is given in, and the words the two take together."""

from __future__ import annotations

from collections.abc import Sequence

from creator.facts.numbers import Figure
from creator.facts.text import Word, listed
from creator.facts.units import PERCENT, SHORT, Unit, ambiguous_forms, unit_forms
from creator.facts.vocabulary import vocabulary

_DAY_KINDS = listed(
    "working business calendar full whole short straight consecutive extra more bonus free paid guaranteed further"
)
_SQUARES: dict[str, str] = {
    **dict.fromkeys(("m", "metre", "metres", "meter", "meters"), "sqm"),
    **dict.fromkeys(("ft", "foot", "feet"), "sqft"),
}


def unit_of(found: Sequence[Word], figure: Figure) -> tuple[tuple[Unit, ...], int, int]:
    """The units a figure may have, and the first and last word of figure and unit together."""
    forms, ambiguous = unit_forms(), ambiguous_forms()
    before = text_at(found, figure.first - 1)
    if before in forms and forms[before].dimension.startswith("money") and (not before.isalpha() or len(before) == 3):
        return ambiguous.get(before, (forms[before],)), figure.first - 1, figure.last
    at = skip_hyphen(found, figure.last + 1)
    if (
        figure.part
        and text_at(found, at) == "of"
        and text_at(found, at + 1) in ("a", "an")
        and text_at(found, at + 2) in forms
    ):
        return (forms[text_at(found, at + 2)],), figure.first, at + 2
    if _is_kind_of_time(found, at, figure):
        at += 1
    text = text_at(found, at)
    digits = found[figure.first].kind == "number"
    if text == "s" and digits and text_at(found, figure.first - 1 - (before == "-")) in ("under", "over"):
        return (), figure.first, at  # "under-16s" are people
    if (
        text in forms
        and not text.isalpha()
        and forms[text].dimension.startswith("money")
        and at + 1 < len(found)
        and found[at + 1].kind == "number"
        and found[at + 1].start == found[at].end
    ):
        return (), figure.first, figure.last  # the sign belongs to the next figure: "three €130 payments"
    if text in ("°", "degree", "degrees") and text_at(found, at + 1) in ("celsius", "fahrenheit"):
        return (forms[text_at(found, at + 1)],), figure.first, at + 1
    if text == "°" and text_at(found, at + 1) in ("c", "f"):
        return (forms["celsius" if text_at(found, at + 1) == "c" else "fahrenheit"],), figure.first, at + 1
    if text == "fl":
        after = at + 1 + (text_at(found, at + 1) == ".")
        if text_at(found, after) in ("oz", "ounce", "ounces"):
            return (forms["floz"],), figure.first, after
    square = _SQUARES.get(text_at(found, at + 1)) if text in ("square", "sq") else None
    if square is not None:
        return (forms[square],), figure.first, at + 1
    if text == "per" and text_at(found, at + 1) == "cent":
        return (PERCENT,), figure.first, at + 1
    if found[at].kind == "han" if at < len(found) else False:
        return _han_unit(found, figure, at)
    if text in ambiguous:
        return ambiguous[text], figure.first, at
    if text in forms and (digits or text not in SHORT or text in ("cups", "cup", "quarters") or len(text) > 4):
        return (forms[text],), figure.first, at
    return (), figure.first, figure.last


def _is_kind_of_time(found: Sequence[Word], at: int, figure: Figure) -> bool:
    """Whether a word tells what kind of time the next one measures: "two bonus months", "5 working days"."""
    text, unit = text_at(found, at), unit_forms().get(text_at(found, at + 1))
    if unit is None or len(text_at(found, at + 1)) < 3 or text in unit_forms():
        return False
    if text in _DAY_KINDS:
        return True
    long = unit.dimension == "calendar" or unit.name in ("hour", "day", "week")
    plural = figure.value > 1 and found[at + 1].text.endswith("s")
    return long and plural and found[at].kind == "word" and text not in vocabulary().function


def _han_unit(found: Sequence[Word], figure: Figure, at: int) -> tuple[tuple[Unit, ...], int, int]:
    forms = unit_forms()
    for length in (6, 4, 3, 2, 1):
        text = "".join(w.text for w in found[at : at + length])
        if text in forms and len(text) == length:
            return (forms[text],), figure.first, at + length - 1
    return (), figure.first, figure.last


def skip_hyphen(found: Sequence[Word], at: int) -> int:
    """The index of the word behind a hyphen that joins it to what stands before ("10-minute"), or the index itself."""
    if (
        text_at(found, at) == "-"
        and at + 1 < len(found)
        and found[at + 1].kind == "word"
        and found[at + 1].start == found[at].end
    ):
        return at + 1
    return at


def text_at(found: Sequence[Word], at: int) -> str:
    """A word's folded text, or "" outside the text."""
    return found[at].text if 0 <= at < len(found) else ""

"""Package sizes of Complete Journey's register ("12 PK/12 OZ", "1 1/8 OZ", ".5 L") as a person writes them."""

from __future__ import annotations

import math
import re
from functools import cache

_UNITS = {
    **dict.fromkeys(("OZ",), "oz"),
    **dict.fromkeys(("FL OZ",), "fl oz"),
    **dict.fromkeys(("LB", "LBS"), "lb"),
    **dict.fromkeys(("ML", "CC"), "ml"),
    **dict.fromkeys(("L", "LT", "LTR"), "L"),
    **dict.fromkeys(("G", "GM", "GR"), "g"),
    "KG": "kg",
    "MG": "mg",
    "FT": "ft",
    "SQ FT": "sq ft",
    "CT": "count",
    "PK": "pack",
    "IN": "inch",
    "GAL": "gallon",
    "GA": "gallon",
    "QT": "quart",
    "PT": "pint",
    "DZ": "dozen",
    "DOZ": "dozen",
    "PC": "piece",
    "STEM": "stem",
    **dict.fromkeys(("RL", "ROLL"), "roll"),
    **dict.fromkeys(("LOAD", "LOADS", "LDS", "LD"), "load"),
    "USES": "use",
}
_HYPHENATED = frozenset({"count", "pack", "inch"})
_COUNTED = frozenset({"gallon", "quart", "pint", "piece", "stem", "roll", "load", "use"})
_WHOLE = {
    "GAL": "1 gallon",
    "GALLON": "1 gallon",
    "QT": "1 quart",
    "PT": "1 pint",
    "PINT": "1 pint",
    "DOZ": "1 dozen",
    "DZ": "1 dozen",
    "1/2 GAL": "half gallon",
    "1/2 GA": "half gallon",
    "HALF GAL": "half gallon",
    "1/2 PT": "half pint",
    "LB": "1 lb",
    "1 CT": "",
    "1 PK": "",
}
_NUMBER = r"(\d+|\d*\.\d+)"


@cache
def size_phrase(raw: str) -> str:
    """A package size as a person writes it ("8 oz", "12 x 12 oz", "24-count"), or "" when it cannot be read surely.

    "12/12 OZ" is twelve of 12 oz, "6 CT/15 OZ" six that weigh 15 oz together, and "3/4 OZ" could be three of 4 oz or
    three quarters of one, so it is not read.
    """
    text = re.sub(r"\s+", " ", raw.upper().replace("*", "")).strip()
    text = re.sub(r"^[A-Z]{1,2} (?=\d)| (?:BTL|CAN|PET|NR)$", "", text)
    if text in _WHOLE:
        return _WHOLE[text]
    if pack := re.fullmatch(rf"(\d+) ?PK ?[/-]? ?{_NUMBER} ?(OZ|LB|ML|L)", text):
        return f"{pack[1]} x {_figure(pack[2])} {_UNITS[pack[3]]}"
    if pack := re.fullmatch(rf"{_NUMBER} ?(OZ|LB|ML|L) ?/? ?(\d+) ?PK", text):
        return f"{pack[3]} x {_figure(pack[1])} {_UNITS[pack[2]]}"
    if total := re.fullmatch(rf"\d+ ?CT ?[/-] ?{_NUMBER} ?(OZ|LB|ML|L)", text):
        return f"{_figure(total[1])} {_UNITS[total[2]]}"
    if pack := re.fullmatch(rf"(\d+) ?([/-]) ?{_NUMBER} ?(OZ|LB|ML|L)", text):
        ambiguous = pack[2] == "/" and _is_fraction(pack[1], pack[3])
        ambiguous = ambiguous or (pack[2] == "-" and float(pack[1]) < float(pack[3]) <= 1.5 * float(pack[1]))
        return "" if ambiguous else f"{pack[1]} x {_figure(pack[3])} {_UNITS[pack[4]]}"
    mixed = re.fullmatch(r"(\d+) (\d)/([248]) ?(OZ|LB)", text)
    if mixed and int(mixed[2]) < int(mixed[3]):
        return f"{int(mixed[1]) + int(mixed[2]) / int(mixed[3]):g} {_UNITS[mixed[4]]}"
    return _single(text)


def _single(text: str) -> str:
    single = re.fullmatch(rf"{_NUMBER} ?([A-Z]+(?: [A-Z]+)?)", text)
    if single is None or single[2] not in _UNITS or float(single[1]) == 0:
        return ""
    figure, unit = _figure(single[1]), _UNITS[single[2]]
    if unit in _HYPHENATED:
        return f"{figure}-{unit}"
    return f"{figure} {unit}" + ("s" if unit in _COUNTED and figure != "1" else "")


def _is_fraction(over: str, under: str) -> bool:
    """Whether "over/under" reads as a fraction in its lowest terms, as "3/4" does and "6/8" does not."""
    if not under.isdigit() or int(under) not in (2, 3, 4, 8):
        return False
    return int(over) < int(under) and math.gcd(int(over), int(under)) == 1


def _figure(text: str) -> str:
    return f"{float(text):g}"

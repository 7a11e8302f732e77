"""Readable words for Complete Journey's register texts: upper-case, abbreviated, cut at 30 characters.

Two written tables do the work. `completejourney_phrases.csv` names whole (category, type) pairs, and with an empty
type the category itself. `completejourney_abbreviations.csv` spells out single words, for the pairs nobody named;
an empty meaning drops the word.
"""

from __future__ import annotations

import csv
import re
from functools import cache
from importlib.resources import files

DEPARTMENTS = {
    "GROCERY": "groceries",
    "DRUG GM": "drugstore and household items",
    "PRODUCE": "fresh produce",
    "COSMETICS": "cosmetics",
    "NUTRITION": "natural foods",
    "MEAT": "meat counter",
    "MEAT-PCKGD": "packaged meat",
    "DELI": "deli",
    "PASTRY": "bakery",
    "FLORAL": "flowers",
    "MISCELLANEOUS": "miscellaneous items",
    "SEAFOOD-PCKGD": "packaged seafood",
    "SPIRITS": "beer, wine and spirits",
    "SEAFOOD": "fresh seafood",
    "GARDEN CENTER": "garden center",
    "RESTAURANT": "restaurant meals",
    "SALAD BAR": "salad bar",
    "COUPON": "store coupons",
    "TRAVEL & LEISURE": "travel and leisure",
    "FROZEN GROCERY": "frozen foods",
    "FUEL": "fuel",
    "CHEF SHOPPE": "prepared meals",
    "PHOTO & VIDEO": "photo and video",
    "CNTRL/STORE SUP": "store supplies",
    "TOYS": "toys",
    "POSTAL CENTER": "postage",
    "CHARITABLE CONT": "charitable contributions",
    "PROD-WHS SALES": "produce",
    "AUTOMOTIVE": "car care products",
    "ELECT &PLUMBING": "electrical and plumbing supplies",
    "GM MERCH EXP": "general merchandise",
    "HOUSEWARES": "housewares",
}
"""What a person calls each department."""

UNSORTED = "miscellaneous items"
"""The name of what the register itself does not sort."""

_LOOSE = frozenset(
    {
        "PRODUCE",
        "MEAT",
        "SEAFOOD",
        "FLORAL",
        "DELI",
        "PASTRY",
        "SALAD BAR",
        "FUEL",
        "RESTAURANT",
        "CHEF SHOPPE",
        "GARDEN CENTER",
        "PHOTO & VIDEO",
        "MISCELLANEOUS",
        "COUPON",
        "PROD-WHS SALES",
        "TRAVEL & LEISURE",
        "POSTAL CENTER",
        "CHARITABLE CONT",
        "CNTRL/STORE SUP",
        "MAGAZINE",
        "NEWSPAPER",
        "GREETING CARDS/WRAP/PARTY SPLY",
        "BOOKSTORE",
        "TICKETS",
        "FRZN ICE",
        "COUPON/MISC ITEMS",
        "FLORAL BALLOONS",
    }
)
_NAMED_BRANDS = frozenset({"MAKEUP AND TREATMENT", "BATH", "HOSIERY/SOCKS", "FRAGRANCES", "TOYS AND GAMES"})


def brand_matters(category: str, department: str, phrase: str) -> bool:
    """Whether "name brand" tells a shopper anything: not of loose goods, and not where the phrase names the brand."""
    return not (department in _LOOSE or category in _LOOSE or (category in _NAMED_BRANDS and phrase[:1].isupper()))


UNFINISHED = frozenset(
    {
        "adult",
        "asian",
        "authentic",
        "boxed",
        "bulk",
        "canned",
        "cooked",
        "dry",
        "economy",
        "external",
        "fresh",
        "frozen",
        "gift",
        "green",
        "ground",
        "hispanic",
        "internal",
        "lean",
        "mainstream",
        "marinated",
        "microwave",
        "natural",
        "organic",
        "outdoor",
        "party",
        "premium",
        "processed",
        "raw",
        "refrigerated",
        "regional",
        "regular",
        "seasonal",
        "seasoned",
        "smoked",
        "special",
        "specialty",
        "standard",
        "summer",
        "super",
        "traditional",
        "unsweetened",
        "value",
        "valentine",
        "with",
    }
)
"""Last words that leave a phrase hanging."""

CUTS = frozenset({"BEEF", "PORK", "LAMB", "VEAL", "CHICKEN", "TURKEY"})
"""Categories whose types name a cut and not the animal."""


@cache
def _phrases() -> dict[tuple[str, str], str]:
    text = files("data_synthesis.sources").joinpath("completejourney_phrases.csv").read_text(encoding="utf-8")
    return {(row["category"], row["type"]): row["phrase"] for row in csv.DictReader(text.splitlines())}


@cache
def _abbreviations() -> dict[str, str]:
    text = files("data_synthesis.sources").joinpath("completejourney_abbreviations.csv").read_text(encoding="utf-8")
    return {row["abbreviation"]: row["words"] for row in csv.DictReader(text.splitlines())}


@cache
def _vocabulary() -> frozenset[str]:
    """The words the two tables use: a type nobody named may be spelled out in these and no others, so that a word cut
    short by the register never gets into a title.
    """
    known = " ".join([*_phrases().values(), *_abbreviations().values()])
    return frozenset(word.lower() for word in re.findall(r"[\w'%-]+", known))


@cache
def category_phrase(category: str, department: str) -> str:
    """What a shopper calls a product category, such as "frozen vegetables"; the department's name without one."""
    if named := _phrases().get((category, "")):
        return named
    return spelled_out(category) or DEPARTMENTS.get(department, "") or spelled_out(department) or "other items"


@cache
def type_phrase(category: str, kind: str, department: str) -> str:
    """What a copywriter would call a product type, such as "shredded cheese".

    Args:
        category: the register's category, "" when it has none.
        kind: the register's type within it, "" when it has none.
        department: the register's department.
    """
    if kind and (named := _phrases().get((category, kind)) or _phrases().get(("*", kind))):
        return named
    home = category_phrase(category, department)
    words = spelled_out(kind)
    if not words or not set(re.findall(r"[\w'%-]+", words)) <= _vocabulary():
        return home
    if words.split()[-1] in UNFINISHED:
        return f"{words} {home}" if words in UNFINISHED and words not in home.split() else home
    if category in CUTS and home not in words:
        return f"{home} {words}"
    return words


def spelled_out(text: str) -> str:
    """A register text with its abbreviations spelled out, in lower case, without brackets, slashes or codes."""
    text = re.sub(r"\([^)]*\)?", " ", text.upper()).replace("W/O ", "WITHOUT ")
    text = re.sub(r"^[A-Z ]{2,9}:", " ", text)
    parts = [
        " ".join(filter(None, (_word(word) for word in re.findall(r"[A-Z0-9%.']+", part))))
        for part in re.split(r"[/&]", re.sub(r"[-:]", " ", text))
    ]
    kept = [part for part in parts if part]
    return kept[0] if len(kept) == 1 else (", ".join(kept[:-1]) + " and " + kept[-1] if kept else "")


def _word(word: str) -> str:
    word = word.strip(".'")
    known = _abbreviations().get(word)
    return word.lower() if known is None else known


_DAIRY = frozenset(
    {
        "CHEESE",
        "YOGURT",
        "FLUID MILK PRODUCTS",
        "REFRGRATD DOUGH PRODUCTS",
        "REFRGRATD JUICES/DRNKS",
        "MILK BY-PRODUCTS",
        "MISC. DAIRY",
        "MARGARINES",
        "BUTTER",
        "EGGS",
    }
)
_SECTIONS = {
    "MEAT": "meat",
    "MEAT-PCKGD": "meat",
    "SEAFOOD": "seafood",
    "SEAFOOD-PCKGD": "seafood",
    "FLORAL": "flowers",
    "GARDEN CENTER": "flowers",
    "DRUG GM": "drugstore items",
}


def section_phrase(category: str, department: str) -> str:
    """The part of the store that an offer over many categories is about, such as "frozen foods"."""
    if category.startswith(("FRZN", "FROZEN", "ICE CREAM")):
        return "frozen foods"
    if category in _DAIRY:
        return "dairy foods"
    return _SECTIONS.get(department) or DEPARTMENTS.get(department, "other items")

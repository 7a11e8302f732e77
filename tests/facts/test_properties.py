"""Properties of the fact check that hold for every text."""

from __future__ import annotations

import random
from fractions import Fraction

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from creator.core.records import Ad, AdId
from creator.facts.text import fold, is_same_title, words
from creator.facts.verifier import check_title
from tests.facts.shelf import LAMP, TENT
from tests.facts.test_verifier import FALSE, TRUE

ANY = st.text(st.characters(codec=None), max_size=80)
SOUP = st.lists(
    st.sampled_from(
        [
            "six",
            "6",
            "x",
            "%",
            "$",
            "12",
            "oz",
            "-",
            "not",
            "without",
            "free",
            "from",
            "no",
            ",",
            ".",
            "?",
            ":",
            "half",
            "a",
            "dozen",
            "3",
            "kg",
            "the",
            "best",
            "every",
            "月",
            "半",
            "5",
            "折",
            "up",
            "to",
            "and",
            "1/2",
            "until",
            "May",
            "31",
            "code",
            "A1",
            "fl",
            "°",
            "c",
            "bar",
            "maximum",
            "or",
            "more",
            "less",
            "over",
            "per",
            "each",
            "/",
            "a",
            "an",
            "pair",
            "to",
            "至",
            "between",
            "and",
            "Gluten-free",
            "Kenyan",
            "?",
            "!",
            ":",
            "£",
            "days",
            "within",
            "hour",
            "quarter",
            "selected",
            "orders",
            "members",
            "only",
            "non",
            "un-",
            "as",
            "you",
            "your",
            "1st",
            ",",
            ";",
            "first",
            "second",
        ]
    ),
    max_size=14,
).map(" ".join)
# Exact factors by definition: SI prefixes, the minute, the week, the international ounce and pound (16 oz = 1 lb).
CONVERSIONS = (
    ("kg", "g", 1000),
    ("g", "mg", 1000),
    ("l", "ml", 1000),
    ("l", "cl", 100),
    ("cl", "ml", 10),
    ("m", "cm", 100),
    ("cm", "mm", 10),
    ("km", "m", 1000),
    ("hours", "minutes", 60),
    ("weeks", "days", 7),
    ("years", "months", 12),
    ("lb", "oz", 16),
    ("feet", "inches", 12),
    ("kW", "W", 1000),
)


@given(ANY | SOUP, ANY | SOUP)
@example("OR WITHOUT", "")
@settings(max_examples=400, deadline=None)
def test_no_text_makes_the_check_raise_and_spans_quote_the_title(title: str, text: str) -> None:
    ad = Ad(AdId("x"), text, text[::-1], (text, title), {text: text}, text)
    for tried in (ad, TENT, LAMP):
        for finding in check_title(title, tried).findings:
            start, end = finding.span
            assert 0 <= start <= end <= len(title)
            assert title[start:end] == finding.claim
            assert 0 < finding.score <= 1


@given(st.sampled_from([*TRUE, *(title for title, _ in FALSE)]), st.randoms(use_true_random=False))
@settings(max_examples=120, deadline=None)
def test_case_does_not_matter(title: str, draw: random.Random) -> None:
    mixed = "".join(c.upper() if draw.random() < 0.5 else c.lower() for c in title)
    assert check_title(mixed, TENT).verdict == check_title(title, TENT).verdict


@given(
    st.sampled_from([*TRUE, *(title for title, _ in FALSE)]),
    st.permutations(TENT.selling_points),
    st.permutations(sorted(TENT.attributes)),
)
@settings(max_examples=60, deadline=None)
def test_the_order_of_the_ads_points_and_attributes_does_not_matter(
    title: str, points: list[str], names: list[str]
) -> None:
    ad = Ad(
        TENT.ad_id, TENT.title, TENT.description, tuple(points), {n: TENT.attributes[n] for n in names}, TENT.category
    )
    assert check_title(title, ad).verdict == check_title(title, TENT).verdict


@given(st.integers(2, 900), st.sampled_from(CONVERSIONS), st.booleans(), st.sampled_from([1, 2, 4, 5, 10]))
@settings(max_examples=200, deadline=None)
def test_an_exact_conversion_of_a_supported_title_stays_supported(
    figure: int, units: tuple[str, str, int], up: bool, cut: int
) -> None:
    large, small, factor = units
    value = Fraction(figure, cut)
    other = value * factor
    given_text, said = (f"{_decimal(value)} {large}", f"{_decimal(other)} {small}")
    if up:
        given_text, said = said, given_text
    ad = Ad(AdId("u"), f"Korrik Widget, {given_text}", f"The Korrik widget is rated at {given_text}.")
    assert check_title(f"Korrik Widget Rated at {given_text}", ad).publishable
    assert check_title(f"Korrik Widget Rated at {said}", ad).publishable


@given(
    st.integers(2, 5000),
    st.integers(2, 5000),
    st.sampled_from(["kg", "ml", "hours", "recipes", "%", "steps", "W", "mm"]),
)
@settings(max_examples=200, deadline=None)
def test_a_changed_figure_is_caught(true: int, changed: int, unit: str) -> None:
    assume(true != changed)
    gap = "" if unit == "%" else " "
    ad = Ad(AdId("n"), "Korrik Widget", f"The Korrik widget gives {true:,}{gap}{unit} of work.")
    assert check_title(f"Korrik Widget: {true}{gap}{unit} of Work", ad).publishable
    assert not check_title(f"Korrik Widget: {changed}{gap}{unit} of Work", ad).publishable


@given(ANY)
def test_folding_remembers_where_every_character_came_from(text: str) -> None:
    folded = fold(text)
    for word in words(folded.text):
        start, end = folded.span(word.start, word.end)
        assert 0 <= start < end <= len(text)
        assert word.text in fold(text[start:end]).text


@given(st.sampled_from(TRUE))
def test_a_title_is_the_same_in_any_case_punctuation_and_width(title: str) -> None:
    wide = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in title)
    assert is_same_title(title, wide)
    assert is_same_title(title, title.upper().replace(" ", "  ") + "!")
    assert not is_same_title(title, title + " Now")


def _decimal(value: Fraction) -> str:
    return f"{float(value):.6f}".rstrip("0").rstrip(".") if value.denominator > 1 else str(value.numerator)

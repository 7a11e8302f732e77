"""Figures, units and dates as people write them; expected values by hand and by definition."""

from __future__ import annotations

from fractions import Fraction

import pytest

from creator.facts.dates import read_dates
from creator.facts.numbers import read_digits, read_figures
from creator.facts.quantities import read_quantities
from creator.facts.text import split
from creator.facts.units import unit_forms


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3,000", 3000),
        ("14,90", Fraction(149, 10)),
        ("4.10", Fraction(41, 10)),
        ("1,234.56", Fraction(123456, 100)),
        ("1.234.567", 1234567),
        ("1.234,5", Fraction(12345, 10)),
        ("85,000", 85000),
        ("7", 7),
    ],
)
def test_written_numbers(text: str, value: Fraction | int) -> None:
    assert read_digits(text)[0] == value


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("twenty-four lessons and a dozen eggs", [24, 12]),
        ("half a dozen", [6]),
        ("one hundred and twenty", [120]),
        ("two-thirds", [Fraction(2, 3)]),
        ("1 1/2 cups", [Fraction(3, 2)]),
        ("½ cup", [Fraction(1, 2)]),
        ("一百二十克", [120]),
        ("10k steps", [10000]),
        ("1.5 million", [1500000]),
        ("three hundred thousand", [300000]),
        ("两瓶", [2]),
        ("the fourth withdrawal", [4]),
    ],
)
def test_spoken_numbers(text: str, values: list[Fraction | int]) -> None:
    assert [f.value for f in read_figures(split(text))] == values


@pytest.mark.parametrize(
    ("form", "base"),
    # Definitions: international avoirdupois pound 0.45359237 kg, US gallon 231 in³, inch 25.4 mm (NIST HB 44, app. C).
    [
        ("lb", Fraction("453.59237")),
        ("oz", Fraction("28.349523125")),
        ("g", Fraction(1)),
        ("kg", Fraction(1000)),
        ("inch", Fraction("0.0254")),
        ("mile", Fraction("1609.344")),
        ("week", Fraction(604800)),
    ],
)
def test_units_are_exact(form: str, base: Fraction) -> None:
    per = {"[mass]^1": unit_forms()["g"].factor}.get(unit_forms()[form].dimension, Fraction(1))
    assert unit_forms()[form].factor / per == base


def test_gallon_is_3785_and_412_thousandths_of_a_millilitre() -> None:
    assert unit_forms()["gallon"].factor / unit_forms()["ml"].factor == Fraction("3785.411784")


@pytest.mark.parametrize(
    ("text", "low", "high", "relation"),
    [
        ("up to 40 hours", 40, 40, "at most"),
        ("over 80 recipes", 80, 80, "over"),
        ("at least 5 kg", 5, 5, "at least"),
        ("5–6 hrs", 5, 6, "is"),
        ("between 2 and 4 cups", 2, 4, "is"),
        ("six to eight weeks", 6, 8, "is"),
        ("less than €15", 15, 15, "under"),
        ("about 45 hours", 45, 45, "about"),
        ("18 or over", 18, 18, "at least"),
        ("80+ recipes", 80, 80, "at least"),
        ("just under 2 kg", 2, 2, "under"),
    ],
)
def test_ranges_and_directions(text: str, low: int, high: int, relation: str) -> None:
    (quantity,) = read_quantities(split(text))
    assert (quantity.low, quantity.high, quantity.relation) == (low, high, relation)


@pytest.mark.parametrize(
    ("text", "dates"),
    [
        ("until 31 May", [(31, 5, 0, "end")]),
        ("from 1 to 14 October", [(1, 10, 0, "start"), (14, 10, 0, "end")]),
        ("before 30 November 2025", [(30, 11, 2025, "end")]),
        ("May 12, 2026", [(12, 5, 2026, "")]),
        ("1st of June", [(1, 6, 0, "")]),
        ("3月5日", [(5, 3, 0, "")]),
        ("you may march on", []),
    ],
)
def test_dates_and_their_side(text: str, dates: list[tuple[int, int, int, str]]) -> None:
    assert [(d.day, d.month, d.year, d.side) for d in read_dates(split(text))] == dates

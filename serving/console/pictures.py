"""Where the lines of a picture of intervals stand; the template draws them in the page's colours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, LEFT, RIGHT, ROW, FOOT = 760, 180, 190, 34, 26


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with two intervals around it, all as shares.

    Args:
        name: what it is of.
        value: the estimate.
        fixed: the interval for one look at the planned end.
        free: the interval that holds however often one looks.
    """

    name: str
    value: float
    fixed: tuple[float, float]
    free: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Mark:
    """A tick of the axis: its place and its words."""

    x: float
    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """One interval, drawn: places in the picture's own units."""

    name: str
    text: str
    y: float
    x: float
    fixed: tuple[float, float]
    free: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Picture:
    """Intervals below one another over a common axis.

    Args:
        label: the same in words.
        rows, ticks: what to draw.
        even: where no effect is.
        height, foot: of the picture, and where its axis begins.
    """

    label: str
    rows: tuple[Row, ...]
    ticks: tuple[Mark, ...]
    even: float
    height: float
    foot: float
    width: float = WIDTH
    left: float = LEFT
    right: float = RIGHT


def picture(intervals: Sequence[Interval]) -> Picture | None:
    """Draw intervals; None when there is nothing to draw.

    Args:
        intervals: finite ones, the first on top.
    """
    if not intervals:
        return None
    low = min(0.0, *(each.free[0] for each in intervals))
    high = max(0.0, *(each.free[1] for each in intervals))
    high = high if high > low else low + 0.01
    foot = ROW * len(intervals)

    def across(value: float) -> float:
        return round(LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT), 1)

    def both(pair: tuple[float, float]) -> tuple[float, float]:
        return across(pair[0]), across(pair[1])

    rows = tuple(
        Row(each.name, in_words(each), (number + 0.5) * ROW, across(each.value), both(each.fixed), both(each.free))
        for number, each in enumerate(intervals)
    )
    said = "; ".join(f"{each.name} {in_words(each)}" for each in intervals)
    ticks = tuple(Mark(across(value), f"{100 * value:+.3g}%" if value else "0%") for value in round_values(low, high))
    return Picture(f"Lift over the control: {said}", rows, ticks, across(0.0), foot + FOOT, foot)


def in_words(each: Interval) -> str:
    """A value with its fixed interval."""
    return f"{100 * each.value:+.1f}%  ({100 * each.fixed[0]:+.1f} to {100 * each.fixed[1]:+.1f}%)"


def round_values(low: float, high: float, count: int = 5) -> list[float]:
    """About so many round numbers from low to high, which differ."""
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.999)
    return [n * step for n in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]

"""Pictures as inline SVG that takes its colours from the page, so that one picture serves light and dark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import numpy.typing as npt

WIDTH, HEIGHT = 340, 200
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 10, 26
MAP_SIZE = 640


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart.

    Args:
        name: shown in the legend.
        style: CSS class: "first", "second" or "dashed".
        x: [N].
        y: [N].
    """

    name: str
    style: str
    x: Sequence[float]
    y: Sequence[float]


def ticks(low: float, high: float, count: int = 4) -> list[float]:
    """Round numbers that cover a range, about `count` of them.

    Args:
        low: smallest value.
        high: largest value; may equal `low`.
        count: how many are wanted.
    """
    span = high - low
    if not span > 0:
        return [low]
    raw = span / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(n * step, 12) for n in range(first, math.floor(high / step + 1e-9) + 1)]


def curve(lines: Sequence[Line], label: str) -> str:
    """A small line chart with both axes from the data.

    Args:
        lines: what to draw; points that are not finite are left out.
        label: what the picture shows, for readers who cannot see it.

    Returns:
        an `<svg>` element, or "" when there is nothing to draw.
    """
    points = [
        (x, y) for line in lines for x, y in zip(line.x, line.y, strict=True) if math.isfinite(x) and math.isfinite(y)
    ]
    if not points:
        return ""
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    low, high = _roomy(min(ys), max(ys))
    x_low, x_high = min(xs), max(xs) if max(xs) > min(xs) else min(xs) + 1
    parts: list[str] = [
        _axes(
            [(t, t) for t in ticks(x_low, x_high)],
            [(t, t) for t in ticks(low, high)],
            (x_low, x_high),
            (low, high),
        )
    ]
    for line in lines:
        path = " ".join(
            f"{_across(x, x_low, x_high):.1f},{_up(y, low, high):.1f}"
            for x, y in zip(line.x, line.y, strict=True)
            if math.isfinite(x) and math.isfinite(y)
        )
        if path:
            parts.append(
                f'<polyline class="line {line.style}" points="{path}"><title>{escape(line.name)}</title></polyline>'
            )
    return _svg("".join(parts), WIDTH, HEIGHT, label)


@dataclass(frozen=True, slots=True)
class Mark:
    """One point of the calibration picture: predicted share, observed share and its interval, all in 0 to 1."""

    predicted: float
    observed: float
    low: float
    high: float
    note: str


def calibration_chart(marks: Sequence[Mark], label: str) -> str:
    """Predicted against observed shares on logarithmic axes, with the line on which they agree.

    Args:
        marks: the bins; those that cannot stand on a logarithmic axis are drawn at its foot.
        label: what the picture shows.
    """
    values = [v for mark in marks for v in (mark.predicted, mark.observed, mark.high) if v > 0]
    if not values:
        return ""
    floor = 10.0 ** math.floor(math.log10(min(values)))
    low, high = math.log10(floor), math.ceil(math.log10(max(values)))
    high = high if high > low else low + 1

    def log(value: float) -> float:
        return math.log10(max(value, floor))

    powers = [(float(p), 10.0**p) for p in range(math.ceil(low), math.floor(high) + 1)]
    parts = [
        _axes(powers, powers, (low, high), (low, high), share=True),
        f'<line class="even" x1="{_across(low, low, high):.1f}" y1="{_up(low, low, high):.1f}" '
        f'x2="{_across(high, low, high):.1f}" y2="{_up(high, low, high):.1f}"/>',
    ]
    for mark in marks:
        x = f"{_across(log(mark.predicted), low, high):.1f}"
        parts.append(
            f'<line class="whisker" x1="{x}" x2="{x}" y1="{_up(log(mark.low), low, high):.1f}" '
            f'y2="{_up(log(mark.high), low, high):.1f}"/><circle class="dot" cx="{x}" '
            f'cy="{_up(log(mark.observed), low, high):.1f}" r="3.5"><title>{escape(mark.note)}</title></circle>'
        )
    return _svg("".join(parts), WIDTH, HEIGHT, label)


def user_map(points: npt.NDArray[np.float64], clusters: npt.NDArray[np.int64], label: str) -> str:
    """Users as dots coloured by cluster; one group of dots a cluster, so that the page can light one up.

    Args:
        points: [N, 2].
        clusters: [N], cluster ids; -1 for users outside every cluster.
        label: what the picture shows.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    placed = 8 + (points - low) / np.where(high > low, high - low, 1.0) * (MAP_SIZE - 16)
    radius = 3.2 if len(points) <= 1500 else 2.4
    groups: list[str] = []
    for cluster in np.unique(clusters):
        dots = "".join(f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{radius}"/>' for x, y in placed[clusters == cluster])
        name = f"cluster {cluster}" if cluster >= 0 else "in no cluster"
        groups.append(
            f'<g class="users" data-cluster="{cluster}" style="{hue(int(cluster))}"><title>{name}</title>{dots}</g>'
        )
    return _svg("".join(groups), MAP_SIZE, MAP_SIZE, label)


def hue(cluster: int) -> str:
    """The colour of a cluster as a CSS variable: neighbouring numbers get distant hues (golden angle)."""
    return f"--hue:{(cluster * 137.508 + 20) % 360:.0f}" if cluster >= 0 else "--hue:0;--chroma:0"


def _svg(inside: str, width: int, height: int, label: str) -> str:
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label, quote=True)}">{inside}</svg>'


def _axes(
    x_ticks: Sequence[tuple[float, float]],
    y_ticks: Sequence[tuple[float, float]],
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    *,
    share: bool = False,
) -> str:
    parts: list[str] = []
    for at, value in y_ticks:
        y = f"{_up(at, *y_range):.1f}"
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>'
            f'<text x="{LEFT - 6}" y="{y}" dy="0.32em" text-anchor="end">{_number(value, share)}</text>'
        )
    for at, value in x_ticks:
        parts.append(
            f'<text x="{_across(at, *x_range):.1f}" y="{HEIGHT - 9}" text-anchor="middle">'
            f"{_number(value, share)}</text>"
        )
    return "".join(parts)


def _number(value: float, share: bool) -> str:
    return f"{100 * value:g}%" if share else f"{value:,g}"


def _roomy(low: float, high: float) -> tuple[float, float]:
    room = 0.06 * (high - low) or 0.5 * abs(high) or 1.0
    return low - room, high + room


def _across(x: float, low: float, high: float) -> float:
    return LEFT + (x - low) / (high - low) * (WIDTH - LEFT - RIGHT)


def _up(y: float, low: float, high: float) -> float:
    return HEIGHT - BOTTOM - (y - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

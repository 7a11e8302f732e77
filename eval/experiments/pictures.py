"""Pictures of experiments as SVG that takes its colours from the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from eval.charts import ticks

WIDTH, LEFT, RIGHT, ROW, FOOT = 760, 190, 90, 26, 24


@dataclass(frozen=True, slots=True)
class Whisker:
    """One row of a forest picture: a value with its interval, as shares."""

    name: str
    value: float
    low: float
    high: float


def forest(rows: Sequence[Whisker], label: str, *, even: float = 0.0) -> str:
    """Values with intervals below one another, and the line of no effect.

    Args:
        rows: what to draw, first on top.
        label: what the picture shows, for readers who cannot see it.
        even: where the line stands.

    Returns:
        an `<svg>` element, or "" when there is nothing to draw.
    """
    if not rows:
        return ""
    low, high = min(even, *(row.low for row in rows)), max(even, *(row.high for row in rows))
    high = high if high > low else low + 0.01
    height = ROW * len(rows) + FOOT

    def across(value: float) -> str:
        return f"{LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT):.1f}"

    foot = height - FOOT + 4
    parts = [f'<line class="even" x1="{across(even)}" x2="{across(even)}" y1="0" y2="{foot}"/>']
    parts += [f'<text x="{across(t)}" y="{height - 6}" text-anchor="middle">{100 * t:+.3g}%</text>'
              for t in ticks(low, high, 5)]  # fmt: skip
    for number, row in enumerate(rows):
        y = number * ROW + ROW / 2
        name = row.name if len(row.name) <= 26 else row.name[:25] + "…"
        parts.append(
            f'<text x="{LEFT - 10}" y="{y}" dy="0.32em" text-anchor="end">{escape(name)}</text>'
            f'<line class="whisker" x1="{across(row.low)}" x2="{across(row.high)}" y1="{y}" y2="{y}"/>'
            f'<circle class="dot" cx="{across(row.value)}" cy="{y}" r="3.5"/>'
            f'<text x="{WIDTH - RIGHT + 10}" y="{y}" dy="0.32em">{100 * row.value:+.2f}%</text>'
        )
    named = escape(label, quote=True)
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{named}">{"".join(parts)}</svg>'

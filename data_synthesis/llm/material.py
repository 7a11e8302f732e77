"""Histories as prompts show them."""

from __future__ import annotations

from collections.abc import Sequence

from creator.engine.chat.fence import clean

MOST_LINES = 100


def history_lines(titles: Sequence[str]) -> list[dict[str, object]]:
    """A history as numbered lines, the newest kind last; the same item several times is one line.

    Args:
        titles: item titles, oldest first.
    """
    recent_from = len(titles) - max(1, round(len(titles) * 0.2))
    times: dict[str, int] = {}
    last: dict[str, int] = {}
    for place, title in enumerate(titles):
        shown = clean(title)
        times[shown] = times.get(shown, 0) + 1
        last[shown] = place
    ordered = sorted(times, key=last.__getitem__)[-MOST_LINES:]
    return [
        {"line": n, "item": item, "times": times[item], "recent": last[item] >= recent_from}
        for n, item in enumerate(ordered, start=1)
    ]

"""Ads and histories as prompts show them."""

from __future__ import annotations

from collections.abc import Sequence

from creator.core.records import Ad
from creator.engine.chat.fence import LONGEST_DESCRIPTION, clean

MOST_POINTS = 24
MOST_LINES = 100


def ad_data(ad: Ad) -> dict[str, object]:
    """An ad as a prompt shows it: its selling points by number from 1."""
    return {
        "title": clean(ad.title),
        "description": clean(ad.description, LONGEST_DESCRIPTION),
        "selling_points": {n: clean(p) for n, p in enumerate(ad.selling_points[:MOST_POINTS], start=1)},
        "attributes": {clean(k): clean(v) for k, v in sorted(ad.attributes.items())},
        "category": clean(ad.category),
        "language": clean(ad.locale),
    }


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

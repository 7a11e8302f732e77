"""Ads as prompts show them."""

from __future__ import annotations

from creator.core.records import Ad
from creator.engine.chat.fence import LONGEST_DESCRIPTION, clean

MOST_POINTS = 24


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

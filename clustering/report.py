"""The page of a CLUSTERS folder: self-contained HTML with sizes, a picture of the users and a card for each cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from clustering.cards import Card
from clustering.picture import Points, draw_points, draw_sizes
from clustering.vectors import Integers


def render(cards: Sequence[Card], sizes: Integers, points: Points, facts: Mapping[str, object]) -> str:
    """The page's HTML; every text in it is escaped, and it loads nothing from anywhere.

    Args:
        cards: one for each cluster.
        sizes: [K].
        points: the picture.
        facts: the figures at the top of the page, by name.
    """
    source = Path(__file__).with_name("report.html.jinja").read_text(encoding="utf-8")
    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True).from_string(
        source
    )
    return page.render(cards=cards, facts=facts, points=draw_points(points), sizes=draw_sizes(sizes))

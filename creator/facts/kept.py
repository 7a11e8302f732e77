"""Does a title keep a condition of its ad: by its words, by an amount that comes to the same, by what it adds up to?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from creator.facts.conditions import GENERIC, Clause, Condition
from creator.facts.dates import read_dates
from creator.facts.quantities import Quantity
from creator.facts.text import Word, listed
from creator.facts.units import COUNT, is_money, unit_forms

_NEWCOMERS = listed("new newcomer newcomers first join joining joiners welcome switch switching")
_PAIR = listed("pair both couple second two twin duo")
_PARTS = re.compile(r"\b(?:mainland|contiguous|metropolitan|central|greater|inner|zones?)\b")


@dataclass(frozen=True, slots=True)
class Title:
    """What the check of conditions needs of a title.

    Args:
        text: folded.
        words: its words.
        stems: content stems.
        quantities: its amounts.
    """

    text: str
    words: tuple[Word, ...]
    stems: frozenset[str]
    quantities: tuple[Quantity, ...]


def keeps(condition: Condition, title: Title, name: frozenset[str], *, universal: bool) -> bool:
    """Whether a title keeps a condition.

    Args:
        condition: the ad's.
        title: the title.
        name: stems of the product's name, which keep nothing.
        universal: the title speaks of "any", "every" or "all", so that naming a part of the condition is not enough.
    """
    spoken = {w.text for w in title.words}
    if condition.quantities:
        pair = bool(spoken & _PAIR) and any(q.low == 2 for q in condition.quantities)
        return pair or any(_same(q, t) for q in condition.quantities for t in title.quantities)
    if condition.kind == "varies":
        return bool(condition.keep & spoken) or "up to" in title.text
    if condition.kind in ("threshold", "after") and not condition.quantities:
        return len(condition.stems & title.stems) * 2 >= len(condition.stems)
    if condition.kind == "audience":
        if re.search(r"\b(?:new|first-time)\b", condition.text):
            return bool(spoken & _NEWCOMERS)
        return condition.stems <= title.stems
    if condition.kind == "only":
        return bool(condition.stems & title.stems) and (
            not universal or len(condition.stems & title.stems) >= len(condition.stems)
        )
    if condition.kind == "date":
        dates = read_dates(title.words)
        return bool(dates) or bool(spoken & {"limited", "until"})
    if condition.kind == "place" and universal and (part := _PARTS.search(condition.text)) is not None:
        return part.group() in spoken
    if condition.kind == "first" and not universal and _lasting(title):
        return True  # "free for 12 months" of the first year
    if condition.kind == "first" and universal:
        return "first" in spoken or "new" in spoken
    if condition.keep & spoken:
        return True
    if condition.kind == "frequency":
        return False
    if condition.kind == "object":
        own = condition.stems - GENERIC - name
        return not own or bool(own & title.stems)
    if universal and condition.kind in ("with", "plan", "audience"):
        narrow = condition.stems - noun_stems(title) - name
        return not condition.stems or bool(narrow & title.stems)
    return bool(condition.stems & title.stems) and not (universal and condition.kind in ("selection", "plan"))


def reaches(condition: Condition, title: Title, clauses: Sequence[Clause]) -> bool:
    """Whether the title's count of the product costs enough: "two tubes" at €19 are an order over €35."""
    least = [q for q in condition.quantities if is_money(q.units[0])]
    if condition.kind != "threshold" or not least:
        return False
    prices = [
        q.low
        for c in clauses
        if c.passage.field == "attributes.price"
        for q in c.quantities[:1]
        if is_money(q.units[0])
    ]
    counts = [q.low for q in title.quantities if q.units[0] is COUNT and q.low > 1]
    return any(count * price >= q.low for count in counts for price in prices for q in least)


def _same(one: Quantity, two: Quantity) -> bool:
    """Whether two amounts are one: "48 hours", "two days"."""
    if one.low in (two.low, two.high):
        return True
    unit, other = one.units[0], two.units[0]
    return unit.dimension == other.dimension and unit.base(one.low) in (other.base(two.low), other.base(two.high))


def _lasting(title: Title) -> bool:
    times = {unit_forms()[name].dimension for name in ("second", "month")}
    return any(q.units[0].dimension in times for q in title.quantities)


def noun_stems(title: Title) -> frozenset[str]:
    """Stems of the things a title speaks of as "any", "every" or "all": up to three words after these."""
    after = {
        w.stem
        for n, word in enumerate(title.words)
        if word.text in ("any", "every", "all", "each", "whichever", "whatever", "which")
        for w in title.words[n + 1 : n + 4]
    }
    return frozenset(after)

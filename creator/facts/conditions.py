"""Conditions that an ad sets on its offers (first order, code, selected, dates, thresholds), by sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from creator.facts.dates import read_dates
from creator.facts.passages import Passage
from creator.facts.quantities import Quantity, read_quantities
from creator.facts.text import Word, stem_of
from creator.facts.vocabulary import vocabulary

GENERIC = frozenset(
    stem_of(w)
    for w in [
        "get",
        "save",
        "free",
        "off",
        "buy",
        "new",
        "use",
        "shop",
        "order",
        "try",
        "code",
        "discount",
        "offer",
        "comes",
        "include",
        "with",
        "your",
        "now",
        "order",
        "orders",
        "price",
        "product",
        "products",
    ]
)
_GIVEN = re.compile(  # something comes free or along
    r"(?<!-)\bfree\b(?!\s+from|\s+of\b|-)|\bcomplimentary\b|\b(?:gift|bonus) (?:with|when|for)\b|\bbonus\b"
    r"|\binclu(?:des?|ded|ding)\b|\bcomes? with\b|\b(?:at )?no (?:extra )?(?:cost|charge|fee)\b"
    r"|\bwithout (?:a |any |extra )?(?:cost|charge|fee)\b"
)


GIVEN = re.compile(  # a title's word that a thing is in the price
    r"(?<![-\w])(?:free|included|includes?|including|inclusive|complimentary|comes? with|complete with|"
    r"thrown in|bundled|(?:part of|in|covered by) the (?:price|deal|package|fare|fee|rate|box)|in one box|"
    r"at no (?:extra )?(?:cost|charge)|on (?:us|the house)|with all|as standard)(?![-\w])"
)


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition that an ad sets.

    Args:
        kind: what sort of condition it is.
        text: the folded words that set it.
        stems: content stems of those words.
        keep: words any of which in a title also keep it.
        quantities: the amounts it names, any of which keeps it.
        first: index of its first word.
        last: index of its last word.
    """

    kind: str
    text: str
    stems: frozenset[str]
    keep: frozenset[str]
    quantities: tuple[Quantity, ...]
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Clause:
    """A sentence of an ad with its conditions.

    Args:
        passage: where it stands.
        first: index of its first word.
        last: one past its last.
        stems: its content stems.
        figures: percentages and fractions in it, for matching offers.
        quantities: all amounts in it.
        free: it offers something free or as a gift.
        conditions: what it makes the statement depend on.
    """

    passage: Passage
    first: int
    last: int
    stems: frozenset[str]
    figures: frozenset[str]
    quantities: tuple[Quantity, ...]
    free: bool
    conditions: tuple[Condition, ...]


def content_stems(found: Sequence[Word]) -> frozenset[str]:
    """Stems of the words that carry meaning."""
    function = vocabulary().function
    return frozenset(w.stem for w in found if w.kind in ("word", "code", "han") and w.text not in function)


def read_clauses(passage: Passage) -> list[Clause]:
    """Every sentence of a field with its conditions. Attributes state bare values and set none."""
    clauses: list[Clause] = []
    for first, last in passage.sentences:
        found = passage.words[first:last]
        start = found[0].start
        text = passage.folded.text[start : found[-1].end]
        conditions = [] if passage.field.startswith(("attributes", "category")) else _conditions(found, text, first)
        amounts = tuple(read_quantities(found))
        figures = frozenset(str(q.low) for q in amounts if q.units[0].dimension == "percent")
        clauses.append(
            Clause(
                passage,
                first,
                last,
                content_stems(found),
                figures,
                amounts,
                bool(_GIVEN.search(text)),
                tuple(conditions),
            )
        )
    return clauses


def _conditions(found: tuple[Word, ...], text: str, offset: int) -> list[Condition]:
    conditions: list[Condition] = []
    start = found[0].start
    for kind, pattern, keep in vocabulary().conditions:
        for match in pattern.finditer(text):
            inside = [n for n, w in enumerate(found) if w.start < start + match.end() and w.end > start + match.start()]
            if not inside:
                continue
            words = found[inside[0] : inside[-1] + 1]
            quantities = tuple(read_quantities(words, _dated(words))) if kind in ("threshold", "age", "after") else ()
            conditions.append(
                Condition(
                    kind,
                    match.group(),
                    content_stems(words) - GENERIC,
                    keep,
                    quantities,
                    offset + inside[0],
                    offset + inside[-1],
                )
            )
    dates = read_dates(found)
    if dates and re.search(
        r"\b(?:until|till|before|by|from|between|to|ends?|valid|book|order|orders|placed|offer)\b|-", text
    ):
        first, last = dates[0].first, dates[-1].last
        conditions.append(
            Condition(
                "date",
                text[found[first].start - start : found[last].end - start],
                content_stems(found[first : last + 1]),
                frozenset(),
                (),
                offset + first,
                offset + last,
            )
        )
    return conditions


def _dated(found: Sequence[Word]) -> frozenset[int]:
    return frozenset(n for date in read_dates(found) for n in range(date.first, date.last + 1))

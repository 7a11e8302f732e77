"""Quantities that an ad states, each with the words that tell what it is of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from creator.facts.passages import Passage
from creator.facts.quantities import Quantity, read_quantities
from creator.facts.text import Word, listed
from creator.facts.units import COUNT, unit_forms
from creator.facts.vocabulary import vocabulary

JOINERS = listed("and & or plus but while")
SWITCHES = listed("on off with without")
LISTED, PRODUCT, PAIR, CARRIED = "listed", "x", "a pair", "its unit stands before"  # how an amount follows


@dataclass(frozen=True, slots=True)
class Fact:
    """A quantity that the ad states, or that follows from what it states.

    Args:
        quantity: the amount.
        passage: where it stands.
        near: stems of its clause, up to the next quantity on either side.
        around: stems of its sentence.
        derived: how it follows ("6 x 500 ml"), or "" when it stands there.
        lowest: the low end of a range that the amount is the top of.
    """

    quantity: Quantity
    passage: Passage
    near: frozenset[str]
    around: frozenset[str]
    derived: str = ""
    lowest: Fraction | None = None

    @property
    def evidence(self) -> str:
        """The words of the ad that state it."""
        return self.passage.quote(self.quantity.first, min(self.quantity.last, len(self.passage.words) - 1))


def read_facts(passage: Passage, taken: frozenset[int]) -> list[Fact]:
    """Every quantity that one field states."""
    found = passage.words
    quantities = read_quantities(found, taken, ones=True)
    facts: list[Fact] = []
    for n, quantity in enumerate(quantities):
        first, last = passage.sentence_at(quantity.first)
        along = n and quantities[n - 1].first >= first
        before = _parted(found, quantities[n - 1].last + 1, quantity.first) if along else first
        left = _clause_start(found, first, quantity.first, before)
        after = quantities[n + 1].first if n + 1 < len(quantities) else last
        after = _parted(found, quantity.last + 1, after, after) if after < last else last
        right = _clause_end(found, quantity.last, last, after)
        beside = amount_tokens(
            q
            for q in (*quantities[max(0, n - 1) : n], *quantities[n + 1 : n + 2])
            if first <= q.first < last
            and not any(w.text in (",", ":") for w in found[min(q.last, quantity.last) : max(q.first, quantity.first)])
        )
        facts.append(Fact(quantity, passage, said_stems(found[left:right]) | beside, said_stems(found[first:last])))
    return facts


def is_bare(found: Sequence[Word], quantity: Quantity) -> bool:
    """Whether no name stands before a figure that would make it a label: "size 42"."""
    before = found[quantity.first - 1] if quantity.first else None
    return before is None or before.kind == "sign" or before.text in vocabulary().function


def _parted(found: Sequence[Word], first: int, last: int, otherwise: int | None = None) -> int:
    """Where the words between two amounts part: behind the last "and", or where they begin."""
    at = next((n + 1 for n in range(last - 1, first - 1, -1) if found[n].text in JOINERS), None)
    return at if at is not None else first if otherwise is None else otherwise


def _clause_start(found: Sequence[Word], first: int, at: int, after_other: int) -> int:
    start = max(first, min(after_other, at))
    for n in range(at - 1, start - 1, -1):
        if found[n].text in (",", ":"):
            return n + 1
    return start


def _clause_end(found: Sequence[Word], at: int, last: int, before_other: int) -> int:
    end = min(last, max(before_other, at + 1))
    for n in range(at + 1, end):
        if found[n].text in (",", ":"):
            return n
    return end


def said_stems(found: Iterable[Word]) -> frozenset[str]:
    """Stems of what tells one amount's subject from another's: content words and "on", "off", "with", "without"."""
    function, units = vocabulary().function, unit_forms()
    return frozenset(
        w.stem
        for w in found
        if w.kind in ("word", "code", "han")
        and (w.text in SWITCHES or (w.text not in function and w.text not in units))
    )


def amount_tokens(quantities: Iterable[Quantity]) -> frozenset[str]:
    """Measured amounts in base units, so that "2 TB" and "2,000 GB" name the same plan."""
    return frozenset(
        f"{q.units[0].base(q.low)} {q.units[0].dimension}"
        for q in quantities
        if q.units[0] is not COUNT and q.low == q.high
    )

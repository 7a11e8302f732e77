"""Dates in a text ("30 November 2025", "May 12", "1-14 October", "3月5日") and on which side something holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from creator.facts.text import Word, listed

_MONTHS = {
    name: n
    for n, names in enumerate(
        (
            "january jan",
            "february feb",
            "march mar",
            "april apr",
            "may",
            "june jun",
            "july jul",
            "august aug",
            "september sep sept",
            "october oct",
            "november nov",
            "december dec",
        ),
        start=1,
    )
    for name in names.split()
}
_SIGNS = frozenset("$€£¥₹₩")
_END = listed("until till by before to through ends ending end closes expires -")
_START = listed("from since after starts starting begins beginning start opens on")


@dataclass(frozen=True, slots=True)
class Date:
    """A day or month that a text names.

    Args:
        day: 1 to 31, or 0 when only the month is named.
        month: 1 to 12.
        year: four digits, or 0.
        side: "start", "end" or "".
        first: index of its first word.
        last: index of its last word.
    """

    day: int
    month: int
    year: int
    side: str
    first: int
    last: int

    def agrees(self, other: Date) -> bool:
        """Whether this date says nothing that the other, a fact, does not: unnamed parts match anything."""
        return (
            self.month == other.month
            and self.day in (0, other.day)
            and self.year in (0, other.year)
            and (not self.side or not other.side or self.side == other.side)
        )


def read_dates(found: Sequence[Word]) -> list[Date]:
    """Every date among the words, in order; a month needs a day or a year beside it unless it can mean nothing else."""
    dates: list[Date] = []
    for at, word in enumerate(found):
        if word.text == "月" and at and found[at - 1].kind == "number":
            month, after = _number(found, at - 1), at + 1
            day = _number(found, after)
            last = after + (1 if _text(found, after + 1) in ("日", "号") else 0) if day else at
            if 1 <= month <= 12:
                dates.append(Date(day, month, 0, _side(found, at - 1), at - 1, last))
            continue
        month = _MONTHS.get(word.text)
        if month is None:
            continue
        dates.extend(_around(found, at, month))
    return dates


def _around(found: Sequence[Word], at: int, month: int) -> list[Date]:
    """The date or dates written with the month at a word: "1 to 14 October" is two."""
    year_at = at + 1 + (_text(found, at + 1) == ",")
    before, skip = _day(found, at - 1)
    if before:
        first = at - 1 - skip
        year = _number(found, at + 1) if _is_year(found, at + 1) else 0
        last = at + (1 if year else 0)
        joiner, earlier_at = _text(found, first - 1), first - 2
        earlier, back = _day(found, earlier_at) if joiner in ("-", "to", "and", "until") else (0, 0)
        if _text(found, earlier_at - back - 1) in _SIGNS:
            earlier = 0  # "save €2 until 31 December"
        if earlier and earlier < before:
            start = earlier_at - back
            return [
                Date(earlier, month, year, "start", start, earlier_at),
                Date(before, month, year, "end", first, last),
            ]
        return [Date(before, month, year, _side(found, first), first, last)]
    day = _number(found, at + 1)
    if 1 <= day <= 31 and found[at + 1].kind == "number":
        end = at + 1 + (_text(found, at + 2) in ("st", "nd", "rd", "th"))
        comma = end + 1 + (_text(found, end + 1) == ",")
        year = _number(found, comma) if _is_year(found, comma) else 0
        return [Date(day, month, year, _side(found, at), at, comma if year else end)]
    if _is_year(found, year_at):
        return [Date(0, month, _number(found, year_at), _side(found, at), at, year_at)]
    if found[at].text in ("may", "march", "mar", "jan", "dec", "sep") and _text(found, at - 1) not in (
        "in",
        "until",
        "by",
        "before",
        "from",
        "since",
        "this",
        "of",
        "till",
        "through",
    ):
        return []
    return [Date(0, month, 0, _side(found, at), at, at)]


def _day(found: Sequence[Word], at: int) -> tuple[int, int]:
    """A day of the month at a word, and whether an ordinal ending stands there ("1st")."""
    if _text(found, at) in ("st", "nd", "rd", "th"):
        return _number(found, at - 1), 1
    if _text(found, at) == "of":
        return _day(found, at - 1)[0], 1 + _day(found, at - 1)[1]
    day = _number(found, at)
    return (day, 0) if 1 <= day <= 31 else (0, 0)


def _side(found: Sequence[Word], first: int) -> str:
    for back in (1, 2):
        text = _text(found, first - back)
        if text in _END and text != "-":
            return "end"
        if text in _START:
            return "start" if text != "on" else ""
        if text not in ("the", "end", "of", "just"):
            break
    return ""


def _is_year(found: Sequence[Word], at: int) -> bool:
    return (
        0 <= at < len(found)
        and found[at].kind == "number"
        and len(found[at].text) == 4
        and 1900 <= _number(found, at) < 2200
    )


def _number(found: Sequence[Word], at: int) -> int:
    if 0 <= at < len(found) and found[at].kind == "number" and found[at].text.isdigit() and len(found[at].text) <= 4:
        return int(found[at].text)
    return 0


def _text(found: Sequence[Word], at: int) -> str:
    return found[at].text if 0 <= at < len(found) else ""

"""Times of day ("23:00", "8 pm", "2.15 a.m.", "noon") and days of the week ("Mon-Fri", "weekdays")."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from creator.facts.numbers import small_number
from creator.facts.text import Word, listed

HALF_DAY, DAY = 12 * 60, 24 * 60
_HALVES = {"am": 0, "pm": HALF_DAY}
NAMED = {"noon": HALF_DAY, "midday": HALF_DAY, "midnight": 0}
_PAST = {"half": 30, "quarter": 15}
_AT = listed("at by before after until till past around um")
_START = listed("from opens open opening starts starting begins between")
_END = listed("until till by before closes closing ends to")
_OPENS = listed("from between")
_JOINS = listed("- to until till and")
_CONTINUES = listed("and or at on for in with when while if then each every , . ? ! : ;")
_WEEK = 7
_NAMES = (  # English, German, French, Spanish
    "monday montag lundi lunes",
    "tuesday dienstag mardi martes",
    "wednesday mittwoch mercredi miercoles",
    "thursday donnerstag jeudi jueves",
    "friday freitag vendredi viernes",
    "saturday samstag samedi sabado",
    "sunday sonntag dimanche domingo",
)
_SHORT_NAMES = ("mon", "tue tues", "wed weds", "thu thur thurs", "fri", "sat", "sun")
_SURE = listed("tue tues weds thu thur thurs fri")  # no other English word is written so
_DAYS = {name + end: n for n, names in enumerate(_NAMES) for name in names.split() for end in ("", "s")}
_SHORT = {name: n for n, names in enumerate(_SHORT_NAMES) for name in names.split()}
_ALL = frozenset(range(_WEEK))
_SETS = {
    "weekday": frozenset(range(5)),
    "weekdays": frozenset(range(5)),
    "weekend": frozenset((5, 6)),
    "weekends": frozenset((5, 6)),
    "midweek": frozenset((1, 2, 3)),
    "daily": _ALL,
}
_DAY_WORDS = frozenset((*_DAYS, *_SHORT, *_SETS, "day", "days"))


@dataclass(frozen=True, slots=True)
class Clock:
    """A time of day.

    Args:
        minute: since midnight, 0 to 1439.
        sure: which half of the day it is in is said.
        side: "start", "end" or "".
        bare: a mere number after "at" or "by", which need not be a time.
        first: index of its first word.
        last: index of its last word.
    """

    minute: int
    sure: bool
    side: str
    bare: bool
    first: int
    last: int

    def agrees(self, other: Clock) -> bool:
        """Whether this time says nothing that the other, a fact, does not; an unsaid half of the day matches both."""
        within = DAY if self.sure and other.sure else HALF_DAY
        return (self.minute - other.minute) % within == 0 and (
            not self.side or not other.side or self.side == other.side
        )

    def until(self, other: Clock) -> frozenset[int]:
        """How many minutes may pass from this time to the other."""
        apart = (other.minute - self.minute) % DAY
        both = self.sure and other.sure
        return frozenset((apart,)) if both else frozenset((apart, (apart + HALF_DAY) % DAY))


@dataclass(frozen=True, slots=True)
class Days:
    """Days of the week that a text names.

    Args:
        days: 0 (Monday) to 6.
        named: by their names, not as "daily" or "weekends".
        first: index of its first word.
        last: index of its last word.
    """

    days: frozenset[int]
    named: bool
    first: int
    last: int


def read_clocks(found: Sequence[Word]) -> list[Clock]:
    """Every time of day among the words, in order; of two joined by "to" or "-" one starts and one ends a span."""
    clocks: list[Clock] = []
    at = 0
    while at < len(found):
        clock = _numeric(found, at) or _spoken(found, at)
        if clock is None:
            at += 1
            continue
        clocks.append(replace(clock, side=_side(found, clock.first)))
        at = clock.last + 1
    return _paired(found, clocks)


def _paired(found: Sequence[Word], clocks: list[Clock]) -> list[Clock]:
    for n in range(len(clocks) - 1):
        one, two = clocks[n], clocks[n + 1]
        joiner = _text(found, one.last + 1)
        opened = _text(found, one.first - 1) == "between"
        if two.first == one.last + 2 and joiner in _JOINS and (joiner != "and" or opened):
            clocks[n], clocks[n + 1] = replace(one, side="start"), replace(two, side="end")
    return clocks


def _numeric(found: Sequence[Word], at: int) -> Clock | None:
    word = found[at]
    if word.kind != "number":
        return None
    hour, _, minute = word.text.partition(".")
    if not hour.isdigit() or not (minute == "" or (len(minute) == 2 and minute.isdigit())):
        return None
    after, last, colon = _text(found, at + 1), at, False
    touching = at + 1 < len(found) and found[at + 1].start == word.end
    if after == ":" and touching and not minute and at + 2 < len(found) and found[at + 2].start == found[at + 1].end:
        minute, last, colon = found[at + 2].text, at + 2, True
        if len(minute) != 2 or not minute.isdigit() or len(hour) > 2:
            return None
    elif touching and len(after) == 3 and after[0] == "h" and after[1:].isdigit() and not minute:
        minute, last, colon = after[1:], at + 1, True
    if len(hour) > 2 or int(hour) > 24 or int(minute or 0) > 59:
        return None
    total = int(hour) % 24 * 60 + int(minute or 0)
    half = _text(found, last + 1)
    if half in _HALVES and 1 <= int(hour) <= 12:
        return Clock(total % HALF_DAY + _HALVES[half], True, "", False, at, last + 1)
    if half == "uhr" or (half == "o'clock" and int(hour) <= 12):
        return Clock(total, half == "uhr", "", False, at, last + 1)
    if colon:
        return Clock(total, int(hour) > 12 or len(hour) == 2, "", False, at, last)
    joined = half in ("-", "to", "until")
    if joined and _text(found, last + 3) in _HALVES and 1 <= int(hour) <= 12 and found[last + 2].kind == "number":
        return Clock(total, False, "start", False, at, last)
    return None if minute else _bare_span(found, at, int(hour)) or _bare(found, at, at, int(hour))


def _spoken(found: Sequence[Word], at: int) -> Clock | None:
    text = found[at].text
    if text in NAMED and (
        _text(found, at - 1) in _AT | _START | _JOINS or _text(found, at + 1) in ("to", "-", "until")
    ):
        return Clock(NAMED[text], True, "", False, at, at)
    if text in _PAST and _text(found, at + 1) in ("past", "to"):
        hour = _hour(found, at + 2)
        if hour and (_text(found, at + 1) == "past" or text == "quarter"):
            minute = _PAST[text] if found[at + 1].text == "past" else -_PAST[text]
            return Clock((hour * 60 + minute) % DAY, False, "", False, at, at + 2)
    if found[at].kind != "word":
        return None
    if _text(found, at + 1) == "o'clock" and _hour(found, at):
        return Clock(_hour(found, at) * 60, False, "", False, at, at + 1)
    if _text(found, at - 1) in _AT | _OPENS | _JOINS:
        hour = _hour(found, at)
        return (_bare_span(found, at, hour) or _bare(found, at, at, hour)) if hour else None
    return None


def _bare_span(found: Sequence[Word], at: int, hour: int) -> Clock | None:
    """The first or second figure of "from 9 to 4", "between nine and five" where nothing follows to be counted."""
    if _text(found, at - 1) in _OPENS and _text(found, at + 1) in _JOINS and at + 2 < len(found):
        end = _numeric(found, at + 2) or _spoken(found, at + 2)
        if end is not None and not end.bare:
            return Clock(hour * 60, False, "", True, at, at)
    for start, end in ((at, at + 2), (at - 2, at)):
        if (
            _text(found, start - 1) in _OPENS
            and _text(found, start + 1) in _JOINS
            and 0 < _hour(found, start) <= 12
            and _hour(found, end) > 0
            and (end + 1 >= len(found) or found[end + 1].text in _CONTINUES | set(_SETS) | set(_DAYS))
        ):
            return Clock(hour * 60, False, "", True, at, at)
    return None


def _hour(found: Sequence[Word], at: int) -> int:
    hour = small_number(found[at]) if 0 <= at < len(found) else 0
    return hour if hour <= HALF_DAY // 60 else 0


def _bare(found: Sequence[Word], first: int, last: int, hour: int) -> Clock | None:
    """ "At eight?", "full by six": a number that nothing follows which it could count."""
    after = _text(found, last + 1)
    if not 1 <= hour <= 12 or _text(found, first - 1) not in _AT or (after and after not in _CONTINUES):
        return None
    return Clock(hour * 60, False, "", True, first, last)


def _side(found: Sequence[Word], first: int) -> str:
    for back in (1, 2):
        text = _text(found, first - back)
        if text in _START or text in _END:
            return "start" if text in _START else "end"
        if text not in ("at", "the", "just"):
            break
    return ""


def read_days(found: Sequence[Word]) -> list[Days]:
    """Every day of the week among the words, in order; a range is one entry."""
    if _DAY_WORDS.isdisjoint([w.text for w in found]):
        return []
    days: list[Days] = []
    at = 0
    while at < len(found):
        read = _days_at(found, at)
        if read is None:
            at += 1
        else:
            days.append(read)
            at = read.last + 1
    return days


def _days_at(found: Sequence[Word], at: int) -> Days | None:
    text = found[at].text
    if text in _SETS:
        return Days(_SETS[text], text.startswith("weekday"), at, at)
    if text in ("every", "each") and _text(found, at + 1) == "day":
        return Days(_ALL, False, at, at + 1)
    if text in ("seven", "7") and [w.text for w in found[at + 1 : at + 4]] == ["days", "a", "week"]:
        return Days(_ALL, False, at, at + 3)
    one = _DAYS.get(text, _SHORT.get(text))
    if one is None:
        return None
    joiner, after = _text(found, at + 1), _text(found, at + 2)
    end = _DAYS.get(after, _SHORT.get(after))
    if end is not None and joiner in ("-", "to", "through", "until", "till", "bis"):
        return Days(frozenset((one + n) % _WEEK for n in range((end - one) % _WEEK + 1)), True, at, at + 2)
    if text in _DAYS or text in _SURE or any(_is_day(found, n) for n in _beside(found, at)):
        return Days(frozenset((one,)), True, at, at)
    return None


def _beside(found: Sequence[Word], at: int) -> Iterator[int]:
    """Where a list would name another day: "Sat & Sun", "Mon/Wed/Fri"."""
    for step in (1, -1):
        if _text(found, at + step) in ("&", "and", ",", "/", "+", "or"):
            yield at + 2 * step


def _is_day(found: Sequence[Word], at: int) -> bool:
    text = _text(found, at)
    return text in _DAYS or text in _SHORT


def _text(found: Sequence[Word], at: int) -> str:
    return found[at].text if 0 <= at < len(found) else ""

"""Where a title names things for sale: what its offer is on, what the offer follows, what it is "often bought with"."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from creator.facts.products import OFFERS
from creator.facts.segments import Segment
from creator.facts.text import Word, listed
from creator.facts.vocabulary import vocabulary

_ON = listed("on off for")
_ENDS = listed(
    "with for from in into by to at on under without per as until via when while that which over off only through"
)
_PRODUCT_VERBS = listed("pick grab shop buy order find add choose")
_CALLS = listed("for calling hey dear attention hello hi to")
_LEADS = listed(
    "ready for buying need want find pick get craving shopping looking hunting out of low on running more some a an "
    "the your time in mood try now"
)
_STRONG_LEADS = listed("ready buying need want find pick craving shopping looking")
_TRAILS = listed("today tonight now again tomorrow")
_BETWEEN = listed("now big more extra up to at least today even an a further")
_LISTS = frozenset({"list", "lists"})


class Slot(Enum):
    """What a title says of the thing it names."""

    OFFER = auto()  # that the offer is on it
    BESIDE = auto()  # that it is bought with what the offer is on
    FRAME = auto()  # nothing; it is only asked after


@dataclass(frozen=True, slots=True)
class Named:
    """Words of a title that name things.

    Args:
        first: index of the first word.
        last: one past the last.
        slot: what is said of them.
    """

    first: int
    last: int
    slot: Slot


@dataclass(frozen=True, slots=True)
class _Offer:
    start: int
    objects: tuple[int, ...]


def read_slots(folded: str, found: Sequence[Word], segments: Sequence[Segment]) -> Iterator[Named]:
    """Every place where a title names what is for sale.

    Args:
        folded: the folded title.
        found: its words.
        segments: its segments.

    A title without any word of an offer names nothing for sale here; what its words claim is checked elsewhere.
    """
    offers = [_offer(found, s) for s in segments]
    if not any(offers):
        return
    on_something = any(o is not None and o.objects for o in offers)
    said = [m.end() for m in vocabulary().pattern("relation", "bought_with").finditer(folded)]
    for segment, offer in zip(segments, offers, strict=True):
        for at in offer.objects if offer else ():
            yield Named(at, _end(found, at, segment.last), Slot.OFFER)
        companion = next((n for n in range(segment.first, segment.last) if found[n].start in _next(found, said)), None)
        if companion is not None:
            yield Named(companion, _end(found, companion, segment.last), Slot.BESIDE)
            continue
        end = offer.start if offer is not None else segment.last
        named = _topic(found, segment, end, on_something=on_something)
        if named is not None:
            yield named


def _next(found: Sequence[Word], ends: Sequence[int]) -> set[int]:
    """Where the words that follow these places begin."""
    return {next((w.start for w in found if w.start >= end), -1) for end in ends}


def _offer(found: Sequence[Word], segment: Segment) -> _Offer | None:
    """The offer a segment makes: where it begins and where the things begin that it is on."""
    starts: list[int] = []
    objects: list[int] = []
    for n in range(segment.first, segment.last):
        text = found[n].text
        after = found[n + 1].text if n + 1 < segment.last else ""
        if text in ("save", "saves", "saving"):
            at = n + 1
            while at < segment.last and (found[at].kind in ("number", "sign") or found[at].text in _BETWEEN):
                at += 1
            starts.append(n)
            if at < segment.last and found[at].text == "on":
                objects.append(at + 1)
        elif text in OFFERS:
            starts.append(_label(found, segment, n))
            if after in _ON:
                objects.append(n + 2)
        elif text == "off" and n > segment.first and found[n - 1].text in ("%", "percent", "half"):
            starts.append(n)
            if after and after not in _ENDS and after != ",":
                objects.append(n + 1)
    if starts and found[segment.first].text in _PRODUCT_VERBS:
        objects.append(segment.first + 1)
    return _Offer(min(starts), tuple(n for n in objects if n < segment.last)) if starts else None


def _label(found: Sequence[Word], segment: Segment, n: int) -> int:
    """Where the phrase begins that ends in an offer's noun: "now with a | store-brand coupon" begins at "now"."""
    at = n
    while at > segment.first and (
        found[at - 1].text not in (",", "(", "and", "&") and found[at - 1].text not in ("with", "get", "use")
    ):
        if at - 2 > segment.first and found[at - 1].text in ("a", "an", "the", "your", "our"):
            at -= 1
            break
        at -= 1
    while at > segment.first and found[at - 1].text in ("with", "get", "use", "now", "a", "and", "&", ",", "save"):
        at -= 1
    return at


def _topic(found: Sequence[Word], segment: Segment, end: int, *, on_something: bool) -> Named | None:
    """What a segment without a thing of its own offer names before the offer, if it names anything."""
    if end <= segment.first or (found[segment.first].text in _CALLS):
        return None
    at = segment.first
    while at < end and found[at].text in _LEADS:
        at += 1
    strong = any(w.text in _STRONG_LEADS for w in found[segment.first : at])
    last = _end(found, at, end)
    rest = [w.text for w in found[last:end]]
    while last > at and found[last - 1].text in _TRAILS:
        strong, last = True, last - 1
    strong = strong or bool(_LISTS & set(rest))
    if last <= at or (segment.question and not strong):
        return None
    if on_something and (segment.question or end < segment.last):
        return Named(at, last, Slot.FRAME)
    return Named(at, last, Slot.OFFER)


def _end(found: Sequence[Word], first: int, last: int) -> int:
    """Where a list of things ends: at a preposition."""
    return next((n for n in range(first + 1, last) if found[n].text in _ENDS and found[n - 1].text != "-"), last)

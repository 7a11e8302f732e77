"""Titles composed from a leading selling point and the original title: true by construction, then checked all the same.

A wording adds no fact: it puts the point first, in one of several frames, and keeps the original title or a part of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from creator.core.records import Ad
from data_synthesis.language import FUNCTION_WORDS, UNITS, content_words

MOST_CHARACTERS, MOST_WORDS = 90, 16
GOOD_CHARACTERS = 70
"""Longer titles are used only where no wording is as short as this."""
WORDS_LONGER = 5
"""A title is at most this many words longer than the original ("at most a few", method 2)."""

_COMPANION = re.compile(
    r"^(?:often |frequently |usually |also )*(?:bought|paired|served|used|worn|goes|pairs|works)"
    r"(?: together| well| great)* with (?P<thing>.+)$",
    re.IGNORECASE,
)
_LISTING = re.compile(r"^(?:covers?|covering|includes?|including|features?|comes with)\s+(?P<thing>.+)$", re.IGNORECASE)
_OFFER = re.compile(
    r"^(?P<offer>(?:[\w-]+ )?(?:coupon|deal|offer|discount|voucher|savings))s? (?:on|for) "
    r"(?P<quantity>\d[\d,]* (?:kind|type|sort|variet|style|model|product)\w* of )?(?P<thing>.+)$",
    re.IGNORECASE,
)
_PARTS = re.compile(r"\s*[:|;]\s+|\s+[-–—]\s+|\.\s+|\s*\(|\)")
_BARGAIN = re.compile(r"\d ?% off\b|^save\b", re.IGNORECASE)
_MODIFIER = re.compile(r"^[\w’']+-[\w’'-]+\s+")
_SIZE = re.compile(r",\s*(?P<size>[^,]*\d[^,]*)$")
_LIST = re.compile(r",\s*|\s+and\s+|\s+or\s+")
_AGE = re.compile(r"\bage[sd]?\b|\byears?[- ]olds?\b|\b(?:under|over)[- ]?\d+s\b", re.IGNORECASE)
_NOT_A_THING = re.compile(
    r"\d|^\w+(?:ed|s) (?:only|up|into|on|flat)\b|\b(?:a|an|the|you|only|included|each|every|in|to)\b"
    r"|^(?:one|two|three|four|five|six|seven|eight|nine|ten|no|free|open|up)\b",
    re.IGNORECASE,
)
_SMALL = frozenset(
    re.findall(r"\w+", "a an and as at but by for from in into of off on or per the to up via vs with without")
)


@dataclass(frozen=True, slots=True)
class _Original:
    """The original title taken apart, where it reads "offer on quantity modifier things, size".

    Args:
        offer: "coupon".
        quantity: "42 kinds", or "".
        modifier: "store-brand", or "".
        things: "pickles and relish".
        size: "24 oz", or "".
    """

    offer: str
    quantity: str
    modifier: str
    things: str
    size: str

    @property
    def label(self) -> str:
        """Modifier and offer: "store-brand coupon"."""
        return _join(self.modifier, self.offer)

    @property
    def named(self) -> str:
        """Modifier and things: "store-brand pickles and relish"."""
        return _join(self.modifier, self.things)


def wordings(ad: Ad, lead: str, support: str | None = None) -> list[str]:
    """Every headline that leads with a point and fits the limits, none checked yet.

    Args:
        ad: the ad; its title, or a part of it, follows the lead.
        lead: the selling point whose words come first.
        support: a second point for the tail, where there is room.
    """
    lead = " ".join(lead.split()).rstrip(" .!,;:")
    if not content_words(lead) or not content_words(ad.title) or _AGE.search(lead):
        return []
    if not ad.locale.startswith("en"):
        made = (f"{lead}: {tail}" for tail in _parts(ad, lead))
    elif companion := _COMPANION.match(lead):
        made = _beside(ad, companion["thing"])
    else:
        listing = _LISTING.match(lead)
        made = _about(ad, listing["thing"] if listing else lead, support)
    titles = (headline(title) if ad.locale.startswith("en") else title for title in made)
    found = [title for title in dict.fromkeys(titles) if fits(title, ad)]
    return [title for title in found if len(title) <= GOOD_CHARACTERS] or found


def leading_points(ad: Ad) -> list[str]:
    """The selling points that a title of this ad can lead with inside the limits."""
    return [point for point in dict.fromkeys(ad.selling_points) if wordings(ad, point)]


def most_words(ad: Ad) -> int:
    """How many words a title of this ad may have."""
    return min(MOST_WORDS, max(len(ad.title.split()) + WORDS_LONGER, 8))


def fits(title: str, ad: Ad) -> bool:
    """Whether a title keeps the limits of length, says nothing twice and is not the original again."""
    said = content_words(title)
    return (
        len(title) <= MOST_CHARACTERS
        and len(title.split()) <= most_words(ad)
        and len(said) - len(set(said)) <= 1
        and title.casefold().count(" and more") <= 1
        and title.casefold() != ad.title.casefold()
        and said != content_words(ad.title)
    )


def headline(text: str) -> str:
    """English title case: small words and units stay small, capitals already there stay."""
    words: list[str] = []
    starts, counted = True, False
    for word in text.split():
        bare = word.strip("\"'“”‘’(),.:;?!–-")
        small = (bare in _SMALL and not starts) or (counted and bare in UNITS)
        if bare and not small:
            at = word.index(bare)
            cased = "-".join(part[:1].upper() + part[1:] if part.islower() else part for part in bare.split("-"))
            word = word[:at] + cased + word[at + len(bare) :]
        words.append(word)
        starts, counted = word[-1] in ":?!.–", bare[:1].isdigit()
    return " ".join(words)


def supporting_point(ad: Ad, lead: str) -> str | None:
    """A short second selling point with a figure that neither the lead nor the original title gives; or None."""
    said = set(content_words(lead))
    for point in ad.selling_points:
        figures = re.findall(r"\d[\d.,]*", point)
        fresh = figures and not said & set(content_words(point)) and not any(f in ad.title + lead for f in figures)
        if point != lead and fresh and len(point.split()) <= 4:
            return point.rstrip(" .")
    return None


def _about(ad: Ad, thing: str, support: str | None) -> Iterator[str]:
    """Titles that lead with something the ad offers."""
    original = _take_apart(ad.title)
    if original is None:
        yield from _about_plain(ad, thing, support)
        return
    offer, label, rest = original.offer, original.label, _without(original.things, thing)
    if rest is not None:  # the title names the point: it moves to the front
        first = thing if not rest else f"{thing} and {rest}" if not _LIST.search(rest) else f"{thing}, {rest}"
        size = f", {original.size}" if original.size else ""
        yield f"{first}: save with a {label}{size}"
        yield f"{thing} today? get a {label}{size}"
        yield f"{thing} on your list? get a {label}{size}"
        yield f"{first}{size}: now with a {label}"
        if not rest:
            yield f"save now on {_join(original.modifier, thing)}{size}"
            yield f"pick {thing}{size}, and use a {label}"
            if support:
                yield f"{thing}, {support}: {label}"
        if _stands_bare(ad, thing):
            yield f"ready for {thing}? get a {label}{size}"
        return
    yield f"{thing}: {offer} on {_join(original.quantity and original.quantity + ' of', original.named)}"
    single = not _LIST.search(thing)  # "and more" after a list reads badly
    if single:
        yield f"{thing} and more: {offer} on {original.named}"
    yield f"{thing} today? save on {original.named}"
    yield f"{thing} today? get a {offer} on {original.named}"
    yield f"{thing} on your list? save on {original.named}"
    if original.quantity and single:
        yield f"{thing} and more: {label} on {original.quantity}"
        yield f"find {thing} and more: {label} on {original.quantity}"
    if _stands_bare(ad, thing):
        yield f"ready for {thing}? get a {offer} on {original.named}"
        yield f"pick {thing}: {offer} on {original.named}"


def _about_plain(ad: Ad, thing: str, support: str | None) -> Iterator[str]:
    """The same for an original title that is no "offer on things"."""
    for tail in _parts(ad, thing):
        if ":" not in tail:
            yield f"{thing}: {tail}"
        yield f"{thing} – {tail}"
        if support:
            yield f"{thing} – {tail}, {support}"
        if not _NOT_A_THING.search(thing) and len(thing.split()) <= 4:
            yield f"{thing} on your list? {tail}"
            yield f"{thing} today? {tail}"
            if _is_plural(thing):
                yield f"ready for {thing}? {tail}"


def _beside(ad: Ad, companion: str) -> Iterator[str]:
    """Titles that lead with what is often bought beside the thing on offer."""
    original = _take_apart(ad.title)
    if original is None:
        for tail in _parts(ad, companion):
            yield f"buying {companion}? {tail}"
            yield f"often bought with {companion}: {tail}"
        return
    for named in dict.fromkeys((original.named + (f", {original.size}" if original.size else ""), original.named)):
        # the companion is not what is on offer: a reader must not take it for that
        yield f"buying {companion}? save on {named}"
        yield f"buying {companion}? get a {original.offer} on {named}"
        yield f"{companion} on your list? add {named} with a {original.offer}"
        yield f"often bought with {companion}: {original.offer} on {named}"


def _parts(ad: Ad, lead: str) -> Iterator[str]:
    """The original title and the parts of it that can follow a lead: those that do not repeat it, whole ones first.

    The first part names the product; a later one stands alone only where it is an offer.
    """
    said = set(content_words(lead))
    whole = " ".join(ad.title.split())
    first, *later = [" ".join(part.split()) for part in _PARTS.split(whole) if part and part.strip()]
    options = [whole, first, first.split(", ")[0], *(part for part in later if _BARGAIN.search(part))]
    options = [option for option in options if len(content_words(option)) > 1]
    fresh = [option for option in options if not set(content_words(option)) & said]
    for option in dict.fromkeys(fresh or [o for o in options if not set(content_words(o)) <= said]):
        option = option.rstrip(" .,;:")
        if option and option.split()[-1].lower() not in FUNCTION_WORDS - {"off", "more"}:
            yield option


def _take_apart(title: str) -> _Original | None:
    found = _OFFER.match(" ".join(title.split()).rstrip("."))
    if found is None:
        return None
    things = found["thing"]
    size = _SIZE.search(things)
    things = things[: size.start()] if size else things
    modifier = _MODIFIER.match(things)
    return _Original(
        found["offer"].lower(),
        (found["quantity"] or "").removesuffix(" of "),
        modifier[0].strip() if modifier else "",
        things[modifier.end() :] if modifier else things,
        size["size"] if size else "",
    )


def _without(things: str, thing: str) -> str | None:
    """A list of things without one of them, "" when it was the only one; None when it is not in the list."""
    found = re.search(rf"(?:^|,\s|\sand\s|\sor\s)({re.escape(thing)})(?=$|,\s|\sand\s|\sor\s)", things, re.IGNORECASE)
    if found is None:
        return None
    before = things[: found.start(1)].removesuffix(", ").removesuffix(" and ").removesuffix(" or ")
    after = re.sub(r"^(?:,\s|\sand\s|\sor\s)", "", things[found.end(1) :])
    if before and after:
        return f"{before}, {after}" if _LIST.search(after) else f"{before} and {after}"
    return before or after


def _stands_bare(ad: Ad, thing: str) -> bool:
    """Whether a noun needs no article: "ready for shoes", "ready for rice", but not "ready for rope"."""
    counted = re.search(rf"\ban? {re.escape(_noun(thing))}\b", f"{ad.title}. {ad.description}", re.IGNORECASE)
    return _is_plural(thing) or not counted


def _noun(thing: str) -> str:
    return re.split(r"\s(?:for|with|in|of|from|to|on)\s", thing)[0]


def _is_plural(thing: str) -> bool:
    head = _noun(thing).split()[-1].lower()
    return head.endswith("s") and not head.endswith(("ss", "us", "is"))


def _join(*words: str) -> str:
    return " ".join(word for word in words if word)

"""Titles composed from a leading selling point and the original title: true by construction, then checked all the same.

A wording adds no fact: it puts the point first, in one of several frames, and keeps the original title or a part of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from creator.core.records import Ad
from data_synthesis.language import FUNCTION_WORDS, UNITS, content_words

MOST_CHARACTERS = 80
MOST_WORDS = 14
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
_MODIFIER = re.compile(r"^(?:[\w’']+-[\w’'-]+\s+)+")
_SIZE = re.compile(r",\s*(?P<size>[^,]*\d[^,]*)$")
_LIST = re.compile(r",\s*|\s+and\s+|\s+or\s+")
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
    def on_things(self) -> str:
        """The offer without quantity and size: "coupon on store-brand pickles"."""
        return f"{self.offer} on {_join(self.modifier, self.things)}"


def wordings(ad: Ad, lead: str, support: str | None = None) -> list[str]:
    """Every headline that leads with a point and fits the limits, none checked yet.

    Args:
        ad: the ad; its title, or a part of it, follows the lead.
        lead: the selling point whose words come first.
        support: a second point for the tail, where there is room.
    """
    lead = " ".join(lead.split()).rstrip(" .!,;:")
    if not ad.locale.startswith("en"):
        made = (f"{lead}: {tail}" for tail in _parts(ad, lead))
    elif companion := _COMPANION.match(lead):
        made = _beside(ad, companion["thing"])
    else:
        listing = _LISTING.match(lead)
        made = _about(ad, listing["thing"] if listing else lead, support)
    titles = (headline(title) if ad.locale.startswith("en") else title for title in made)
    return [title for title in dict.fromkeys(titles) if fits(title, ad)]


def leading_points(ad: Ad) -> list[str]:
    """The selling points that a title of this ad can lead with inside the limits."""
    return [point for point in dict.fromkeys(ad.selling_points) if wordings(ad, point)]


def fits(title: str, ad: Ad) -> bool:
    """Whether a title keeps the limits of length, says nothing twice and is not the original again."""
    words = title.split()
    most = min(MOST_WORDS, max(len(ad.title.split()) + WORDS_LONGER, 8))
    said = content_words(title)
    return (
        len(title) <= MOST_CHARACTERS
        and len(words) <= most
        and len(said) - len(set(said)) <= 1
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
    """A short second selling point that carries a figure and says nothing of the lead; or None."""
    said = set(content_words(lead))
    for point in ad.selling_points:
        fresh = not said & set(content_words(point)) and point.casefold() not in ad.title.casefold()
        if point != lead and re.search(r"\d", point) and len(point.split()) <= 4 and fresh:
            return point.rstrip(" .")
    return None


def _about(ad: Ad, thing: str, support: str | None) -> Iterator[str]:
    """Titles that lead with something the ad offers."""
    plural = _is_plural(thing)
    original = _take_apart(ad.title)
    if original is None:
        for tail in _parts(ad, thing):
            yield f"{thing}: {tail}"
            yield f"{thing} – {tail}"
            if support:
                yield f"{thing}: {tail}, {support}"
            if not re.search(r"\d", thing):
                yield f"{thing} on your list? {tail}"
                if plural:
                    yield f"ready for {thing}? {tail}"
        return
    rest = _without(original.things, thing)
    if rest is not None:  # the title names the point: it moves to the front
        first = thing if not rest else f"{thing} and {rest}" if not _LIST.search(rest) else f"{thing}, {rest}"
        sized = f", {original.size}" if original.size else ""
        yield (
            f"{thing} {original.offer}: {original.modifier or original.quantity}{sized}"
            if not rest and (original.modifier or original.quantity)
            else f"{first}: {original.label}{sized}"
        )
        yield f"{first}: {original.label}{sized}"
        yield f"{thing} today? get a {original.label}{sized}"
        yield f"{thing} on your list? get a {original.label}{sized}"
        yield (
            f"{first}{sized}: now with a {original.label}"
            if original.modifier
            else f"{first}{sized}: now with a {original.offer}"
        )
        if plural and not rest:
            yield f"save on {_join(original.modifier, thing)}{sized}"
        if support:
            yield f"{first}{sized}, {support}: {original.label}"
        return
    many = f"{original.quantity} of " if original.quantity else ""
    yield f"{thing}: {original.offer} on {many}{_join(original.modifier, original.things)}"
    yield f"{thing} and more: {original.on_things}"
    yield f"{thing} today? get a {original.on_things}"
    yield f"{thing} on your list? {original.on_things}"
    if original.quantity:
        yield f"{thing} and more: {original.label} on {original.quantity}"
    if plural:
        yield f"save on {thing} and more: {original.on_things}"
        yield f"pick {thing}: {original.on_things}"


def _beside(ad: Ad, companion: str) -> Iterator[str]:
    """Titles that lead with what is often bought beside the thing on offer."""
    original = _take_apart(ad.title)
    if original is None:
        tails = [tail for tail in _parts(ad, companion)]
    else:
        sized = f", {original.size}" if original.size else ""
        tails = [original.on_things + sized, original.on_things]
    for tail in tails:
        yield f"{companion} today? {'get a ' if original else ''}{tail}"
        yield f"{companion} on your list? {'add a ' if original else ''}{tail}"
        yield f"often bought with {companion}: {tail}"
        yield f"buying {companion}? {'here is a ' if original else ''}{tail}"


def _parts(ad: Ad, lead: str) -> Iterator[str]:
    """The original title and its parts that can follow a lead: those that do not repeat it, whole ones first."""
    said = set(content_words(lead))
    whole = " ".join(ad.title.split())
    options = [whole, *(" ".join(part.split()) for part in _PARTS.split(whole) if part and part.strip())]
    options += [f"{whole.split(', ')[0]}"] if ", " in whole else []
    fresh = [option for option in options if (words := set(content_words(option))) and not words & said]
    for option in dict.fromkeys(fresh or [o for o in options if not set(content_words(o)) <= said]):
        option = option.rstrip(" .,;:")
        if option.split()[-1].lower() not in FUNCTION_WORDS - {"off", "more"}:
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


def _is_plural(thing: str) -> bool:
    head = re.split(r"\s(?:for|with|in|of|from|to|on)\s", thing)[0].split()[-1].lower()
    return head.endswith("s") and not head.endswith(("ss", "us", "is"))


def _join(*words: str) -> str:
    return " ".join(word for word in words if word)

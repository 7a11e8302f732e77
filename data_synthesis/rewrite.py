"""Titles composed from a leading selling point and the original title: true by construction, then checked all the same.

A wording never adds a fact: it puts the point first, in one of several frames, and keeps a part of the original title.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from creator.core.records import Ad
from data_synthesis.language import FUNCTION_WORDS, content_words

MOST_CHARACTERS = 90
MOST_WORDS = 16
WORDS_LONGER = 5
"""A title is at most this many words longer than the original ("at most a few", method 2)."""

_COMPANION = re.compile(
    r"^(?:often |frequently |usually |also )*(?:bought|paired|served|used|worn|goes|pairs|works)"
    r"(?: together| well| great)* with (?P<thing>.+)$",
    re.IGNORECASE,
)
_LISTING = re.compile(r"^(?:covers?|covering|includes?|including|features?|comes with)\s+(?P<thing>.+)$", re.IGNORECASE)
_PARTS = re.compile(r"\s*[:|;]\s+|\s+[-–—]\s+|\.\s+|\s*\(|\)")
_SMALL = frozenset(
    re.findall(r"\w+", "a an and as at but by for from in into of off on or per the to up via vs with without")
)
_OFFER = re.compile(r"\b(?:save|savings?|off|discount|coupon|deal|offer)\b|%", re.IGNORECASE)

_THING_FRAMES = ("{lead}: {tail}", "{lead} – {tail}", "{lead}? {tail}", "{lead}, {tail}")
_OFFER_FRAMES = ("{lead} on Your List? {tail}", "Save on {lead}: {tail}", "{lead} Savings: {tail}")
_COMPANION_FRAMES = ("With {lead}: {tail}", "{lead} in Your Basket? {tail}", "Pair With {lead}: {tail}")


def wordings(ad: Ad, lead: str, support: str | None = None) -> list[str]:
    """Every headline that leads with a point and fits the limits; plain texts, none checked yet.

    Args:
        ad: the ad; its title, or a part of it, follows the lead.
        lead: the selling point whose words come first.
        support: a second point for the tail, where the frame has room.
    """
    found: list[str] = []
    for head, frames in _heads(ad, lead):
        for tail in _tails(ad, lead, support):
            for frame in frames:
                title = frame.format(lead=head, tail=tail)
                title = headline(title) if ad.locale.startswith("en") else title[:1].upper() + title[1:]
                if fits(title, ad) and title not in found:
                    found.append(title)
    return found


def fits(title: str, ad: Ad) -> bool:
    """Whether a title keeps the limits of length and is not the original again."""
    words = title.split()
    most = min(MOST_WORDS, max(len(ad.title.split()) + WORDS_LONGER, 8))
    return (
        len(title) <= MOST_CHARACTERS
        and len(words) <= most
        and title.casefold() != ad.title.casefold()
        and content_words(title) != content_words(ad.title)
    )


def headline(text: str) -> str:
    """English title case: small words stay small except at the start and after a stop; capitals already there stay."""
    words: list[str] = []
    starts = True
    for word in text.split():
        bare = word.strip("\"'“”‘’(),.:;?!–-")
        if bare.islower() and (starts or bare not in _SMALL):
            at = word.index(bare)
            word = word[:at] + bare[:1].upper() + bare[1:] + word[at + len(bare) :]
        words.append(word)
        starts = word[-1] in ":?!.–"
    return " ".join(words)


def _heads(ad: Ad, lead: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    lead = " ".join(lead.split()).rstrip(" .!,;:")
    english = ad.locale.startswith("en")
    companion = _COMPANION.match(lead) if english else None
    if companion:
        yield companion["thing"], _COMPANION_FRAMES
        return
    listing = _LISTING.match(lead) if english else None
    offers = bool(_OFFER.search(f"{ad.title} {ad.description}")) and not re.search(r"\d", lead) and english
    yield (listing["thing"] if listing else lead), _THING_FRAMES + (_OFFER_FRAMES if offers else ())


def _tails(ad: Ad, lead: str, support: str | None) -> Iterator[str]:
    said = set(content_words(lead))
    parts = [" ".join(part.split()) for part in _PARTS.split(ad.title) if part and part.strip()]
    options = [" ".join(ad.title.split()), *parts]
    if support:
        options.extend(f"{part}, {support}" for part in parts)
    fresh = [option for option in options if (words := set(content_words(option))) and not words & said]
    seen: set[str] = set()
    for option in fresh or [o for o in options if not set(content_words(o)) <= said]:
        option = option.rstrip(" .,;:")
        if option not in seen and option.split()[-1].lower() not in FUNCTION_WORDS - {"off", "more"}:
            seen.add(option)
            yield option


def supporting_point(ad: Ad, lead: str) -> str | None:
    """A short second selling point that is an offer (it carries a figure) and says nothing of the lead; or None."""
    said = set(content_words(lead))
    for point in ad.selling_points:
        if (
            point != lead
            and re.search(r"\d", point)
            and len(point.split()) <= 5
            and not said & set(content_words(point))
        ):
            return point.rstrip(" .")
    return None

"""What Google's and Microsoft's responsive search ads share.

Each ad and cluster becomes an ad of its own, in an ad group of its own: the cluster's title is pinned to the first
position, so that every reader of that group sees it, and the ad's own words fill the other headlines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from creator.core.records import Ad
from creator.facts.channels import CHANNELS, EMOJI, REPEATED_MARKS, Channel, width
from serving.export.offers import Left, Offer, Place, Rendered, is_formula, objection

HEADLINES = 15
DESCRIPTIONS_AT_LEAST, DESCRIPTIONS = 2, 4
DESCRIPTION_WIDTH = 90
_SENTENCE = re.compile(r"(?<=[.!?。！？])\s+|(?<=[。！？])")


@dataclass(frozen=True, slots=True)
class ResponsiveAd:
    """A responsive search ad.

    Args:
        ad_group: the name of its ad group.
        url: where it leads, or "".
        headlines: 3 to 15; the first is the cluster's title and is pinned to position 1.
        descriptions: 2 to 4.
    """

    ad_group: str
    url: str
    headlines: tuple[str, ...]
    descriptions: tuple[str, ...]


def responsive_ads(offers: Iterable[Offer], channel: Channel, place: Place, out: Rendered) -> Iterator[ResponsiveAd]:
    """The ads of a release, one for each ad and cluster that has all it needs; the others are counted in `out`."""
    rule = CHANNELS[channel]
    for offer in offers:
        url, descriptions = place.url(offer.ad), _descriptions(offer.ad)
        own = [text[:1].upper() + text[1:] for text in (offer.ad.title, *offer.ad.selling_points)]
        for title in offer.titles:
            found = objection(title.title, channel, in_a_table=True)
            headlines = _unlike([title.title, *(text for text in own if _fits(text, channel))])[:HEADLINES]
            if found is None and len(headlines) < rule.titles_at_least:
                found = Left.HEADLINES
            if found is None and len(descriptions) < DESCRIPTIONS_AT_LEAST:
                found = Left.DESCRIPTIONS
            if found is not None:
                out.left[found] += 1
                continue
            out.exported += 1
            out.without_url += not url
            yield ResponsiveAd(_ad_group(title.ad_id, title.cluster_id), url, tuple(headlines), tuple(descriptions))


def _fits(text: str, channel: Channel) -> bool:
    return objection(text, channel, in_a_table=True) is None


def _descriptions(ad: Ad) -> list[str]:
    """The ad's own sentences that fit, then its selling points in one."""
    sentences = [part.strip() for part in _SENTENCE.split(ad.description)]
    listed = "; ".join(ad.selling_points)
    sound = [text for text in (*sentences, listed, ad.title) if _is_description(text)]
    return _unlike(sound)[:DESCRIPTIONS]


def _is_description(text: str) -> bool:
    plain = text.isprintable() and not is_formula(text)
    return plain and 1 <= width(text) <= DESCRIPTION_WIDTH and not (EMOJI.search(text) or REPEATED_MARKS.search(text))


def _unlike(texts: Iterable[str]) -> list[str]:
    """Each text once, whatever its case: platforms refuse duplicates."""
    found: dict[str, str] = {}
    for text in texts:
        found.setdefault(text.casefold(), text)
    return list(found.values())


def _ad_group(ad_id: str, cluster_id: int) -> str:
    """A name that begins with a letter, so no spreadsheet takes it for a formula, and has no line break."""
    printable = "".join(character if character.isprintable() else " " for character in ad_id)
    return f"cluster {cluster_id}, ad {printable}"

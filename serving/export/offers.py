"""What there is to export: each ad with its titles of one release, and why a title may not go out."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import quote, urlsplit

from creator.core.records import Ad
from creator.facts.channels import CHANNELS, Channel, channel_faults
from serving.rows import StoredTitle

AI_LABEL = "AI-generated"
URL_ATTRIBUTES = ("final_url", "url", "link")
INSERTION = re.compile(r"\{keyword:([^{}]*)\}", re.IGNORECASE)
_FORMULA = tuple("=+-@\t\r＝＋－＠")  # OWASP, CSV Injection: what a spreadsheet takes for a formula


class Left(StrEnum):
    """Why a title was left out."""

    LENGTH = "length"  # the platform's limits
    RULE = "rule"  # what the platform bans in a title
    CONTROL = "control_character"
    FORMULA = "formula"  # a spreadsheet would run it
    DUPLICATE = "duplicate"  # the ad has the same words already
    LIMIT = "over_the_limit"  # the ad has as many titles as the platform takes
    HEADLINES = "too_few_headlines"
    DESCRIPTIONS = "too_few_descriptions"
    WORD_PACK = "word_pack"  # a dynamic word pack without an id, or too many


@dataclass(frozen=True, slots=True)
class Place:
    """Where exported ads go.

    Args:
        campaign: the name of the campaign.
        final_url: what an ad's address is made of, "{ad_id}" standing for its id; "" to take it from the ad.
        word_packs: the platform's id of each dynamic word pack, by name.
    """

    campaign: str
    final_url: str = ""
    word_packs: Mapping[str, int] = field(default_factory=lambda: dict[str, int]())

    def url(self, ad: Ad) -> str:
        """The address an ad leads to, or ""."""
        if self.final_url:
            return self.final_url.replace("{ad_id}", quote(ad.ad_id, safe=""))
        found = (ad.attributes.get(name, "") for name in URL_ATTRIBUTES)
        return next((url for url in found if is_web_address(url)), "")


@dataclass(frozen=True, slots=True)
class Offer:
    """One ad and its titles, those of the largest clusters first."""

    ad: Ad
    titles: tuple[StoredTitle, ...]


@dataclass(slots=True)
class Rendered:
    """A file's text, and what became of the titles: exported + left out = all.

    Args:
        text: the file.
        exported: how many titles are in it.
        left: how many are not, by reason.
        without_url: how many ads in it have no address.
    """

    text: str = ""
    exported: int = 0
    left: Counter[Left] = field(default_factory=lambda: Counter[Left]())
    without_url: int = 0


def offers(ads: Mapping[str, Ad], titles: Iterable[StoredTitle], sizes: Mapping[int, int]) -> list[Offer]:
    """Each ad that has titles.

    Args:
        ads: the release's ads by id.
        titles: its titles.
        sizes: users of each cluster.
    """
    grouped: dict[str, list[StoredTitle]] = {}
    for title in titles:
        grouped.setdefault(title.ad_id, []).append(title)
    return [
        Offer(ads[ad_id], tuple(sorted(many, key=lambda t: (-sizes.get(t.cluster_id, 0), t.cluster_id))))
        for ad_id, many in sorted(grouped.items())
    ]


def is_web_address(url: str) -> bool:
    """Whether it is an http or https address with a host and no white space."""
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"[\s\x00-\x1f]", url)


def is_formula(text: str) -> bool:
    """Whether a spreadsheet would take a cell for a formula. An apostrophe before it would stand in the ad, so such
    a text is left out instead.
    """
    return text.lstrip(" ").startswith(_FORMULA)


def shown(text: str) -> str:
    """A text as a reader sees it where no keyword fits: an insertion token shows its default."""
    return INSERTION.sub(lambda match: match[1], text)


def objection(title: str, channel: Channel, *, in_a_table: bool) -> Left | None:
    """Why a platform's file cannot hold a title, or None.

    Args:
        title: the title.
        channel: the platform.
        in_a_table: whether people open the file with a spreadsheet.
    """
    if any(unicodedata.category(character) in ("Cc", "Cs", "Co", "Zl", "Zp") for character in title):
        return Left.CONTROL
    if in_a_table and is_formula(title):
        return Left.FORMULA
    rule, visible = CHANNELS[channel], shown(title)
    if not rule.shortest <= rule.length(visible) <= rule.longest:
        return Left.LENGTH
    if any(not fault.warning for fault in channel_faults(visible, channel)):
        return Left.RULE
    return None


def choose(titles: Sequence[StoredTitle], channel: Channel, left: Counter[Left]) -> list[StoredTitle]:
    """The titles of one ad that a platform's asset list takes: sound, unlike one another, no more than it holds."""
    chosen: dict[str, StoredTitle] = {}
    most = CHANNELS[channel].titles_at_most
    for title in titles:
        found = objection(title.title, channel, in_a_table=False)
        if found is None and title.title.casefold() in chosen:
            found = Left.DUPLICATE
        if found is None and most is not None and len(chosen) >= most:
            found = Left.LIMIT
        if found is None:
            chosen[title.title.casefold()] = title
        else:
            left[found] += 1
    return list(chosen.values())

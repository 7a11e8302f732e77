"""What each ad platform demands of a title, each rule with the page it comes from. Lengths are width-aware."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

ChannelName = Literal[
    "google_ads_editor", "merchant_center", "microsoft_ads", "meta", "tiktok", "oceanengine", "amazon_sponsored_brands"
]


class Channel(StrEnum):
    """Where a title is to be shown."""

    GOOGLE_ADS = "google_ads_editor"
    MERCHANT_CENTER = "merchant_center"
    MICROSOFT_ADS = "microsoft_ads"
    META = "meta"
    TIKTOK = "tiktok"
    OCEAN_ENGINE = "oceanengine"
    AMAZON = "amazon_sponsored_brands"


@dataclass(frozen=True, slots=True)
class ChannelRule:
    """A platform's limits on one title.

    Args:
        channel: the platform.
        shortest: least length, in the platform's own units.
        longest: greatest length, in the platform's own units.
        wide_units: units a double-width (Chinese, Japanese, Korean) character takes.
        narrow_units: units any other character takes.
        recommended: length beyond which the title may be cut, or None.
        titles_at_most: titles one ad holds, or None.
        titles_at_least: titles one ad needs.
        banned: patterns that must not occur, each with its name.
        rule: the page that says so.
        editorial: the page that bans the patterns, where it is another.
    """

    channel: Channel
    shortest: int
    longest: int
    rule: str
    wide_units: float = 1
    narrow_units: float = 1
    recommended: int | None = None
    titles_at_least: int = 1
    titles_at_most: int | None = None
    banned: tuple[tuple[str, re.Pattern[str]], ...] = ()
    editorial: str = ""

    def length(self, title: str) -> float:
        """The title's length as the platform counts it."""
        return sum(
            self.wide_units if is_wide(c) else self.narrow_units
            for c in title
            if unicodedata.category(c) not in ("Mn", "Me", "Cf")
        )


@dataclass(frozen=True, slots=True)
class ChannelFault:
    """One rule of a platform that a title breaks.

    Args:
        channel: the platform.
        message: what is wrong, for a person.
        span: [start, end) of the fault in the title.
        rule: the page that says so.
        warning: True when the platform only recommends it.
    """

    channel: Channel
    message: str
    span: tuple[int, int]
    rule: str
    warning: bool = False


EMOJI = re.compile(
    "[\u2190-\u21ff\u2300-\u23ff\u2460-\u24ff\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff\u3297\u3299\ufe0f"
    "\U0001f000-\U0001faff]"
)
REPEATED_MARKS = re.compile(r"([!?.,;:*~#+=_|\-–—/\\^、。！？…])(?:\s*\1)+|[!?！？]{2,}")
_GIMMICKS = re.compile(r"(?:\b\w[.\-_*]){3,}\w?\b|[*~^|<>{}\\•★☆♥✓✔]")
_HALF_KANA = re.compile("[\uff66-\uff9f]")
_ALL_CAPS = re.compile(r"\b[^\W\d_a-z]{2,}\b(?:[^\w]+\b[^\W\d_a-z]{2,}\b){2,}")

_EMOJI_BAN = ("an emoji or symbol", EMOJI)
_MARKS_BAN = ("repeated punctuation", REPEATED_MARKS)
_GIMMICK_BAN = ("a gimmicky symbol or spelling", _GIMMICKS)
_EXCLAMATION_BAN = ("an exclamation mark in a headline", re.compile("[!！]"))

CHANNELS: dict[Channel, ChannelRule] = {
    rule.channel: rule
    for rule in (
        ChannelRule(
            Channel.GOOGLE_ADS,
            1,
            30,
            wide_units=2,
            titles_at_least=3,
            titles_at_most=15,
            rule="https://support.google.com/google-ads/answer/7684791",
            editorial="https://support.google.com/adspolicy/answer/14847994",
            banned=(_EMOJI_BAN, _MARKS_BAN, _GIMMICK_BAN, _EXCLAMATION_BAN, ("half-width katakana", _HALF_KANA)),
        ),
        ChannelRule(
            Channel.MERCHANT_CENTER,
            1,
            150,
            rule="https://support.google.com/merchants/answer/6324415",
            banned=(("three or more words in capitals", _ALL_CAPS),),
        ),
        ChannelRule(
            Channel.MICROSOFT_ADS,
            1,
            30,
            wide_units=2,
            titles_at_least=3,
            titles_at_most=15,
            rule="https://learn.microsoft.com/en-us/advertising/campaign-management-service/responsivesearchad",
            banned=(_EMOJI_BAN, _MARKS_BAN, _EXCLAMATION_BAN),
        ),
        ChannelRule(
            Channel.META,
            1,
            255,
            recommended=40,
            titles_at_most=5,
            rule="https://developers.facebook.com/docs/marketing-api/reference/ad-asset-feed-spec/",
        ),
        ChannelRule(
            Channel.TIKTOK,
            1,
            100,
            wide_units=2,
            rule="https://ads.tiktok.com/help/article/tiktok-ads-policy-ad-format-and-functionality",
            banned=(_EMOJI_BAN, ("one of { } #", re.compile("[{}#＃｛｝]"))),
        ),
        ChannelRule(
            Channel.OCEAN_ENGINE,
            5,
            30,
            narrow_units=0.5,
            titles_at_most=10,
            rule="https://open.oceanengine.com/",
        ),
        ChannelRule(
            Channel.AMAZON,
            1,
            50,
            rule="https://advertising.amazon.com/resources/ad-policy/en/sponsored-ads-policies",
            banned=(
                (
                    "a claim such as 'best' or 'top-selling'",
                    re.compile(
                        r"(?i)\b(?:best(?:[- ]?sell(?:er|ing))?|top[- ](?:selling|rated)|#\s*1|number one|no\.\s*1)\b"
                    ),
                ),
                ("three or more words in capitals", _ALL_CAPS),
                _EMOJI_BAN,
                _MARKS_BAN,
                (
                    "pressure on the reader",
                    re.compile(
                        r"(?i)\b(?:last chance|don['’]t miss|hurry|act (?:now|fast)|buy now|click here|limited time)\b"
                    ),
                ),
            ),
        ),
    )
}


def is_wide(character: str) -> bool:
    """Whether a character is double-width (UAX #11: wide or full-width)."""
    return unicodedata.east_asian_width(character) in ("W", "F")


def width(text: str) -> int:
    """Columns a text takes: a double-width character counts two, a combining or invisible one none."""
    return sum(2 if is_wide(c) else 1 for c in text if unicodedata.category(c) not in ("Mn", "Me", "Cf"))


def channel_faults(title: str, channel: Channel) -> list[ChannelFault]:
    """What a platform would object to in one title.

    Args:
        title: the title as it would be shown.
        channel: the platform.

    Returns:
        its faults in the order length, then patterns; entries with `warning` do not stop publication.
    """
    rule = CHANNELS[channel]
    faults: list[ChannelFault] = []
    length = rule.length(title)
    if length > rule.longest:
        faults.append(
            ChannelFault(channel, f"{length:g} of at most {rule.longest} characters", (0, len(title)), rule.rule)
        )
    elif length < rule.shortest:
        faults.append(
            ChannelFault(channel, f"{length:g} of at least {rule.shortest} characters", (0, len(title)), rule.rule)
        )
    elif rule.recommended is not None and length > rule.recommended:
        faults.append(
            ChannelFault(
                channel,
                f"{length:g} characters; more than {rule.recommended} may be cut",
                (0, len(title)),
                rule.rule,
                warning=True,
            )
        )
    for name, pattern in rule.banned:
        match = pattern.search(title)
        if match:
            faults.append(ChannelFault(channel, name, match.span(), rule.editorial or rule.rule))
    return faults


def fits(title: str, channel: Channel) -> bool:
    """Whether a platform would take the title (recommendations aside)."""
    return not any(not fault.warning for fault in channel_faults(title, channel))

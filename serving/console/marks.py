"""What the eye needs: a title and its ad cut into pieces with what bears out or contradicts each, and how every
channel would take the title.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from creator.core.records import Ad
from creator.facts.channels import CHANNELS, Channel, ChannelRule, channel_faults
from creator.facts.passages import passages_of
from creator.facts.text import fold, listed, words

ERROR_FROM = 0.5
SMALL = listed("a an the of on in at by to for and or with from as is are be it its this that your you our now off up")

NAMES = {
    Channel.GOOGLE_ADS: "Google Ads",
    Channel.MERCHANT_CENTER: "Merchant Center",
    Channel.MICROSOFT_ADS: "Microsoft Ads",
    Channel.META: "Meta",
    Channel.TIKTOK: "TikTok",
    Channel.OCEAN_ENGINE: "Ocean Engine",
    Channel.AMAZON: "Amazon Sponsored Brands",
}

Span = tuple[int, int, str, str]
"""[start, end), kind, note."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text.

    Args:
        text: as it stands.
        kind: "" for plain text, "borne" where title and ad have the same word, "doubt" for what cannot be verified,
            "error" for what is at fault.
        note: what to say of it, or "".
    """

    text: str
    kind: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """One field of an ad, in pieces."""

    field: str
    pieces: tuple[Piece, ...]

    @property
    def label(self) -> str:
        """Its name for people; an ad's selling points share one, as its attributes do."""
        return re.split(r"[\[.]", self.field)[0].replace("_", " ").replace("title", "original")


@dataclass(frozen=True, slots=True)
class Preview:
    """How a channel takes a title.

    Args:
        channel: its name for people.
        shown: what fits.
        over: what is beyond the limit.
        length, longest: in the channel's own units.
        faults: what it would object to.
        advice: what it only recommends.
        rule: the page that says so.
    """

    channel: str
    shown: str
    over: str
    length: float
    longest: int
    faults: tuple[str, ...]
    advice: tuple[str, ...]
    rule: str


def mark_title(title: str, findings: str, ad: Ad) -> tuple[Piece, ...]:
    """A title in pieces: its findings, and the words that the ad has too.

    Args:
        title: the words.
        findings: the JSON list of its last check.
        ad: whose facts it was checked against.
    """
    spans = [
        (
            int(entry["span"][0]),
            int(entry["span"][1]),
            "error" if entry["score"] >= ERROR_FROM else "doubt",
            _note(entry["kind"], entry["evidence"], entry["source_field"]),
        )
        for entry in json.loads(findings)
    ]
    known = {stem: passage.field for passage in reversed(passages_of(ad)) for _, _, stem in _stems(passage.text)}
    spans += [(start, end, "borne", known[stem]) for start, end, stem in _stems(title) if stem in known]
    return tuple(_cut(title, spans))


def mark_sources(titles: Iterable[str], findings: Iterable[str], ad: Ad) -> tuple[Source, ...]:
    """The fields of an ad in pieces: the words that titles take from it, and what speaks against one."""
    taken = {stem for title in titles for _, _, stem in _stems(title)}
    against = [
        (str(entry["source_field"]), str(entry["evidence"]), str(entry["claim"]), entry["score"] >= ERROR_FROM)
        for text in findings
        for entry in json.loads(text)
        if entry["evidence"]
    ]
    sources: list[Source] = []
    for passage in passages_of(ad):
        spans: list[Span] = []
        for field, evidence, claim, wrong in against:
            start = passage.text.find(evidence) if field == passage.field else -1
            if start >= 0:
                kind = "error" if wrong else "doubt"
                spans.append((start, start + len(evidence), kind, f"against “{claim}”" if wrong else f"“{claim}”"))
        spans += [(start, end, "borne", "") for start, end, stem in _stems(passage.text) if stem in taken]
        sources.append(Source(passage.field, tuple(_cut(passage.text, spans))))
    return tuple(sources)


def previews(title: str) -> tuple[Preview, ...]:
    """How every channel takes a title, in the order of the contract."""
    return tuple(_preview(title, rule) for rule in CHANNELS.values())


def _preview(title: str, rule: ChannelRule) -> Preview:
    fits = next((n for n in range(len(title), 0, -1) if rule.length(title[:n]) <= rule.longest), 0)
    found = channel_faults(title, rule.channel)
    return Preview(
        NAMES[rule.channel],
        title[:fits],
        title[fits:],
        rule.length(title),
        rule.longest,
        tuple(fault.message for fault in found if not fault.warning),
        tuple(fault.message for fault in found if fault.warning),
        rule.rule,
    )


def _note(kind: str, evidence: str, field: str) -> str:
    told = kind.replace("_", " ")
    if not evidence:
        return f"{told}: the ad says nothing of it" if not field else f"{told} ({field})"
    return f"{told}: “{evidence}” ({field})" if field else f"{told}: “{evidence}”"


def _stems(text: str) -> Iterator[tuple[int, int, str]]:
    """[start, end) in the text and the stem of each word that says something."""
    folded = fold(text)
    for word in words(folded.text):
        if word.kind != "sign" and word.text not in SMALL:
            start, end = folded.span(word.start, word.end)
            yield start, end, word.stem


def _cut(text: str, spans: Sequence[Span]) -> Iterator[Piece]:
    """The text in pieces; where spans overlap, the earlier of `spans` has it."""
    owner: list[int | None] = [None] * len(text)
    for number, (start, end, _, _) in enumerate(spans):
        for at in range(max(0, start), min(len(text), end)):
            owner[at] = number if owner[at] is None else owner[at]
    start = 0
    while start < len(text):
        end = start
        while end < len(text) and owner[end] == owner[start]:
            end += 1
        number = owner[start]
        kind, note = ("", "") if number is None else spans[number][2:]
        yield Piece(text[start:end], kind, note)
        start = end

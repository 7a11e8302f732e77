"""The one vocabulary of records. Every package speaks of items, ads, findings and titles with these names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NewType

UserId = NewType("UserId", str)
ItemId = NewType("ItemId", str)
AdId = NewType("AdId", str)
TitleId = NewType("TitleId", str)
ClusterId = NewType("ClusterId", int)


@dataclass(frozen=True, slots=True)
class Item:
    """Something a user can act on.

    Args:
        item_id: unique in the catalogue.
        title: what a person would call it.
        description: more about it, or "".
    """

    item_id: ItemId
    title: str
    description: str = ""

    @property
    def text(self) -> str:
        """What the Item LLM reads: title, then description when there is one."""
        return f"{self.title}. {self.description}" if self.description else self.title


@dataclass(frozen=True, slots=True)
class Ad:
    """An ad and the only facts a title may claim.

    Args:
        ad_id: unique among the ads.
        title: the original title, shown to everybody who gets no personal one.
        description: full sentences of fact.
        selling_points: short phrases, each a fact one user may care about and another may not.
        attributes: named facts ("brand" -> "Velten").
        category: what kind of thing it is, or "".
        item_id: the catalogue item the ad promotes, if it is one.
        item_ids: every catalogue item the ad covers (an offer on a range), possibly none.
        locale: BCP 47 tag of the texts.
    """

    ad_id: AdId
    title: str
    description: str
    selling_points: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=lambda: dict[str, str]())
    category: str = ""
    item_id: ItemId | None = None
    item_ids: tuple[ItemId, ...] = ()
    locale: str = "en"

    @property
    def text(self) -> str:
        """What the Item LLM reads of an ad: its title and what it sells on."""
        return f"{self.title}. {'; '.join(self.selling_points) or self.description}"


class Verdict(StrEnum):
    """What the ad's facts say about a title. `UNVERIFIABLE` is harmless puffery and may be published."""

    SUPPORTED = "supported"
    UNSUPPORTED = "unsupported"
    UNVERIFIABLE = "unverifiable"


class FindingKind(StrEnum):
    """Why a title (or a part of it) is at fault, or cannot be checked."""

    NUMBER = "number"
    UNIT = "unit"
    ENTITY = "entity"
    NEGATION = "negation"
    UNSUPPORTED = "unsupported"
    SUPERLATIVE = "superlative"
    SCOPE = "scope"
    PERSONAL_ATTRIBUTE = "personal_attribute"
    WRONG_PRODUCT = "wrong_product"
    INJECTION = "injection"
    CHANNEL = "channel"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found in a title.

    Args:
        kind: which error it is.
        span: [start, end) offsets into the title, in characters.
        claim: the title's text in that span.
        evidence: the words of the ad that speak for or against it, or "" when nothing does.
        source_field: where the evidence stands ("title", "description", "selling_points[2]", "attributes.size",
            "policy"), or "" when nothing does.
        score: confidence that it is an error, 0 to 1.
    """

    kind: FindingKind
    span: tuple[int, int]
    claim: str
    evidence: str
    source_field: str
    score: float


@dataclass(frozen=True, slots=True)
class Check:
    """The outcome of checking one title against one ad.

    Args:
        verdict: supported, unsupported or unverifiable.
        publishable: whether the title may go live.
        findings: what was found, in the order of the title.
    """

    verdict: Verdict
    publishable: bool
    findings: tuple[Finding, ...] = ()

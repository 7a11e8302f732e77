"""A title to learn from, with its ad and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass

from creator.core.records import Ad, FindingKind

KINDS = (
    FindingKind.NUMBER,
    FindingKind.UNIT,
    FindingKind.ENTITY,
    FindingKind.WRONG_PRODUCT,
    FindingKind.NEGATION,
    FindingKind.SCOPE,
    FindingKind.UNSUPPORTED,
)
"""The kinds of error that a verifier learns to name."""


@dataclass(frozen=True, slots=True)
class LabelledTitle:
    """A title made from an ad.

    Args:
        ad: the ad.
        title: the title.
        kind: the error put in; None when it is true.
    """

    ad: Ad
    title: str
    kind: FindingKind | None


def cased(text: str) -> str:
    """Headline case; capitals already there stay."""
    return " ".join(w[:1].upper() + w[1:] if w.islower() else w for w in text.split()).rstrip(" .,;:")

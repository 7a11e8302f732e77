"""An ad prepared for checking: its words, where each stands, read once and used for every title of the ad."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from creator.core.records import Ad
from creator.facts.text import Folded, Word, fold, words


@dataclass(frozen=True, slots=True)
class Passage:
    """One field of an ad.

    Args:
        field: "title", "description", "selling_points[2]", "attributes.size", "category".
        text: the original words.
        folded: the same, folded.
        words: its words.
    """

    field: str
    text: str
    folded: Folded
    words: tuple[Word, ...]

    def quote(self, start: int, end: int, around: int = 40) -> str:
        """The original words at a folded span with up to `around` characters on either side."""
        first, last = self.folded.span(start, end)
        left, right = max(0, first - around), min(len(self.text), last + around)
        return ("…" if left else "") + self.text[left:right].strip() + ("…" if right < len(self.text) else "")


@dataclass(frozen=True, slots=True)
class AdFacts:
    """An ad's facts, ready for checking.

    Args:
        ad: the ad.
        passages: its fields.
        places: for each word stem of the ad, the first passage and word that carry it.
    """

    ad: Ad
    passages: tuple[Passage, ...]
    places: dict[str, tuple[Passage, Word]]

    @classmethod
    def of(cls, ad: Ad) -> AdFacts:
        """Read an ad."""
        passages = tuple(_passages(ad))
        places: dict[str, tuple[Passage, Word]] = {}
        for passage in passages:
            for word in passage.words:
                places.setdefault(word.stem, (passage, word))
        return cls(ad, passages, places)


def _passages(ad: Ad) -> Iterator[Passage]:
    fields = [("title", ad.title), ("description", ad.description), ("category", ad.category)]
    fields += [(f"selling_points[{n}]", point) for n, point in enumerate(ad.selling_points)]
    fields += [(f"attributes.{name}", f"{name}: {value}") for name, value in ad.attributes.items()]
    for field, text in fields:
        if text:
            folded = fold(text)
            yield Passage(field, text, folded, words(folded.text))

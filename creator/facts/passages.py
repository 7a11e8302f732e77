"""An ad's fields cut into clauses: the reach within which a number, a negation or a condition applies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from creator.core.records import Ad
from creator.facts.text import Folded, Word, fold, words

READ_AT_MOST = 20_000  # characters of one field; an ad that says more says it to nobody
_SENTENCE_END = frozenset(".;!?。；！？\n")


@dataclass(frozen=True, slots=True)
class Passage:
    """One field of an ad.

    Args:
        field: "title", "description", "selling_points[2]", "attributes.size", "category".
        text: the original words.
        folded: the same, folded.
        words: its words.
        sentences: [first, last) word indices of each sentence (semicolons end one too).
    """

    field: str
    text: str
    folded: Folded
    words: tuple[Word, ...]
    sentences: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, field: str, text: str) -> Passage:
        """Read one field."""
        text = text[:READ_AT_MOST]
        folded = fold(text)
        found = words(folded.text)
        return cls(field, text, folded, found, tuple(sentence_bounds(found)))

    def sentence_at(self, word: int) -> tuple[int, int]:
        """The sentence a word stands in."""
        return next(((a, b) for a, b in self.sentences if a <= word < b), (0, len(self.words)))

    def quote(self, first: int, last: int, around: int = 6) -> str:
        """The original text of words first to last (inclusive), with some words around it in the same sentence."""
        if not self.words:
            return self.text
        left, right = self.sentence_at(first)
        left, right = max(left, first - around), min(right, last + 1 + around)
        start, _ = self.folded.span(self.words[left].start, self.words[left].end)
        _, end = self.folded.span(self.words[right - 1].start, self.words[right - 1].end)
        return self.text[start:end]


def sentence_bounds(found: tuple[Word, ...]) -> Iterator[tuple[int, int]]:
    """Where sentences begin and end, as word indices; a point inside "fl. oz" or "No.1" ends none."""
    first = 0
    for at, word in enumerate(found):
        if word.text not in _SENTENCE_END:
            continue
        after = found[at + 1] if at + 1 < len(found) else None
        if (
            word.text == "."
            and after is not None
            and (after.start == word.end or (at and found[at - 1].text in ("fl", "no")))
        ):
            continue
        if at > first:
            yield first, at
        first = at + 1
    if first < len(found):
        yield first, len(found)


def passages_of(ad: Ad) -> tuple[Passage, ...]:
    """Every field of an ad that says something."""
    fields = [("title", ad.title), ("description", ad.description)]
    fields += [(f"selling_points[{n}]", point) for n, point in enumerate(ad.selling_points)]
    fields += [(f"attributes.{name}", f"{name}: {value}") for name, value in ad.attributes.items()]
    fields.append(("category", ad.category))
    return tuple(Passage.of(field, text) for field, text in fields if text)

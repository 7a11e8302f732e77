"""What of an ad a verifier reads for one title: the ad's own title, then what shares words with the title.

A small encoder takes time by the word, and an ad says most things twice. So its statements are ranked by the words
they share with the title, rarer ones counting more, and those that say nothing new are left out.
"""

from __future__ import annotations

import re
from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from creator.core.records import Ad
from creator.facts.text import fold, stem_of, words
from creator.facts.vocabulary import vocabulary

MOST_WORDS = 32
_SENTENCES = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])")
_KEPT_ADS = 4096


@dataclass(frozen=True, slots=True)
class _Statement:
    text: str
    stems: frozenset[str]
    length: int


@dataclass(frozen=True, slots=True)
class Statements:
    """An ad cut into statements: its title, the sentences of its description, its points, its attributes.

    Args:
        said: the statements in the ad's order, its title first.
        spread: how many of them hold each stem.
    """

    said: tuple[_Statement, ...]
    spread: Counter[str]

    @classmethod
    def of(cls, ad: Ad) -> Statements:
        """Read an ad."""
        said = tuple(_read(text) for text in _texts(ad))
        return cls(said, Counter(stem for one in said for stem in one.stems))

    def for_title(self, title: str, most_words: int = MOST_WORDS) -> str:
        """The statements to read beside a title, the most telling first; the ad's title always leads.

        Args:
            title: the title.
            most_words: where to stop; the statement that reaches it is the last.
        """
        sought = _stems(title)
        worth = [sum(1 / self.spread[stem] for stem in one.stems & sought) for one in self.said]
        order = [0, *sorted(range(1, len(self.said)), key=lambda n: -worth[n])]
        chosen: list[str] = []
        known: set[str] = set()
        length = 0
        for n in order:
            one = self.said[n]
            if one.stems <= known and n:
                continue
            if length >= most_words:
                break
            chosen.append(one.text)
            known |= one.stems
            length += one.length
        return " | ".join(chosen)


def _texts(ad: Ad) -> Iterator[str]:
    yield ad.title
    yield from (part for part in _SENTENCES.split(ad.description) if part)
    yield from (point for point in ad.selling_points if point)
    yield from (f"{name}: {value}" for name, value in ad.attributes.items())


def _read(text: str) -> _Statement:
    return _Statement(text, _stems(text), max(len(text.split()), len(text) // 12))


def _stems(text: str) -> frozenset[str]:
    function = vocabulary().function
    found = (w for w in words(fold(text).text) if w.kind != "sign")
    return frozenset(stem_of(w.text) for w in found if w.text not in function)


_kept: OrderedDict[int, tuple[Ad, Statements]] = OrderedDict()


def evidence_for(title: str, ad: Ad) -> str:
    """What of an ad is read beside a title; an ad's statements are kept for its next title."""
    kept = _kept.get(id(ad))
    if kept is None or kept[0] is not ad:
        kept = _kept[id(ad)] = (ad, Statements.of(ad))
        if len(_kept) > _KEPT_ADS:
            _kept.popitem(last=False)
    return kept[1].for_title(title)

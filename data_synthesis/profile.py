"""A user's interests, named by phrases of the items in one window of the history and by nothing else.

Letters: W windows, I items, N phrases.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from data_synthesis.evidence import count_items
from data_synthesis.language import FUNCTION_WORDS, UNITS, WORD

LONG_TERM, SHORT_TERM = 8, 3
RECENT_SHARE = 0.2
MOST_WORDS = 5
REPEATS = 1.5
"""Acting on a kind of item twice says more than acting once on each of two."""
COMMON = 0.1
"""A word that more than this share of all titles hold (a house brand) neither begins nor ends a phrase."""
RECURS = 3
"""A phrase names a kind of item when at least this many different items' titles hold it."""

_PART = re.compile(r"[,;:()\[\]|/]|\s[-–—]\s|\b\d\S*")


@dataclass(frozen=True, slots=True)
class Profile:
    """What one window shows of a user.

    Args:
        long_term: kinds of items and their events, over the whole window.
        short_term: the same over its recent fifth.
    """

    long_term: tuple[tuple[str, int], ...]
    short_term: tuple[tuple[str, int], ...]

    @property
    def text(self) -> str:
        """The profile as compact JSON text: the phrases alone."""
        return json.dumps(
            {
                "long_term": [phrase for phrase, _ in self.long_term],
                "short_term": [phrase for phrase, _ in self.short_term],
            },
            ensure_ascii=False,
        )


@dataclass(frozen=True)
class Interests:
    """What kinds of items there are, and how common each is.

    Args:
        phrases: [N] what a person would call the kind.
        phrase_of_item: [I] int64, the kind of each item.
        rarity: [N] float32, ln(1 / share of all events).
    """

    phrases: tuple[str, ...]
    phrase_of_item: npt.NDArray[np.int64]
    rarity: npt.NDArray[np.float32]

    def profiles(self, windows: Sequence[npt.NDArray[np.int32]]) -> list[Profile]:
        """The profile of each window, the strongest interest first: events ^ REPEATS x rarity; [W]."""
        recent = [window[len(window) - max(1, round(len(window) * RECENT_SHARE)) :] for window in windows]
        return [
            Profile(a, b) for a, b in zip(self._top(windows, LONG_TERM), self._top(recent, SHORT_TERM), strict=True)
        ]

    def _top(self, windows: Sequence[npt.NDArray[np.int32]], most: int) -> list[tuple[tuple[str, int], ...]]:
        counts = count_items([self.phrase_of_item[window] for window in windows], len(self.phrases))
        found: list[tuple[tuple[str, int], ...]] = []
        for row in range(len(windows)):
            codes = counts.indices[counts.indptr[row] : counts.indptr[row + 1]]
            events = counts.data[counts.indptr[row] : counts.indptr[row + 1]]
            order = np.lexsort((codes, np.negative(events**REPEATS * self.rarity[codes])))[:most]
            found.append(tuple((self.phrases[codes[n]], int(events[n])) for n in order))
        return found


def find_interests(items: pd.DataFrame, events_by_item: npt.NDArray[np.int64]) -> Interests:
    """Name each item's kind: the longest phrase of its title that recurs in other items' titles.

    Brands, sizes and numbers fall away because they do not recur together with the rest. A title without a recurring
    phrase is its own kind, shortened to its first words.

    Args:
        items: the DATA items table.
        events_by_item: [I] how often each item was acted on.
    """
    titles = [str(title) for title in items["title"]]
    shown = {title: {word.lower() for word in WORD.findall(title)} for title in set(titles)}
    holding = Counter(word for title in titles for word in shown[title])
    most = max(COMMON * len(titles), 2 * RECURS)
    common = frozenset(word for word, count in holding.items() if count > most) | FUNCTION_WORDS | UNITS
    holders = Counter(phrase for title in titles for phrase in set(_candidates(title, common)))
    names = {title: _name(title, common, holders) for title in shown}
    codes, phrases = pd.factorize(pd.Series([names[title] for title in titles], dtype=object))
    events = np.bincount(codes, weights=events_by_item, minlength=len(phrases))
    share = np.maximum(events, 1.0) / max(float(events.sum()), 1.0)
    return Interests(tuple(str(p) for p in phrases), codes.astype(np.int64), -np.log(share).astype(np.float32))


def _candidates(title: str, common: frozenset[str]) -> Iterator[str]:
    for part in _PART.split(title):
        words = WORD.findall(part)
        for length in range(1, min(MOST_WORDS, len(words)) + 1):
            for start in range(len(words) - length + 1):
                run = words[start : start + length]
                if run[0].lower() not in common and run[-1].lower() not in common:
                    yield " ".join(run).lower()


def _name(title: str, common: frozenset[str], holders: Counter[str]) -> str:
    recurring = [phrase for phrase in _candidates(title, common) if holders[phrase] >= RECURS]
    if not recurring:
        return " ".join(WORD.findall(title)[:MOST_WORDS]).lower() or title[:40]
    # the longest, and of equally long ones the rarer: it says more
    return max(recurring, key=lambda phrase: (phrase.count(" "), -holders[phrase]))

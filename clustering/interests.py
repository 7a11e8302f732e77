"""Interests: phrases and titles in which a cluster's members stand out from the average user.

Something stands out if clearly more than average go for it: its lift is at least `LEAST_LIFT`, its z score at least
`LEAST_Z`, and enough members back it (`LEAST_MEMBERS`, and `LEAST_MEMBERS_SHARE` of them all), so that no single
person's history shows. Phrases are words,
and neighbouring words, of the items' titles. Ours. Shapes: B users, I items, C columns (titles or phrases).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from clustering.vectors import Integers

Doubles = npt.NDArray[np.float64]

LEAST_LIFT = 1.2
LEAST_Z = 3.0
LEAST_MEMBERS = 5
LEAST_MEMBERS_SHARE = 0.1
PHRASE_WORDS = 4
PHRASE_STANDS_IN = 0.8
"""A longer phrase is shown for its word where it makes up this share of the word's events."""
SAME_INTEREST = 0.4
"""An interest is left out where this share of its events belongs to interests already shown."""
_SEGMENT = re.compile(r"[^,;:()\[\]/|.!?&+]+")
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_FUNCTION_WORDS = frozenset(
    (
        "a",
        "an",
        "and",
        "as",
        "at",
        "by",
        "for",
        "from",
        "in",
        "is",
        "it",
        "of",
        "on",
        "or",
        "the",
        "to",
        "with",
        "without",
        "your",
    )
)


def group_titles(titles: Sequence[str]) -> tuple[sparse.csr_array, list[str]]:
    """Items of the same title as one, since a reader cannot tell them apart.

    Returns:
        which item has which title [I, C], and the C different titles, sorted.
    """
    different, column = np.unique(np.array(titles, dtype=object), return_inverse=True)
    ones = np.ones(len(titles), np.float64)
    return sparse.csr_array((ones, (np.arange(len(titles)), column))), [str(title) for title in different]


def spell_out(titles: Sequence[str]) -> tuple[sparse.csr_array, list[str]]:
    """Words, and phrases of neighbouring words, that at least two items' titles share.

    Returns:
        which item has which [I, C], and the C phrases in lower case, sorted.
    """
    of_title: list[set[str]] = []
    for title in titles:
        found: set[str] = set()
        for segment in _SEGMENT.findall(title.lower()):
            tokens = _WORD.findall(segment)
            telling = [(len(t) > 2 or not t.isascii()) and t not in _FUNCTION_WORDS for t in tokens]
            for start, end in combinations(range(len(tokens) + 1), 2):
                if end - start <= PHRASE_WORDS and all(telling[start:end]):
                    found.add(" ".join(tokens[start:end]))
        of_title.append(found)
    counted = pd.Series([word for found in of_title for word in found], dtype=object).value_counts()
    spelling = sorted(counted.index[counted >= 2])
    column = {word: n for n, word in enumerate(spelling)}
    found_columns = [[column[word] for word in sorted(found) if word in column] for found in of_title]
    ends = np.cumsum([0, *map(len, found_columns)])
    columns = np.fromiter((c for found in found_columns for c in found), np.int64, count=int(ends[-1]))
    return sparse.csr_array((np.ones(len(columns)), columns, ends), shape=(len(titles), len(spelling))), spelling


@dataclass(frozen=True, slots=True)
class Measured:
    """Every user's figure in each column [B, C], with its mean and standard deviation over all users [C]."""

    figures: sparse.csr_array
    average: Doubles
    spread: Doubles


@dataclass(frozen=True, slots=True)
class Line:
    """A column that stands out: the members' mean, all users' mean, the z score, and how many members back it."""

    column: int
    own: float
    average: float
    z: float
    members: int


def measure(figures: sparse.csr_array) -> Measured:
    """Mean and standard deviation over all users of figures [B, C]."""
    average = _mean(figures)
    squared = sparse.csr_array(figures.multiply(figures))
    return Measured(figures, average, np.sqrt(np.maximum(_mean(squared) - average**2, 0)))


def _mean(figures: sparse.csr_array) -> Doubles:
    return np.asarray(figures.mean(axis=0), dtype=np.float64).ravel()


def stand_out(measured: Measured, members: Integers) -> list[Line]:
    """Columns in which the members' mean is clearly above all users', the clearest first."""
    own_figures = sparse.csr_array(measured.figures[members])
    own, average, spread = _mean(own_figures), measured.average, measured.spread
    backing = np.bincount(own_figures.indices[own_figures.data > 0], minlength=len(own))
    least = max(LEAST_MEMBERS, LEAST_MEMBERS_SHARE * len(members))
    enough = np.flatnonzero((backing >= least) & (own >= LEAST_LIFT * average) & (average > 0) & (spread > 0))
    z = (own[enough] - average[enough]) / (spread[enough] / len(members) ** 0.5)
    lines = [
        Line(int(c), float(own[c]), float(average[c]), float(score), int(backing[c]))
        for c, score in zip(enough, z, strict=True)
        if score >= LEAST_Z
    ]
    return sorted(lines, key=lambda line: (-line.z, line.column))


def withhold(found: Sequence[Line], texts: Sequence[str], words: frozenset[str]) -> list[Line]:
    """The lines whose text has none of the words (in lower case)."""
    return [line for line in found if not words.intersection(_WORD.findall(texts[line.column].lower()))]


def one_of_each(found: Sequence[Line], titles: Sequence[str]) -> list[Line]:
    """The titles, without variants that differ only after a comma."""
    first: dict[str, Line] = {}
    for line in found:
        first.setdefault(titles[line.column].partition(",")[0], line)
    return list(first.values())


def tell_apart(
    found: Sequence[Line], phrases: Sequence[str], item_events: Doubles, by_phrase: sparse.csc_array, most: int
) -> list[Line]:
    """The first few interests that are not each other in other words.

    Args:
        found: phrases that stand out, the clearest first.
        phrases: [C].
        item_events: [I], the members' events with each item.
        by_phrase: [I, C], which item has which phrase in its title.
        most: how many to take.
    """
    covered = np.zeros(len(item_events), bool)
    chosen: list[Line] = []
    for line in found:
        fuller = _fuller(line, found, phrases)
        having = by_phrase[:, [fuller.column]].indices
        if item_events[having[covered[having]]].sum() >= SAME_INTEREST * item_events[having].sum():
            continue
        covered[having] = True
        chosen.append(fuller)
        if len(chosen) == most:
            break
    return chosen


def _fuller(line: Line, found: Sequence[Line], phrases: Sequence[str]) -> Line:
    """The longest phrase that holds this one and makes up most of it."""
    inside = f" {phrases[line.column]} "
    longer = [
        other for other in found if inside in f" {phrases[other.column]} " and other.own >= PHRASE_STANDS_IN * line.own
    ]
    return max(longer, key=lambda other: len(phrases[other.column].split()))

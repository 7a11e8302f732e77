"""Cluster cards: what sets a cluster apart from the average user, each statement with its figure.

An item or an interest is on a card only if clearly more members than average go for it: its lift is at least
`LEAST_LIFT`, its z score at least `LEAST_Z` and at least `LEAST_MEMBERS` members back it, so that no single person's
history shows. Interests are words and pairs of words of the items' titles; a user's interest in one is the share of
the window's events whose item has it in its title. No user id and nothing about a person is on a card.

Shapes: B users, K clusters, I items, C columns (titles or words).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypedDict

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from clustering.vectors import Floats, Integers
from creator.core.data import Histories

Doubles = npt.NDArray[np.float64]

LEAST_LIFT = 1.2
LEAST_Z = 3.0
LEAST_MEMBERS = 5
PAIR_STANDS_IN = 0.8
ITEMS_SHOWN = 8
INTERESTS_SHOWN = 8
USERS_READ = 50_000
"""Cards of more users than this are drawn from a seeded sample of so many."""

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


class ItemLine(TypedDict):
    """One typical item: shares are of users who have it in their window; items of one title count as one."""

    title: str
    catalogue_items: int
    members_share: float
    average_share: float
    lift: float
    z: float
    members: int


class InterestLine(TypedDict):
    """One interest: shares are of a user's window events, averaged over users."""

    interest: str
    members_share: float
    average_share: float
    lift: float
    z: float
    members: int


class Card(TypedDict):
    """What is known of one cluster. `users_read` is how many members' windows the lists rest on."""

    cluster_id: int
    size: int
    share: float
    similarity_median: float
    similarity_min: float
    users_read: int
    name: str
    interests: list[InterestLine]
    items: list[ItemLine]


@dataclass(frozen=True, slots=True)
class Windows:
    """What users of known clusters did, as counts.

    Args:
        cluster_id: [B], or -1.
        counts: [B, I], events of each item in the user's window; every row has at least one.
    """

    cluster_id: Integers
    counts: sparse.csr_array


def read_windows(
    histories: Histories, user_ids: Sequence[str], cluster_id: Integers, *, as_of: float, length: int, seed: int
) -> Windows:
    """Count the items in users' windows; users without any event before `as_of` are left out.

    Args:
        histories: of DATA.
        user_ids: B ids.
        cluster_id: [B], or -1.
        as_of: windows end before it, seconds.
        length: most events in a window.
        seed: of the sample, where there are more than USERS_READ.
    """
    chosen = np.arange(len(user_ids))
    if len(chosen) > USERS_READ:
        chosen = np.sort(np.random.default_rng(seed).choice(len(chosen), USERS_READ, replace=False))
    read: list[int] = []
    windows: list[npt.NDArray[np.int32]] = []
    for user in chosen.tolist():
        row = histories.row_of.get(user_ids[user])
        if row is None:
            continue
        window = histories.window(row, as_of, length)
        if len(window):
            read.append(user)
            windows.append(window)
    ends = np.cumsum([0, *map(len, windows)])
    items = np.concatenate(windows) if windows else np.empty(0, np.int32)
    counts = sparse.csr_array(
        (np.ones(len(items), np.float32), items, ends), shape=(len(read), len(histories.item_ids))
    )
    counts.sum_duplicates()
    return Windows(cluster_id[read], counts)


def describe(
    sizes: Integers, similarity: Sequence[Floats], users: int, windows: Windows | None, items: pd.DataFrame | None
) -> list[Card]:
    """The cards of all clusters.

    Args:
        sizes: [K], members of each.
        similarity: for each cluster, its members' cosines to the centroid.
        users: all users, also those in no cluster.
        windows: what they did, or None when no DATA was named: cards then hold sizes only.
        items: the items table whose rows the windows count, or None.
    """
    cards = [
        Card(
            cluster_id=k,
            size=int(size),
            share=size / users,
            similarity_median=float(np.median(similarity[k])),
            similarity_min=float(similarity[k].min()),
            users_read=0,
            name="",
            interests=[],
            items=[],
        )
        for k, size in enumerate(sizes)
    ]
    if windows is None or items is None or not len(windows.cluster_id):
        return cards
    item_titles = items["title"].astype(str).tolist()
    (by_title, titles), (by_word, words) = group_titles(item_titles), spell_out(item_titles)
    bought = sparse.csr_array(windows.counts @ by_title)
    events = np.asarray(bought.sum(axis=1)).ravel()
    of_titles = _measure(sparse.csr_array(bought > 0, dtype=np.float64))
    of_words = _measure(sparse.csr_array(sparse.diags_array(1 / events) @ (windows.counts @ by_word)))
    grouped = np.asarray(by_title.sum(axis=0)).ravel()
    for card in cards:
        members = np.flatnonzero(windows.cluster_id == card["cluster_id"])
        card["users_read"] = len(members)
        if not len(members):
            continue
        card["items"] = [
            ItemLine(
                title=titles[line.column],
                catalogue_items=int(grouped[line.column]),
                members_share=line.own,
                average_share=line.average,
                lift=line.own / line.average,
                z=line.z,
                members=line.members,
            )
            for line in _stand_out(of_titles, members)[:ITEMS_SHOWN]
        ]
        card["interests"] = [
            InterestLine(
                interest=words[line.column],
                members_share=line.own,
                average_share=line.average,
                lift=line.own / line.average,
                z=line.z,
                members=line.members,
            )
            for line in _apart(_stand_out(of_words, members), words)
        ]
        card["name"] = ", ".join(line["interest"] for line in card["interests"][:2])
    return cards


def group_titles(titles: Sequence[str]) -> tuple[sparse.csr_array, list[str]]:
    """Items of the same title as one, since a reader cannot tell them apart.

    Returns:
        which item has which title [I, C], and the C different titles, sorted.
    """
    different, column = np.unique(np.array(titles, dtype=object), return_inverse=True)
    ones = np.ones(len(titles), np.float64)
    return sparse.csr_array((ones, (np.arange(len(titles)), column))), [str(title) for title in different]


def spell_out(titles: Sequence[str]) -> tuple[sparse.csr_array, list[str]]:
    """Words and pairs of neighbouring words that at least two items' titles share.

    Returns:
        which item has which [I, C], and the C words or pairs in lower case, sorted.
    """
    of_title: list[set[str]] = []
    for title in titles:
        found: set[str] = set()
        for segment in _SEGMENT.findall(title.lower()):
            tokens = _WORD.findall(segment)
            kept = [t for t in tokens if len(t) > 1 and t not in _FUNCTION_WORDS]
            found.update(kept)
            found.update(f"{a} {b}" for a, b in pairwise(tokens) if a in kept and b in kept)
        of_title.append(found)
    counted = pd.Series([word for found in of_title for word in found], dtype=object).value_counts()
    spelling = sorted(counted.index[counted >= 2])
    column = {word: n for n, word in enumerate(spelling)}
    found_columns = [[column[word] for word in sorted(found) if word in column] for found in of_title]
    ends = np.cumsum([0, *map(len, found_columns)])
    columns = np.fromiter((c for found in found_columns for c in found), np.int64, count=int(ends[-1]))
    return sparse.csr_array((np.ones(len(columns)), columns, ends), shape=(len(titles), len(spelling))), spelling


@dataclass(frozen=True, slots=True)
class _Measured:
    """Every user's figure in each column [B, C], with its mean and standard deviation over all users [C]."""

    figures: sparse.csr_array
    average: Doubles
    spread: Doubles


@dataclass(frozen=True, slots=True)
class _Line:
    column: int
    own: float
    average: float
    z: float
    members: int


def _measure(figures: sparse.csr_array) -> _Measured:
    average = _mean(figures)
    squared = sparse.csr_array(figures.multiply(figures))
    return _Measured(figures, average, np.sqrt(np.maximum(_mean(squared) - average**2, 0)))


def _mean(figures: sparse.csr_array) -> Doubles:
    return np.asarray(figures.mean(axis=0), dtype=np.float64).ravel()


def _stand_out(measured: _Measured, members: Integers) -> list[_Line]:
    """Columns in which the members' mean is clearly above all users', the clearest first."""
    own_figures = sparse.csr_array(measured.figures[members])
    own, average, spread = _mean(own_figures), measured.average, measured.spread
    backing = np.bincount(own_figures.indices[own_figures.data > 0], minlength=len(own))
    enough = np.flatnonzero((backing >= LEAST_MEMBERS) & (own >= LEAST_LIFT * average) & (average > 0) & (spread > 0))
    z = (own[enough] - average[enough]) / (spread[enough] / len(members) ** 0.5)
    lines = [
        _Line(int(c), float(own[c]), float(average[c]), float(score), int(backing[c]))
        for c, score in zip(enough, z, strict=True)
        if score >= LEAST_Z
    ]
    return sorted(lines, key=lambda line: (-line.z, line.column))


def _apart(found: Sequence[_Line], spelling: Sequence[str]) -> list[_Line]:
    """The first few interests that share no word; a pair stands in for its word where it is most of it."""
    pairs = [line for line in found if " " in spelling[line.column]]
    taken: set[str] = set()
    chosen: list[_Line] = []
    for line in found:
        words = set(spelling[line.column].split())
        if words & taken:
            continue
        fuller = next(
            (
                p
                for p in pairs
                if words < set(spelling[p.column].split())
                and p.own >= PAIR_STANDS_IN * line.own
                and not taken & set(spelling[p.column].split())
            ),
            line,
        )
        taken |= set(spelling[fuller.column].split())
        chosen.append(fuller)
        if len(chosen) == INTERESTS_SHOWN:
            break
    return chosen

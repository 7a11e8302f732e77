"""Cluster cards: what sets a cluster apart from the average user, each statement with its figure.

Typical items are those that more members than average have in their window; a member's interest in a phrase is the
share of the window's events whose item has it in its title. No user id and nothing about a person is on a card.

Shapes: B users, K clusters, I items, C columns (titles or phrases).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import numpy.typing as npt
from scipy import sparse

from clustering.interests import Line, group_titles, measure, one_of_each, spell_out, stand_out, tell_apart, withhold
from clustering.lineage import Change
from clustering.vectors import Floats, Integers
from creator.core.data import Histories

ITEMS_SHOWN = 8
INTERESTS_SHOWN = 8
USERS_READ = 50_000
"""Cards of more users than this are drawn from a seeded sample of so many."""


class Figures(TypedDict):
    """How a cluster's members (`members` of them backing it) stand against the average user."""

    members_share: float
    average_share: float
    lift: float
    z: float
    members: int


class ItemLine(Figures):
    """One typical item: shares are of users who have it in their window; items of one title count as one."""

    title: str
    catalogue_items: int


class InterestLine(Figures):
    """One interest: shares are of a user's window events, averaged over users."""

    interest: str


class Card(TypedDict):
    """What is known of one cluster. `users_read` is how many members' windows the lists rest on; `exact` holds the
    attributes that all members share because the caller named them; `change` is None without a last clustering."""

    cluster_id: int
    size: int
    share: float
    similarity_median: float
    similarity_min: float
    users_read: int
    name: str
    interests: list[InterestLine]
    items: list[ItemLine]
    exact: dict[str, str]
    change: Change | None


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
    sizes: Integers,
    similarity: Sequence[Floats],
    users: int,
    windows: Windows | None = None,
    item_titles: Sequence[str] = (),
    withheld: frozenset[str] = frozenset(),
) -> list[Card]:
    """The cards of all clusters with members.

    Args:
        sizes: [K], members of each.
        similarity: for each cluster, its members' cosines to the centroid.
        users: all users, also those in no cluster.
        windows: what they did, or None when no DATA was named: cards then hold sizes only.
        item_titles: [I], of the items that the windows count.
        withheld: words in lower case that would say something about a person; no line with one is shown.
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
            exact={},
            change=None,
        )
        for k, size in enumerate(sizes)
        if size
    ]
    if windows is None or not len(windows.cluster_id):
        return cards
    (by_title, titles), (by_phrase, phrases) = group_titles(item_titles), spell_out(item_titles)
    having, grouped = sparse.csc_array(by_phrase), np.asarray(by_title.sum(axis=0)).ravel()
    bought = sparse.csr_array(windows.counts @ by_title)
    events = np.asarray(bought.sum(axis=1)).ravel()
    of_titles = measure(sparse.csr_array(bought > 0, dtype=np.float64))
    of_phrases = measure(sparse.csr_array(sparse.diags_array(1 / events) @ (windows.counts @ by_phrase)))
    for card in cards:
        members = np.flatnonzero(windows.cluster_id == card["cluster_id"])
        card["users_read"] = len(members)
        if not len(members):
            continue
        found = withhold(stand_out(of_titles, members), titles, withheld)
        card["items"] = [
            ItemLine(title=titles[line.column], catalogue_items=int(grouped[line.column]), **_figures(line))
            for line in one_of_each(found, titles)[:ITEMS_SHOWN]
        ]
        item_events = np.asarray(windows.counts[members].sum(axis=0), dtype=np.float64).ravel()
        found = withhold(stand_out(of_phrases, members), phrases, withheld)
        card["interests"] = [
            InterestLine(interest=phrases[line.column], **_figures(line))
            for line in tell_apart(found, phrases, item_events, having, INTERESTS_SHOWN)
        ]
        card["name"] = ", ".join(line["interest"] for line in card["interests"][:2])
    return cards


def _figures(line: Line) -> Figures:
    return Figures(
        members_share=line.own,
        average_share=line.average,
        lift=line.own / line.average,
        z=line.z,
        members=line.members,
    )

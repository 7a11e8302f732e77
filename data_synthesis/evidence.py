"""What a history says about a selling point: events whose items hold the point's phrases, rare phrases weighing more.

Letters: W windows, T distinct item texts, P distinct selling points.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from data_synthesis.language import clauses, content_words, phrases

TOO_COMMON = 0.5
"""A phrase that more than this share of all events match tells nobody apart."""


@dataclass(frozen=True)
class Evidence:
    """The tables that turn a window's items into evidence for every selling point.

    Args:
        text_of_item: [I] int64, the distinct text of each item.
        points: [P] the distinct selling points.
        weights: sparse [T, P], what one event with that text adds to the point's score.
        matches: sparse [T, P] of 0 and 1, whether the text holds one of the point's phrases.
    """

    text_of_item: npt.NDArray[np.int64]
    points: tuple[str, ...]
    weights: sparse.csr_array
    matches: sparse.csr_array

    def measure(
        self, windows: Sequence[npt.NDArray[np.int32]]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
        """Score every point for every window.

        Args:
            windows: item rows of each window, as `Histories.window` gives them.

        Returns:
            scores [W, P] (events weighted by the rarity of what they match) and counts [W, P] (events that match).
        """
        counts = count_items([self.text_of_item[window] for window in windows], self.weights.shape[0])
        return (
            (counts @ self.weights).toarray(),
            (counts @ self.matches).toarray().astype(np.int32),
        )


def build_evidence(items: pd.DataFrame, events_by_item: npt.NDArray[np.int64], points: Sequence[str]) -> Evidence:
    """Match every selling point with every item text once.

    A phrase matches a text that holds all its words in one clause: half a phrase is no evidence ("orange juice" says
    nothing of "apple juice"). A point whose words no text holds all at once is matched by any of its phrases. An event
    that matches weighs ln(1 / share of all events that match the same phrase).

    Args:
        items: the DATA items table.
        events_by_item: [I] how often each item was acted on.
        points: the selling points to score; doubles are scored once.
    """
    keys = items["title"].fillna("") + "\x00" + items["description"].fillna("")
    codes, texts = pd.factorize(keys)
    events = np.bincount(codes, weights=events_by_item, minlength=len(texts))
    index: dict[str, set[int]] = defaultdict(set)
    clause_text: list[int] = []
    for text, key in enumerate(texts):
        title, _, description = str(key).partition("\x00")
        for words in clauses(title, description):
            for word in words:
                index[word].add(len(clause_text))
            clause_text.append(text)
    distinct = tuple(dict.fromkeys(points))
    total = max(float(events.sum()), 1.0)

    def matched(phrase: tuple[str, ...]) -> tuple[list[int], float]:
        """The texts that hold a phrase, and what an event with one of them weighs; none if it tells nobody apart."""
        found = sorted({clause_text[c] for c in set[int].intersection(*(index.get(word, set()) for word in phrase))})
        share = float(events[found].sum()) / total
        return (found, -math.log(share)) if 0 < share <= TOO_COMMON else ([], 0.0)

    rows: list[int] = []
    columns: list[int] = []
    values: list[float] = []
    for column, point in enumerate(distinct):
        whole = content_words(point)
        gains: dict[int, float] = {}
        for phrase in [whole] if whole and matched(whole)[0] else phrases(point):
            texts_found, weight = matched(phrase)
            for text in texts_found:
                gains[text] = max(gains.get(text, 0.0), weight)
        rows.extend(gains)
        columns.extend([column] * len(gains))
        values.extend(gains.values())
    shape = (len(texts), len(distinct))
    weights = sparse.csr_array((np.asarray(values, dtype=np.float32), (rows, columns)), shape=shape)
    matches = sparse.csr_array((np.ones(len(values), dtype=np.float32), (rows, columns)), shape=shape)
    return Evidence(codes.astype(np.int64), distinct, weights, matches)


def count_items(windows: Sequence[npt.NDArray[np.integer]], width: int) -> sparse.csr_array:
    """How often each of `width` codes occurs in each window; sparse [W, width]."""
    lengths = [len(window) for window in windows]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    columns = np.concatenate(windows) if windows else np.empty(0, dtype=np.int64)
    matrix = sparse.csr_array((np.ones(len(columns), dtype=np.float32), columns, offsets), shape=(len(windows), width))
    matrix.sum_duplicates()
    return matrix

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

from data_synthesis.language import FIGURE, clauses, content_words, phrases

TOO_COMMON = 0.5
"""A phrase that more than this share of all events match tells nobody apart."""


@dataclass(frozen=True)
class Evidence:
    """The tables that turn a window's items into evidence for every selling point.

    Args:
        text_of_item: [I] int64, the distinct text of each item.
        points: [P] the distinct selling points.
        weights: sparse [T, P], what one event with that text adds to the point's score.
        matches: sparse [T, P] of 0 and 1, whether the text speaks for the point.
        usual: [P] float32, what one event of the average history adds to the point's score.
    """

    text_of_item: npt.NDArray[np.int64]
    points: tuple[str, ...]
    weights: sparse.csr_array
    matches: sparse.csr_array
    usual: npt.NDArray[np.float32]

    def measure(
        self, windows: Sequence[npt.NDArray[np.int32]]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
        """Score every point for every window.

        Args:
            windows: item rows of each window, as `Histories.window` gives them.

        Returns:
            scores [W, P], what the window's events add beyond the average history of the same length, at least 0; and
            counts [W, P], the events that speak for the point.
        """
        counts = count_items(
            [self.text_of_item[window] for window in windows], int(self.text_of_item.max(initial=-1)) + 1
        )
        lengths = np.asarray([len(window) for window in windows], dtype=np.float32)
        scores = dense(counts, self.weights) - lengths[:, None] * self.usual[None, :]
        return np.maximum(scores, 0, out=scores), dense(counts, self.matches).astype(np.int32)


def build_evidence(items: pd.DataFrame, events_by_item: npt.NDArray[np.int64], points: Sequence[str]) -> Evidence:
    """Match every selling point with every item text once.

    A phrase matches a text that holds all its words in one clause; a single word must be what the clause is about.
    Half a phrase is no evidence ("orange juice" says nothing of "apple juice"). A point whose words no text holds all
    at once is matched by any of its phrases, unless it carries a figure: what is left of "60% of buyers" names nothing.
    An event that matches weighs ln(1 / share of all events that match the same phrase).

    Args:
        items: the DATA items table.
        events_by_item: [I] how often each item was acted on.
        points: the selling points to score; doubles are scored once.
    """
    keys = items["title"].fillna("") + "\x00" + items["description"].fillna("")
    codes, texts = pd.factorize(keys)
    events = np.bincount(codes, weights=events_by_item, minlength=len(texts)).astype(np.float64)
    matcher = _Matcher([str(text) for text in texts], events)
    distinct = tuple(dict.fromkeys(points))
    rows: list[int] = []
    columns: list[int] = []
    values: list[float] = []
    for column, point in enumerate(distinct):
        gains = matcher.gains(point)
        rows.extend(gains)
        columns.extend([column] * len(gains))
        values.extend(gains.values())
    shape = (len(texts), len(distinct))
    weights = sparse.csr_array((np.asarray(values, dtype=np.float32), (rows, columns)), shape=shape)
    matches = sparse.csr_array((np.ones(len(values), dtype=np.float32), (rows, columns)), shape=shape)
    usual = np.asarray(weights.T @ (events / max(events.sum(), 1.0)), dtype=np.float32)
    return Evidence(codes.astype(np.int64), distinct, weights, matches, usual)


class _Matcher:
    """Finds the texts that hold a phrase, by an index of their clauses' words."""

    def __init__(self, texts: Sequence[str], events: npt.NDArray[np.float64]) -> None:
        self._words: dict[str, set[int]] = defaultdict(set)
        self._heads: dict[str, set[int]] = defaultdict(set)
        self._text_of: list[int] = []
        self._events, self._total = events, max(float(events.sum()), 1.0)
        for text, key in enumerate(texts):
            title, _, description = key.partition("\x00")
            for clause in clauses(title, description):
                for word in clause.words:
                    self._words[word].add(len(self._text_of))
                for word in clause.heads:
                    self._heads[word].add(len(self._text_of))
                self._text_of.append(text)

    def gains(self, point: str) -> dict[int, float]:
        """What an event with each text adds to a point's score; texts that add nothing left out."""
        whole = content_words(point)
        chosen = [whole] if self._find(whole)[0] else [] if FIGURE.search(point) else phrases(point)
        gains: dict[int, float] = {}
        for phrase in chosen:
            texts, weight = self._find(phrase)
            for text in texts:
                gains[text] = max(gains.get(text, 0.0), weight)
        return gains

    def _find(self, phrase: tuple[str, ...]) -> tuple[list[int], float]:
        if not phrase:
            return [], 0.0
        index = self._words if len(phrase) > 1 else self._heads
        held = set[int].intersection(*(index.get(word, set()) for word in phrase))
        texts = sorted({self._text_of[clause] for clause in held})
        share = float(self._events[texts].sum()) / self._total
        return (texts, -math.log(share)) if 0 < share <= TOO_COMMON else ([], 0.0)


def count_items(windows: Sequence[npt.NDArray[np.integer]], width: int) -> sparse.csr_array:
    """How often each of `width` codes occurs in each window; sparse [W, width]."""
    lengths = [len(window) for window in windows]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    columns = np.concatenate(windows) if windows else np.empty(0, dtype=np.int64)
    matrix = sparse.csr_array((np.ones(len(columns), dtype=np.float32), columns, offsets), shape=(len(windows), width))
    matrix.sum_duplicates()
    return matrix


def dense(counts: sparse.csr_array, table: sparse.csr_array) -> npt.NDArray[np.float32]:
    """The product of two sparse tables as an array."""
    return sparse.csr_array(counts @ table).toarray()

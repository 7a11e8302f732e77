"""How popular items are when a week begins: what a ranker may know beside its vectors.

Shapes: I items, W weeks, F features; [..] shapes that broadcast.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from eval.ranking_split import Split

Integers = npt.NDArray[np.int64]

WEEK_S = 7 * 86_400.0
RECENT_WEEKS = 4
AT_FIRST = (0.5, 0.5, 0.0, 0.0)
"""Weights of the features before training: the logarithm of an item's events, old and late alike."""


class Popularity:
    """What is known of every item's popularity when a week begins; nothing of that week or later is counted.

    Args:
        split: whose training events are counted.
    """

    def __init__(self, split: Split) -> None:
        histories, kept = split.histories, split.trained
        self._start = float(histories.timestamps[kept].min())
        week = ((histories.timestamps[kept] - self._start) // WEEK_S).astype(np.int64)
        self._weeks = int((split.cut - self._start) // WEEK_S) + 1
        events = np.zeros((self._weeks + 1, len(split.texts)), np.float32)
        np.add.at(events, (week + 1, histories.items[kept]), 1.0)
        self._sold = np.cumsum(events, axis=0)
        _, self._same = np.unique(np.asarray(split.texts, dtype=object).astype(str), return_inverse=True)
        self._of_text = np.stack([np.bincount(self._same, weights=row) for row in self._sold]).astype(np.float32)

    def at(self, times: npt.NDArray[np.float64]) -> Integers:
        """The week of each time; after the last training event, the last."""
        return np.clip((times - self._start) // WEEK_S, 0, self._weeks).astype(np.int64)

    def features(self, weeks: Integers, items: Integers) -> Tensor:
        """Logarithms of the item's events, of those of late, of those of all items of its text, and whether it has
        none; shapes broadcast: [..] -> [.., F]."""
        sold = self._sold[weeks, items]
        late = sold - self._sold[np.maximum(weeks - RECENT_WEEKS, 0), items]
        text = self._of_text[weeks, self._same[items]]
        parts = [np.log1p(sold), np.log1p(late), np.log1p(text), (sold == 0).astype(np.float32)]
        return torch.from_numpy(np.stack(parts, axis=-1).astype(np.float32))

    @property
    def last(self) -> Integers:
        """[1] the week that begins when all training events are over."""
        return np.array([self._weeks])

    @cached_property
    def draw_weights(self) -> npt.NDArray[np.float64]:
        """[I] the chance of an item at one draw of a negative: half by popularity, half alike."""
        sold = self._sold[-1].astype(np.float64)
        return 0.5 * sold / sold.sum() + 0.5 / len(sold)

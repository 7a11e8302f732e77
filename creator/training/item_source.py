"""Where a step's item embeddings come from: the table of a frozen Item LLM, or a trained one, text by text.

Shapes: I items, U distinct items of a step, S shared rows, d width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from creator.models.assembly import HllmCreator
from creator.training.workers import Workers

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class StepItems:
    """Item embeddings of one step.

    Args:
        table: [U, d] those this process asked for.
        rows: [U] their rows of the catalogue, ascending; None when the table is the whole catalogue.
        shared: [S, d] those that all processes share.
    """

    table: Tensor
    rows: Rows | None
    shared: Tensor

    def at(self, rows: npt.NDArray[np.integer]) -> npt.NDArray[np.int32]:
        """Where rows of the catalogue lie in `table`."""
        return (rows if self.rows is None else np.searchsorted(self.rows, rows)).astype(np.int32)


class ItemSource(Protocol):
    """Gives a step its item embeddings."""

    def draw(self, own: Sequence[npt.NDArray[np.integer]], shared: Rows) -> StepItems:
        """Embed the items of own windows, and rows [S] that are the same in every process."""
        ...


class FrozenItems:
    """A table that was computed once.

    Args:
        table: [I, d].
    """

    def __init__(self, table: Tensor) -> None:
        self._table = table

    def draw(self, own: Sequence[npt.NDArray[np.integer]], shared: Rows) -> StepItems:
        """See `ItemSource`."""
        return StepItems(self._table, None, self._table[torch.from_numpy(shared).to(self._table.device)])


class LiveItems:
    """An Item LLM under training: what a step needs is encoded in it, with gradients (HLLM's first stage).

    Each process encodes its own windows and its part of what is shared, which the others receive with gradients.

    Args:
        model: the model.
        item_texts: [I] of the catalogue.
        workers: the group.
    """

    def __init__(self, model: HllmCreator, item_texts: Sequence[str], workers: Workers) -> None:
        self._item, self._workers = model.item, workers
        self._texts: list[str] = list(item_texts)

    def draw(self, own: Sequence[npt.NDArray[np.integer]], shared: Rows) -> StepItems:
        """See `ItemSource`."""
        count = self._workers.count
        each = -(-len(shared) // count)
        # padded by repetition, so that every process sends as many rows
        mine = np.resize(shared, each * count)[self._workers.rank :: count] if each else shared
        rows = np.unique(np.concatenate([*own, mine]).astype(np.int64))
        table = self._item(self._item.tokenize([self._texts[int(row)] for row in rows]))
        gathered = self._workers.gather(table[torch.from_numpy(np.searchsorted(rows, mine)).to(table.device)])
        # process r holds rows r, r + count, ...: [count, each, d] -> in order
        return StepItems(table, rows, gathered.transpose(0, 1).flatten(0, 1)[: len(shared)])

    def texts(self, texts: Sequence[str]) -> Tensor:
        """Embed further texts, such as ads: [N, d]."""
        return self._item(self._item.tokenize(texts))

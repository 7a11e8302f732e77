"""A memory queue of negatives: item embeddings of earlier steps, as they were then (MoCo, arXiv 1911.05722).

For an Item LLM under training, where every negative of a step has to be encoded. A frozen one's table needs no queue.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


class NegativeQueue:
    """The latest embeddings, first in, first out, without gradients.

    Args:
        size: how many are kept; 0 keeps none.
        width: d.
        device: where they lie.
    """

    def __init__(self, size: int, width: int, device: torch.device) -> None:
        self._size = size
        self._vectors = torch.zeros(0, width, device=device)
        self._rows = torch.zeros(0, dtype=torch.long)

    @property
    def vectors(self) -> Tensor:
        """[q, d], q <= size."""
        return self._vectors

    @property
    def rows(self) -> npt.NDArray[np.int64]:
        """[q] their rows of the catalogue."""
        return self._rows.numpy()

    def push(self, vectors: Tensor, rows: npt.NDArray[np.int64]) -> None:
        """Put embeddings [n, d] and their rows [n] at the end; what does not fit any more falls off the front."""
        if self._size:
            self._vectors = torch.cat([self._vectors, vectors.detach().float()])[-self._size :]
            self._rows = torch.cat([self._rows, torch.from_numpy(rows)])[-self._size :]

    def memory(self) -> dict[str, Tensor]:
        """What a resumed training needs."""
        return {"queue_vectors": self._vectors.cpu(), "queue_rows": self._rows}

    def remember(self, memory: dict[str, Tensor]) -> None:
        """Go on with what `memory` gave."""
        self._vectors = memory["queue_vectors"].to(self._vectors.device)
        self._rows = memory["queue_rows"]

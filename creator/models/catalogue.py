"""The best items of a whole catalogue for many users, streamed: memory is bounded, whatever the number of either.

Shapes: Q queries, I items, d width, K items kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from creator.models.assembly import Float

ITEMS_AT_ONCE = 8_192


@dataclass(frozen=True, slots=True)
class Excluded:
    """Items that a query must not be given, such as those its user has bought.

    Args:
        offsets: [Q + 1]; query q owns rows offsets[q] to offsets[q + 1].
        rows: rows of the items.
    """

    offsets: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Best:
    """The best items of some queries.

    Args:
        start: the first of these queries.
        rows: [q, K] rows of the items, best first; -1 where fewer than K may be given.
        cosines: [q, K]; -inf there.
    """

    start: int
    rows: npt.NDArray[np.int64]
    cosines: Float


def best_items(
    queries: Float, items: Float, count: int, *, excluded: Excluded | None = None, memory_mib: int = 256
) -> Iterator[Best]:
    """Rank a catalogue by cosine, block by block; equal scores stand in no particular order.

    Args:
        queries: [Q, d], such as projected User LLM states; may be a memory map.
        items: [I, d]; may be a memory map.
        count: K.
        excluded: what each query must not be given.
        memory_mib: bound on what is held at once beside `queries`, `items` and what is yielded.

    Yields:
        the best of consecutive queries.
    """
    width, kept = items.shape[1], min(count, len(items))
    columns = min(ITEMS_AT_ONCE, max(1, len(items)))
    # scores and their sorted part, the best so far beside the block's, and the block of items: 4 and 8 bytes a number
    fixed = columns * width * 4 * 3
    a_query = columns * 4 * 3 + kept * (4 + 8) * 6 + width * 4 * 3
    step = max(1, (memory_mib * 2**20 - fixed) // a_query)
    for start in range(0, len(queries), step):
        asked = _unit(queries[start : start + step])
        cosines = torch.full((len(asked), 0), -torch.inf)
        rows = torch.zeros(len(asked), 0, dtype=torch.long)
        for first in range(0, len(items), columns):
            scores = asked @ _unit(items[first : first + columns]).T
            if excluded is not None:
                _exclude(scores, excluded, start, first)
            top = scores.topk(min(kept, scores.shape[1]), dim=1)
            del scores  # before the next block's are made
            cosines = torch.cat([cosines, top.values], dim=1)
            rows = torch.cat([rows, top.indices + first], dim=1)
            if cosines.shape[1] > kept:
                best = cosines.topk(kept, dim=1)
                cosines, rows = best.values, rows.gather(1, best.indices)
        rows[cosines == -torch.inf] = -1
        yield Best(start, rows.numpy(), cosines.numpy())


def _unit(vectors: Float) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.from_numpy(np.array(vectors, dtype=np.float32)), dim=-1)


def _exclude(scores: torch.Tensor, excluded: Excluded, start: int, first: int) -> None:
    """Set the excluded scores of queries from `start` and items from `first` to -inf, in place."""
    offsets = excluded.offsets[start : start + len(scores) + 1]
    rows = excluded.rows[offsets[0] : offsets[-1]] - first
    owner = np.repeat(np.arange(len(scores)), np.diff(offsets))
    here = (rows >= 0) & (rows < scores.shape[1])
    scores[torch.from_numpy(owner[here]), torch.from_numpy(rows[here])] = -torch.inf

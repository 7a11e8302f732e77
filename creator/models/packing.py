"""Several sequences in one row, none of which sees another: masks from segment numbers.

A row of segments is a small tree: segment 0 is a prefix that every other segment of the row sees, segments 1, 2, ...
see the prefix and themselves only, and -1 is padding. Packed items and histories are rows without segment 0; the
titles of one ad are a row whose prefix is the ad. The mask is explicit, so it holds on every attention backend that
takes a 4-D mask (eager and SDPA); the reference relies on flash-attn's varlen kernels and leaks between items without
them. Flash attention takes no mask: it is given one row, whose positions start anew with each sequence.

Shapes: S sequences, E tokens in all of them, N rows, T columns, d width.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

PADDING = -1
PREFIX = 0
ROW_TOKENS = 256
"""A row's length unless one sequence is longer: attention's cost grows with it, and what is left over shrinks."""
WORTH_PACKING = 0.9
"""Sequences that fill rows of the longest to this share are not packed: a row for each needs no mask."""


def attention_mask(segments: Tensor, dtype: torch.dtype) -> Tensor:
    """Additive attention mask of packed rows.

    Args:
        segments: [N, T] int; PADDING, PREFIX, or the number of the segment.
        dtype: of the attention's queries.

    Returns:
        [N, 1, T, T]; 0 where row position i may read position j, the dtype's lowest number elsewhere. A padding
        position reads itself, so that no row of the softmax is empty.
    """
    length = segments.shape[1]
    reader, read = segments.unsqueeze(2), segments.unsqueeze(1)
    causal = torch.ones(length, length, dtype=torch.bool, device=segments.device).tril()
    allowed = causal & ((read == reader) | (read == PREFIX)) & (read != PADDING) & (reader != PADDING)
    allowed |= torch.eye(length, dtype=torch.bool, device=segments.device)
    mask = torch.zeros(allowed.shape, dtype=dtype, device=segments.device)
    return mask.masked_fill_(~allowed, torch.finfo(dtype).min).unsqueeze(1)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where packed sequences lie.

    Args:
        rows: N.
        columns: T.
        places: [E] row x T + column of each token, sequence by sequence.
        positions: [E] each token's place in its own sequence.
        segments: [E] the number of each token's sequence, from 1.
        alone: whether no row holds two sequences.
    """

    rows: int
    columns: int
    places: Tensor
    positions: Tensor
    segments: Tensor
    alone: bool

    @classmethod
    def of(cls, lengths: Sequence[int], row_tokens: int = ROW_TOKENS) -> Layout:
        """Lay sequences out, the longest first, each into the fullest row that still has room (best fit).

        Args:
            lengths: [S] tokens of each; 0 takes no place.
            row_tokens: a row's length, unless one sequence is longer.
        """
        longest = max(lengths, default=0)
        nearly_equal = sum(lengths) >= WORTH_PACKING * len(lengths) * longest
        columns = longest if nearly_equal else max(row_tokens, longest)
        free: list[tuple[int, int]] = []  # (columns left, row), sorted
        starts = [0] * len(lengths)
        rows = held = 0
        for n in sorted(range(len(lengths)), key=lambda n: -lengths[n]):
            if not lengths[n]:
                continue
            held += 1
            at = bisect_left(free, (lengths[n], 0))
            left, row = free.pop(at) if at < len(free) else (columns, rows)
            rows = max(rows, row + 1)
            starts[n] = row * columns + columns - left
            insort(free, (left - lengths[n], row))
        used = columns - min((left for left, _ in free), default=0)
        count = torch.tensor(lengths, dtype=torch.long)
        segments = torch.repeat_interleave(torch.arange(1, len(lengths) + 1), count)
        positions = torch.arange(int(count.sum())) - (count.cumsum(0) - count)[segments - 1]
        places = torch.tensor(starts, dtype=torch.long)[segments - 1]
        # the columns that no row uses are left out
        places = places // columns * used + places % columns + positions
        return cls(rows, used, places, positions, segments, alone=held == rows)


def run_packed(llm: nn.Module, embeds: Tensor, lengths: Sequence[int], row_tokens: int = ROW_TOKENS) -> Tensor:
    """A decoder's final states on sequences that do not see each other.

    Args:
        llm: a transformers decoder without LM head.
        embeds: [E, d] its inputs, sequence by sequence.
        lengths: [S] tokens of each sequence; they add up to E.
        row_tokens: see `Layout.of`; memory of the mask is about E x T numbers.

    Returns:
        [E, d], in the order of `embeds`.
    """
    decoder: Any = llm
    if not len(embeds):
        return embeds
    backend = str(getattr(decoder.config, "_attn_implementation", None))
    flash = "flash" in backend
    layout = Layout.of(lengths, len(embeds) if flash else row_tokens)
    size, device = layout.rows * layout.columns, embeds.device
    places = layout.places.to(device)
    shape = (layout.rows, layout.columns)
    rows = embeds.new_zeros(size, embeds.shape[1]).index_copy(0, places, embeds).view(*shape, -1)
    positions = torch.zeros(size, dtype=torch.long, device=device)
    positions = positions.index_copy(0, places, layout.positions.to(device)).view(shape)
    mask = None
    # a causal row that holds one sequence, padded on the right, needs no mask: no token comes before what it may read
    if not flash and not layout.alone:
        segments = torch.full((size,), PADDING, dtype=torch.long, device=device)
        mask = attention_mask(segments.index_copy(0, places, layout.segments.to(device)).view(shape), embeds.dtype)
    elif not flash:
        positions = torch.arange(layout.columns, device=device).expand(shape)
    states = decoder(inputs_embeds=rows, position_ids=positions, attention_mask=mask, use_cache=False).last_hidden_state
    return states.reshape(size, -1)[places]

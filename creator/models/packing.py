"""Several sequences in one row, none of which sees another: masks from segment numbers.

A row of segments is a small tree: segment 0 is a prefix that every other segment of the row sees, segments 1, 2, ...
see the prefix and themselves only, and -1 is padding. Packed items are a row without segment 0; the titles of one ad
are a row whose prefix is the ad. The mask is explicit, so it holds on every attention backend that takes a 4-D mask
(eager and SDPA); the reference relies on flash-attn's varlen kernels and leaks between items without them.
"""

from __future__ import annotations

import torch
from torch import Tensor

PADDING = -1
PREFIX = 0


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

from __future__ import annotations

import torch

from creator.models.packing import attention_mask

# two prefix tokens, a branch of two, a branch of one, padding; row = reader, column = read
BY_HAND = [
    [1, 0, 0, 0, 0, 0],
    [1, 1, 0, 0, 0, 0],
    [1, 1, 1, 0, 0, 0],
    [1, 1, 1, 1, 0, 0],
    [1, 1, 0, 0, 1, 0],
    [0, 0, 0, 0, 0, 1],
]


def test_a_branch_reads_the_prefix_and_itself_and_padding_only_itself():
    mask = attention_mask(torch.tensor([[0, 0, 1, 1, 2, -1]]), torch.float32)
    assert mask.shape == (1, 1, 6, 6)
    assert (mask[0, 0] == 0).int().tolist() == BY_HAND
    assert set(mask.unique().tolist()) == {0.0, torch.finfo(torch.float32).min}


def test_packed_items_without_a_prefix_read_only_themselves():
    mask = attention_mask(torch.tensor([[1, 1, 2]]), torch.bfloat16)
    assert mask.dtype == torch.bfloat16
    assert (mask[0, 0] == 0).int().tolist() == [[1, 0, 0], [1, 1, 0], [0, 0, 1]]

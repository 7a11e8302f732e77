from __future__ import annotations

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from creator.models.packing import Layout, attention_mask, run_packed

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


LENGTHS = st.lists(st.integers(0, 40), max_size=30)


@settings(max_examples=150)
@given(lengths=LENGTHS, row_tokens=st.integers(1, 64))
def test_sequences_lie_whole_in_one_row_and_on_no_other_s_place(lengths, row_tokens):
    layout = Layout.of(lengths, row_tokens)
    assert layout.rows * layout.columns >= len(layout.places) == sum(lengths)
    assert len(set(layout.places.tolist())) == sum(lengths)
    assert layout.columns <= max(row_tokens, *lengths, 0)
    owners = [set() for _ in range(layout.rows)]
    start = 0
    for number, length in enumerate(lengths, start=1):
        places = layout.places[start : start + length]
        assert layout.positions[start : start + length].tolist() == list(range(length))
        assert layout.segments[start : start + length].tolist() == [number] * length
        if length:
            assert places.tolist() == list(range(int(places[0]), int(places[0]) + length))
            assert places[0] // layout.columns == places[-1] // layout.columns < layout.rows
            owners[places[0] // layout.columns].add(number)
        start += length
    assert all(owners)  # no empty row
    assert layout.alone == all(len(numbers) == 1 for numbers in owners)


def test_rows_are_filled_before_new_ones_are_begun():
    # 6 tokens a row: 5 + 1, 4 + 2, 3 + 3
    assert Layout.of([1, 2, 3, 4, 5, 3], 6).rows == 3
    # as good as full when each has its own: no mask is needed
    assert Layout.of([10, 10, 9, 10], 64).alone
    assert not Layout.of([10, 2, 9, 3], 64).alone


@pytest.fixture(scope="module", params=["eager", "sdpa"])
def decoder(request, backbones):
    model = backbones.build()
    model.item.llm.set_attn_implementation(request.param)
    return model.item.llm


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lengths=st.lists(st.integers(1, 12), min_size=2, max_size=8),
    row_tokens=st.sampled_from([1, 8, 64]),
    data=st.data(),
)
def test_packed_states_are_those_of_each_sequence_alone_whatever_stands_beside(decoder, lengths, row_tokens, data):
    draw = torch.Generator().manual_seed(sum(lengths))
    embeds = torch.randn(sum(lengths), 64, generator=draw)
    parts = embeds.split(lengths)
    with torch.no_grad():
        together = run_packed(decoder, embeds, lengths, row_tokens).split(lengths)
        changed = data.draw(st.integers(0, len(lengths) - 1))
        others = [torch.randn_like(part) if n == changed else part for n, part in enumerate(parts)]
        beside = run_packed(decoder, torch.cat(others), lengths, row_tokens).split(lengths)
        for n, part in enumerate(parts):
            alone = decoder(inputs_embeds=part.unsqueeze(0)).last_hidden_state[0]
            torch.testing.assert_close(together[n], alone, rtol=1e-5, atol=2e-5)
            if n != changed:
                torch.testing.assert_close(beside[n], together[n], rtol=1e-5, atol=2e-5)
    assert (beside[changed] - together[changed]).abs().max() > 1e-2


def test_gradients_of_packed_sequences_stay_with_their_own(decoder):
    embeds = torch.randn(9, 64, requires_grad=True)
    run_packed(decoder, embeds, [4, 2, 3])[4:6].sum().backward()
    assert embeds.grad[4:6].abs().min() > 0
    assert embeds.grad[:4].abs().max() == embeds.grad[6:].abs().max() == 0

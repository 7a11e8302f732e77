from __future__ import annotations

import pytest
import torch

from creator.align.soft_words import NEVER, lent
from creator.models.checkpoint import with_adapters


@pytest.fixture
def llm(backbones):
    return backbones.build().creative.base


@pytest.fixture
def soft(llm):
    return torch.randn(3, llm.config.hidden_size, generator=torch.Generator().manual_seed(0))


def test_a_soft_token_reaches_the_llm_as_its_embedding(llm, soft):
    words = llm.get_input_embeddings()
    count = words.num_embeddings
    embeds = torch.cat([words(torch.tensor([4, 9])), soft[1:2], words(torch.tensor([7]))]).unsqueeze(0)
    with torch.no_grad():
        expected = llm(inputs_embeds=embeds).logits
        with lent(llm, soft) as first:
            assert first == count
            found = llm(input_ids=torch.tensor([[4, 9, first + 1, 7]])).logits
        again = llm(inputs_embeds=embeds).logits
    torch.testing.assert_close(found[..., :count], expected)
    assert found.shape[-1] == count + 3
    assert (found[..., count:] == NEVER).all()
    torch.testing.assert_close(again, expected)
    assert llm.get_input_embeddings() is words


def test_a_soft_token_is_never_written_and_words_keep_their_probability(llm, soft):
    with torch.no_grad(), lent(llm, soft) as first:
        written = llm.generate(
            input_ids=torch.tensor([[4, first, 7]]), do_sample=True, temperature=3.0, max_new_tokens=20,
            num_return_sequences=8, pad_token_id=0, top_k=0,
        )  # fmt: skip
        logits = llm(input_ids=torch.tensor([[4, first, 7]])).logits
    assert int(written[:, 3:].max()) < first
    with_them = torch.log_softmax(logits, dim=-1)[..., :first]
    torch.testing.assert_close(with_them, torch.log_softmax(logits[..., :first], dim=-1))


def test_gradients_reach_adapters_and_neither_words_nor_soft_tokens(llm, soft):
    adapted = with_adapters(llm.requires_grad_(False), 4)
    with lent(adapted.get_base_model(), soft) as first:
        adapted(input_ids=torch.tensor([[4, first, 7]])).logits[..., :first].square().sum().backward()
    moved = [name for name, p in adapted.named_parameters() if p.grad is not None]
    assert moved
    assert all("lora_" in name for name in moved)


def test_trl_reads_a_soft_token_as_the_embedding_it_is(llm, soft):
    """TRL multiplies hidden states by the output layer's weight itself; each reader gives another log-probability."""
    from trl.trainer.utils import add_fused_lm_head

    words, title = llm.get_input_embeddings(), [7, 11, 5]
    labels = torch.tensor([[-100, -100, -100, *title]])
    told, found = [], []
    with torch.no_grad():
        for reader in range(len(soft)):
            embeds = torch.cat([words(torch.tensor([4, 9])), soft[reader : reader + 1], words(torch.tensor(title))])
            logprobs = torch.log_softmax(llm(inputs_embeds=embeds.unsqueeze(0)).logits[0], dim=-1)
            told.append(torch.stack([logprobs[2 + n, token] for n, token in enumerate(title)]))
        add_fused_lm_head(llm)
        with lent(llm, soft) as first:
            for reader in range(len(soft)):
                ids = torch.tensor([[4, 9, first + reader, *title]])
                found.append(llm(input_ids=ids, labels=labels, fused_lm_head=True).log_probs[0, 2:])
    for expected, got in zip(told, found, strict=True):
        torch.testing.assert_close(got, expected)
    assert (told[0] - told[1]).abs().min() > 1e-3
    assert (told[1] - told[2]).abs().min() > 1e-3

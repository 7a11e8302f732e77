from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from creator.core.errors import ModelError
from creator.models.config import ModelConfig
from creator.models.item_encoder import ItemEncoder
from creator.models.parts import read_item_encoder, recompute_activations
from tests.models.tiny import WORDS, attend


@torch.no_grad()
def at_item_token(encoder, text, tokens=12):
    """One text in a plain pass: its words, then the [ITEM] vector, whose final state is the item."""
    ids = encoder.tokenizer.encode(text, add_special_tokens=False)[:tokens]
    words = encoder.llm.get_input_embeddings()(torch.tensor(ids, dtype=torch.long))
    embeds = torch.cat([words, encoder.item_token.unsqueeze(0)]).unsqueeze(0)
    return encoder.llm(inputs_embeds=embeds).last_hidden_state[0, -1].numpy()


@torch.no_grad()
def mean_state(encoder, text, tokens=8):
    """One text in a plain pass: [CLS] words [SEP], the mean of their states, at length sqrt(32)."""
    ids = [2, *encoder.tokenizer.convert_tokens_to_ids(text.split())[: tokens - 2], 3]
    mean = encoder.llm(input_ids=torch.tensor([ids])).last_hidden_state[0].mean(0)
    return (mean / mean.norm() * math.sqrt(32)).numpy()


@pytest.fixture(scope="module", params=["item_token eager", "item_token sdpa", "mean eager", "mean sdpa"])
def pooled(request, backbones):
    """A model, and how one of its texts is embedded in a plain pass."""
    pooling, attention = request.param.split()
    config = ModelConfig(item_pooling=pooling, item_text_tokens=12 if pooling == "item_token" else 8)
    return attend(backbones.build(config), attention), at_item_token if pooling == "item_token" else mean_state


def test_texts_are_embedded_as_in_plain_passes_one_at_a_time(pooled):
    model, alone = pooled
    texts = [*WORDS[:12], " ".join(WORDS[:6]), "", WORDS[3]]
    expected = np.stack([alone(model.item, text) for text in texts])
    found = model.encode_texts(texts)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    assert np.abs(found[0] - found[1]).max() > 0.1


def test_equal_texts_have_equal_vectors_and_the_batch_does_not_matter(pooled):
    model, _ = pooled
    texts = [*WORDS, *reversed(WORDS)]
    whole = model.encode_texts(texts)
    np.testing.assert_array_equal(whole[: len(WORDS)], whole[len(WORDS) :][::-1])
    np.testing.assert_allclose(model.encode_texts(texts, batch=7), whole, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(model.encode_texts([WORDS[4]])[0], whole[4], rtol=1e-5, atol=1e-5)
    assert model.encode_texts([]).shape == (0, model.item.width)


lists_of_tokens = st.lists(st.lists(st.integers(2, 30), max_size=6), min_size=2, max_size=5)


@settings(max_examples=20)
@given(texts=lists_of_tokens, data=st.data())
def test_another_text_in_the_row_changes_no_embedding(pooled, texts, data):
    encoder = pooled[0].item
    texts = [[2, *text] for text in texts]
    at = data.draw(st.integers(0, len(texts) - 1))
    changed = [[*text, 2, 3] if n == at else text for n, text in enumerate(texts)]
    others = [n for n in range(len(texts)) if n != at]
    with torch.no_grad():
        before, after = encoder(texts), encoder(changed)
    torch.testing.assert_close(after[others], before[others], rtol=1e-5, atol=1e-5)
    assert not torch.allclose(after[at], before[at], atol=1e-3)


def test_a_decoder_s_texts_can_be_the_mean_of_their_states(backbones):
    model = backbones.build(ModelConfig(item_text_tokens=12))
    encoder = ItemEncoder(model.item.llm, model.item.tokenizer, "mean", 12)
    assert not hasattr(encoder, "item_token")
    texts = [*WORDS[:9], ""]
    with torch.no_grad():
        found = encoder(encoder.tokenize(texts))
        for row, text in enumerate(texts[:-1]):
            ids = encoder.tokenizer.encode(text, add_special_tokens=False)[:12]
            mean = encoder.llm(input_ids=torch.tensor([ids])).last_hidden_state[0].mean(0)
            torch.testing.assert_close(found[row], mean / mean.norm() * 8.0, rtol=1e-5, atol=1e-5)
    assert found[-1].abs().max() == 0


def test_a_sentence_encoder_has_no_state_that_has_read_the_whole_text(backbones):
    with pytest.raises(ModelError, match="got: item_pooling item_token; expected: mean"):
        read_item_encoder(backbones.sentence, ModelConfig(item_pooling="item_token"))


def test_recomputed_activations_change_neither_embeddings_nor_gradients(backbones):
    model = backbones.build(ModelConfig(item_text_tokens=12))
    encoder = model.item.train()
    ids = encoder.tokenize(WORDS[:8])
    grads = []
    for _ in range(2):
        encoder(ids).square().sum().backward()
        grads.append({name: p.grad for name, p in encoder.named_parameters() if p.grad is not None})
        encoder.zero_grad(set_to_none=True)
        recompute_activations(encoder.llm)
    assert encoder.llm.is_gradient_checkpointing
    assert len(grads[0]) == len(grads[1]) > 10
    for name, grad in grads[0].items():
        torch.testing.assert_close(grads[1][name], grad, rtol=1e-5, atol=1e-5)

"""Many titles in one row against plain passes of the same Hugging Face model, one title at a time."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from creator.models.config import ModelConfig
from creator.models.creative import Branch, Row, RowBatch
from tests.models.tiny import AD, OTHER_AD, attend, title_logprobs

VOCABULARY = 300
TITLES = ["Chalk bag for climbing", "Landing net", "20% off", "Arven gear for fishing and climbing", "x"]


@pytest.fixture(scope="module", params=["eager", "sdpa"])
def model(request, backbones):
    return attend(backbones.build(ModelConfig(), user_layers=1), request.param)


@pytest.fixture(scope="module")
def soft():
    return torch.randn(8, 64, generator=torch.Generator().manual_seed(0))


def titled_rows(prompts, ads=(AD, OTHER_AD)):
    users = iter(range(100))
    return [
        Row(p.before, [Branch(next(users) % 8, p.after, prompts.title(title)) for title in TITLES])
        for p in map(prompts.prompt, ads)
    ]


@pytest.mark.parametrize("position", ["ad_first", "user_first"])
def test_titles_packed_into_their_ads_row_score_as_in_separate_passes(model, soft, position):
    prompts = model.prompts
    prompts._config = replace(model.config, position=position)
    try:
        rows = titled_rows(prompts)
    finally:
        prompts._config = model.config
    alone = title_logprobs(model.creative.base, rows, soft)
    with torch.no_grad():
        packed = model.creative.answer_logprobs(RowBatch.of(rows), soft)
    tokens = torch.tensor([len(b.answer) for row in rows for b in row.branches])
    assert len(packed) == 10
    assert (alone / tokens).max() - (alone / tokens).min() > 0.5  # the model does tell titles apart
    torch.testing.assert_close(packed / tokens, alone / tokens, rtol=0, atol=1e-5)


def test_the_loss_is_the_mean_over_every_supervised_token_and_so_are_its_gradients(model, soft):
    rows = titled_rows(model.prompts)
    tokens = sum(len(b.answer) for row in rows for b in row.branches)
    packed_soft = soft.clone().requires_grad_()
    model.creative.loss(RowBatch.of(rows), packed_soft).backward()
    separate = soft.clone().requires_grad_()
    for row in rows:
        for branch in row.branches:
            loss = model.creative.loss(RowBatch.of([Row(row.prefix, [branch])]), separate)
            (loss * len(branch.answer) / tokens).backward()
    expected = -title_logprobs(model.creative.base, rows, soft).sum() / tokens
    with torch.no_grad():
        assert model.creative.loss(RowBatch.of(rows), soft).item() == pytest.approx(expected.item(), abs=1e-5)
    torch.testing.assert_close(packed_soft.grad, separate.grad, rtol=1e-4, atol=1e-5)


token = st.integers(2, VOCABULARY - 1)
branches = st.builds(Branch, st.integers(0, 7), st.lists(token, max_size=3), st.lists(token, min_size=1, max_size=5))
rows_of_branches = st.builds(Row, st.lists(token, max_size=5), st.lists(branches, min_size=1, max_size=4))


@settings(max_examples=25)
@given(rows=st.lists(rows_of_branches, min_size=1, max_size=3), data=st.data())
def test_changing_one_title_or_its_user_changes_no_other_title(model, soft, rows, data):
    row = data.draw(st.integers(0, len(rows) - 1))
    at = data.draw(st.integers(0, len(rows[row].branches) - 1))
    old = rows[row].branches[at]
    new = Branch(
        (old.user + 1) % 8, [(t + 1) % VOCABULARY for t in old.after], [(t + 1) % VOCABULARY for t in old.answer]
    )
    changed = [Row(r.prefix, [new if (n, b) == (row, at) else branch for b, branch in enumerate(r.branches)])
               for n, r in enumerate(rows)]  # fmt: skip
    with torch.no_grad():
        before, after = (model.creative.answer_logprobs(RowBatch.of(which), soft) for which in (rows, changed))
    number = sum(len(r.branches) for r in rows[:row]) + at
    others = [n for n in range(len(before)) if n != number]
    torch.testing.assert_close(after[others], before[others], rtol=0, atol=1e-6)
    assert after[number] != before[number]
    torch.testing.assert_close(before, title_logprobs(model.creative.base, rows, soft), rtol=1e-5, atol=2e-5)


def test_a_longer_row_beside_it_changes_nothing(model, soft):
    short, long = Row([5, 6], [Branch(0, [7], [8, 1])]), Row(range(2, 60), [Branch(1, [9], [10] * 20)])
    with torch.no_grad():
        alone = model.creative.answer_logprobs(RowBatch.of([short]), soft)
        beside = model.creative.answer_logprobs(RowBatch.of([short, long]), soft)
    assert RowBatch.of([short, long]).token_ids.shape[1] > 70
    torch.testing.assert_close(beside[:1], alone, rtol=0, atol=1e-5)


def test_each_soft_token_sits_in_its_slot_and_every_other_place_holds_its_word(model, soft):
    rows = [Row([5, 6, 7], [Branch(2, [8], [9, 1]), Branch(4, [10, 11], [1])]), Row([], [Branch(0, [12], [13, 1])])]
    seen = []
    decoder = model.creative.base.get_decoder()
    hook = decoder.register_forward_pre_hook(lambda _, __, kwargs: seen.append(kwargs), with_kwargs=True)
    with torch.no_grad():
        model.creative.answer_logprobs(RowBatch.of(rows), soft)
    hook.remove()
    words = model.creative.base.get_input_embeddings().weight.detach()
    # the last token of an answer predicts nothing and is not run
    first = [words[5], words[6], words[7], soft[2], words[8], words[9], soft[4], words[10], words[11]]
    second = [soft[0], words[12], words[13]]
    (call,) = seen
    assert call["inputs_embeds"].shape == (2, 9, 64)
    torch.testing.assert_close(call["inputs_embeds"][0], torch.stack(first), rtol=0, atol=0)
    torch.testing.assert_close(call["inputs_embeds"][1, :3], torch.stack(second), rtol=0, atol=0)
    assert call["position_ids"][0].tolist() == [0, 1, 2, 3, 4, 5, 3, 4, 5]
    assert call["position_ids"][1, :3].tolist() == [0, 1, 2]


def test_a_profile_is_embedded_by_the_state_at_the_learned_vector_behind_it(model):
    profiles = ["climbing and fishing", "likes running", "a"]
    with torch.no_grad():
        found = model.embed_profiles(profiles)
        for row, profile in enumerate(profiles):
            ids = model.creative.tokenizer(profile, add_special_tokens=False)["input_ids"]
            words = model.creative.base.get_input_embeddings()(torch.tensor(ids))
            embeds = torch.cat([words, model.profile_token.unsqueeze(0)]).unsqueeze(0)
            state = model.creative.base.get_decoder()(inputs_embeds=embeds).last_hidden_state[0, -1]
            torch.testing.assert_close(found[row], state, rtol=1e-5, atol=1e-5)

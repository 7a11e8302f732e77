"""Contrast and lengths while decoding: both engines against a plain loop of forward passes; real tokenizers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from creator.core.errors import EngineError
from creator.engine.contract import Engine, LengthLimit, Prompt, SamplingSettings
from creator.engine.steering import TokenLengths
from tests.engine.conftest import END, WIDTH, Tiny

TOKENS = 8
DEMO_MODEL = Path(__file__).parents[2] / "configs/demo-checkpoint/creative_llm"  # byte-level, 4,096 tokens


@torch.no_grad()
def by_hand(
    tiny: Tiny, own: torch.Tensor, against: torch.Tensor | None, weight: float, longest: int | None
) -> tuple[int, ...]:
    """Greedy decoding with one forward pass a token and a prompt, no cache and no batch."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny.folder)
    said: list[int] = []
    while len(said) < TOKENS and (not said or said[-1] != END):
        tail = tiny.embedding[torch.tensor(said, dtype=torch.long)]
        p = model(inputs_embeds=torch.cat([own, tail])[None]).logits[0, -1].softmax(-1)
        scores = p.log()
        if against is not None:
            q = model(inputs_embeds=torch.cat([against, tail])[None]).logits[0, -1].softmax(-1)
            scores = ((1 + weight) * p.log() - weight * q.log()).masked_fill(p < 0.1 * p.max(), -torch.inf)
        if longest is not None:
            scores[:END] = -torch.inf  # <unk> and <s> write nothing
            room = longest - sum(len(f"w{token}") for token in said)
            for token in range(3, len(scores)):
                if len(f"w{token}") > room:
                    scores[token] = -torch.inf
        said.append(int(scores.argmax()))
    return tuple(said)


def pairs(tiny: Tiny, count: int) -> list[Prompt]:
    """Prompts of one length with others that differ in one embedding, as a soft token does."""
    noise = torch.Generator().manual_seed(5)
    out: list[Prompt] = []
    for n in range(count):
        rows = tiny.embedding[torch.randint(3, 300, (12 + n % 5,), generator=noise)].clone()
        other = rows.clone()
        other[-3] += 3 * torch.randn(WIDTH, generator=noise)
        out.append(Prompt(f"p{n}", rows, other))
    return out


def tokens(engine: Engine, prompts: Sequence[Prompt], how: SamplingSettings) -> list[tuple[int, ...]]:
    return [done.candidates[0].token_ids for done in engine.generate(prompts, how)]


def test_contrast_draws_what_the_own_prompt_makes_likelier_than_the_other(engine: Engine, tiny: Tiny) -> None:
    prompts = pairs(tiny, 40)  # more than go into the engine's batch of 32 rows at once
    got = tokens(engine, prompts, SamplingSettings(max_tokens=TOKENS, contrast=1.0))
    wanted = [by_hand(tiny, torch.as_tensor(p.embeds), torch.as_tensor(p.against), 1.0, None) for p in prompts[:12]]
    assert got[:12] == wanted
    plain = tokens(engine, prompts, SamplingSettings(max_tokens=TOKENS))
    assert sum(a != b for a, b in zip(got, plain, strict=True)) >= 10


def test_contrast_comes_again_with_the_seed_and_reads_both_prompts(engine: Engine, tiny: Tiny) -> None:
    prompts, before = pairs(tiny, 6), engine.stats
    how = SamplingSettings(max_tokens=TOKENS, temperature=1.0, n=3, contrast=0.5, seed=3)
    first = engine.generate(prompts, how)
    did = engine.stats - before
    assert did.prompt_tokens_submitted == 2 * 3 * sum(len(p.embeds) for p in prompts)
    assert did.prompts == 6
    again = engine.generate(prompts[::-1], how)
    assert [[c.token_ids for c in done.candidates] for done in reversed(again)] == [
        [c.token_ids for c in done.candidates] for done in first
    ]


def test_log_probabilities_stay_those_of_the_own_prompt(engine: Engine, tiny: Tiny) -> None:
    from transformers import AutoModelForCausalLM

    prompt = pairs(tiny, 1)[0]
    answer = engine.generate([prompt], SamplingSettings(max_tokens=4, contrast=2.0))[0].candidates[0]
    rows = torch.cat([torch.as_tensor(prompt.embeds), tiny.embedding[list(answer.token_ids)]])
    with torch.no_grad():
        logits = AutoModelForCausalLM.from_pretrained(tiny.folder)(inputs_embeds=rows[None]).logits[0]
    start = len(prompt.embeds) - 1
    wanted = [float(logits[start + n].log_softmax(-1)[token]) for n, token in enumerate(answer.token_ids)]
    assert answer.token_logprobs == pytest.approx(wanted, abs=1e-3)


def test_an_answer_keeps_within_its_length_and_ends(engine: Engine, tiny: Tiny) -> None:
    prompts = pairs(tiny, 12)
    how = SamplingSettings(max_tokens=TOKENS, limits=(LengthLimit(11),))
    got = tokens(engine, prompts, how)
    assert got == [by_hand(tiny, torch.as_tensor(p.embeds), None, 0.0, 11) for p in prompts]
    hot = SamplingSettings(max_tokens=TOKENS, temperature=2.0, n=8, limits=(LengthLimit(11), LengthLimit(40, 2, 2)))
    for done in engine.generate(prompts, hot):
        assert all(len(candidate.text) <= 11 and candidate.finish_reason == "stop" for candidate in done.candidates)
    free = engine.generate(prompts, SamplingSettings(max_tokens=TOKENS))
    assert any(len(done.candidates[0].text) > 11 for done in free)


def test_contrast_without_something_to_contrast_with_is_refused(engine: Engine, tiny: Tiny) -> None:
    how = SamplingSettings(max_tokens=4, contrast=1.0)
    with pytest.raises(EngineError, match=r"'p'.*no prompt to contrast with; expected: one of shape \[3, 64\]"):
        engine.generate([tiny.prompt("p", [4, 5, 6])], how)
    with pytest.raises(EngineError, match=r"one of shape \[2, 64\] to contrast with"):
        engine.generate([Prompt("p", torch.zeros(3, WIDTH), torch.zeros(2, WIDTH))], how)


@pytest.fixture(scope="module")
def lengths() -> tuple[TokenLengths, object]:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(DEMO_MODEL)
    return TokenLengths(tokenizer), tokenizer


@settings(max_examples=60, deadline=None)
@given(text=st.text(st.sampled_from("ab Z9%-é水着値"), max_size=25), longest=st.integers(0, 60))
def test_the_room_left_is_never_more_than_there_is(
    lengths: tuple[TokenLengths, object], text: str, longest: int
) -> None:
    table, tokenizer = lengths
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]  # pyright: ignore
    limit = LengthLimit(longest, wide_units=2)
    units = sum(2 if character in "水着値" else 1 for character in text.lstrip())
    room = table.room(ids, limit)
    assert room <= longest - units
    if text.isascii():
        assert room == longest - units
    assert table.has_begun(ids) is bool(text.strip())

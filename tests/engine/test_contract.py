"""The contract, on both real engines over the same tiny model."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
import torch

from creator.core.errors import EngineError
from creator.engine.contract import Completion, Engine, EngineStats, Prompt, SamplingSettings, candidate_seed
from tests.engine.conftest import CONTEXT_TOKENS, END, VOCABULARY, WIDTH, Tiny

GREEDY = SamplingSettings(max_tokens=8)


def _prompts(tiny: Tiny, count: int, *, seed: int = 0, longest: int = 40) -> list[Prompt]:
    draw = random.Random(seed)
    return [
        tiny.prompt(f"p{number}", [draw.randrange(3, VOCABULARY) for _ in range(draw.randint(1, longest))])
        for number in range(count)
    ]


def _tokens(completions: list[Completion]) -> list[tuple[int, ...]]:
    return [completion.candidates[0].token_ids for completion in completions]


def _words(token_ids: tuple[int, ...]) -> str:
    """What the tiny tokenizer writes: token n is the word "wn", those below 3 are special and not written."""
    return "".join(f"w{token}" for token in token_ids if token > END)


@torch.no_grad()
def _by_hand(tiny: Tiny, prompt: Prompt, max_tokens: int, stop: set[int]) -> tuple[list[int], list[float]]:
    """Greedy decoding, one forward pass over the whole sequence per token: no cache, no batch, no padding."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny.folder)
    embeds, tokens, logprobs = torch.as_tensor(prompt.embeds), list[int](), list[float]()
    while len(tokens) < max_tokens and not (tokens and tokens[-1] in stop):
        scores = model(inputs_embeds=embeds[None]).logits[0, -1].log_softmax(-1)
        tokens.append(int(scores.argmax()))
        logprobs.append(float(scores[tokens[-1]]))
        embeds = torch.cat([embeds, tiny.embedding[tokens[-1]][None]])
    return tokens, logprobs


def test_greedy_answers_equal_a_plain_loop_over_the_model(engine: Engine, tiny: Tiny) -> None:
    prompts = _prompts(tiny, 12)
    for prompt, completion in zip(prompts, engine.generate(prompts, GREEDY), strict=True):
        tokens, logprobs = _by_hand(tiny, prompt, GREEDY.max_tokens, {END})
        answer = completion.candidates[0]
        assert list(answer.token_ids) == tokens
        assert answer.token_logprobs == pytest.approx(logprobs, abs=2e-3)
        assert answer.logprob == pytest.approx(math.fsum(logprobs), abs=1e-2)


def test_every_prompt_gets_one_answer_in_order_and_is_told_of_once(engine: Engine, tiny: Tiny) -> None:
    prompts, told = _prompts(tiny, 70, seed=1), list[str]()
    completions = engine.generate(prompts, GREEDY, lambda completion: told.append(completion.prompt_id))
    assert [completion.prompt_id for completion in completions] == [prompt.prompt_id for prompt in prompts]
    assert sorted(told) == sorted(prompt.prompt_id for prompt in prompts)


def test_no_prompts_give_no_answers(engine: Engine) -> None:
    assert engine.generate([], GREEDY) == []


def test_numpy_and_torch_prompts_get_the_same_answer(engine: Engine, tiny: Tiny) -> None:
    prompt = tiny.prompt("p", [5, 6, 7, 8])
    as_numpy = Prompt("p", np.asarray(prompt.embeds))
    assert _tokens(engine.generate([prompt], GREEDY)) == _tokens(engine.generate([as_numpy], GREEDY))


def test_a_soft_token_that_is_no_row_of_the_embedding_changes_the_answer(engine: Engine, tiny: Tiny) -> None:
    soft = torch.randn(2, WIDTH, generator=torch.Generator().manual_seed(3))
    tail = torch.as_tensor(tiny.prompt("tail", [9, 10, 11]).embeds)
    prompts = [Prompt(f"u{row}", torch.cat([tail, soft[row][None], tail])) for row in range(2)]
    answers = _tokens(engine.generate(prompts, GREEDY))
    assert answers[0] != answers[1]
    assert [list(answer) for answer in answers] == [_by_hand(tiny, p, GREEDY.max_tokens, {END})[0] for p in prompts]


def test_a_stop_token_ends_the_answer_and_is_not_in_its_text(engine: Engine, tiny: Tiny) -> None:
    prompts = _prompts(tiny, 12)
    prompt, free = next(
        (prompt, completion.candidates[0])
        for prompt, completion in zip(prompts, engine.generate(prompts, GREEDY), strict=True)
        if completion.candidates[0].finish_reason == "length"
    )
    assert len(free.token_ids) == GREEDY.max_tokens
    assert free.text == _words(free.token_ids)
    stop = free.token_ids[3]
    end = free.token_ids.index(stop) + 1
    cut = engine.generate([prompt], SamplingSettings(max_tokens=8, stop_token_ids=(stop,)))[0].candidates[0]
    assert cut.token_ids == free.token_ids[:end]
    assert cut.finish_reason == "stop"
    assert cut.text == _words(free.token_ids[: end - 1])
    assert len(cut.token_logprobs) == end


def test_the_models_own_end_token_stops_an_answer(engine: Engine, tiny: Tiny) -> None:
    hot = SamplingSettings(max_tokens=60, temperature=2.0, n=16)
    answers = [a for c in engine.generate(_prompts(tiny, 2, seed=2), hot) for a in c.candidates]
    ended = [a for a in answers if a.finish_reason == "stop"]
    assert ended
    assert all(a.token_ids[-1] == END and "</s>" not in a.text for a in ended)
    assert all(END not in a.token_ids[:-1] for a in answers)


def test_candidates_are_as_many_as_asked_differ_and_come_again_with_the_seed(engine: Engine, tiny: Tiny) -> None:
    sampled = SamplingSettings(max_tokens=8, temperature=1.5, n=4, seed=11)
    prompts = _prompts(tiny, 6, seed=3)
    first = engine.generate(prompts, sampled)
    assert all(len(completion.candidates) == 4 for completion in first)
    assert all(len({a.token_ids for a in completion.candidates}) > 1 for completion in first)
    again = engine.generate(list(reversed(prompts)), sampled)
    assert [[a.token_ids for a in c.candidates] for c in reversed(again)] == [
        [a.token_ids for a in c.candidates] for c in first
    ]
    other = engine.generate(prompts, SamplingSettings(max_tokens=8, temperature=1.5, n=4, seed=12))
    assert [c.candidates[0].token_ids for c in other] != [c.candidates[0].token_ids for c in first]


def test_sampling_follows_the_models_distribution(engine: Engine, tiny: Tiny) -> None:
    from transformers import AutoModelForCausalLM

    prompt = tiny.prompt("p", [20, 30, 40])
    with torch.no_grad():
        logits = AutoModelForCausalLM.from_pretrained(tiny.folder)(inputs_embeds=torch.as_tensor(prompt.embeds)[None])
    expected = (logits.logits[0, -1] / 0.7).softmax(-1)
    draws = 600
    settings = SamplingSettings(max_tokens=1, temperature=0.7, n=draws)
    got = torch.zeros(VOCABULARY)
    for candidate in engine.generate([prompt], settings)[0].candidates:
        got[candidate.token_ids[0]] += 1 / draws
    # expected total variation of 600 draws from this distribution, by simulation with torch's own multinomial
    fair = torch.multinomial(expected, draws * 200, replacement=True, generator=torch.Generator().manual_seed(0))
    counts = torch.stack([torch.bincount(part, minlength=VOCABULARY) / draws for part in fair.reshape(200, draws)])
    distances = (counts - expected).abs().sum(-1) / 2
    assert float((got - expected).abs().sum() / 2) <= float(distances.max()) * 1.1


def test_top_p_keeps_only_the_nucleus(engine: Engine, tiny: Tiny) -> None:
    prompts = _prompts(tiny, 4, seed=5)
    narrow = SamplingSettings(max_tokens=6, temperature=1.0, top_p=1e-6, n=3)
    greedy = _tokens(engine.generate(prompts, SamplingSettings(max_tokens=6)))
    for tokens, completion in zip(greedy, engine.generate(prompts, narrow), strict=True):
        assert {candidate.token_ids for candidate in completion.candidates} == {tokens}


@pytest.mark.parametrize(
    ("embeds", "got", "expected"),
    [
        (torch.zeros(4, WIDTH + 1), f"[4, {WIDTH + 1}]", f"[tokens, {WIDTH}]"),
        (torch.zeros(WIDTH), f"[{WIDTH}]", f"[tokens, {WIDTH}]"),
        (torch.zeros(1, 4, WIDTH), f"[1, 4, {WIDTH}]", f"[tokens, {WIDTH}]"),
        (torch.zeros(0, WIDTH), f"[0, {WIDTH}]", "at least one token"),
        (torch.full((4, WIDTH), torch.nan), "not finite", "finite"),
        (np.full((4, WIDTH), -np.inf, dtype=np.float32), "not finite", "finite"),
        (torch.zeros(4, WIDTH, dtype=torch.long), "not finite", "floating point"),
        (torch.zeros(CONTEXT_TOKENS - 7, WIDTH), f"{CONTEXT_TOKENS - 7} tokens", f"at most {CONTEXT_TOKENS - 8}"),
    ],
    ids=["wide", "one-dimensional", "three-dimensional", "empty", "nan", "infinite", "integers", "long"],
)
def test_a_prompt_of_the_wrong_kind_is_named_before_anything_is_submitted(
    engine: Engine, tiny: Tiny, embeds: torch.Tensor | np.ndarray, got: str, expected: str
) -> None:
    before, told = engine.stats, list[Completion]()
    with pytest.raises(EngineError) as caught:
        engine.generate([*_prompts(tiny, 3), Prompt("ad7-c2", embeds)], GREEDY, told.append)
    message = str(caught.value)
    assert "ad7-c2" in message
    assert got in message
    assert expected in message
    assert not told
    assert engine.stats == before


def test_the_longest_prompt_that_fits_is_answered(engine: Engine, tiny: Tiny) -> None:
    prompt = tiny.prompt("full", [3 + number % 200 for number in range(CONTEXT_TOKENS - GREEDY.max_tokens)])
    assert len(engine.generate([prompt], GREEDY)[0].candidates[0].token_ids) <= GREEDY.max_tokens


def test_an_id_used_twice_is_refused(engine: Engine, tiny: Tiny) -> None:
    with pytest.raises(EngineError, match=r"'p'.*twice"):
        engine.generate([tiny.prompt("p", [4]), tiny.prompt("p", [5])], GREEDY)


def test_an_engine_goes_on_after_its_caller_failed_midway(engine: Engine, tiny: Tiny) -> None:
    prompts = _prompts(tiny, 40, seed=6)

    def fail(_: Completion) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.generate(prompts, GREEDY, fail)
    assert [c.prompt_id for c in engine.generate(prompts, GREEDY)] == [p.prompt_id for p in prompts]


def test_stats_count_what_was_done(engine: Engine, tiny: Tiny) -> None:
    prompts, before = _prompts(tiny, 5, seed=7), engine.stats
    completions = engine.generate(prompts, SamplingSettings(max_tokens=4, temperature=1.0, n=2))
    did = engine.stats - before
    assert did.prompts == 5
    assert did.prompt_tokens_submitted == 2 * sum(len(prompt.embeds) for prompt in prompts)
    assert 0 < did.prompt_tokens_computed <= did.prompt_tokens_submitted
    assert did.output_tokens == sum(len(a.token_ids) for c in completions for a in c.candidates)
    assert did.wall_s > 0


def test_settings_out_of_range_are_refused() -> None:
    for bad in (
        {"max_tokens": 0},
        {"n": 0},
        {"temperature": -1.0},
        {"temperature": math.nan},
        {"temperature": 2.1},
        {"top_p": 0.0},
        {"n": 2},
    ):
        with pytest.raises(ValueError, match=r"got|equal candidates"):
            SamplingSettings(**bad)  # pyright: ignore[reportArgumentType]


def test_seeds_differ_by_prompt_candidate_and_seed_and_never_change() -> None:
    seeds = {candidate_seed(s, p, c) for s in (0, 1) for p in ("a", "b", "a\x1f1") for c in (0, 1, 11)}
    assert len(seeds) == 18
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_stats_add_and_subtract() -> None:
    one, two = EngineStats(1, 10, 5, 3, 0.5), EngineStats(2, 30, 10, 6, 1.0)
    assert one + two == EngineStats(3, 40, 15, 9, 1.5)
    assert two - one == EngineStats(1, 20, 5, 3, 0.5)

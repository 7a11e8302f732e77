"""What only vLLM does: the prefix cache, one engine in a process, a start that fails with its cure."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest
import torch

from creator.core.errors import EngineError, ModelError
from creator.engine.contract import Engine, Prompt, SamplingSettings, open_engine
from tests.engine.conftest import CONTEXT_TOKENS, WIDTH, Tiny

GREEDY = SamplingSettings(max_tokens=8)
vllm_only = pytest.mark.parametrize("engine", ["vllm"], indirect=True)


def _sharing(tiny: Tiny, first: int) -> list[Prompt]:
    """32 prompts of 168 tokens that share their first 160."""
    shared = [3 + (first + number * 11) % 290 for number in range(160)]
    return [tiny.prompt(f"p{n}", shared + [3 + (n * 7 + place) % 290 for place in range(8)]) for n in range(32)]


@vllm_only
def test_prompts_with_a_common_prefix_compute_it_once(engine: Engine, tiny: Tiny) -> None:
    prompts, before = _sharing(tiny, 0), engine.stats
    engine.generate(prompts, GREEDY)
    did = engine.stats - before
    assert did.prompt_tokens_submitted == 32 * 168
    # five blocks of 32 tokens are shared: the first prompt computes all, each of the others its last 8 tokens
    assert did.prompt_tokens_computed == 168 + 31 * 8


@vllm_only
def test_cached_answers_equal_those_of_the_engine_without_a_cache(engine: Engine, tiny: Tiny) -> None:
    prompts = _sharing(tiny, 100)
    plain = open_engine("transformers", tiny.folder, context_tokens=CONTEXT_TOKENS, dtype="fp32", batch_size=4)
    expected = [c.candidates[0].token_ids for c in plain.generate(prompts, GREEDY)]
    for _ in range(2):
        assert [c.candidates[0].token_ids for c in engine.generate(prompts, GREEDY)] == expected
    assert plain.stats.prompt_tokens_computed == plain.stats.prompt_tokens_submitted


@vllm_only
def test_a_soft_token_inside_a_cached_block_is_part_of_its_key(engine: Engine, tiny: Tiny) -> None:
    """The fault of prompts that mix tokens and embeddings (vllm issue 56655): one soft token's answer for another's."""
    noise = torch.Generator().manual_seed(1)
    rows = tiny.embedding[torch.randint(3, 300, (100,), generator=noise)]
    prompts: list[Prompt] = []
    for n in range(6):
        mine = rows.clone()
        mine[17] = 4 * torch.randn(WIDTH, generator=noise)
        prompts.append(Prompt(f"soft-{n}", mine))
    before = engine.stats
    answers = [engine.generate([prompt], GREEDY)[0].candidates[0].token_ids for prompt in prompts]
    assert (engine.stats - before).prompt_tokens_computed == 600
    plain = open_engine("transformers", tiny.folder, context_tokens=CONTEXT_TOKENS, dtype="fp32", batch_size=1)
    assert answers == [done.candidates[0].token_ids for done in plain.generate(prompts, GREEDY)]
    assert len(set(answers)) > 1
    again = engine.generate(prompts, GREEDY)
    assert [done.candidates[0].token_ids for done in again] == answers


@vllm_only
def test_candidates_of_one_prompt_share_its_computation(engine: Engine, tiny: Tiny) -> None:
    before = engine.stats
    engine.generate([_sharing(tiny, 200)[0]], SamplingSettings(max_tokens=2, temperature=1.0, n=4))
    did = engine.stats - before
    assert did.prompt_tokens_submitted == 4 * 168
    assert did.prompt_tokens_computed == 168 + 3 * 8


@vllm_only
def test_opening_leaves_the_process_as_it_was(engine: Engine) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    assert torch.get_num_threads() == 1
    torch.set_num_threads(threads)
    assert "libgomp" not in os.environ.get("LD_PRELOAD", "")


@vllm_only
def test_a_second_engine_in_the_process_is_refused(engine: Engine, tiny: Tiny) -> None:
    with pytest.raises(EngineError, match="one engine in a process"):
        open_engine("vllm", tiny.folder)


def test_without_vllm_the_error_names_the_other_engine(monkeypatch: pytest.MonkeyPatch, tiny: Tiny) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EngineError, match=r"not installed.*--engine transformers"):
        open_engine("vllm", tiny.folder)


def test_more_context_than_the_model_reads_is_refused(tiny: Tiny) -> None:
    with pytest.raises(EngineError, match=r"513.*at most 512"):
        open_engine("transformers", tiny.folder, context_tokens=513)


def test_a_closed_engine_says_so(tiny: Tiny) -> None:
    closed = open_engine("transformers", tiny.folder, dtype="fp32")
    closed.close()
    with pytest.raises(EngineError, match="closed"):
        closed.generate([tiny.prompt("p", [4])], GREEDY)


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    for name in ("vllm", "transformers"):
        with pytest.raises(ModelError, match=r"no config\.json"):
            open_engine(name, tmp_path)

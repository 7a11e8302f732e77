"""The engine that runs wherever torch does: Hugging Face generate over left-padded batches of input embeddings.

Shape letters: R rows of a batch (one per candidate), T prompt tokens, D width, V vocabulary.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, GenerationConfig, LogitsProcessor, LogitsProcessorList

from creator.core.errors import EngineError, ModelError
from creator.engine.contract import (
    Candidate,
    Completion,
    DType,
    EngineStats,
    OnDone,
    Prompt,
    SamplingSettings,
    candidate_seed,
    check_prompts,
)
from creator.engine.environment import has_bf16_instructions
from creator.engine.folder import ModelFolder, read_folder
from creator.engine.quiet import quiet_transformers

DEFAULT_BATCH = 8

_Row = tuple[Prompt, int]


class TransformersEngine:
    """See `open_engine` for the arguments and `Engine` for the methods.

    Every row draws from its own random generator, so that what is sampled for a prompt does not depend on its
    neighbours, up to the rounding that padding changes. The two engines sample from the same distribution, but do not
    draw the same samples.
    """

    def __init__(
        self,
        model_folder: Path,
        *,
        tokenizer_folder: Path | None = None,
        context_tokens: int | None = None,
        dtype: DType = "auto",
        batch_size: int | None = None,
    ) -> None:
        self._folder: ModelFolder = read_folder(model_folder, tokenizer_folder, context_tokens)
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        bf16 = dtype == "bf16" or (dtype == "auto" and (self._device.type == "cuda" or has_bf16_instructions()))
        try:
            with quiet_transformers():
                model: Any = AutoModelForCausalLM.from_pretrained(
                    model_folder, dtype=torch.bfloat16 if bf16 else torch.float32
                )
        except (OSError, ValueError, RuntimeError) as error:
            raise ModelError(f"the model in {model_folder} cannot be loaded", got=type(error).__name__) from None
        # a folder's own generation settings (top-k, penalties) would shape the answers behind the caller's back
        model.generation_config = GenerationConfig()
        self._model: Any | None = model.to(self._device).eval()
        self._batch_size = batch_size or DEFAULT_BATCH
        self._stats = EngineStats()

    @property
    def width(self) -> int:
        """D: how wide an input embedding is."""
        return self._folder.width

    @property
    def stats(self) -> EngineStats:
        """What it has done since it was opened."""
        return self._stats

    def generate(
        self, prompts: Sequence[Prompt], settings: SamplingSettings, on_done: OnDone | None = None
    ) -> list[Completion]:
        """Answer every prompt; see `Engine.generate`."""
        check_prompts(prompts, settings, self.width, self._folder.context_tokens)
        rows: list[_Row] = [(prompt, number) for prompt in prompts for number in range(settings.n)]
        completions: list[Completion] = []
        pending: list[Candidate] = []
        for first in range(0, len(rows), self._batch_size):
            started = time.monotonic()
            batch = rows[first : first + self._batch_size]
            answers = self._answer(batch, settings)
            tokens = sum(len(prompt.embeds) for prompt, _ in batch)
            output = sum(len(answer.token_ids) for answer in answers)
            self._stats += EngineStats(0, tokens, tokens, output, time.monotonic() - started)
            for answer in answers:
                pending.append(answer)
                if len(pending) == settings.n:
                    completion = Completion(prompts[len(completions)].prompt_id, tuple(pending))
                    completions.append(completion)
                    pending.clear()
                    self._stats += EngineStats(prompts=1)
                    if on_done is not None:
                        on_done(completion)
        return completions

    def close(self) -> None:
        """Free the model."""
        self._model = None
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    @torch.inference_mode()
    def _answer(self, rows: Sequence[_Row], settings: SamplingSettings) -> list[Candidate]:
        model = self._model
        if model is None:
            raise EngineError("the engine is closed")
        embeds, mask = _left_padded([torch.as_tensor(prompt.embeds) for prompt, _ in rows], model.dtype)
        stop_ids = self._folder.stop_ids(settings)
        seeds = [candidate_seed(settings.seed, prompt.prompt_id, number) for prompt, number in rows]
        choice = _Choice(settings, seeds)
        model.generate(
            inputs_embeds=embeds.to(self._device),
            attention_mask=mask.to(self._device),
            generation_config=GenerationConfig(
                max_new_tokens=settings.max_tokens,
                do_sample=False,
                eos_token_id=list(stop_ids) or None,
                pad_token_id=stop_ids[0] if stop_ids else 0,
            ),
            logits_processor=LogitsProcessorList([choice]),
        )
        token_ids, logprobs = choice.chosen()
        answers: list[Candidate] = []
        for ids, scores in zip(token_ids, logprobs, strict=True):
            end = next((i + 1 for i, token in enumerate(ids) if token in stop_ids), len(ids))
            answers.append(self._folder.candidate(ids[:end], scores[:end], stop_ids))
        return answers


class _Choice(LogitsProcessor):
    """Chooses each row's next token and keeps its log-probability; generate's own argmax then only confirms it.

    Args:
        settings: temperature and top_p.
        seeds: of each row's generator.
    """

    def __init__(self, settings: SamplingSettings, seeds: Sequence[int]) -> None:
        self._settings = settings
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self._tokens: list[torch.Tensor] = []
        self._logprobs: list[torch.Tensor] = []

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """Turn scores [R, V] into ones that are finite at the chosen token alone."""
        logits = scores.float()
        chosen = logits.argmax(-1) if self._settings.temperature == 0 else self._draw(logits)
        self._tokens.append(chosen)
        self._logprobs.append(logits.log_softmax(-1).gather(-1, chosen[:, None])[:, 0])
        return torch.full_like(scores, -torch.inf).scatter_(-1, chosen[:, None], 0.0)  # pyright: ignore[reportReturnType]

    def _draw(self, logits: torch.Tensor) -> torch.Tensor:
        probabilities = (logits / self._settings.temperature).softmax(-1)
        if self._settings.top_p < 1:
            ordered, order = probabilities.sort(-1, descending=True)
            outside = ordered.cumsum(-1) - ordered >= self._settings.top_p
            probabilities = probabilities.scatter(-1, order, ordered.masked_fill(outside, 0.0))
        # the smallest of exponential waiting times falls on each token with its probability
        waits = torch.stack([torch.empty(logits.shape[-1]).exponential_(generator=g) for g in self._generators])
        return (probabilities / waits.to(probabilities.device)).argmax(-1)

    def chosen(self) -> tuple[list[list[int]], list[list[float]]]:
        """Each row's tokens and their log-probabilities, [R][steps]; a row goes on after its stop token."""
        return torch.stack(self._tokens, 1).tolist(), torch.stack(self._logprobs, 1).tolist()


def _left_padded(prompts: Sequence[torch.Tensor], dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """Prompts [T, D] of differing T as one batch [R, T, D], and its mask [R, T]."""
    longest = max(len(prompt) for prompt in prompts)
    embeds = torch.zeros(len(prompts), longest, prompts[0].shape[1], dtype=dtype)
    mask = torch.zeros(len(prompts), longest, dtype=torch.long)
    for row, prompt in enumerate(prompts):
        embeds[row, longest - len(prompt) :] = prompt.detach().to(dtype)
        mask[row, longest - len(prompt) :] = 1
    return embeds, mask

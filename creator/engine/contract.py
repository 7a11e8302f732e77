"""What an inference engine takes and gives: prompts of input embeddings in, one answer per prompt out, in order.

Shape letters: T prompt tokens, D model width.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from creator.core.errors import EngineError

if TYPE_CHECKING:
    import torch

EngineName = Literal["vllm", "transformers"]
FinishReason = Literal["stop", "length"]
DType = Literal["auto", "fp32", "bf16"]
PLAUSIBLE = 0.1  # of the likeliest token's probability; Li et al., Contrastive Decoding (arXiv 2210.15097), section 3.3


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt, as input embeddings throughout.

    Token embeddings and soft tokens are put together by the caller. Prompts that mix token ids with embeddings are
    not offered: vLLM leaves the mask out of its prefix cache's key (vllm issue 56655) and then answers wrongly.

    Args:
        prompt_id: unique within one call of `generate`; sampling is seeded by it.
        embeds: [T, D] floating point; prompts that share a prefix, row for row, share its computation on vLLM.
        against: [T, D] the same prompt for somebody else, where `SamplingSettings.contrast` weighs the two.
    """

    prompt_id: str
    embeds: torch.Tensor | np.ndarray = field(repr=False)
    against: torch.Tensor | np.ndarray | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class LengthLimit:
    """A longest answer in characters, held to while it is written: no token is drawn that would go beyond it.

    Args:
        longest: in the limit's own units.
        wide_units: units that a double-width character takes.
        narrow_units: units that any other character takes.
    """

    longest: float
    wide_units: float = 1.0
    narrow_units: float = 1.0


@dataclass(frozen=True, slots=True)
class SamplingSettings:
    """How answers are drawn.

    Args:
        max_tokens: longest answer, in tokens, stop token included; >= 1.
        temperature: 0 is greedy; in [0, 2].
        top_p: nucleus kept after the temperature is applied, in (0, 1].
        n: candidates per prompt; a greedy answer is one.
        seed: with a prompt's id and a candidate's number it fixes that candidate's randomness.
        stop_token_ids: end an answer beside the model's own end-of-sequence tokens.
        limits: lengths that an answer keeps within, all of them.
        contrast: weight w of contrastive decoding, >= 0: tokens are drawn by (1 + w) log p(. | embeds) - w log p(. |
            against), among those at least `PLAUSIBLE` times as likely under `embeds` as the likeliest one.

    Raises:
        ValueError: a setting is out of range.
    """

    max_tokens: int = 32
    temperature: float = 0.0
    top_p: float = 1.0
    n: int = 1
    seed: int = 0
    stop_token_ids: tuple[int, ...] = ()
    limits: tuple[LengthLimit, ...] = ()
    contrast: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.contrast < math.inf:
            raise ValueError(f"a contrast of 0 or more expected, got {self.contrast}")
        if self.max_tokens < 1 or self.n < 1:
            raise ValueError(f"max_tokens and n must be at least 1, got {self.max_tokens} and {self.n}")
        if not 0 <= self.temperature <= 2 or not 0 < self.top_p <= 1:
            raise ValueError(f"temperature in [0, 2], top_p in (0, 1] expected, got {self.temperature}, {self.top_p}")
        if self.temperature == 0 and self.n > 1:
            raise ValueError(f"temperature 0 gives {self.n} equal candidates; ask for one, or raise the temperature")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One answer.

    Args:
        text: the answer without its stop token and without special tokens.
        token_ids: every token generated, the stop token included.
        token_logprobs: log-probability in nats of each of them under the model as it is (before temperature, top_p).
        finish_reason: "stop" at a stop token, "length" when max_tokens were reached first.
    """

    text: str
    token_ids: tuple[int, ...]
    token_logprobs: tuple[float, ...]
    finish_reason: FinishReason

    @property
    def logprob(self) -> float:
        """Log-probability of the whole answer in nats."""
        return sum(self.token_logprobs)


@dataclass(frozen=True, slots=True)
class Completion:
    """The candidates for one prompt, `SamplingSettings.n` of them, in the order of their seeds."""

    prompt_id: str
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class EngineStats:
    """What an engine has done since it was opened; subtract two of them for what happened between.

    Args:
        prompts: prompts answered.
        prompt_tokens_submitted: tokens of all prompts, a prompt counting once per candidate.
        prompt_tokens_computed: those of them that were not found in the prefix cache.
        output_tokens: tokens generated.
        wall_s: time spent in `generate`, seconds.
    """

    prompts: int = 0
    prompt_tokens_submitted: int = 0
    prompt_tokens_computed: int = 0
    output_tokens: int = 0
    wall_s: float = 0.0

    def __add__(self, other: EngineStats) -> EngineStats:
        return self._combine(other, 1)

    def __sub__(self, other: EngineStats) -> EngineStats:
        return self._combine(other, -1)

    def _combine(self, other: EngineStats, sign: int) -> EngineStats:
        return EngineStats(
            self.prompts + sign * other.prompts,
            self.prompt_tokens_submitted + sign * other.prompt_tokens_submitted,
            self.prompt_tokens_computed + sign * other.prompt_tokens_computed,
            self.output_tokens + sign * other.output_tokens,
            self.wall_s + sign * other.wall_s,
        )


OnDone = Callable[[Completion], None]


class Engine(Protocol):
    """An engine with a loaded model. Not safe for use by several threads at once.

    Args:
        width: D, how wide an input embedding is.
        stats: what it has done since it was opened.
    """

    width: int
    stats: EngineStats

    def generate(
        self, prompts: Sequence[Prompt], settings: SamplingSettings, on_done: OnDone | None = None
    ) -> list[Completion]:
        """Answer every prompt.

        Prompts with a common prefix should stand next to one another.

        Args:
            prompts: any number, none included.
            settings: the same for all of them.
            on_done: called with each completion as it is finished, in any order.

        Returns:
            one completion per prompt, in the order of the prompts.

        Raises:
            EngineError: a prompt cannot be submitted (nothing was computed then), or the engine failed.
        """
        ...

    def close(self) -> None:
        """Free the model and its caches; the engine cannot be used afterwards."""
        ...


def open_engine(
    name: EngineName,
    model_folder: Path,
    *,
    tokenizer_folder: Path | None = None,
    context_tokens: int | None = None,
    dtype: DType = "auto",
    batch_size: int | None = None,
    enforce_eager: bool | None = None,
) -> Engine:
    """Load a model into an engine.

    Args:
        name: "vllm" for speed, "transformers" where vLLM cannot be had.
        model_folder: a Hugging Face folder of a causal language model.
        tokenizer_folder: where its tokenizer lies, if not in `model_folder`.
        context_tokens: longest prompt and answer together; by default the model's limit, at most 2,048. vLLM's
            cache is sized from it, so name what is needed.
        dtype: "fp32" is exact against Hugging Face generate, "bf16" about 1.3 to 2 times as fast where the
            processor has bf16 instructions; "auto" takes bf16 where it has them.
        batch_size: prompts answered at the same time; by default 128 (vllm on a CPU), 256 (on a GPU), 8 (transformers).
        enforce_eager: run vLLM without torch.compile, which needs over two minutes the first time; by default on a CPU
            only.

    Raises:
        EngineError: vLLM is not installed or cannot start.
        ModelError: the folder is no model, or has no tokenizer.
    """
    from creator.engine.folder import read_folder

    if name == "vllm":
        from creator.engine.vllm_engine import VllmEngine, refuse_vllm

        refuse_vllm()
        folder = read_folder(model_folder, tokenizer_folder, context_tokens)
        return VllmEngine(folder, dtype=dtype, batch_size=batch_size, enforce_eager=enforce_eager)
    from creator.engine.transformers_engine import TransformersEngine

    folder = read_folder(model_folder, tokenizer_folder, context_tokens)
    return TransformersEngine(folder, dtype=dtype, batch_size=batch_size)


def check_prompts(prompts: Sequence[Prompt], settings: SamplingSettings, width: int, context_tokens: int) -> None:
    """Refuse prompts that would crash an engine or spoil its batch, before anything is submitted.

    Args:
        prompts: what is to be submitted.
        settings: how answers are drawn.
        width: D of the model.
        context_tokens: the most tokens of prompt and answer together.

    Raises:
        EngineError: for the first prompt that is not [T, D], holds a value that is not finite, is too long, or
            repeats another's id; it names the prompt's id, what was got and what was expected.
    """
    longest = context_tokens - settings.max_tokens
    seen: set[str] = set()
    for prompt in prompts:
        what, shape = f"prompt '{prompt.prompt_id}' cannot be submitted", tuple(prompt.embeds.shape)
        other = None if prompt.against is None else tuple(prompt.against.shape)
        if prompt.prompt_id in seen:
            raise EngineError(what, got="its id twice", expected="each id once")
        seen.add(prompt.prompt_id)
        if len(shape) != 2 or shape[1] != width or not shape[0]:
            raise EngineError(what, got=f"shape {list(shape)}", expected=f"[tokens, {width}], at least one token")
        if shape[0] > longest:
            raise EngineError(
                what,
                got=f"{shape[0]} tokens",
                expected=f"at most {longest} ({context_tokens} with the answer's {settings.max_tokens})",
                cure="shorten the ad's text, or open the engine with more context_tokens",
            )
        if settings.contrast and other != shape:
            got = "no prompt to contrast with" if other is None else f"one of shape {list(other)} to contrast with"
            raise EngineError(what, got=got, expected=f"one of shape {list(shape)}")
        if not _is_finite(prompt.embeds) or (prompt.against is not None and not _is_finite(prompt.against)):
            raise EngineError(what, got="values that are not finite", expected="finite floating point numbers")


def _is_finite(embeds: torch.Tensor | np.ndarray) -> bool:
    if isinstance(embeds, np.ndarray):
        return bool(np.issubdtype(embeds.dtype, np.floating) and np.isfinite(embeds).all())
    # the largest magnitude is inf or nan if any value is; isfinite() of torch would also do, in three passes
    return embeds.is_floating_point() and bool(np.isfinite(embeds.detach().abs().max().item()))


def candidate_seed(seed: int, prompt_id: str, candidate: int) -> int:
    """The seed of one candidate's randomness: the same whatever else is in the batch; in [0, 2^63)."""
    digest = hashlib.sha256(f"{seed}\x1f{candidate}\x1f{prompt_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1

"""What an engine must know of a model folder before it loads the model: its limits, its end tokens, its vocabulary."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import torch

from creator.core.errors import EngineError, ModelError
from creator.engine.backbone import model_folder_faults
from creator.engine.contract import Candidate, FinishReason, SamplingSettings
from creator.engine.steering import Limiter, TokenLengths

DEFAULT_CONTEXT_TOKENS = 2048


@dataclass(frozen=True)
class ModelFolder:
    """A causal language model's folder.

    Args:
        path: the folder.
        width: D, how wide an input embedding is.
        context_tokens: the most tokens of prompt and answer together.
        end_token_ids: the model's own end-of-sequence tokens.
        cache_values_per_token: numbers of one token's keys and values over all layers.
        tokenizer: turns token ids into text.
    """

    path: Path
    width: int
    context_tokens: int
    end_token_ids: tuple[int, ...]
    cache_values_per_token: int
    tokenizer: Any

    @cached_property
    def lengths(self) -> TokenLengths:
        """How long each token makes an answer; computed when first asked for."""
        return TokenLengths(self.tokenizer)

    def limiter(self, settings: SamplingSettings, device: torch.device) -> Limiter | None:
        """What holds answers to the settings' lengths, or None when there are none."""
        return Limiter(self.lengths, settings.limits, self.stop_ids(settings), device) if settings.limits else None

    def stop_ids(self, settings: SamplingSettings) -> tuple[int, ...]:
        """Every token that ends an answer: the model's own and those asked for."""
        return tuple(dict.fromkeys((*self.end_token_ids, *settings.stop_token_ids)))

    def candidate(self, token_ids: Sequence[int], logprobs: Sequence[float], stop_ids: Sequence[int]) -> Candidate:
        """Make the answer of its tokens; it ended by itself if its last token is one of `stop_ids`."""
        ended = bool(token_ids) and token_ids[-1] in stop_ids
        reason: FinishReason = "stop" if ended else "length"
        text = self.tokenizer.decode(
            list(token_ids[:-1] if ended else token_ids), skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return Candidate(text, tuple(token_ids), tuple(logprobs), reason)


def read_folder(path: Path, tokenizer_folder: Path | None, context_tokens: int | None) -> ModelFolder:
    """Read a model folder's configuration and tokenizer.

    Args:
        path: the model's folder.
        tokenizer_folder: where its tokenizer lies; None for the same folder.
        context_tokens: how many tokens prompt and answer may have together; None for the model's limit, at most 2,048.

    Raises:
        ModelError: the folder is no causal language model, or has no tokenizer.
        EngineError: the model cannot read that many tokens.
    """
    faults = model_folder_faults(path)
    if faults:
        raise ModelError(f"{path} is not a Hugging Face model folder", got="; ".join(faults))
    from transformers import AutoConfig, AutoTokenizer

    try:
        config = cast(Any, AutoConfig.from_pretrained(path)).get_text_config()
        heads = config.num_attention_heads
        values = 2 * config.num_hidden_layers * (getattr(config, "num_key_value_heads", None) or heads)
        values *= getattr(config, "head_dim", None) or config.hidden_size // heads
        limit = int(config.max_position_embeddings)
    except (AttributeError, OSError, ValueError, KeyError) as error:
        raise ModelError(
            f"the configuration in {path} is not one of a causal language model", got=type(error).__name__
        ) from None
    try:
        tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder or path)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(
            f"no tokenizer can be read from {tokenizer_folder or path}",
            got=type(error).__name__,
            expected="tokenizer.json and tokenizer_config.json",
        ) from None
    if context_tokens is not None and context_tokens > limit:
        raise EngineError("the model cannot read that many tokens", got=context_tokens, expected=f"at most {limit}")
    return ModelFolder(
        path,
        int(config.hidden_size),
        context_tokens or min(limit, DEFAULT_CONTEXT_TOKENS),
        _end_tokens(path, config),
        values,
        tokenizer,
    )


def _end_tokens(path: Path, config: Any) -> tuple[int, ...]:
    """End-of-sequence ids of the generation settings, or else of the configuration."""
    ids = config.eos_token_id
    generation = path / "generation_config.json"
    if generation.is_file():
        try:
            ids = json.loads(generation.read_text(encoding="utf-8")).get("eos_token_id", ids)
        except (OSError, ValueError, AttributeError):
            raise ModelError(f"{generation} cannot be read", expected="a JSON object") from None
    if ids is None:
        return ()
    return (ids,) if isinstance(ids, int) else tuple(ids)

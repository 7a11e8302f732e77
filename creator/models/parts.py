"""The three LLMs of a model, read from Hugging Face folders and cut to the layers that are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn

from creator.core.errors import ModelError
from creator.engine.quiet import quiet_transformers
from creator.models.config import ModelConfig
from creator.models.item_encoder import BIDIRECTIONAL, ItemEncoder


def read_item_encoder(folder: Path, config: ModelConfig) -> ItemEncoder:
    """An Item LLM and its tokenizer, in fp32.

    Raises:
        ModelError: see `read_decoder`.
    """
    from transformers import AutoModel

    llm: Any = _read_llm(AutoModel, folder, torch.float32)
    if llm.config.model_type in BIDIRECTIONAL and config.item_pooling != "mean":
        raise ModelError(
            f"{folder} is a sentence encoder, whose states do not end in one that has read the whole text",
            got=f"item_pooling {config.item_pooling}",
            expected="mean",
        )
    return ItemEncoder(
        llm,
        read_tokenizer(folder),
        config.item_pooling,
        config.item_text_tokens,
        prompt=config.item_prompt,
        start=config.item_start,
    )


def read_decoder(folder: Path, layers: int) -> nn.Module:
    """A decoder without LM head, in fp32, its first `layers` layers kept (0: all).

    Raises:
        ModelError: the folder is no model, lacks weights, holds some of another shape, or has fewer layers.
    """
    from transformers import AutoModel

    return _truncate(_read_llm(AutoModel, folder, torch.float32), layers)


def read_causal_llm(folder: Path, layers: int, dtype: torch.dtype | str) -> nn.Module:
    """A causal LM, its first `layers` layers kept (0: all); "auto" keeps the number format it was saved in.

    Raises:
        ModelError: see `read_decoder`.
    """
    from transformers import AutoModelForCausalLM

    llm: Any = _read_llm(AutoModelForCausalLM, folder, dtype)
    _truncate(llm.get_decoder(), layers)
    if layers:
        llm.config.num_hidden_layers = layers
    return llm


def read_tokenizer(folder: Path) -> Any:
    """The tokenizer of a folder.

    Raises:
        ModelError: there is none that can be read.
    """
    from transformers import AutoTokenizer

    return _read(AutoTokenizer, folder)


def new_user_llm(width: int, layers: int) -> nn.Module:
    """A new Llama that reads item embeddings of a width; it has as many key-value heads as heads."""
    from transformers import LlamaConfig, LlamaModel

    heads = max(1, width // 64)
    return LlamaModel(
        LlamaConfig(
            vocab_size=8,
            hidden_size=width,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            num_key_value_heads=heads,
            intermediate_size=width * 8 // 3 // 8 * 8,
            max_position_embeddings=4096,
            pad_token_id=0,
        )
    )


def recompute_activations(llm: Any) -> None:
    """Keep no activations inside a layer under training: they are computed again for the gradients (less memory, about
    a third more time)."""
    llm.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})


def _read_llm(loader: Any, folder: Path, dtype: torch.dtype | str) -> Any:
    with quiet_transformers():
        llm, report = _read(loader, folder, dtype=dtype, output_loading_info=True)
    # transformers draws what a file lacks at random; a sentence encoder's pooler is not used
    missing = sorted(name for name in report["missing_keys"] if "pooler." not in name)
    if missing:
        raise ModelError(
            f"{folder} lacks weights of its model",
            got=f"{len(missing)} missing, such as {missing[0]}",
            cure="use the folder as save_pretrained wrote it",
        )
    return llm


def _read(loader: Any, folder: Path, **options: Any) -> Any:
    if not (folder / "config.json").is_file():
        raise ModelError(
            f"{folder} is not a Hugging Face model folder",
            got="no config.json",
            cure="name a folder that transformers' save_pretrained wrote",
        )
    try:
        return loader.from_pretrained(folder, local_files_only=True, **options)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise ModelError(
            f"{folder} cannot be loaded by transformers",
            got=type(error).__name__,
            expected="a model and tokenizer that this version of transformers knows, its weights of the right shapes",
            cure="check the folder's files, or update transformers",
        ) from error


def _truncate(decoder: Any, layers: int) -> nn.Module:
    if layers:
        if layers > len(decoder.layers):
            raise ModelError(
                "more layers asked for than the model has",
                got=layers,
                expected=f"at most {len(decoder.layers)}",
                cure="ask for fewer layers, or 0 for all",
            )
        decoder.layers = decoder.layers[:layers]
        decoder.config.num_hidden_layers = layers
        if getattr(decoder.config, "layer_types", None):
            decoder.config.layer_types = decoder.config.layer_types[:layers]
    return decoder

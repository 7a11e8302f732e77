"""What a prompt's writer needs of a Creative LLM, without the LLM itself: its conventions, tokenizer and word table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from creator.core.errors import ModelError
from creator.models.config import ModelConfig
from creator.models.parts import read_causal_llm, read_tokenizer
from creator.models.prompts import PromptWriter

TABLES = ("model.embed_tokens.weight", "transformer.wte.weight", "gpt_neox.embed_in.weight")


@dataclass(frozen=True)
class PromptParts:
    """Writes prompts and turns words into input embeddings.

    Args:
        config: the model's conventions.
        prompts: writes the token ids.
        words: [V, D] input embeddings.
    """

    config: ModelConfig
    prompts: PromptWriter
    words: Tensor

    @classmethod
    def read(cls, folder: Path) -> PromptParts:
        """From a MODEL folder that is not light.

        Raises:
            ModelError: a part of the folder is missing or does not read.
        """
        path, creative = folder / "model.json", folder / "creative_llm"
        if not path.is_file():
            raise ModelError(f"{folder} is no model folder", got="no model.json")
        config = ModelConfig.from_json(path.read_text(encoding="utf-8"), str(path))
        return cls(config, PromptWriter(config, read_tokenizer(creative)), word_table(creative))


def word_table(folder: Path) -> Tensor:
    """The input embeddings of a causal LM's folder, [V, D]; read alone where they are stored under a known name."""
    for file in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(file, framework="pt") as tensors:
                for name in TABLES:
                    if name in tensors.keys():  # noqa: SIM118 - not a mapping
                        return tensors.get_tensor(name)
        except (OSError, SafetensorError):
            raise ModelError(f"{file} is not readable safetensors", cure="use the folder as train wrote it") from None
    llm: Any = read_causal_llm(folder, 0, "auto")
    with torch.no_grad():
        return llm.get_input_embeddings().weight.detach()

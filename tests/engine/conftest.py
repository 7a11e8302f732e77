"""A tiny random Llama in an ordinary Hugging Face folder, and the two real engines over it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from creator.engine.contract import Engine, Prompt, open_engine

WIDTH, VOCABULARY, CONTEXT_TOKENS, END = 64, 300, 256, 2


@dataclass(frozen=True)
class Tiny:
    """The model on disk and in memory."""

    folder: Path
    embedding: torch.Tensor

    def prompt(self, prompt_id: str, token_ids: list[int]) -> Prompt:
        return Prompt(prompt_id, self.embedding[torch.tensor(token_ids)])


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("tiny-llama")
    words = ["<unk>", "<s>", "</s>", *(f"w{number}" for number in range(3, VOCABULARY))]
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.decoder = decoders.Fuse()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    ).save_pretrained(folder)
    torch.manual_seed(7)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=WIDTH,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=2,  # vLLM's CPU kernels want heads at least 32 wide
            num_key_value_heads=1,
            max_position_embeddings=512,
            bos_token_id=1,
            eos_token_id=END,
            initializer_range=0.4,
            tie_word_embeddings=False,
        )
    )
    model.save_pretrained(folder)
    return Tiny(folder, model.get_input_embeddings().weight.detach().clone())


@pytest.fixture(scope="session", params=["transformers", "vllm"])
def engine(request: pytest.FixtureRequest, tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Each engine, on a machine that has no C++ compiler and nothing compiled before."""
    patch = pytest.MonkeyPatch()
    patch.setenv("CXX", "/nonexistent")
    patch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path_factory.mktemp("inductor")))
    opened = open_engine(request.param, tiny.folder, context_tokens=CONTEXT_TOKENS, dtype="fp32", batch_size=32)
    yield opened
    opened.close()
    patch.undo()

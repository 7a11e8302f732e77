"""Tiny models whose weights are large enough that a leak between two texts, or a wrong position, shows at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from creator.core.records import Ad, AdId
from creator.models.assembly import HllmCreator
from creator.models.checkpoint import build_model
from creator.models.config import ModelConfig
from creator.models.creative import Row
from tests.domain import THINGS
from tests.end_to_end.backbones import make_backbone

WORDS = [f"{brand} {thing} for {activity}" for brand in ("Arven", "Korrik") for activity in THINGS
         for thing in THINGS[activity]]  # fmt: skip
AD = Ad(
    AdId("a1"),
    "Arven outdoor sale: 20% off selected gear",
    "20% off selected Arven gear for climbing and fishing.",
    selling_points=("chalk bag for climbing", "landing net for fishing", "20% off selected gear"),
    attributes={"brand": "Arven", "discount": "20%"},
)
OTHER_AD = Ad(AdId("a2"), "Korrik summer sale", "Running socks and a race belt.", attributes={"brand": "Korrik"})


@dataclass(frozen=True)
class Backbones:
    """Hugging Face folders: two Llamas, 64 wide, and a BERT, 32 wide."""

    item: Path
    creative: Path
    sentence: Path

    @classmethod
    def make(cls, folder: Path) -> Backbones:
        texts = [*WORDS, ModelConfig().instruction, ModelConfig().profile_instruction, AD.title, "Title: sale off gear"]
        return cls(
            make_backbone(folder / "item", texts, seed=0),
            make_backbone(folder / "creative", texts, seed=1),
            make_sentence_encoder(folder / "sentence"),
        )

    def build(self, config: ModelConfig | None = None, *, seed: int = 3, **shape: Any) -> HllmCreator:
        """A model in evaluation mode; `sentence` pooling takes the BERT."""
        config = replace(config or ModelConfig(), item_backbone=str(self.item), creative_backbone=str(self.creative))
        item = self.sentence if config.item_pooling == "mean" else self.item
        torch.manual_seed(seed)
        model = build_model(config, item_folder=item, creative_folder=self.creative, **shape)
        sharpen(model)
        return model.eval()


def make_sentence_encoder(folder: Path) -> Path:
    """A random two-layer BERT with a tokenizer of whole words that sets [CLS] and [SEP] around a text."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *sorted({word for text in WORDS for word in text.split()})]
    tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]").save_pretrained(folder)
    torch.manual_seed(2)
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    BertModel(BertConfig(vocab_size=len(words), max_position_embeddings=64, **shape)).save_pretrained(folder)
    return folder


@torch.no_grad()
def sharpen(module: nn.Module, std: float = 0.2) -> None:
    """Draw every matrix anew, ten times the usual size, so that attention is far from even."""
    for parameter in module.parameters():
        if parameter.ndim > 1:
            parameter.normal_(std=std)


def attend(model: HllmCreator, how: str) -> HllmCreator:
    """The model with its Item LLM and Creative LLM on one attention implementation."""
    for llm in (model.item.llm, model.creative.base):
        llm.set_attn_implementation(how)
    return model


@torch.no_grad()
def title_logprobs(llm: Any, rows: Sequence[Row], soft_tokens: Tensor) -> Tensor:
    """Log-probability of each branch's answer from plain forward passes, one a branch, nothing packed or padded."""
    words, out = llm.get_input_embeddings(), []
    for row in rows:
        for branch in row.branches:
            tokens = [*branch.after, *branch.answer]
            prefix = words(torch.tensor(row.prefix, dtype=torch.long))
            tail = words(torch.tensor(tokens, dtype=torch.long))
            embeds = torch.cat([prefix, soft_tokens[branch.user].unsqueeze(0), tail]).unsqueeze(0)
            logprobs = torch.log_softmax(llm(inputs_embeds=embeds).logits[0], dim=-1)
            first = len(row.prefix) + 1 + len(branch.after)
            out.append(sum((logprobs[first + n - 1, token] for n, token in enumerate(branch.answer)), torch.zeros(())))
    return torch.stack(out)

"""The Item LLM: a text becomes one vector (HLLM, arXiv 2409.12740, section 3.1).

Shapes: N texts, T tokens, d width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from creator.models.packing import ROW_TOKENS, run_packed

BIDIRECTIONAL = frozenset(
    [
        "bert",
        "roberta",
        "xlm-roberta",
        "mpnet",
        "distilbert",
        "electra",
        "albert",
        "camembert",
        "deberta-v2",
        "modernbert",
    ]
)
"""Model types that read a text from both sides: they have no last state to read, and take the mean."""


class ItemEncoder(nn.Module):
    """A pretrained language model that embeds texts.

    Args:
        llm: a transformers decoder, or a BERT-type encoder (mean pooling only), without LM head.
        tokenizer: its tokenizer.
        pooling: "item_token" or "mean" (see `ModelConfig.item_pooling`).
        text_tokens: texts are cut to this many tokens, the head kept; prompt and start count.
        prompt: words in front of every text that is not empty.
        start: whether a decoder's begin-of-sequence token stands in front of every text.
    """

    def __init__(
        self,
        llm: nn.Module,
        tokenizer: Any,
        pooling: str,
        text_tokens: int,
        *,
        prompt: str = "",
        start: bool = False,
    ) -> None:
        super().__init__()
        self.llm = llm
        self.tokenizer = tokenizer
        self.pooling = pooling
        self.text_tokens = text_tokens
        self.prompt = prompt
        self.start: list[int] = [tokenizer.bos_token_id] if start else []
        config: Any = llm.config
        self.width = int(config.hidden_size)
        self.row_tokens = ROW_TOKENS
        self.packs = config.model_type not in BIDIRECTIONAL
        if pooling == "item_token":
            self.item_token = nn.Parameter(torch.randn(self.width) * 0.02)

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, without special tokens of a decoder and with those of an encoder; cut to length."""
        ids: list[list[int]] = self.tokenizer(
            [self.prompt + text if text else text for text in texts],
            truncation=True,
            max_length=self.text_tokens - len(self.start),
            add_special_tokens=not self.packs,
            padding=False,
            return_attention_mask=False,
        )["input_ids"]
        return [self.start + tokens for tokens in ids]

    def forward(self, token_ids: Sequence[Sequence[int]]) -> Tensor:
        """Embed N tokenised texts.

        Args:
            token_ids: N lists of token ids; an empty one is an empty text.

        Returns:
            [N, d]; the final-norm state at [ITEM], as it is, or the mean of the states, scaled to length sqrt(d) (zeros
            for a text without a token).
        """
        if not self.packs:
            return self._mean(token_ids)
        device = next(self.llm.parameters()).device
        learned = self.pooling == "item_token"
        lengths = [len(ids) + learned for ids in token_ids]
        flat = torch.tensor([t for ids in token_ids for t in (*ids, *([0] * learned))], dtype=torch.long, device=device)
        embeds = self.llm.get_input_embeddings()(flat)  # pyright: ignore[reportCallIssue]
        ends = (torch.cumsum(torch.tensor(lengths), 0) - 1).to(device)
        if learned:
            embeds = embeds.index_copy(0, ends, self.item_token.to(embeds.dtype).expand(len(lengths), -1))
        states = run_packed(self.llm, embeds, lengths, self.row_tokens)
        if learned:
            return states[ends].float()
        owner = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths)).to(device)
        sums = torch.zeros(len(lengths), self.width, device=device).index_add(0, owner, states.float())
        return nn.functional.normalize(sums, dim=-1) * self.width**0.5

    def _mean(self, token_ids: Sequence[Sequence[int]]) -> Tensor:
        device = next(self.llm.parameters()).device
        longest = max(len(ids) for ids in token_ids)
        ids = torch.zeros(len(token_ids), longest, dtype=torch.long)
        mask = torch.zeros(len(token_ids), longest)
        for row, tokens in enumerate(token_ids):
            ids[row, : len(tokens)] = torch.tensor(tokens)
            mask[row, : len(tokens)] = 1.0
        ids, mask = ids.to(device), mask.to(device)
        states = self.llm(input_ids=ids, attention_mask=mask.long()).last_hidden_state
        weights = mask.unsqueeze(-1).to(states.dtype)
        mean = (states * weights).sum(1) / weights.sum(1).clamp_min(1)
        # unit variance rather than unit length: what follows is initialised for inputs of that size
        return nn.functional.normalize(mean.float(), dim=-1) * self.width**0.5

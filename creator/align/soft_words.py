"""Soft tokens as words, so that a trainer that knows token ids alone reads them: id V + n is the n-th soft token.

V is the number of words that the Creative LLM has rows for. The soft token is not written into the word table: it
reaches the LLM as the embedding it is, and no word of the vocabulary changes.

Shapes: V words, U soft tokens, D width.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

NEVER = -1e4
"""The logit of a soft token: it is never written, and finite, since a masked place multiplies it by zero."""


class SoftWords(nn.Module):
    """A word table that gives soft tokens behind its words.

    Args:
        words: the LLM's own table.
        soft: [U, D].
    """

    def __init__(self, words: nn.Embedding, soft: Tensor) -> None:
        super().__init__()
        self.words = words
        self.first = words.num_embeddings
        self.register_buffer("soft", soft.detach().clone(), persistent=False)

    @property
    def weight(self) -> Tensor:
        """The words' own table, as whoever ties weights expects it."""
        return self.words.weight

    def forward(self, token_ids: Tensor) -> Tensor:
        """[..] -> [.., D]."""
        soft = token_ids >= self.first
        known: Tensor = self.words(token_ids.masked_fill(soft, 0))
        table: Any = self.soft
        return torch.where(soft.unsqueeze(-1), table[(token_ids - self.first).clamp_min(0)].to(known.dtype), known)


class NeverWritten(nn.Module):
    """An output layer that gives soft tokens a logit too, so that whoever gathers by token id finds one.

    Args:
        head: the LLM's own.
        count: U.
    """

    def __init__(self, head: nn.Module, count: int) -> None:
        super().__init__()
        self.head = head
        self.count = count

    @property
    def weight(self) -> Tensor:
        """The head's own."""
        own: Any = self.head.weight
        return own

    @property
    def bias(self) -> Tensor | None:
        """The head's own; TRL multiplies hidden states by these two itself where only words' labels count."""
        own: Any = getattr(self.head, "bias", None)
        return own

    def forward(self, states: Tensor) -> Tensor:
        """[.., D] -> [.., V + U]."""
        logits: Tensor = self.head(states)
        return torch.cat([logits, logits.new_full((*logits.shape[:-1], self.count), NEVER)], dim=-1)


@contextmanager
def lent(llm: Any, soft: Tensor) -> Generator[int]:
    """Let a causal LM read soft tokens by id; yields the id of the first. The LLM is as before when it ends.

    Args:
        llm: a transformers causal LM, without adapters around it (they may be inside).
        soft: [U, D].
    """
    words, head = llm.get_input_embeddings(), llm.get_output_embeddings()
    table = SoftWords(words, soft.to(words.weight.device))
    llm.set_input_embeddings(table)
    llm.set_output_embeddings(NeverWritten(head, len(soft)))
    try:
        yield table.first
    finally:
        llm.set_input_embeddings(words)
        llm.set_output_embeddings(head)

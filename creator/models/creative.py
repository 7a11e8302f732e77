"""The Creative LLM: a causal LM that reads one soft token per user (HLLM-Creator section 3.3).

Many titles of one ad are read in one row: the ad is the row's prefix, each user's soft token and title is a branch
that sees the prefix and itself. A row with 16 titles costs about a quarter of 16 separate prompts.

Shapes: N rows, T tokens, S supervised tokens, B users (soft tokens), D width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from creator.models.packing import PADDING, PREFIX, attention_mask

NO_TARGET = -100


@dataclass(frozen=True, slots=True)
class Branch:
    """One user's part of a row.

    Args:
        user: row of the soft-token matrix.
        after: token ids between the soft token and the answer.
        answer: the supervised token ids, end included; possibly empty (a prompt).
    """

    user: int
    after: Sequence[int]
    answer: Sequence[int]


@dataclass(frozen=True, slots=True)
class Row:
    """A shared prefix and its branches."""

    prefix: Sequence[int]
    branches: Sequence[Branch]


@dataclass(frozen=True, slots=True)
class RowBatch:
    """Rows as tensors.

    Args:
        token_ids: [N, T]; 0 in a soft token's slot.
        positions: [N, T] each branch goes on from the prefix's end.
        segments: [N, T] see `creator.models.packing`.
        targets: [N, T] the token that a position has to predict, or NO_TARGET.
        owners: [N, T] number of the branch over the whole batch, or -1.
        slots: [B', 2] row and column of each soft token.
        slot_users: [B'] which soft token goes there.
    """

    token_ids: Tensor
    positions: Tensor
    segments: Tensor
    targets: Tensor
    owners: Tensor
    slots: Tensor
    slot_users: Tensor

    @classmethod
    def of(cls, rows: Sequence[Row]) -> RowBatch:
        """Lay rows out, right-padded to the longest."""
        laid = [_lay(row) for row in rows]
        longest = max(len(tokens) for tokens, *_ in laid)
        fill = (0, 0, PADDING, NO_TARGET, -1)
        columns = [torch.full((len(rows), longest), value, dtype=torch.long) for value in fill]
        slots: list[tuple[int, int]] = []
        users: list[int] = []
        branches = 0
        for n, (tokens, positions, segments, targets, starts) in enumerate(laid):
            owners = [branches + s - 1 if s > PREFIX else -1 for s in segments]
            for column, values in zip(columns, (tokens, positions, segments, targets, owners), strict=True):
                column[n, : len(values)] = torch.tensor(values)
            slots += [(n, start) for start in starts]
            users += [branch.user for branch in rows[n].branches]
            branches += len(rows[n].branches)
        token_ids, places, parts, wanted, owned = columns
        return cls(
            token_ids=token_ids,
            positions=places,
            segments=parts,
            targets=wanted,
            owners=owned,
            slots=torch.tensor(slots).reshape(-1, 2),
            slot_users=torch.tensor(users, dtype=torch.long),
        )

    def to(self, device: torch.device) -> RowBatch:
        """The same on another device."""
        return RowBatch(**{name: getattr(self, name).to(device) for name in self.__slots__})


def _lay(row: Row) -> tuple[list[int], list[int], list[int], list[int], list[int]]:
    tokens, positions = list(row.prefix), list(range(len(row.prefix)))
    segments, targets = [PREFIX] * len(tokens), [NO_TARGET] * len(tokens)
    starts: list[int] = []
    for number, branch in enumerate(row.branches, start=1):
        starts.append(len(tokens))
        body = [0, *branch.after, *branch.answer]
        # the last answer token predicts nothing: it is not run at all
        body = body[:-1] if branch.answer else body
        tokens += body
        positions += range(len(row.prefix), len(row.prefix) + len(body))
        segments += [number] * len(body)
        targets += [NO_TARGET] * len(branch.after) + list(branch.answer) if branch.answer else [NO_TARGET] * len(body)
    return tokens, positions, segments, targets, starts


class CreativeLLM(nn.Module):
    """A causal LM with the projections into it.

    Args:
        llm: a transformers causal LM, possibly with LoRA adapters.
        tokenizer: its tokenizer.
        user_width: d_u of the user embedding.
    """

    def __init__(self, llm: nn.Module, tokenizer: Any, user_width: int) -> None:
        super().__init__()
        config: Any = llm.config
        self.llm = llm
        self.tokenizer = tokenizer
        self.width = int(config.hidden_size)
        self.user_projector = nn.Linear(user_width, self.width, bias=False)
        self.profile_projector = nn.Linear(user_width, self.width, bias=False)
        nn.init.normal_(self.user_projector.weight, std=0.02)
        nn.init.normal_(self.profile_projector.weight, std=0.02)

    @property
    def base(self) -> Any:
        """The causal LM itself, whether or not adapters wrap it."""
        llm: Any = self.llm
        return llm.get_base_model() if hasattr(llm, "get_base_model") else llm

    def untie(self) -> None:
        """Give the output layer weights of its own, so that it can learn while the words that are read stay."""
        words, head = self.base.get_input_embeddings(), self.base.get_output_embeddings()
        if head.weight is words.weight:
            head.weight = nn.Parameter(words.weight.detach().clone())
            self.base.config.tie_word_embeddings = False
            self.base.all_tied_weights_keys = {}

    def embed_tokens(self, token_ids: Tensor) -> Tensor:
        """Input embeddings of tokens: [...] -> [..., D]."""
        return self.base.get_input_embeddings()(token_ids)

    def supervised_states(self, batch: RowBatch, soft_tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Run rows and keep the states that have a token to predict; nothing else reaches the output layer.

        Args:
            batch: the rows.
            soft_tokens: [B, D] in the Creative LLM's input space.

        Returns:
            states [S, D], targets [S], owners [S] (branch numbers), in row order.
        """
        states = self._states(batch, soft_tokens)
        wanted = batch.targets != NO_TARGET
        return states[wanted], batch.targets[wanted], batch.owners[wanted]

    def last_states(self, batch: RowBatch, soft_tokens: Tensor) -> Tensor:
        """The state at each soft token, [branches, D]."""
        return self._states(batch, soft_tokens)[batch.slots[:, 0], batch.slots[:, 1]]

    def _states(self, batch: RowBatch, soft_tokens: Tensor) -> Tensor:
        embeds = self.embed_tokens(batch.token_ids)
        soft = soft_tokens[batch.slot_users].to(embeds.dtype)
        embeds = embeds.index_put((batch.slots[:, 0], batch.slots[:, 1]), soft)
        return self.base.get_decoder()(
            inputs_embeds=embeds,
            position_ids=batch.positions,
            use_cache=False,
            attention_mask=attention_mask(batch.segments, embeds.dtype),
        ).last_hidden_state

    def logits(self, states: Tensor) -> Tensor:
        """Next-token logits of states: [S, D] -> [S, V], fp32."""
        return self.base.get_output_embeddings()(states).float()

    def loss(self, batch: RowBatch, soft_tokens: Tensor) -> Tensor:
        """Cross-entropy of the answers, the mean over supervised tokens."""
        states, targets, _ = self.supervised_states(batch, soft_tokens)
        return nn.functional.cross_entropy(self.logits(states), targets)

    def answer_logprobs(self, batch: RowBatch, soft_tokens: Tensor) -> Tensor:
        """Summed log-probability of each branch's answer, [branches] fp32."""
        states, targets, owners = self.supervised_states(batch, soft_tokens)
        token_logprobs = -nn.functional.cross_entropy(self.logits(states), targets, reduction="none")
        return torch.zeros(len(batch.slot_users), device=states.device).index_add_(0, owners, token_logprobs)

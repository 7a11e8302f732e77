"""The User LLM: item embeddings in time order become one user embedding (HLLM section 3.2, HLLM-Creator section 3.2).

Shapes: B users, L history items, P prompt tokens, d width, d_u the User LLM's width.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

AGE_BUCKETS = 64
_OCTAVE = 2.0  # buckets per doubling of the age


class UserEncoder(nn.Module):
    """A language model that reads item embeddings in the place of words.

    Args:
        llm: a transformers decoder without LM head; its word embeddings serve the text prompt only.
        item_width: d; a bias-free projection is added where it differs from the LLM's width.
        prompt_ids: token ids of the text prompt, possibly none.
        with_age: whether a learned embedding of each event's age is added to its item.
    """

    def __init__(
        self, llm: nn.Module, item_width: int, prompt_ids: tuple[int, ...] = (), *, with_age: bool = False
    ) -> None:
        super().__init__()
        config: Any = llm.config
        self.llm = llm
        self.width = int(config.hidden_size)
        self.prompt_ids = prompt_ids
        self.user_token = nn.Parameter(torch.randn(self.width) * 0.02)
        self.item_projection = (
            nn.Identity() if item_width == self.width else nn.Linear(item_width, self.width, bias=False)
        )
        self.age = nn.Embedding(AGE_BUCKETS, self.width) if with_age else None
        self.item_offset = nn.Parameter(torch.zeros(self.width))
        if self.age is not None:
            nn.init.zeros_(self.age.weight)

    def forward(self, items: Tensor, mask: Tensor, ages_s: Tensor | None = None) -> Tensor:
        """User embeddings.

        Args:
            items: [B, L, d] item embeddings, oldest first, left-padded.
            mask: [B, L] 1 where an item is real.
            ages_s: [B, L] seconds before the reading, if the model was made `with_age`.

        Returns:
            [B, d_u] the final-norm state at the learned [USER] vector, not normalised.
        """
        return self.states_with_user(items, mask, ages_s)[:, -1]

    def states_with_user(self, items: Tensor, mask: Tensor, ages_s: Tensor | None = None) -> Tensor:
        """The states behind `forward`: history positions first, [USER] last; [B, L + P + 1, d_u].

        Attention is causal, so that the history's states are those of `states` and one pass serves both objectives.
        """
        return self._run(items, mask, ages_s, with_user=True)

    def states(self, items: Tensor, mask: Tensor, ages_s: Tensor | None = None) -> Tensor:
        """The state at every history position, [B, L, d_u]: what predicts the next item. No prompt, no [USER]."""
        return self._run(items, mask, ages_s, with_user=False)

    def lay_inputs(
        self, items: Tensor, mask: Tensor, ages_s: Tensor | None = None, *, with_user: bool = True
    ) -> tuple[Tensor, Tensor]:
        """What the LLM reads: [history | prompt | USER], or the history alone.

        Returns:
            embeddings [B, L + P + 1, d_u] and mask [B, L + P + 1], or the first L columns of both. Padding keeps
            whatever `items` holds there: nothing reads it.
        """
        embeds = self.item_projection(items) + self.item_offset
        if self.age is not None:
            if ages_s is None:
                raise ValueError("this User LLM was made with_age and needs ages_s")
            embeds = embeds + self.age(age_bucket(ages_s))
        if not with_user:
            return embeds, mask
        batch = embeds.shape[0]
        tail = self.user_token.expand(batch, 1, -1)
        if self.prompt_ids:
            ids = torch.tensor(self.prompt_ids, device=embeds.device)
            words = self.llm.get_input_embeddings()(ids)  # pyright: ignore[reportCallIssue]
            tail = torch.cat([words.expand(batch, -1, -1), tail], dim=1)
        return torch.cat([embeds, tail.to(embeds.dtype)], dim=1), torch.cat(
            [mask, mask.new_ones(batch, tail.shape[1])], dim=1
        )

    def _run(self, items: Tensor, mask: Tensor, ages_s: Tensor | None, *, with_user: bool) -> Tensor:
        embeds, mask = self.lay_inputs(items, mask, ages_s, with_user=with_user)
        positions = torch.arange(embeds.shape[1], device=embeds.device).unsqueeze(0).expand(embeds.shape[0], -1)
        return self.llm(inputs_embeds=embeds, attention_mask=mask.long(), position_ids=positions).last_hidden_state


@torch.no_grad()
def start_as_mean(encoder: UserEncoder, items: Tensor, gain: float = 4.0) -> None:
    """Start a new User LLM as the mean of its history: a user is what they bought, before anything is learnt.

    The first layer's values and output pass items on as they are, and its attention starts even; the catalogue's mean
    is taken off every item, so that what users have in common does not drown what tells them apart. Ours; a random
    start left next-item loss near chance for hundreds of steps (docs/log.md).

    Args:
        encoder: whose User LLM is a new Llama of the items' width with as many key-value heads as heads.
        items: [I, d] item embeddings of the catalogue.
        gain: how strongly the mean speaks against the other layers' random output.
    """
    attention: Any = encoder.llm.layers[0].self_attn  # pyright: ignore[reportIndexIssue, reportOptionalSubscript, reportArgumentType, reportCallIssue, reportAttributeAccessIssue]
    attention.v_proj.weight.copy_(torch.eye(encoder.width))
    attention.o_proj.weight.copy_(torch.eye(encoder.width) * gain)
    encoder.item_offset.copy_(-items.float().mean(0))


def age_bucket(ages_s: Tensor) -> Tensor:
    """Half-octave bucket of an age in seconds, [..] int64 in [0, AGE_BUCKETS): one minute and less is 0."""
    buckets = torch.log2(ages_s.clamp_min(60.0) / 60.0) * _OCTAVE
    return buckets.floor().clamp(0, AGE_BUCKETS - 1).long()


def parallel_share(embeddings: Tensor) -> float:
    """Mean cosine between different rows of [N, d]: near 1, the embeddings have collapsed."""
    unit = nn.functional.normalize(embeddings.float(), dim=-1)
    count = unit.shape[0]
    total = (unit.sum(0) @ unit.sum(0)).item()
    return (total - count) / (count * (count - 1)) if count > 1 else math.nan

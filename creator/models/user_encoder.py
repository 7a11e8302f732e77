"""The User LLM: item embeddings in time order become one user embedding (HLLM section 3.2, HLLM-Creator section 3.2).

Histories are packed, so that none is padded to another's length (`read`); the padded layout of the reference gives the
same states and stays for comparison with it (`forward`, `states`, `lay_inputs`).

Shapes: B users, L history items, E events of all histories, P prompt tokens, C targets, d width, d_u the User LLM's
width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from creator.core.errors import ModelError
from creator.models.calendar import Calendar
from creator.models.packing import PADDING, PREFIX, ROW_TOKENS, attention_mask, run_packed

AGE_BUCKETS = 64
_OCTAVE = 2.0  # buckets per doubling of the age


class UserEncoder(nn.Module):
    """A language model that reads item embeddings in the place of words.

    Args:
        llm: a transformers decoder without LM head; its word embeddings serve the text prompt only.
        item_width: d; a bias-free projection is added where it differs from the LLM's width.
        prompt_ids: token ids of the text prompt, possibly none.
        time: what is added to each item: nothing, a learned embedding of the event's age, or one of its date and time
            of day (`creator.models.calendar`).
    """

    def __init__(
        self,
        llm: nn.Module,
        item_width: int,
        prompt_ids: tuple[int, ...] = (),
        *,
        time: Literal["none", "age", "calendar"] = "none",
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
        self.row_tokens = ROW_TOKENS
        self.age = nn.Embedding(AGE_BUCKETS, self.width) if time == "age" else None
        self.calendar = Calendar(self.width) if time == "calendar" else None
        self.item_offset = nn.Parameter(torch.zeros(self.width))
        if self.age is not None:
            nn.init.zeros_(self.age.weight)

    def read(
        self,
        items: Tensor,
        lengths: Sequence[int],
        ages_s: Tensor | None = None,
        times_s: Tensor | None = None,
        *,
        with_user: bool = True,
    ) -> tuple[Tensor, Tensor]:
        """Read histories that lie end to end.

        Args:
            items: [E, d] item embeddings, history by history, oldest first.
            lengths: [B] events of each; a history may be empty.
            ages_s: [E] seconds before the reading, where the model reads ages.
            times_s: [E] epoch seconds in float64, where it reads the calendar.
            with_user: whether prompt and [USER] follow each history.

        Returns:
            the state at each event, [E, d_u], which predicts the next item, and the user embeddings [B, d_u]: the
            final-norm state at the learned [USER] vector, not normalised (none without it). Attention is causal, so
            that one pass serves both.
        """
        events = self.lay_items(items, ages_s, times_s)
        if not with_user:
            return run_packed(self.llm, events, lengths, self.row_tokens), events.new_zeros(0, self.width)
        tail = self._tail(events)
        behind = len(tail)
        owner = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths, dtype=torch.long))
        places = (torch.arange(len(events)) + owner * behind).to(events.device)
        ends = torch.tensor(lengths, dtype=torch.long).cumsum(0) + torch.arange(1, len(lengths) + 1) * behind
        tails = (ends.unsqueeze(1) - behind + torch.arange(behind)).flatten().to(events.device)
        embeds = events.new_zeros(len(events) + len(lengths) * behind, self.width)
        embeds = embeds.index_copy(0, places, events).index_copy(0, tails, tail.repeat(len(lengths), 1))
        states = run_packed(self.llm, embeds, [n + behind for n in lengths], self.row_tokens)
        return states[places], states[(ends - 1).to(events.device)]

    def read_before(
        self,
        items: Tensor,
        lengths: Sequence[int],
        targets: Tensor,
        ages_s: Tensor | None = None,
        times_s: Tensor | None = None,
    ) -> Tensor:
        """Read each history with each of its targets appended: HLLM's early fusion (section 3.3).

        A history is read once however many targets follow: they are branches that see it and not each other.

        Args:
            items, lengths, ages_s, times_s: as in `read`.
            targets: [B, C, d] embeddings of what each user is asked about; nothing about time is added.

        Returns:
            [B, C, d_u] the state at each target.
        """
        events = self.lay_items(items, ages_s, times_s)
        asked = self.item_projection(targets) + self.item_offset
        batch, longest, count = len(lengths), max(lengths, default=0), targets.shape[1]
        where = torch.arange(longest).unsqueeze(0) < torch.tensor(lengths, dtype=torch.long).unsqueeze(1)
        where = where.to(events.device)
        history = events.new_zeros(batch, longest, self.width)
        history = history.masked_scatter(where.unsqueeze(-1), events)
        segments = torch.full((batch, longest + count), PADDING, dtype=torch.long, device=events.device)
        segments[:, :longest][where] = PREFIX
        segments[:, longest:] = torch.arange(1, count + 1, device=events.device)
        positions = torch.arange(longest, device=events.device).expand(batch, -1)
        own = torch.tensor(lengths, dtype=torch.long, device=events.device).unsqueeze(1).expand(-1, count)
        decoder: Any = self.llm
        states = decoder(
            inputs_embeds=torch.cat([history, asked.to(events.dtype)], dim=1),
            position_ids=torch.cat([positions, own], dim=1),
            attention_mask=attention_mask(segments, events.dtype),
            use_cache=False,
        ).last_hidden_state
        return states[:, longest:]

    def lay_items(self, items: Tensor, ages_s: Tensor | None = None, times_s: Tensor | None = None) -> Tensor:
        """What the LLM reads of items: [.., d] -> [.., d_u].

        Raises:
            ModelError: the model reads ages or the calendar and they are not given.
        """
        embeds = self.item_projection(items) + self.item_offset
        for part, given, what in ((self.age, ages_s, "the age"), (self.calendar, times_s, "the date")):
            if part is not None and given is None:
                raise ModelError(f"the User LLM reads {what} of each event", got="none", cure="give it")
        if self.age is not None and ages_s is not None:
            embeds = embeds + self.age(age_bucket(ages_s))
        if self.calendar is not None and times_s is not None:
            embeds = embeds + self.calendar(times_s)
        return embeds

    def _tail(self, like: Tensor) -> Tensor:
        """What follows every history: [P + 1, d_u]."""
        tail = self.user_token.unsqueeze(0)
        if self.prompt_ids:
            ids = torch.tensor(self.prompt_ids, device=like.device)
            words = self.llm.get_input_embeddings()(ids)  # pyright: ignore[reportCallIssue]
            tail = torch.cat([words, tail])
        return tail.to(like.dtype)

    def forward(self, items: Tensor, mask: Tensor, ages_s: Tensor | None = None) -> Tensor:
        """User embeddings of left-padded histories, as the reference lays them.

        Args:
            items: [B, L, d] item embeddings, oldest first, left-padded.
            mask: [B, L] 1 where an item is real.
            ages_s: [B, L] seconds before the reading, where the model reads ages.

        Returns:
            [B, d_u], see `read`.
        """
        embeds, mask = self.lay_inputs(items, mask, ages_s)
        return self._run(embeds, mask)[:, -1]

    def states(self, items: Tensor, mask: Tensor, ages_s: Tensor | None = None) -> Tensor:
        """The state at every position of left-padded histories, [B, L, d_u]. No prompt, no [USER]."""
        return self._run(self.lay_items(items, ages_s), mask)

    def lay_inputs(self, items: Tensor, mask: Tensor, ages_s: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """What the LLM reads of left-padded histories: [history | prompt | USER].

        Returns:
            embeddings [B, L + P + 1, d_u] and mask [B, L + P + 1]. Padding keeps whatever `items` holds there: nothing
            reads it.
        """
        embeds = self.lay_items(items, ages_s)
        tail = self._tail(embeds).expand(embeds.shape[0], -1, -1)
        return torch.cat([embeds, tail], dim=1), torch.cat([mask, mask.new_ones(embeds.shape[0], tail.shape[1])], dim=1)

    def _run(self, embeds: Tensor, mask: Tensor) -> Tensor:
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

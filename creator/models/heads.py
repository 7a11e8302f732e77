"""The match head: does this user match this ad? (HLLM-Creator section 3.4)

Shapes: P pairs, W tower width, d_u user width (of the soft token), d item width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

COUNTS = 3  # own events on what the ad covers, the ad's popularity, the user's events


class MixerBlock(nn.Module):
    """One MLP-Mixer block on a pair of vectors (arXiv 2105.01601): mix across the pair, then across channels.

    Args:
        width: W.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.pair_norm = nn.LayerNorm(width)
        self.pair_mlp = nn.Sequential(nn.Linear(2, 8), nn.GELU(), nn.Linear(8, 2))
        self.channel_norm = nn.LayerNorm(width)
        self.channel_mlp = nn.Sequential(nn.Linear(width, 3 * width), nn.GELU(), nn.Linear(3 * width, width))

    def forward(self, pair: Tensor) -> Tensor:
        """[P, 2, W] -> [P, 2, W]."""
        pair = pair + self.pair_mlp(self.pair_norm(pair).transpose(1, 2)).transpose(1, 2)
        return pair + self.channel_mlp(self.channel_norm(pair))


class WideCounts(nn.Module):
    """A small MLP on what behaviour counts say of a pair, whatever the vectors: the memory of Wide & Deep.

    It starts at zero, so that a head whose counts were never trained answers as its towers do. `centre` and `spread`
    standardise the counts; they are measured, not trained, and kept with the weights. `trust` is how much the vectors'
    logit weighs beside them.

    Args:
        hidden: width of its hidden layer.
    """

    def __init__(self, hidden: int = 16) -> None:
        super().__init__()
        self.centre = nn.Parameter(torch.zeros(COUNTS), requires_grad=False)
        self.spread = nn.Parameter(torch.ones(COUNTS), requires_grad=False)
        self.trust = nn.Parameter(torch.ones(1))
        self.inner, self.outer = nn.Linear(COUNTS, hidden), nn.Linear(hidden, 1)
        self.start_at(0.0)

    @torch.no_grad()
    def start_at(self, logit: float) -> None:
        """Answer with one logit whatever the counts."""
        self.outer.weight.zero_()
        self.outer.bias.fill_(logit)

    @torch.no_grad()
    def measure(self, counts: Tensor) -> None:
        """Take centre and spread from counts [P, 3]; one that never varies keeps a spread of 1."""
        spread = counts.std(dim=0, correction=0)
        self.centre.copy_(counts.mean(dim=0))
        self.spread.copy_(torch.where(spread > 1e-6, spread, torch.ones_like(spread)))

    def forward(self, counts: Tensor) -> Tensor:
        """What the counts add to match logits: [P, 3] -> [P]."""
        standard = (counts - self.centre.detach()) / self.spread.detach()
        return self.outer(nn.functional.gelu(self.inner(standard))).squeeze(-1)


class MatchHead(nn.Module):
    """Two bias-free towers and a head on the pair of their outputs.

    Args:
        user_width: width of the projected soft token.
        item_width: width of an ad's item embedding.
        width: W, of both towers.
        kind: "mixer" (two Mixer blocks, LayerNorm, mean over the pair, linear: the reference), "linear" (concatenate,
            ReLU layer) or "mixer_dot" (ours: the mixer plus the scaled inner product of the towers, which a mixer on a
            pair of vectors can only approximate) or "wide" (ours: mixer_dot plus an MLP on the behaviour counts of the
            pair, which no vector of fixed width remembers item by item; Wide & Deep, arXiv 1606.07792).
        blocks: how many Mixer blocks.
    """

    def __init__(self, user_width: int, item_width: int, width: int, kind: str, blocks: int = 2) -> None:
        super().__init__()
        self.user_tower = nn.Linear(user_width, width, bias=False)
        self.item_tower = nn.Linear(item_width, width, bias=False)
        self.kind = kind
        if kind != "linear":
            self.blocks = nn.Sequential(*(MixerBlock(width) for _ in range(blocks)))
            self.norm = nn.LayerNorm(width)
            self.out = nn.Linear(width, 1)
        else:
            self.out = nn.Sequential(nn.Linear(2 * width, width), nn.ReLU(), nn.Linear(width, 1))
        self.wide = WideCounts() if kind == "wide" else None

    def forward(self, users: Tensor, ads: Tensor, counts: Tensor | None = None) -> Tensor:
        """Match logits of P pairs: users [P, d_u], ads [P, d], counts as in `on_towers` -> [P]."""
        return self.on_towers(self.user_tower(users), self.item_tower(ads), counts)

    def on_towers(self, users: Tensor, ads: Tensor, counts: Tensor | None = None) -> Tensor:
        """The same from tower outputs, each [P, W], so that a tower runs once per user and once per ad.

        Args:
            users: [P, W].
            ads: [P, W].
            counts: [P, 3] as `creator.core.acts.LogCounts` gives them; None leaves the wide part out, as the joint
                training does. Only a "wide" head reads them.
        """
        logits = self._on_vectors(users, ads)
        return logits if self.wide is None or counts is None else self.wide.trust * logits + self.wide(counts)

    def _on_vectors(self, users: Tensor, ads: Tensor) -> Tensor:
        if self.kind != "linear":
            mixed = self.blocks(torch.stack([users, ads], dim=1))
            logits = self.out(self.norm(mixed).mean(dim=1)).squeeze(-1)
            return logits if self.kind == "mixer" else logits + (users * ads).sum(-1) / users.shape[-1] ** 0.5
        return self.out(torch.cat([users, ads], dim=-1)).squeeze(-1)

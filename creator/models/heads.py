"""The match head: does this user match this ad? (HLLM-Creator section 3.4)

Shapes: P pairs, W tower width, d_u user width (of the soft token), d item width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


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


class MatchHead(nn.Module):
    """Two bias-free towers and a head on the pair of their outputs.

    Args:
        user_width: width of the projected soft token.
        item_width: width of an ad's item embedding.
        width: W, of both towers.
        kind: "mixer" (two Mixer blocks, LayerNorm, mean over the pair, linear: the reference), "linear" (concatenate,
            ReLU layer) or "mixer_dot" (ours: the mixer plus the scaled inner product of the towers, which a mixer on a
            pair of vectors can only approximate).
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

    def forward(self, users: Tensor, ads: Tensor) -> Tensor:
        """Match logits of P pairs: users [P, d_u], ads [P, d] -> [P]."""
        return self.on_towers(self.user_tower(users), self.item_tower(ads))

    def on_towers(self, users: Tensor, ads: Tensor) -> Tensor:
        """The same from tower outputs, each [P, W], so that a tower runs once per user and once per ad."""
        if self.kind != "linear":
            mixed = self.blocks(torch.stack([users, ads], dim=1))
            logits = self.out(self.norm(mixed).mean(dim=1)).squeeze(-1)
            return logits if self.kind == "mixer" else logits + (users * ads).sum(-1) / users.shape[-1] ** 0.5
        return self.out(torch.cat([users, ads], dim=-1)).squeeze(-1)

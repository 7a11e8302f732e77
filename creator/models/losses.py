"""The losses of HLLM (arXiv 2409.12740) and HLLM-Creator (arXiv 2508.18118).

Shapes: Q queries, C candidates, B users, d width.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

MAX_LOG_SCALE = math.log(100.0)


class LogScale(nn.Module):
    """A learnable temperature, kept as the log of its inverse and clamped in place to [0, ln 100] (CLIP's convention).

    Args:
        temperature: its first value, such as 0.07.
    """

    def __init__(self, temperature: float) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(math.log(1.0 / temperature)))

    def forward(self) -> Tensor:
        """The scale to multiply cosines with."""
        with torch.no_grad():
            self.value.clamp_(0.0, MAX_LOG_SCALE)
        return self.value.exp()


def next_item_loss(
    queries: Tensor, positives: Tensor, candidates: Tensor, false_negative: Tensor, scale: Tensor
) -> tuple[Tensor, Tensor]:
    """InfoNCE of each query's own item against shared candidates (HLLM equation 1).

    Args:
        queries: [Q, d] User LLM states.
        positives: [Q, d] the items that came next.
        candidates: [C, d] shared negatives.
        false_negative: [Q, C] True where a candidate is the query's own item, by identity or identical text.
        scale: inverse temperature.

    Returns:
        the mean loss, and the mean number of live negatives per query (watch it: when it falls, nothing is learnt).
    """
    queries, positives, candidates = (
        nn.functional.normalize(t.float(), dim=-1) for t in (queries, positives, candidates)
    )
    own = (queries * positives).sum(-1, keepdim=True) * scale
    # masked after scaling: -inf times the scale would make the scale's gradient NaN
    others = (queries @ candidates.T * scale).masked_fill(false_negative, -torch.inf)
    logits = torch.cat([own, others], dim=1)
    target = torch.zeros(len(logits), dtype=torch.long, device=logits.device)
    return nn.functional.cross_entropy(logits, target), (~false_negative).sum(1).float().mean()


def alignment_loss(users: Tensor, profiles: Tensor, same_profile: Tensor, scale: Tensor) -> Tensor:
    """Symmetric InfoNCE between users and their profiles, the mean of both directions (HLLM-Creator section 3.3).

    Args:
        users: [B, d]; profiles: [B, d]; row b of both belongs together.
        same_profile: [B, B] True where two rows have the same profile; they are no negatives of each other.
        scale: inverse temperature.
    """
    users, profiles = nn.functional.normalize(users.float(), dim=-1), nn.functional.normalize(profiles.float(), dim=-1)
    own = torch.eye(len(users), dtype=torch.bool, device=users.device)
    logits = (users @ profiles.T * scale).masked_fill(same_profile & ~own, -torch.inf)
    target = torch.arange(len(users), device=users.device)
    return 0.5 * (nn.functional.cross_entropy(logits, target) + nn.functional.cross_entropy(logits.T, target))

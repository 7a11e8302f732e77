"""The losses of HLLM (arXiv 2409.12740) and HLLM-Creator (arXiv 2508.18118).

Shapes: Q queries, C candidates, B users, d width. Candidates may come from the batch, from other processes or from a
queue: the losses do not ask; whoever calls them lays the rows end to end.
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


def contrastive_logits(queries: Tensor, positives: Tensor, candidates: Tensor, masked: Tensor, scale: Tensor) -> Tensor:
    """Scaled cosines of each query to its own positive and to shared candidates.

    Args:
        queries: [Q, d].
        positives: [Q, d]; row q belongs to query q.
        candidates: [C, d] shared by all queries.
        masked: [Q, C] True where a candidate is no negative of the query: its own positive, or the same thing again.
        scale: inverse temperature.

    Returns:
        [Q, 1 + C] fp32: the positive first, -inf where masked.
    """
    queries, positives, candidates = (
        nn.functional.normalize(t.float(), dim=-1) for t in (queries, positives, candidates)
    )
    own = (queries * positives).sum(-1, keepdim=True) * scale
    # masked after scaling: -inf times the scale would make the scale's gradient NaN
    others = (queries @ candidates.T * scale).masked_fill(masked, -torch.inf)
    return torch.cat([own, others], dim=1)


def contrastive_loss(logits: Tensor) -> Tensor:
    """InfoNCE of logits whose first column is the positive's: [Q, 1 + C] -> the mean over queries."""
    return nn.functional.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long, device=logits.device))


def near_duplicates(targets: Tensor, candidates: Tensor, threshold: float = 0.99) -> Tensor:
    """The reference's protection from false negatives: candidates that point almost exactly where the target points.

    A stand-in for the identity of items, which it does not look at. It fails quietly: embeddings that collapse lose
    all their negatives, and then nothing is learnt. Identity is what training uses; this is for equality with the
    reference.

    Args:
        targets: [Q, d] each query's own target.
        candidates: [C, d].
        threshold: cosine above which (strictly) a candidate is masked.

    Returns:
        [Q, C] bool, True where masked.
    """
    with torch.no_grad():
        targets, candidates = (nn.functional.normalize(t.float(), dim=-1) for t in (targets, candidates))
        return targets @ candidates.T > threshold


def next_item_loss(
    queries: Tensor, positives: Tensor, candidates: Tensor, false_negative: Tensor, scale: Tensor
) -> tuple[Tensor, Tensor]:
    """InfoNCE of each query's own item against shared candidates (HLLM equation 1).

    Args:
        queries: [Q, d] User LLM states.
        positives: [Q, d] the items that came next.
        candidates: [C, d] shared negatives.
        false_negative: [Q, C] True where a candidate is the query's own item, by identity or identical text (or, as
            the reference has it, by `near_duplicates`).
        scale: inverse temperature.

    Returns:
        the mean loss, and the mean number of live negatives per query (watch it: when it falls, nothing is learnt).
    """
    logits = contrastive_logits(queries, positives, candidates, false_negative, scale)
    return contrastive_loss(logits), (~false_negative).sum(1).float().mean()


def alignment_loss(
    users: Tensor, profiles: Tensor, same_profile: Tensor, scale: Tensor, *, same_user: Tensor | None = None
) -> Tensor:
    """Symmetric InfoNCE between users and their profiles, the mean of both directions (HLLM-Creator section 3.3).

    Args:
        users: [B, d]; profiles: [B, d]; row b of both belongs together.
        same_profile: [B, B] True where two rows have the same profile; they are no negatives of each other.
        scale: inverse temperature.
        same_user: [B, B] True where two rows have the same user, who then is no negative of the other's profile. Left
            out, sameness of profiles serves both directions. The reference has `near_duplicates` of each direction's
            own targets here.
    """
    users, profiles = nn.functional.normalize(users.float(), dim=-1), nn.functional.normalize(profiles.float(), dim=-1)
    own = torch.eye(len(users), dtype=torch.bool, device=users.device)
    cosines = users @ profiles.T * scale
    to_profiles = cosines.masked_fill(same_profile & ~own, -torch.inf)
    to_users = cosines.T.masked_fill((same_profile.T if same_user is None else same_user) & ~own, -torch.inf)
    target = torch.arange(len(users), device=users.device)
    return 0.5 * (nn.functional.cross_entropy(to_profiles, target) + nn.functional.cross_entropy(to_users, target))

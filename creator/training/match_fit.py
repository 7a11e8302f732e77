"""The match head, trained to the end on users that stand still.

The joint training shows the head a few dozen users a step. Afterwards the User LLM is fixed, its users are computed
once, and the head alone sees them thousands of times for the price of a few joint steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from creator.core.data import Data
from creator.core.progress import Progress
from creator.models.assembly import Float, HllmCreator
from creator.training.impressions import ClickedImpressions
from creator.training.matching import Matching, bce
from creator.training.windows import WindowBatch, WindowSampler


@dataclass(frozen=True, slots=True)
class MatchFitSettings:
    """How the head is fitted.

    Args:
        steps: optimiser steps.
        windows: (user, moment) pairs whose acts are learnt from.
        users: users a step reads.
        groups: (user, moment) groups of impressions a step reads.
        learning_rate: its peak; a linear decay to zero follows.
        weight_decay: on matrices.
        clicks: weight of the impressions against the acts.
        seed: of every draw.
    """

    steps: int = 800
    windows: int = 6000
    users: int = 96
    groups: int = 48
    learning_rate: float = 1e-3
    weight_decay: float = 0.02
    clicks: float = 1.0
    seed: int = 0


def fit_match(model: HllmCreator, data: Data, item_embeddings: Float, settings: MatchFitSettings) -> None:
    """Fit the match head in place; nothing happens where there are neither impressions nor acts to learn from."""
    items = torch.from_numpy(item_embeddings).to(model.device)
    matching = Matching(model, data, items, ads=128)
    losses = [
        part
        for part in (
            _acts(model, data, matching, item_embeddings, settings),
            _clicks(model, data, matching, item_embeddings, settings),
        )
        if part
    ]
    if not losses:
        return
    for name, parameter in model.named_parameters():
        parameter.requires_grad = name.startswith("match.")
    head = list(model.match.parameters())
    matrices, vectors = [p for p in head if p.ndim > 1], [p for p in head if p.ndim == 1]
    optimiser = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": vectors, "weight_decay": 0.0}],
        lr=settings.learning_rate,
    )
    progress = Progress("match head", settings.steps, "steps")
    for step in range(settings.steps):
        for group in optimiser.param_groups:
            group["lr"] = settings.learning_rate * min(1.0, (step + 1) / 50) * (1 - step / settings.steps)
        random = np.random.default_rng((settings.seed, 7, step))
        total = torch.stack([loss(random) for loss in losses]).sum()
        total.backward()
        nn.utils.clip_grad_norm_(head, 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        progress.advance(note=f"loss {float(total.detach()):.3f}")
    progress.close()


Loss = Callable[[np.random.Generator], Tensor]


def _encode(model: HllmCreator, items: Float, batch: WindowBatch, label: str) -> Tensor:
    with torch.autocast(model.device.type, torch.bfloat16):
        users = model.encode_users(items, batch.items, batch.ages_s, label=label)
    return torch.from_numpy(users).to(model.device)


def _acts(model: HllmCreator, data: Data, matching: Matching, items: Float, settings: MatchFitSettings) -> Loss | None:
    sampler = WindowSampler(data.histories, data.train_until, matching.horizon_s)
    if not matching.has_acts or not len(sampler):
        return None
    batch = sampler.draw(np.random.default_rng((settings.seed, 5)), settings.windows, model.config.history)
    users = _encode(model, items, batch, "users for acts")

    def loss(random: np.random.Generator) -> Tensor:
        rows = random.choice(len(batch.users), size=min(settings.users, len(batch.users)), replace=False)
        return matching.on_acts(users[torch.from_numpy(rows)], batch.users[rows], batch.as_of[rows], random)

    return loss


def _clicks(
    model: HllmCreator, data: Data, matching: Matching, items: Float, settings: MatchFitSettings
) -> Loss | None:
    clicked = ClickedImpressions.of(data, matching.ad_ids)
    if not clicked:
        return None
    batch = WindowBatch.read(data.histories, clicked.users, clicked.as_of, model.config.history)
    users = _encode(model, items, batch, "users for clicks")

    def loss(random: np.random.Generator) -> Tensor:
        groups, ads, label = clicked.draw(random, settings.groups)
        rows, columns = np.nonzero(~np.isnan(label))
        logits = matching.pairs(users[torch.from_numpy(groups)], rows, ads[rows, columns]) + clicked.prior
        return settings.clicks * bce(
            logits, torch.from_numpy(label[rows, columns].astype(np.float32)).to(logits.device)
        )

    return loss

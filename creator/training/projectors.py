"""Where the soft tokens start: the words of the users' profiles, by ridge regression."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from creator.core.data import Data
from creator.models.assembly import Float, HllmCreator
from creator.training.examples import Examples
from creator.training.windows import WindowBatch


@torch.no_grad()
def start_projectors(
    model: HllmCreator,
    examples: Examples,
    data: Data,
    item_embeddings: Float,
    *,
    windows: int = 2000,
    ridge: float = 1e-3,
    carry_match: bool = False,
) -> None:
    """Start both soft tokens near the words of the profile: a ridge regression from U to the profile's mean word.

    A random projection puts every user at the same meaningless point of the Creative LLM's input space, and the title
    loss alone does not get out of there (docs/log.md). Deviations from the mean user are scaled up to the length of a
    word embedding, so that users differ as words do.

    Args:
        model: whose `user_projector` and `profile_projector` are set.
        examples: whose windows and profiles are used.
        data: the tables.
        item_embeddings: [I, d].
        windows: how many distinct windows.
        ridge: relative to the mean squared length of U.
        carry_match: keep what a pretrained match head says exactly, by undoing the change in its user tower. A fresh
            head has nothing to keep, and the inverse of a small projection would blow it up.
    """
    moments = np.stack([examples.users.astype(np.float64), examples.as_of])
    keys, first = np.unique(moments, axis=1, return_index=True)
    chosen = np.random.default_rng(0).permutation(len(first))[:windows]
    batch = WindowBatch.read(
        data.histories, keys[0, chosen].astype(np.int64), keys[1, chosen].astype(np.float64), model.config.history
    )
    users = torch.from_numpy(model.encode_users(item_embeddings, batch.items, batch.ages_s, batch.as_of)).double()
    words = model.creative.embed_tokens
    target = (
        torch.stack(
            [
                words(torch.tensor(model.prompts.profile(examples.profiles[n]), device=model.device)).float().mean(0)
                for n in first[chosen]
            ]
        )
        .double()
        .cpu()
    )
    table: Tensor = model.creative.base.get_input_embeddings().weight
    spread = (target - target.mean(0)).norm(dim=1).mean()
    target = target.mean(0) + (target - target.mean(0)) * (table.float().norm(dim=1).mean().cpu() / spread)
    gram = users.T @ users
    weight = torch.linalg.solve(
        gram + ridge * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype), users.T @ target
    ).T
    projector: Tensor = model.creative.user_projector.weight
    if carry_match:
        tower = model.match.user_tower.weight
        tower.copy_((tower.double().cpu() @ projector.double().cpu() @ torch.linalg.pinv(weight)).float())
    projector.copy_(weight.float())
    model.creative.profile_projector.weight.copy_(weight.float())

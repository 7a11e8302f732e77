"""HLLM pretraining of the User LLM: what comes next, and who acts on which ad (HLLM sections 3.2 and 3.3).

The Item LLM is frozen and every item is embedded once (stage II of HLLM's production recipe). One pass of the User LLM
serves both objectives: its states at the history predict the next item, its state at [USER] meets the ads in the match
head (late fusion).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from creator.core.data import Data
from creator.core.errors import InputError
from creator.models.assembly import Float, HllmCreator
from creator.models.losses import next_item_loss
from creator.training.loop import LoopSettings, Losses, run_loop
from creator.training.matching import Matching
from creator.training.windows import DAY_S, WindowBatch, WindowSampler


@dataclass(frozen=True, slots=True)
class PretrainSettings:
    """What the User LLM is pretrained on.

    Args:
        windows: histories a step reads.
        negatives: random items a step adds to the batch's own as shared negatives.
        ads: ads a step asks about.
        horizon_days: acting on an ad's items within so many days counts as a match.
        impressions: impressions a step reads, half of them clicked; 0 for none.
        next_item: weight of the next-item loss.
        acts: weight of the loss on acts.
        clicks: weight of the loss on impressions.
        seed: of every draw.
    """

    windows: int = 32
    negatives: int = 512
    ads: int = 64
    horizon_days: float = 28.0
    impressions: int = 24
    next_item: float = 1.0
    acts: float = 1.0
    clicks: float = 1.0
    seed: int = 0


class PretrainStep:
    """The losses of one step; what it draws depends on the seed and the step alone.

    Args:
        model: the model, its Item LLM frozen.
        data: the tables.
        item_embeddings: [I, d].
        settings: what to draw.
    """

    def __init__(self, model: HllmCreator, data: Data, item_embeddings: Float, settings: PretrainSettings) -> None:
        self._model, self._settings = model, settings
        texts = data.item_texts
        same = {text: n for n, text in enumerate(dict.fromkeys(texts))}
        self._identity = torch.tensor([same[text] for text in texts])
        self._items = torch.from_numpy(item_embeddings).to(model.device)
        self._matching = Matching(model, data, self._items, ads=settings.ads, horizon_days=settings.horizon_days)
        self._sampler = WindowSampler(data.histories, data.train_until, settings.horizon_days * DAY_S)
        if not len(self._sampler):
            raise InputError(
                "there is no history to pretrain on",
                expected=f"a user with over 5 events that end {settings.horizon_days:g} days before train_until",
                cure="ingest more events, or lower horizon_days",
            )

    def __call__(self, step: int) -> Losses:
        """The losses of a step by name; "total" is their weighted sum."""
        settings, random = self._settings, np.random.default_rng((self._settings.seed, step))
        batch = self._sampler.draw(random, settings.windows, self._model.config.history)
        embeds, mask, ages = self._model.lay_windows(self._items, batch.items, batch.ages_s)
        states = self._model.user.states_with_user(embeds, mask, ages)
        losses: Losses = {}
        losses["next_item"], live = self._next_item(states[:, : mask.shape[1]], batch, random)
        total = settings.next_item * losses["next_item"]
        if self._matching.has_acts and settings.acts:
            losses["acts"] = self._matching.on_acts(states[:, -1], batch.users, batch.as_of, random)
            total = total + settings.acts * losses["acts"]
        if self._matching.has_clicks and settings.clicks:
            losses["clicks"] = self._matching.on_clicks(settings.impressions, random)
            total = total + settings.clicks * losses["clicks"]
        return {**losses, "live_negatives": live, "total": total}

    def _next_item(self, states: Tensor, batch: WindowBatch, random: np.random.Generator) -> tuple[Tensor, Tensor]:
        queries, targets = [], []
        for b, window in enumerate(batch.items):
            if len(window) < 2:  # events of one basket share a moment, so that a window may hold next to nothing
                continue
            queries.append(states[b, -len(window) : -1])
            targets.append(torch.from_numpy(window[1:].astype(np.int64)))
        if not targets:
            return states.sum() * 0.0, states.new_zeros(())
        target = torch.cat(targets)
        drawn = torch.from_numpy(random.integers(0, len(self._items), self._settings.negatives))
        false_negative = self._identity[target].unsqueeze(1) == self._identity[drawn].unsqueeze(0)
        projected = self._model.next_item_projector(torch.cat(queries))
        return next_item_loss(
            projected,
            self._items[target],
            self._items[drawn],
            false_negative.to(projected.device),
            self._model.next_item_scale(),
        )


def pretrain(
    model: HllmCreator, data: Data, item_embeddings: Float, folder: Path, settings: PretrainSettings, loop: LoopSettings
) -> None:
    """Pretrain the User LLM and the match head in place; resumable in `folder`."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad = name.startswith(("user.", "match.", "next_item", "creative.user_projector"))
    step = PretrainStep(model, data, item_embeddings, settings)
    run_loop(model, (), step, loop, folder, label="pretrain")

"""The User LLM, trained before the Creative LLM is: what a user is about is learnt without writing a title.

A step reads many users for the price of a few titles, so that the soft token says something from the first title on.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from creator.core.data import Data
from creator.models.assembly import Float, HllmCreator
from creator.training.examples import Examples, apart
from creator.training.loop import LoopSettings, Losses, run_loop, weighed
from creator.training.user_losses import UserLosses
from creator.training.windows import WindowBatch


@dataclass(frozen=True, slots=True)
class UserFitSettings:
    """What a step reads.

    Args:
        windows: histories of a step; all their examples are asked about.
        impressions: (user, moment) groups of impressions.
        negatives: ads against each example's own, where there are neither impressions nor acts.
        choice, alignment, matching: weights of the losses; 0 leaves one out.
        seed: of every draw.
    """

    windows: int = 96
    impressions: int = 8
    negatives: int = 8
    choice: float = 1.0
    alignment: float = 1.0
    matching: float = 1.0
    seed: int = 0


class UserStep:
    """The losses of one step; what it draws depends on the seed and the step alone.

    Args:
        model: the model, its Item LLM frozen.
        data: the tables.
        examples: what is trained on.
        item_embeddings: [I, d].
        settings: what to read and how to weigh it.
    """

    def __init__(
        self, model: HllmCreator, data: Data, examples: Examples, item_embeddings: Float, settings: UserFitSettings
    ) -> None:
        self._model, self._data, self._examples, self._settings = model, data, examples, settings
        self._items = torch.from_numpy(item_embeddings).to(model.device)
        self._losses = UserLosses(model, data, examples, self._items)
        self._of_window = examples.by_window()

    def __call__(self, step: int) -> Losses:
        """The losses of a step by name; "total" is their weighted sum."""
        return self.losses(np.random.default_rng((self._settings.seed, 11, step)))

    def losses(self, random: np.random.Generator) -> Losses:
        """The losses on some windows."""
        settings, examples, model = self._settings, self._examples, self._model
        count = min(settings.windows, len(self._of_window))
        chosen = [self._of_window[n] for n in random.choice(len(self._of_window), count, replace=False)]
        first = np.asarray([rows[0] for rows in chosen])
        batch = WindowBatch.read(
            self._data.histories, examples.users[first], examples.as_of[first], model.config.history
        )
        users = model.user_batch(self._items, batch.items, batch.ages_s, batch.as_of)
        losses: Losses = {}
        if settings.choice:
            of_row = np.repeat(np.arange(count), [len(rows) for rows in chosen])
            losses["choice"] = self._losses.choice(np.concatenate(chosen), of_row, users)
        if settings.alignment:
            losses["alignment"] = self._losses.alignment(first, users)
        if settings.matching:
            losses["matching"] = self._losses.matching(
                first, users, batch, random, impressions=settings.impressions, negatives=settings.negatives
            )
        return weighed(losses, settings, torch.zeros((), device=users.device))


def fit_users(
    model: HllmCreator,
    data: Data,
    frame: pd.DataFrame,
    item_embeddings: Float,
    folder: Path,
    settings: UserFitSettings,
    loop: LoopSettings,
    *,
    validate_every: int = 50,
) -> None:
    """Train the User LLM, its projections and the match head in place; resumable in `folder`."""
    examples, held = (Examples(part, data) for part in apart(frame))
    trained = ("user.", "match.", "choice_scale", "align_", "creative.user_projector")
    for name, parameter in model.named_parameters():
        parameter.requires_grad = name.startswith(trained)
    step = UserStep(model, data, examples, item_embeddings, settings)
    check = UserStep(model, data, held, item_embeddings, settings) if len(held) else None

    def validate() -> dict[str, float]:
        if check is None:
            return {}
        return {name: float(loss) for name, loss in check.losses(np.random.default_rng(12345)).items()}

    run_loop(model, (), step, loop, folder, label="users", validate=validate, validate_every=validate_every)

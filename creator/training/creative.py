"""Training HLLM-Creator: creative + reconstruction + alignment + matching (arXiv 2508.18118, section 3).

A step takes a few ads and, of each, several examples written for different users: the ad is read once and every
title is a branch of its row (`creator.models.creative`). The Item LLM is frozen and read from its table.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor, nn

from creator.core.data import Data
from creator.core.records import AdId
from creator.models.assembly import Float, HllmCreator, directions
from creator.models.creative import Branch, Row, RowBatch
from creator.training.drills import Drill, Drills, profile_phrases
from creator.training.examples import Examples, apart
from creator.training.loop import LoopSettings, Losses, run_loop, weighed
from creator.training.user_losses import UserLosses
from creator.training.windows import WindowBatch

COMPANY = 12
"""Interests beside the one that counts, at most, in a drill's soft token."""
SOFT_LENGTH = 2.0
"""Length of the soft tokens of fixed users when the Creative LLM begins to learn, in words."""


@dataclass(frozen=True, slots=True)
class CreativeSettings:
    """What a step trains on.

    Args:
        ads: ads of a step.
        titles_per_ad: examples of each, at most.
        profiles: windows whose profile is reconstructed in a step.
        impressions: (user, moment) groups of impressions that a step reads, where there are any.
        negatives: ads against each example's own, where there are no impressions and no acts.
        creative, reconstruction, alignment, matching, choice: weights of the losses; 0 leaves one out.
        train_user: whether the User LLM is trained along; if not, every user is embedded once.
        bf16: whether that is done under bfloat16 autocast.
        drills: share of a step's ads that are drills (`creator.training.drills`).
        seed: of every draw.
    """

    ads: int = 4
    titles_per_ad: int = 16
    profiles: int = 12
    impressions: int = 8
    negatives: int = 8
    creative: float = 1.0
    reconstruction: float = 1.0
    alignment: float = 1.0
    matching: float = 1.0
    choice: float = 1.0
    train_user: bool = True
    bf16: bool = True
    drills: float = 0.0
    seed: int = 0


class CreativeStep:
    """The four losses of one step; what it draws depends on the seed and the step alone.

    Args:
        model: the model, its Item LLM frozen.
        data: the tables.
        examples: what is trained on.
        item_embeddings: [I, d].
        settings: what to draw and how to weigh it.
    """

    def __init__(
        self, model: HllmCreator, data: Data, examples: Examples, item_embeddings: Float, settings: CreativeSettings
    ) -> None:
        self._model, self._data, self._examples, self._settings = model, data, examples, settings
        self._items = torch.from_numpy(item_embeddings).to(model.device)
        self._user_losses = UserLosses(model, data, examples, self._items, align=settings.alignment > 0)
        self._fixed = None if settings.train_user else self._embed_all(item_embeddings)
        ads = [data.ads[AdId(ad_id)] for ad_id in examples.distinct_ads]
        self._drills = Drills(ads, profile_phrases(examples.profiles)) if settings.drills else None

    def __call__(self, step: int) -> Losses:
        """The losses of a step by name; "total" is their weighted sum."""
        random = np.random.default_rng((self._settings.seed, step))
        rows = self._examples.draw(random, self._settings.ads, self._settings.titles_per_ad)
        return self.losses(rows, random)

    def losses(self, rows: npt.NDArray[np.int64], random: np.random.Generator) -> Losses:
        """The losses on given examples."""
        examples, settings = self._examples, self._settings
        windows, of_row = np.unique(np.stack([examples.users[rows], examples.as_of[rows]]), axis=1, return_inverse=True)
        first = np.unique(of_row, return_index=True)[1]
        batch = WindowBatch.read(
            self._data.histories, windows[0].astype(np.int64), windows[1], self._model.config.history
        )
        users = self._users(rows[first], batch)
        losses: Losses = {}
        if settings.creative:
            losses["creative"] = self._creative(rows, of_row, users, random)
        if settings.choice:
            losses["choice"] = self._user_losses.choice(rows, of_row, users)
        if settings.reconstruction:
            losses["reconstruction"] = self._reconstruction(rows[first], users, random)
        if settings.alignment:
            losses["alignment"] = self._user_losses.alignment(rows[first], users)
        if settings.matching:
            losses["matching"] = self._user_losses.matching(
                rows[first], users, batch, random, impressions=settings.impressions, negatives=settings.negatives
            )
        return weighed(losses, settings, torch.zeros((), device=users.device))

    @torch.no_grad()
    def settle(self) -> None:
        """Give the soft tokens of fixed users a length like words have; a cosine does not care how long they grew.

        Beside one twenty times as long, nothing that attention adds to its place would be seen. The match head's user
        tower undoes the change.
        """
        if self._fixed is None:
            return
        creative = self._model.creative
        table: Tensor = creative.base.get_input_embeddings().weight
        length = creative.user_projector(self._fixed).norm(dim=1).mean()
        factor = SOFT_LENGTH * table.norm(dim=1, dtype=torch.float32).mean() / length
        creative.user_projector.weight.mul_(factor)
        creative.profile_projector.weight.mul_(factor)
        self._model.match.user_tower.weight.div_(factor)

    def creative_of_others(self, rows: npt.NDArray[np.int64], random: np.random.Generator) -> Tensor:
        """The creative loss when every title is read under another user's soft token: what conditioning is worth."""
        examples = self._examples
        batch = WindowBatch.read(
            self._data.histories, examples.users[rows], examples.as_of[rows], self._model.config.history
        )
        return self._creative(rows, np.roll(np.arange(len(rows)), 1), self._users(rows, batch), random)

    def _users(self, rows: npt.NDArray[np.int64], batch: WindowBatch) -> Tensor:
        """User embeddings of examples [B] whose windows are laid out in `batch`: [B, d_u]."""
        if self._fixed is not None:
            return self._fixed[torch.from_numpy(rows)]
        return self._model.user_batch(self._items, batch.items, batch.ages_s)

    def _embed_all(self, item_embeddings: Float) -> Tensor:
        """The user embedding of every example, read once because it does not change: [examples, d_u]."""
        examples, model = self._examples, self._model
        of_window = examples.by_window()
        first = np.asarray([rows[0] for rows in of_window])
        batch = WindowBatch.read(
            self._data.histories, examples.users[first], examples.as_of[first], model.config.history
        )
        with torch.autocast(model.device.type, torch.bfloat16, enabled=self._settings.bf16):
            users = model.encode_users(item_embeddings, batch.items, batch.ages_s, label="users")
        out = torch.empty(len(examples), users.shape[1])
        for rows, user in zip(of_window, users, strict=True):
            out[torch.from_numpy(rows)] = torch.from_numpy(user)
        return out.to(model.device)

    def _creative(
        self, rows: npt.NDArray[np.int64], of_row: npt.NDArray[np.int64], users: Tensor, random: np.random.Generator
    ) -> Tensor:
        prompts, examples, creative = self._model.prompts, self._examples, self._model.creative
        soft = creative.user_projector(users)
        packed: list[Row] = []
        heard: list[Tensor] = []
        for ad in np.unique(examples.ads[rows]):
            record = self._data.ads[AdId(examples.distinct_ads[ad])]
            own = np.flatnonzero(examples.ads[rows] == ad)
            titles, users_of = [examples.titles[rows[n]] for n in own], of_row[own]
            drills = self._drills
            if drills is not None and random.random() < self._settings.drills:
                drill = drills.draw(record, titles, [examples.leads[rows[n]] for n in own], random)
                if drill is not None:
                    record, titles = drill.ad, drill.titles
                    users_of = len(users) + sum(map(len, heard)) + np.arange(len(own))
                    heard.append(self._heard(drills, drill, random))
            prompt = prompts.prompt(record, random.permutation(len(record.selling_points)).tolist())
            branches = [
                Branch(int(user), prompt.after, prompts.title(title))
                for user, title in zip(users_of, titles, strict=True)
            ]
            packed.append(Row(prompt.before, branches))
        if heard:
            soft = torch.cat([soft, (torch.cat(heard) * soft.detach().norm(dim=1).mean()).to(soft)])
        return creative.loss(RowBatch.of(packed).to(users.device), soft)

    def _heard(self, drills: Drills, drill: Drill, random: np.random.Generator) -> Tensor:
        """What a drill's titles hear: each its leading point, between up to `COMPANY` other interests; [titles, D]."""
        points = list(drill.ad.selling_points)
        others = drills.company(COMPANY, random)
        towards, beside = (directions(self._model.word_means(part).unsqueeze(0))[0] for part in (points, others))
        shares = random.random((len(drill.leads), COMPANY)) * (
            np.arange(COMPANY) < random.integers(0, COMPANY + 1, (len(drill.leads), 1))
        )
        mixed = torch.from_numpy(shares.astype(np.float32)).to(beside) @ beside
        return nn.functional.normalize(towards[[points.index(lead) for lead in drill.leads]] + mixed, dim=-1)

    def _reconstruction(self, rows: npt.NDArray[np.int64], users: Tensor, random: np.random.Generator) -> Tensor:
        prompts, creative = self._model.prompts, self._model.creative
        chosen = random.permutation(len(rows))[: self._settings.profiles]
        instruction = prompts.profile_prompt()
        branches = [Branch(int(n), instruction, prompts.profile(self._examples.profiles[rows[n]])) for n in chosen]
        packed = [Row((), branches[start : start + 6]) for start in range(0, len(branches), 6)]
        return creative.loss(RowBatch.of(packed).to(users.device), creative.profile_projector(users))


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
    users = torch.from_numpy(model.encode_users(item_embeddings, batch.items, batch.ages_s)).double()
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


def train_creative(
    model: HllmCreator,
    data: Data,
    frame: pd.DataFrame,
    item_embeddings: Float,
    folder: Path,
    settings: CreativeSettings,
    loop: LoopSettings,
    *,
    validate_every: int = 25,
) -> None:
    """Train in place; resumable in `folder`. The users who validate are never trained on."""
    examples, held = (Examples(part, data) for part in apart(frame))
    for name, parameter in model.named_parameters():
        trained = name.startswith(
            (
                "match.",
                "choice_scale",
                "creative.user_projector",
                "creative.profile_projector",
                "align_",
                "profile_token",
            )
        )
        adapted = name.startswith("creative.llm.") and ("lora_" in name or not model.config.lora_rank)
        parameter.requires_grad = trained or adapted or (settings.train_user and name.startswith("user."))
    step = CreativeStep(model, data, examples, item_embeddings, settings)
    step.settle()
    check = CreativeStep(model, data, held, item_embeddings, replace(settings, drills=0.0)) if len(held) else None

    def validate() -> dict[str, float]:
        if check is None:
            return {}
        random = np.random.default_rng(12345)
        rows = held.draw(random, 64, 4)
        figures = {name: float(loss) for name, loss in check.losses(rows, random).items()}
        return {**figures, "creative_of_others": float(check.creative_of_others(rows, np.random.default_rng(12345)))}

    groups = (("user.", 0.3), ("match.", 0.5), ("creative.llm.", 0.5), ("creative.", 0.5), ("align", 0.5))
    run_loop(model, groups, step, loop, folder, label="train", validate=validate, validate_every=validate_every)

"""Training HLLM-Creator: creative + reconstruction + alignment + matching (arXiv 2508.18118, section 3).

A step takes a few ads and, of each, several examples written for different users: the ad is read once and every
title is a branch of its row (`creator.models.creative`). The Item LLM is frozen and read from its table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor, nn

from creator.core.data import Data
from creator.core.errors import InputError
from creator.core.records import Ad, AdId
from creator.models.assembly import Float, HllmCreator, directions
from creator.models.creative import Branch, Row
from creator.training.drills import Drill, Drills, profile_phrases
from creator.training.examples import Examples, apart
from creator.training.loop import LoopSettings, Losses, run_loop, weighed
from creator.training.row_loss import row_loss
from creator.training.user_losses import UserLosses
from creator.training.windows import WindowBatch

COMPANY = 12
"""Interests beside the one that counts, at most, in a drill's soft token."""
SOFT_LENGTH = 2.0
"""Length of the soft tokens of fixed users when the Creative LLM begins to learn, and of drills before, in words."""
LOUD = 0.5
"""An interest beside the leading point can be made out from this share of the point's own length on."""
BESIDE_USERS = (
    "match.",
    "choice_scale",
    "creative.user_projector",
    "creative.profile_projector",
    "align_",
    "profile_token",
)
"""What is trained beside the User LLM and the Creative LLM: the parts that a user embedding is read by."""


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
        train_words: whether the Creative LLM's word table is trained along, and the projections into it; users that
            were fitted to it need both as they are.
        train_llm: whether the Creative LLM, or its adapters, are trained at all.
        bf16: whether every user is embedded under bfloat16 autocast.
        drills: share of a step's ads that are drills (`creator.training.drills`).
        company_steps: steps in which drills' company grows to its full size; a lone interest is heard sooner.
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
    train_words: bool = True
    train_llm: bool = True
    bf16: bool = True
    drills: float = 0.0
    company_steps: int = 0
    seed: int = 0

    @property
    def reads_users(self) -> bool:
        """Whether a step reads users; drills alone need none, nor the losses on users."""
        return self.drills < 1


@dataclass(frozen=True, slots=True)
class Heard:
    """What the titles of a drill hear.

    Args:
        tokens: [titles, D], of length 1.
        names: per title what can be made out in its token, the leading point first.
    """

    tokens: Tensor
    names: list[list[str]]


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
        self._user_losses = UserLosses(model, data, examples, self._items)
        self._fixed = self._embed_all(item_embeddings) if settings.reads_users and not settings.train_user else None
        ads = [data.ads[AdId(ad_id)] for ad_id in examples.distinct_ads]
        self._drills = Drills(ads, profile_phrases(examples.profiles)) if settings.drills else None

    def __call__(self, step: int) -> Losses:
        """The losses of a step by name; "total" is their weighted sum."""
        settings = self._settings
        random = np.random.default_rng((settings.seed, step))
        rows = self._examples.draw(random, settings.ads, settings.titles_per_ad)
        grown = 1.0 if step >= settings.company_steps else step / settings.company_steps
        return self.losses(rows, random, company=round(COMPANY * grown))

    def losses(self, rows: npt.NDArray[np.int64], random: np.random.Generator, *, company: int = COMPANY) -> Losses:
        """The losses on given examples; drills hear up to `company` interests beside the one that counts."""
        examples, settings = self._examples, self._settings
        if not settings.reads_users:
            return self._drilled(rows, random, company)
        windows, of_row = np.unique(np.stack([examples.users[rows], examples.as_of[rows]]), axis=1, return_inverse=True)
        first = np.unique(of_row, return_index=True)[1]
        batch = WindowBatch.read(
            self._data.histories, windows[0].astype(np.int64), windows[1], self._model.config.history
        )
        users = self._users(rows[first], batch)
        losses: Losses = {}
        if settings.creative:
            losses["creative"] = self._creative(rows, of_row, users, random, company=company)
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
        factor = self._soft_length() / creative.user_projector(self._fixed).norm(dim=1).mean()
        creative.user_projector.weight.mul_(factor)
        creative.profile_projector.weight.mul_(factor)
        self._model.match.user_tower.weight.div_(factor)

    def creative_of_others(self, rows: npt.NDArray[np.int64], random: np.random.Generator) -> Tensor:
        """The creative loss when every title is read under another user's soft token: what conditioning is worth."""
        examples = self._examples
        if not self._settings.reads_users:
            return self._drilled(rows, random, COMPANY, of_others=True)["creative"]
        batch = WindowBatch.read(
            self._data.histories, examples.users[rows], examples.as_of[rows], self._model.config.history
        )
        return self._creative(rows, np.roll(np.arange(len(rows)), 1), self._users(rows, batch), random)

    def _users(self, rows: npt.NDArray[np.int64], batch: WindowBatch) -> Tensor:
        """User embeddings of examples [B] whose windows are laid out in `batch`: [B, d_u]."""
        if self._fixed is not None:
            return self._fixed[torch.from_numpy(rows)]
        return self._model.user_batch(self._items, batch.items, batch.ages_s, batch.as_of)

    def _embed_all(self, item_embeddings: Float) -> Tensor:
        """The user embedding of every example, read once because it does not change: [examples, d_u]."""
        examples, model = self._examples, self._model
        of_window = examples.by_window()
        first = np.asarray([rows[0] for rows in of_window])
        batch = WindowBatch.read(
            self._data.histories, examples.users[first], examples.as_of[first], model.config.history
        )
        with torch.autocast(model.device.type, torch.bfloat16, enabled=self._settings.bf16):
            users = model.encode_users(item_embeddings, batch.items, batch.ages_s, batch.as_of, label="users")
        out = torch.empty(len(examples), users.shape[1])
        for rows, user in zip(of_window, users, strict=True):
            out[torch.from_numpy(rows)] = torch.from_numpy(user)
        return out.to(model.device)

    @torch.no_grad()
    def _soft_length(self) -> Tensor:
        """The length that soft tokens start with."""
        table: Tensor = self._model.creative.base.get_input_embeddings().weight
        return SOFT_LENGTH * table.norm(dim=1, dtype=torch.float32).mean()

    def _creative(
        self,
        rows: npt.NDArray[np.int64],
        of_row: npt.NDArray[np.int64],
        users: Tensor,
        random: np.random.Generator,
        *,
        company: int = COMPANY,
    ) -> Tensor:
        """The loss on the titles of examples [R], each under a row of `users` [B, d_u]; some ads become drills."""
        soft = self._model.creative.user_projector(users)
        packed: list[Row] = []
        heard: list[Heard] = []
        for record, own in self._by_ad(rows):
            drill = self._drill(record, rows[own], random)
            if drill is None:
                packed.append(self._row(record, [self._examples.titles[n] for n in rows[own]], of_row[own], random))
            else:
                first = len(soft) + sum(len(part.tokens) for part in heard)
                heard.append(self._heard(drill, company, random))
                packed.append(self._row(drill.ad, drill.titles, first + np.arange(len(own)), random))
        if heard:
            length = soft.detach().norm(dim=1).mean()
            soft = torch.cat([soft, (torch.cat([part.tokens for part in heard]) * length).to(soft)])
        return row_loss(self._model.creative, packed, soft)

    def _drilled(
        self, rows: npt.NDArray[np.int64], random: np.random.Generator, company: int, *, of_others: bool = False
    ) -> Losses:
        """The losses of drills alone: the titles, and what was heard told back; no user is read.

        Args:
            rows: [R] examples; those whose ads name nothing to exchange are left out.
            random: of the draws.
            company: interests heard beside the one that counts, at most.
            of_others: let each title hear what the next one of its ad should.
        """
        prompts, creative = self._model.prompts, self._model.creative
        packed: list[Row] = []
        heard: list[Heard] = []
        for record, own in self._by_ad(rows):
            if (drill := self._drill(record, rows[own], random)) is not None:
                first = sum(len(part.tokens) for part in heard)
                heard.append(self._heard(drill, company, random))
                packed.append(self._row(drill.ad, drill.titles, first + np.arange(len(own)), random))
        zero = torch.zeros((), device=self._items.device)
        if not packed:
            nothing = sum((p.sum() for p in creative.llm.parameters() if p.requires_grad), start=zero) * 0.0
            return weighed({"creative": nothing}, self._settings, zero)
        tokens = [part.tokens.roll(int(of_others), 0) for part in heard]
        soft = (torch.cat(tokens) * self._soft_length()).to(creative.user_projector.weight)
        told = [", ".join(names) for part in heard for names in part.names]
        chosen, instruction = random.permutation(len(told))[: self._settings.profiles], prompts.profile_prompt()
        branches = [Branch(int(n), instruction, prompts.profile(told[n])) for n in chosen]
        losses = {
            "creative": row_loss(creative, packed, soft),
            "reconstruction": row_loss(creative, _in_rows(branches), soft),
        }
        return weighed(losses, self._settings, zero)

    def _by_ad(self, rows: npt.NDArray[np.int64]) -> Iterator[tuple[Ad, npt.NDArray[np.int64]]]:
        """Each ad of some examples, and where those examples are among them."""
        of_row = self._examples.ads[rows]
        for ad in np.unique(of_row):
            yield self._data.ads[AdId(self._examples.distinct_ads[ad])], np.flatnonzero(of_row == ad)

    def _drill(self, ad: Ad, rows: npt.NDArray[np.int64], random: np.random.Generator) -> Drill | None:
        """A drill of an ad and its examples' titles; None when it is not to be one, or has nothing to exchange."""
        drills, examples = self._drills, self._examples
        if drills is None or random.random() >= self._settings.drills:
            return None
        return drills.draw(ad, [examples.titles[n] for n in rows], [examples.leads[n] for n in rows], random)

    def _row(
        self, ad: Ad, titles: Sequence[str], soft_tokens: npt.NDArray[np.int64], random: np.random.Generator
    ) -> Row:
        """An ad with its selling points in any order, and a branch for each title."""
        prompts = self._model.prompts
        prompt = prompts.prompt(ad, random.permutation(len(ad.selling_points)).tolist())
        branches = [
            Branch(int(n), prompt.after, prompts.title(title)) for n, title in zip(soft_tokens, titles, strict=True)
        ]
        return Row(prompt.before, branches)

    def _heard(self, drill: Drill, company: int, random: np.random.Generator) -> Heard:
        """What a drill's titles hear: each its leading point, between up to `company` other interests."""
        assert self._drills is not None
        points = list(drill.ad.selling_points)
        others = self._drills.company(COMPANY, random)
        towards, beside = (directions(self._model.word_means(part).unsqueeze(0))[0] for part in (points, others))
        shares = random.random((len(drill.leads), COMPANY)) * (
            np.arange(COMPANY) < random.integers(0, company + 1, (len(drill.leads), 1))
        )
        mixed = torch.from_numpy(shares.astype(np.float32)).to(beside) @ beside
        tokens = nn.functional.normalize(towards[[points.index(lead) for lead in drill.leads]] + mixed, dim=-1)
        loudest = [[others[n] for n in np.argsort(-share) if share[n] > LOUD] for share in shares]
        return Heard(tokens, [[lead, *names[:2]] for lead, names in zip(drill.leads, loudest, strict=True)])

    def _reconstruction(self, rows: npt.NDArray[np.int64], users: Tensor, random: np.random.Generator) -> Tensor:
        prompts, creative = self._model.prompts, self._model.creative
        chosen = random.permutation(len(rows))[: self._settings.profiles]
        instruction = prompts.profile_prompt()
        branches = [Branch(int(n), instruction, prompts.profile(self._examples.profiles[rows[n]])) for n in chosen]
        return row_loss(creative, _in_rows(branches), creative.profile_projector(users))


def _in_rows(branches: Sequence[Branch]) -> list[Row]:
    """Branches that share nothing, six to a row."""
    return [Row((), branches[start : start + 6]) for start in range(0, len(branches), 6)]


def train_drills(
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
    """Teach the Creative LLM to hear and to copy before there are users: drills alone; resumable in `folder`.

    Users are then fitted to words that mean something already. What validates are drills of the users set apart.
    """
    ads = [data.ads[AdId(ad_id)] for ad_id in sorted(set(frame["ad_id"]))]
    if not len(Drills(ads)):
        raise InputError(
            "the ads name nothing that drills could exchange",
            got=f"selling points of {len(ads):,} ads",
            expected="points that differ between ads",
            cure="leave --drill-steps out",
        )
    settings = replace(settings, drills=1.0, company_steps=loop.steps // 2)
    train_creative(model, data, frame, item_embeddings, folder, settings, loop, validate_every=validate_every)


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
    if not settings.train_words and not model.config.lora_rank:
        model.creative.untie()  # what is written must be free to learn where what is read is not
    for name, parameter in model.named_parameters():
        beside = settings.train_words and name.startswith(BESIDE_USERS)
        about_users = beside or (settings.train_user and name.startswith("user."))
        adapted = name.startswith("creative.llm.") and ("lora_" in name or not model.config.lora_rank)
        adapted &= settings.train_llm
        parameter.requires_grad = adapted or (about_users and settings.reads_users)
    if not settings.train_words:
        model.creative.base.get_input_embeddings().weight.requires_grad = False
    step = CreativeStep(model, data, examples, item_embeddings, settings)
    step.settle()
    checked = replace(settings, drills=0.0) if settings.reads_users else settings
    check = CreativeStep(model, data, held, item_embeddings, checked) if len(held) else None

    def validate() -> dict[str, float]:
        if check is None:
            return {}
        rows = held.draw(np.random.default_rng(12345), 64, 4)
        figures = {name: float(loss) for name, loss in check.losses(rows, np.random.default_rng(12345)).items()}
        return {**figures, "creative_of_others": float(check.creative_of_others(rows, np.random.default_rng(12345)))}

    groups = (("user.", 0.3), ("match.", 0.5), ("creative.llm.", 0.5), ("creative.", 0.5), ("align", 0.5))
    run_loop(
        model,
        groups,
        step,
        loop,
        folder,
        label="train" if settings.reads_users else "drills",
        validate=validate,
        validate_every=validate_every,
    )

"""The losses that reach the User LLM without a pass of the Creative LLM: choice, alignment and matching."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from creator.core.data import Data
from creator.core.records import AdId
from creator.models.assembly import HllmCreator, directions
from creator.models.losses import alignment_loss
from creator.training.examples import Examples
from creator.training.matching import Matching
from creator.training.windows import WindowBatch


class UserLosses:
    """Losses of users (embeddings [B, d_u]) on what is known of them.

    Args:
        model: the model, its Item LLM frozen.
        data: the tables.
        examples: what is trained on.
        items: [I, d] item embeddings, on the model's device.
    """

    def __init__(self, model: HllmCreator, data: Data, examples: Examples, items: Tensor) -> None:
        self._model, self._examples = model, examples
        self._points = [data.ads[AdId(ad_id)].selling_points for ad_id in examples.distinct_ads]
        self._matching = Matching(model, data, items)
        distinct = sorted(set(examples.profiles))
        at = {text: n for n, text in enumerate(distinct)}
        self._profile_row = np.asarray([at[p] for p in examples.profiles])
        self._distinct_profiles = distinct

    @cached_property
    def _profile_table(self) -> Tensor | None:
        """Every distinct profile as the Item LLM embeds it, when it is that which does; read once, when first asked."""
        if self._model.config.profile_encoder != "item":
            return None
        device = self._model.device
        with torch.autocast(device.type, enabled=False):
            profiles = self._model.encode_texts(self._distinct_profiles, label="profiles")
        return torch.from_numpy(profiles).to(device)

    def choice(self, rows: npt.NDArray[np.int64], of_row: npt.NDArray[np.int64], users: Tensor) -> Tensor:
        """Which of its ad's selling points does each title lead with, by the soft token alone?

        Ours. It puts the soft token where the words of the points that suit its user are in the Creative LLM's input
        space, so that attention finds them in the ad; without it the titles' form was learnt and the user was not
        listened to (docs/log.md).

        Args:
            rows: [R] examples.
            of_row: [R] the user of each, a row of `users`.
            users: [B, d_u].
        """
        examples, model = self._examples, self._model
        offered = [self._points[ad] for ad in examples.ads[rows]]
        decided = [n for n, row in enumerate(rows) if examples.leads[row] in offered[n]]
        if not decided:
            return users.sum() * 0.0
        ads, of_decided = np.unique(examples.ads[rows[decided]], return_inverse=True)
        groups = [self._points[ad] for ad in ads]
        phrases = sorted({point for points in groups for point in points})
        at = {point: n for n, point in enumerate(phrases)}
        listed = torch.zeros(len(groups), max(len(points) for points in groups), dtype=torch.long)
        there = torch.zeros_like(listed, dtype=torch.bool)
        for n, points in enumerate(groups):
            listed[n, : len(points)] = torch.tensor([at[point] for point in points])
            there[n, : len(points)] = True
        there = there.to(users.device)
        towards = directions(model.word_means(phrases)[listed.to(users.device)], there)
        soft = nn.functional.normalize(model.creative.user_projector(users).float(), dim=-1)
        mine = torch.from_numpy(of_decided)
        cosines = torch.einsum("rd,rpd->rp", soft[torch.from_numpy(of_row[decided])], towards[mine])
        logits = (cosines * model.choice_scale()).masked_fill(~there[mine], -torch.inf)
        target = [groups[group].index(examples.leads[rows[n]]) for group, n in zip(of_decided, decided, strict=True)]
        return nn.functional.cross_entropy(logits, torch.tensor(target, device=users.device))

    def alignment(self, rows: npt.NDArray[np.int64], users: Tensor) -> Tensor:
        """InfoNCE between users and the profiles of their examples: rows [B], users [B, d_u]."""
        identity = torch.from_numpy(self._profile_row[rows])
        same = (identity.unsqueeze(0) == identity.unsqueeze(1)).to(users.device)
        if self._profile_table is not None:
            profiles = self._profile_table[identity]
        else:
            profiles = self._model.embed_profiles([self._examples.profiles[n] for n in rows])
        return alignment_loss(self._model.align_projector(users), profiles, same, self._model.align_scale())

    def matching(
        self,
        rows: npt.NDArray[np.int64],
        users: Tensor,
        batch: WindowBatch,
        random: np.random.Generator,
        *,
        impressions: int,
        negatives: int,
    ) -> Tensor:
        """Who acts on or clicks which ad, by the best labels there are (creator.training.matching).

        Args:
            rows: [B] an example of each user.
            users: [B, d_u].
            batch: their windows.
            random: of the draws.
            impressions: (user, moment) groups of impressions that are read, where there are any.
            negatives: ads against each example's own, where there are neither impressions nor acts.
        """
        matching, parts = self._matching, list[Tensor]()
        if matching.has_clicks:
            parts.append(matching.on_clicks(impressions, random))
        if matching.has_acts:
            parts.append(matching.on_acts(users, batch.users, batch.as_of, random))
        if not parts:
            own: Sequence[int] = [matching.row_of_ad[self._examples.ad_ids[n]] for n in rows]
            parts.append(matching.on_examples(users, own, negatives, random))
        return torch.stack(parts).sum()

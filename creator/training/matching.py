"""Labels for the match head, from the best source there is.

- *clicks*: impressions of trainable ads, where the data have any;
- *acts*: whether the user acts on an item that the ad covers within a horizon, for ads that name their items;
- *examples*: the reference's labels, used when there is neither: a user matches the ad a title was written for, and
  not those of other examples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from creator.core.acts import AdActs
from creator.core.data import Data
from creator.models.assembly import HllmCreator
from creator.training.impressions import ClickedImpressions
from creator.training.windows import DAY_S, WindowBatch

bce = nn.functional.binary_cross_entropy_with_logits


@dataclass(frozen=True, slots=True)
class Acts:
    """What some users do next.

    Args:
        users: [K] those of the users asked about whose future is known.
        ads: [A] rows of the ads asked about.
        label: [K, A] 1 where the user acts on what the ad covers.
    """

    users: npt.NDArray[np.int64]
    ads: npt.NDArray[np.int64]
    label: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Clicks:
    """Impressions of some (user, moment) groups.

    Args:
        windows: [G] histories at those moments.
        ads: [G, s] rows of the ads shown.
        label: [G, s] 1 where clicked, NaN where a group has fewer impressions.
        prior: log-odds by which clicks are drawn too often.
    """

    windows: WindowBatch
    ads: npt.NDArray[np.int64]
    label: npt.NDArray[np.float64]
    prior: float


class Matching:
    """Match losses of one model on one DATA folder.

    The joint training trains the head on its vectors alone, so that the users learn to tell ads apart; what the counts
    of a "wide" head add is fitted afterwards (`creator.training.match_fit`).

    Args:
        model: whose head is trained.
        data: the tables.
        items: [I, d] item embeddings.
        ads: how many ads a step asks about.
        horizon_days: how far ahead acts count.
        embed: embeds ads' texts whenever they are asked for, where the Item LLM is trained; they are embedded once
            when None.
    """

    def __init__(
        self,
        model: HllmCreator,
        data: Data,
        items: Tensor,
        *,
        ads: int = 64,
        horizon_days: float = 28.0,
        embed: Callable[[Sequence[str]], Tensor] | None = None,
    ) -> None:
        self._model, self._data, self._items = model, data, items
        self._count, self.horizon_s = ads, horizon_days * DAY_S
        frame = data.ads_frame
        self.ad_ids = [str(i) for i in frame["ad_id"][frame["trainable"].astype(bool)]]
        self.row_of_ad = {ad_id: row for row, ad_id in enumerate(self.ad_ids)}
        self.acts = AdActs(data, self.ad_ids)
        self.acted_ads = np.flatnonzero(np.diff(self.acts.covers.indptr) > 0)
        texts = [data.ads[i].text for i in self.ad_ids]  # pyright: ignore[reportArgumentType]
        self._texts, self._embed = texts, embed
        self._ads = None if embed else torch.from_numpy(model.encode_texts(texts)).to(model.device)
        self._clicked = ClickedImpressions.of(data, self.ad_ids)

    @property
    def has_acts(self) -> bool:
        """Whether any trainable ad names its items."""
        return len(self.acted_ads) > 0

    @property
    def has_clicks(self) -> bool:
        """Whether any impression that may be trained on was clicked."""
        return bool(self._clicked)

    def vectors(self, ads: npt.NDArray[np.int64]) -> Tensor:
        """Item embeddings of ads, by their rows [A]: [A, d]."""
        if self._ads is not None:
            return self._ads[torch.from_numpy(ads).to(self._ads.device)]
        assert self._embed is not None
        return self._embed([self._texts[row] for row in ads])

    def grid(self, users: Tensor, ads: npt.NDArray[np.int64]) -> Tensor:
        """Match logits of every user [B, d_u] with every one of the ads [A]: [B, A]."""
        head = self._model.match
        left = head.user_tower(self._model.creative.user_projector(users))
        right = head.item_tower(self.vectors(ads))
        pairs = head.on_towers(left.repeat_interleave(len(right), 0), right.repeat(len(left), 1))
        return pairs.reshape(len(left), len(right))

    def draw_acts(
        self, rows: npt.NDArray[np.int64], as_of: npt.NDArray[np.float64], random: np.random.Generator
    ) -> Acts:
        """Ask what users (rows [B]) do after their moments [B] with some of the ads."""
        chosen = random.choice(self.acted_ads, size=min(self._count, len(self.acted_ads)), replace=False)
        known = np.flatnonzero(as_of + self.horizon_s <= self._data.train_until)
        if not len(known):
            return Acts(known, chosen, np.zeros((0, len(chosen)), np.float32))
        return Acts(known, chosen, self.acts.after(rows[known], as_of[known], self.horizon_s)[:, chosen])

    def on_acts(
        self, users: Tensor, rows: npt.NDArray[np.int64], as_of: npt.NDArray[np.float64], random: np.random.Generator
    ) -> Tensor:
        """Loss on what the users (embeddings [B, d_u], rows [B]) do after their moments [B]."""
        asked = self.draw_acts(rows, as_of, random)
        if not len(asked.users):
            return users.sum() * 0.0
        logits = self.grid(users[torch.from_numpy(asked.users)], asked.ads)
        return bce(logits, torch.from_numpy(asked.label).to(logits.device))

    def draw_clicks(self, groups: int, random: np.random.Generator) -> Clicks:
        """Draw impressions by (user, moment)."""
        chosen, ads, label = self._clicked.draw(random, groups)
        users, as_of = self._clicked.users[chosen], self._clicked.as_of[chosen]
        batch = WindowBatch.read(self._data.histories, users, as_of, self._model.config.history)
        return Clicks(batch, ads, label, self._clicked.prior)

    def on_clicks(self, groups: int, random: np.random.Generator) -> Tensor:
        """Loss on impressions, drawn by (user, moment)."""
        drawn = self.draw_clicks(groups, random)
        batch, label = drawn.windows, drawn.label
        embedded = self._model.user_batch(self._items, batch.items, batch.ages_s, batch.as_of)
        rows, columns = np.nonzero(~np.isnan(label))
        logits = self.pairs(embedded, rows, drawn.ads[rows, columns]) + drawn.prior
        return bce(logits, torch.from_numpy(label[rows, columns].astype(np.float32)).to(logits.device))

    def pairs(
        self,
        users: Tensor,
        rows: npt.NDArray[np.int64],
        ads: npt.NDArray[np.int64],
        counts: npt.NDArray[np.float32] | None = None,
    ) -> Tensor:
        """Match logits of single pairs: users [B, d_u], each pair's row of user and of ad [P], counts [P, 3]: [P]."""
        head = self._model.match
        asked, at = np.unique(ads, return_inverse=True)
        left = head.user_tower(self._model.creative.user_projector(users))[torch.from_numpy(rows)]
        right = head.item_tower(self.vectors(asked))[torch.from_numpy(at)]
        return head.on_towers(left, right, None if counts is None else torch.from_numpy(counts).to(left.device))

    def on_examples(self, users: Tensor, own: Sequence[int], negatives: int, random: np.random.Generator) -> Tensor:
        """The reference's loss: each user's own ad against `negatives` others' (rows of `ad_ids`)."""
        others = np.unique(np.asarray(own))
        drawn = np.stack(
            [
                np.r_[
                    ad,
                    random.choice(
                        np.r_[others[others != ad], random.integers(0, len(self.ad_ids), negatives)], negatives
                    ),
                ]
                for ad in own
            ]
        )
        head = self._model.match
        left = head.user_tower(self._model.creative.user_projector(users)).repeat_interleave(negatives + 1, 0)
        right = head.item_tower(self.vectors(np.arange(len(self.ad_ids))))[torch.from_numpy(drawn.reshape(-1))]
        label = torch.from_numpy((drawn == drawn[:, :1]).astype(np.float32)).reshape(-1).to(left.device)
        return bce(head.on_towers(left, right), label)

"""Impressions as training batches: users who were shown ads, and which of them they clicked."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from creator.core.data import Data


@dataclass(frozen=True)
class ClickedImpressions:
    """Impressions of trainable ads before `train_until`, by (user, moment).

    Args:
        users: [G] user row of each group.
        as_of: [G] moment of each group.
        starts: [G + 1] where each group's impressions start.
        ads: [n] ad of each impression, as a row of the trainable ads.
        clicked: [n].
        with_click: groups that hold a click.
        shown: most ads read from one group at a step.
    """

    users: npt.NDArray[np.int64]
    as_of: npt.NDArray[np.float64]
    starts: npt.NDArray[np.int64]
    ads: npt.NDArray[np.int64]
    clicked: npt.NDArray[np.bool_]
    with_click: npt.NDArray[np.int64]
    shown: int = 48

    @classmethod
    def of(cls, data: Data, ad_ids: list[str]) -> ClickedImpressions:
        """Group the impressions that may be trained on; users without any event are left out."""
        frame = data.impressions
        row_of_ad = {ad_id: row for row, ad_id in enumerate(ad_ids)}
        kept = frame[
            (frame["timestamp"] < data.train_until)
            & frame["ad_id"].isin(row_of_ad)
            & frame["user_id"].isin(data.histories.row_of)
        ]
        users = np.asarray(kept["user_id"].map(data.histories.row_of), dtype=np.int64)
        stamps = kept["timestamp"].to_numpy(dtype=np.float64)
        order = np.lexsort((stamps, users))
        users, stamps = users[order], stamps[order]
        new = (
            np.flatnonzero(np.r_[True, (users[1:] != users[:-1]) | (stamps[1:] != stamps[:-1])])
            if len(users)
            else np.zeros(0, int)
        )
        starts = np.r_[new, len(users)].astype(np.int64)
        clicked = kept["clicked"].to_numpy(dtype=bool)[order]
        sums = np.add.reduceat(clicked.astype(np.int64), new) if len(new) else np.zeros(0, int)
        ads = np.asarray(kept["ad_id"].map(row_of_ad), dtype=np.int64)[order]
        return cls(users[new], stamps[new], starts, ads, clicked, np.flatnonzero(sums > 0))

    def __bool__(self) -> bool:
        return len(self.with_click) > 0

    @property
    def prior(self) -> float:
        """Log-odds by which `draw` shows clicks more often than they happen; added to a logit before its loss.

        A drawn group keeps all its clicks and `shown` of the rest, and half of the groups are drawn for holding one;
        the correction leaves the head with the odds of the impressions themselves, up to what calibration mends.
        """
        rate = self.clicked.mean()
        sizes = np.diff(self.starts)
        kept = float(np.minimum(sizes, self.shown).sum() / sizes.sum())
        boost = 0.5 * (1 + len(self.starts[:-1]) / max(1, len(self.with_click)))
        return math.log(boost / kept) if 0 < rate < 1 else 0.0

    def draw(
        self, random: np.random.Generator, groups: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Draw groups, half of them with a click.

        Returns:
            groups [g] (rows of `users` and `as_of`), ad rows [g, s] and labels [g, s] (NaN where a group has fewer
            impressions).
        """
        chosen = np.r_[
            random.choice(self.with_click, groups // 2), random.integers(0, len(self.users), groups - groups // 2)
        ]
        ads = np.zeros((groups, self.shown), dtype=np.int64)
        label = np.full((groups, self.shown), np.nan)
        for row, group in enumerate(chosen):
            inside = np.arange(self.starts[group], self.starts[group + 1])
            hit = inside[self.clicked[inside]]
            missed = random.permutation(inside[~self.clicked[inside]])
            taken = np.r_[hit, missed][: self.shown]
            ads[row, : len(taken)] = self.ads[taken]
            label[row, : len(taken)] = self.clicked[taken]
        return chosen, ads, label

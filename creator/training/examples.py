"""The examples of a training: windows, titles, profiles and leading points, and the draw of a step."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from creator.core.data import Data


class Examples:
    """The examples as arrays, windows and token ids.

    Args:
        frame: rows of EXAMPLES.
        data: the tables they were made from.
    """

    def __init__(self, frame: pd.DataFrame, data: Data) -> None:
        self.users = np.asarray(frame["user_id"].map(data.histories.row_of), dtype=np.int64)
        self.as_of = frame["as_of"].to_numpy(dtype=np.float64)
        self.titles = frame["title"].tolist()
        self.profiles = frame["profile"].tolist()
        self.ad_ids = frame["ad_id"].tolist()
        self.leads = [points[0] if len(points) else "" for points in frame["selling_points"]]
        distinct = sorted(set(self.ad_ids))
        at = {ad_id: n for n, ad_id in enumerate(distinct)}
        self.ads = np.asarray([at[a] for a in self.ad_ids], dtype=np.int64)
        self.distinct_ads = distinct
        self.of_ad = [np.flatnonzero(self.ads == n) for n in range(len(distinct))]

    def __len__(self) -> int:
        return len(self.titles)

    def draw(self, random: np.random.Generator, ads: int, per_ad: int) -> npt.NDArray[np.int64]:
        """Rows of a step: some ads, by the root of their number of examples, and examples of each."""
        weight = np.sqrt([len(rows) for rows in self.of_ad])
        chosen = random.choice(len(self.of_ad), size=min(ads, len(self.of_ad)), replace=False, p=weight / weight.sum())
        return np.concatenate(
            [random.choice(self.of_ad[n], size=min(per_ad, len(self.of_ad[n])), replace=False) for n in chosen]
        )

    def by_window(self) -> list[npt.NDArray[np.int64]]:
        """The rows of each distinct (user, moment): a history that several titles were written for is read once."""
        _, code = np.unique(np.stack([self.users, self.as_of]), axis=1, return_inverse=True)
        order = np.argsort(code, kind="stable")
        return np.split(order, np.flatnonzero(np.diff(code[order])) + 1)


def apart(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Examples to train on, and those of a stable 3% of the users to validate on."""
    codes = pd.util.hash_array(frame["user_id"].to_numpy(dtype=object)) % 100
    return frame[codes >= 3], frame[codes < 3]

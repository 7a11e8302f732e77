"""What titles are asked for: (user, ad) pairs of EXAMPLES as token ids, the soft token an id of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from creator.core.data import Data
from creator.core.records import Ad, AdId
from creator.models.assembly import Float, HllmCreator


@dataclass(frozen=True, slots=True)
class Asked:
    """A title that is asked for.

    Args:
        ad: the ad.
        reader: row of the soft-token matrix.
        example: the title that the teacher wrote for the pair.
    """

    ad: Ad
    reader: int
    example: str


@dataclass(frozen=True)
class Asking:
    """Titles that are asked for, and the readers they are for.

    Args:
        pairs: the titles.
        soft: [U, D] soft tokens, a row a reader; the last one is the mean reader.
    """

    pairs: list[Asked]
    soft: Float

    @property
    def mean_reader(self) -> int:
        """The row of the mean reader."""
        return len(self.soft) - 1

    @classmethod
    def of(cls, model: HllmCreator, data: Data, frame: pd.DataFrame, items: Float, count: int, seed: int) -> Asking:
        """Draw pairs of examples, no more than a few of one ad.

        Args:
            model: whose User LLM reads the histories.
            data: the tables.
            frame: rows of EXAMPLES.
            items: [I, d] item embeddings.
            count: how many pairs, at most.
            seed: of the draw.
        """
        kept = _spread([str(ad) for ad in frame["ad_id"]], count, np.random.default_rng((seed, 3)))
        frame = frame.iloc[kept]
        users = frame["user_id"].map(data.histories.row_of).to_numpy(dtype=np.int64)
        as_of = frame["as_of"].to_numpy(dtype=np.float64)
        moments, reader = np.unique(np.stack([users.astype(np.float64), as_of]), axis=1, return_inverse=True)
        reading, length = [(int(u), float(t)) for u, t in moments.T], model.config.history
        embedded = model.encode_users(
            items,
            [data.histories.window(u, t, length) for u, t in reading],
            [data.histories.ages(u, t, length) for u, t in reading],
            moments[1],
            label="readers",
        )
        soft = model.soft_tokens(np.concatenate([embedded, embedded.mean(0, keepdims=True)]))
        pairs = [
            Asked(data.ads[AdId(ad_id)], int(row), title)
            for ad_id, row, title in zip(frame["ad_id"], reader.ravel(), frame["title"], strict=True)
        ]
        return cls(pairs, soft)

    def prompt(self, model: HllmCreator, asked: Asked, first: int, reader: int | None = None) -> list[int]:
        """Token ids of a pair's prompt, soft tokens counted from id `first`; of another `reader` when given."""
        words = model.prompts.prompt(asked.ad)
        return [*words.before, first + (asked.reader if reader is None else reader), *words.after]


def _spread(ads: Sequence[str], count: int, random: np.random.Generator) -> npt.NDArray[np.int64]:
    """Rows in an order in which the ads take turns, the first `count` of them."""
    shuffled = random.permutation(len(ads))
    turn: dict[str, int] = {}
    keys: list[tuple[int, int]] = []
    for place, row in enumerate(map(int, shuffled)):
        turn[ads[row]] = turn.get(ads[row], -1) + 1
        keys.append((turn[ads[row]], place))
    order = sorted(range(len(keys)), key=keys.__getitem__)
    return np.sort(shuffled[order[:count]])

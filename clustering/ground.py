"""What users are clustered by, where that is more than their embedding: what they did, and how much of it.

The User LLM reads a user's last events, as many for a heavy buyer as for a light one, so that its embeddings tell
tastes apart and hardly who acts often. Whoever redeems is among those who act. A ground adds that:

* "embedding": the user's embedding at length 1;
* "behaviour": log(1 + events) on each of some shelves, at length 1, over the user's whole past. Shelves are groups of
  items that the Item LLM finds alike, so that any catalogue has them;

and, after either, log(1 + events) of the user, standardised, times a weight. Titles are still written for the mean of
the members' embeddings. Ours. Shapes: B users, I items, S shelves, D width of what users are clustered by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from scipy import sparse

from clustering.kmeans import assign, fit, prepare
from clustering.vectors import Floats, Integers, blocks, draw_rows, find_faults, open_matrix, release
from creator.core.acts import past_events, users_of
from creator.core.artefacts import Artefact
from creator.core.data import Data
from creator.core.errors import ArtefactError

By = Literal["embedding", "behaviour"]

SHELVES = 384
ITEMS_SEEN = 32_768
"""Items that shelves are fitted on, at most; all items are put on one."""
FILE = "ground.npz"


@dataclass(frozen=True, slots=True)
class Ground:
    """How a user's row to cluster by is made; the same for users who come later.

    Args:
        by: what of a user is at length 1.
        weight: of the standardised log(1 + events).
        centre: mean of log(1 + events) over the users clustered first.
        spread: their standard deviation.
        shelves: [S, d] of unit length, in the space of item embeddings; no row where `by` is "embedding".
    """

    by: By
    weight: float
    centre: float
    spread: float
    shelves: Floats

    def save(self, folder: Path) -> None:
        """Write it beside the centroids."""
        np.savez(folder / FILE, by=np.array(self.by), weight=np.array([self.weight, self.centre, self.spread]),
                 shelves=self.shelves)  # fmt: skip


def open_ground(folder: Path) -> Ground | None:
    """The ground of a CLUSTERS folder; None where users were clustered by their embeddings alone.

    Raises:
        ArtefactError: the file cannot be read.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as kept:
            by, (weight, centre, spread) = str(kept["by"]), kept["weight"].tolist()
            return Ground("behaviour" if by == "behaviour" else "embedding", weight, centre, spread, kept["shelves"])
    except (OSError, ValueError, KeyError, EOFError):
        raise ArtefactError(
            f"{path} is not readable", cure="make the folder again with 'hllm-creator cluster'"
        ) from None


@dataclass(frozen=True)
class Past:
    """Events of users before a moment.

    Args:
        data: the tables.
        users: [B] rows of `data.histories`, -1 for users without any event.
        starts: [B], first event of each in the flat array.
        ends: [B], behind the last.
    """

    data: Data
    users: Integers
    starts: Integers
    ends: Integers

    @classmethod
    def of(cls, data: Data, user_ids: Sequence[str], as_of: float) -> Past:
        """The past of these users."""
        users = users_of(data, user_ids)
        known = np.maximum(users, 0)
        starts = data.histories.offsets[known]
        ends = past_events(data.histories, known, np.full(len(users), as_of))
        return cls(data, users, starts, np.where(users >= 0, ends, starts))

    @property
    def log_events(self) -> Floats:
        """log(1 + events); [B]."""
        return np.log1p(self.ends - self.starts).astype(np.float32)

    def on_shelves(self, some: slice, shelf_of: Integers, shelves: int) -> Floats:
        """Events of some users on each shelf; [b, S]."""
        starts, lengths = self.starts[some], (self.ends - self.starts)[some]
        behind = np.cumsum(lengths)
        positions = np.arange(lengths.sum()) + np.repeat(starts - (behind - lengths), lengths)
        shelf = shelf_of[self.data.histories.items[positions]]
        cell = np.repeat(np.arange(len(lengths)), lengths) * shelves + shelf
        counts = np.bincount(cell[shelf >= 0], minlength=len(lengths) * shelves)
        return counts.reshape(len(lengths), shelves).astype(np.float32)


def survey(embeddings: Artefact, past: Past, by: By, weight: float, seed: int) -> Ground:
    """The ground of these users.

    Args:
        embeddings: EMBEDDINGS, whose items make the shelves.
        past: of its users.
        by: what of a user is at length 1.
        weight: of the standardised log(1 + events), 0 or more.
        seed: of the shelves.
    """
    events = past.log_events
    spread = float(events.std())
    shelves = np.empty((0, 0), np.float32)
    if by == "behaviour":
        items = _items(embeddings, past.data)
        broken, zero = find_faults(items)
        fine = np.flatnonzero(~(broken | zero))
        if not len(fine):
            raise ArtefactError(f"{embeddings.path}/items.npy has no usable row", cure="run 'hllm-creator embed' again")
        sample = draw_rows(np.asarray(items[fine]), ITEMS_SEEN, seed)
        k = min(SHELVES, len(sample))
        shelves = fit(sample, k, metric="cosine", seed=seed, restarts=1, iterations=10).centroids
    return Ground(by, weight, float(events.mean()), spread if spread > 0 else 1.0, shelves)


def stand(ground: Ground, rows: Floats, embeddings: Artefact, past: Past, aside: Path) -> Floats:
    """The rows users are clustered by, on disk; a user without anything to go by has a row of zeros.

    Args:
        ground: how.
        rows: [B, d_u], the users' embeddings.
        embeddings: the EMBEDDINGS they are from.
        past: of the same users.
        aside: file to write.

    Returns:
        [B, D] memory-mapped; NaN where the embedding has one.
    """
    behaviour = ground.by == "behaviour"
    width = (len(ground.shelves) if behaviour else rows.shape[1]) + bool(ground.weight)
    shelf_of = np.empty(0, np.int64)
    if behaviour:
        items = _items(embeddings, past.data)
        if items.shape[1] != ground.shelves.shape[1]:
            raise ArtefactError(
                "the items' embeddings do not fit the standing clusters",
                got=f"{items.shape[1]} wide",
                expected=f"{ground.shelves.shape[1]}",
                cure="name embeddings of the same model",
            )
        broken, zero = find_faults(items)
        fine = np.flatnonzero(~(broken | zero))
        shelf_of = np.full(len(items), -1, np.int64)
        shelf_of[fine] = assign(np.asarray(items[fine]), ground.shelves, metric="cosine").cluster_id
    out = np.lib.format.open_memmap(aside, mode="w+", dtype=np.float32, shape=(len(rows), width))
    events = (past.log_events - ground.centre) / ground.spread
    for part in blocks(len(rows), max(width, rows.shape[1])):
        embedded = np.asarray(rows[part])
        found = np.log1p(past.on_shelves(part, shelf_of, len(ground.shelves))) if behaviour else embedded
        unit, empty = prepare(found, "cosine"), ~found.any(axis=1)
        if ground.weight:
            unit = np.column_stack([unit, ground.weight * events[part]]).astype(np.float32)
        unit[empty | ~embedded.any(axis=1)] = 0.0
        unit[~np.isfinite(embedded).all(axis=1)] = np.nan
        out[part] = unit
        release(rows)
        release(out)
    return out


def mean_rows(rows: Floats, cluster_id: Integers, clusters: int) -> Floats:
    """The members' mean of each cluster; [B, d] to [K, d], zeros for a cluster without members.

    Args:
        rows: [B, d].
        cluster_id: [B], or -1.
        clusters: K.
    """
    total = np.zeros((clusters, rows.shape[1]))
    for part in blocks(*rows.shape):
        inside = np.flatnonzero(cluster_id[part] >= 0)
        member = (np.ones(len(inside)), (cluster_id[part][inside], np.arange(len(inside))))
        total += sparse.csr_array(member, shape=(clusters, len(inside))) @ np.asarray(rows[part])[inside]
        release(rows)
    sizes = np.bincount(cluster_id[cluster_id >= 0], minlength=clusters)
    return (total / np.maximum(sizes, 1)[:, None]).astype(np.float32)


def _items(embeddings: Artefact, data: Data) -> Floats:
    """Item embeddings [I, d], checked to be those of DATA's items in their order."""
    items = open_matrix(embeddings.path / "items.npy")
    try:
        ids = (embeddings.path / "items.ids").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        ids = None
    if ids is None or ids != [str(item) for item in data.histories.item_ids] or len(items) != len(ids):
        raise ArtefactError(f"{embeddings.path} does not hold DATA's items", got=f"{len(items)} item vectors",
                            expected=f"{len(data.histories.item_ids)}, in DATA's order",
                            cure="run 'hllm-creator embed' on this DATA again")  # fmt: skip
    return items

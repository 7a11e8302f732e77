"""What evaluations read from artefacts: item vectors, users' moments, cluster centroids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from creator.core.artefacts import Artefact
from creator.core.data import Data
from creator.core.errors import ArtefactError

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int32]


class UserModel(Protocol):
    """The part of a model that turns histories into user embeddings."""

    def encode_texts(self, texts: Sequence[str], *, label: str = "") -> Floats:
        """Embeddings of texts; [N, d]."""
        ...

    def encode_users(
        self,
        item_embeddings: Floats,
        windows: Sequence[Rows],
        ages_s: Sequence[npt.NDArray[np.float64]] | None = None,
        *,
        label: str = "",
    ) -> Floats:
        """User embeddings of windows over an item table [I, d], with each event's age in seconds; [B, D]."""
        ...


@dataclass(frozen=True, slots=True)
class Moments:
    """Users at points in time.

    Args:
        users: [B], row in `Histories.user_ids`.
        before: [B], seconds; the window ends before this time.
    """

    users: npt.NDArray[np.int64]
    before: npt.NDArray[np.float64]


def user_vectors(model: UserModel, data: Data, moments: Moments, history: int, items: Floats | None) -> Floats:
    """User embeddings at moments; equal moments are encoded once.

    Args:
        model: the encoders.
        data: histories and item texts.
        moments: B of them.
        history: window length, in items.
        items: [I, d] embeddings in the order of DATA's items; None encodes the items that the windows name.

    Returns:
        [B, D].
    """
    pairs = np.stack([moments.users.astype(np.float64), moments.before], axis=1)
    distinct, back = np.unique(pairs, axis=0, return_inverse=True)
    reader = data.histories
    windows = [reader.window(int(user), before, history) for user, before in distinct]
    ages = [reader.ages(int(user), before, history) for user, before in distinct]
    table = items if items is not None else _named_items(model, data, windows)
    return model.encode_users(table, windows, ages, label="reading histories")[back.ravel()]


def _named_items(model: UserModel, data: Data, windows: Sequence[Rows]) -> Floats:
    named = np.unique(np.concatenate([np.empty(0, dtype=np.int32), *windows]))
    vectors = model.encode_texts([data.item_texts[row] for row in named], label="encoding items")
    table = np.zeros((len(data.histories.item_ids), vectors.shape[1]), dtype=np.float32)
    table[named] = vectors
    return table


def item_vectors(embeddings: Artefact, data: Data) -> Floats:
    """The items of an EMBEDDINGS folder in the order of DATA's items; [I, d].

    Raises:
        ArtefactError: a file is missing or corrupt, or an item has no vector.
    """
    vectors, ids = read_matrix(embeddings.path / "items.npy"), read_ids(embeddings.path / "items.ids")
    wanted = data.items["item_id"].tolist()
    cure = "run 'hllm-creator embed' again on this DATA"
    if len(ids) != len(vectors):
        raise ArtefactError(f"{embeddings.path} does not hold one vector for each item",
                            got=f"{len(vectors)} vectors, {len(ids)} ids", cure=cure)  # fmt: skip
    if ids == wanted:
        return vectors
    row_of = {item: row for row, item in enumerate(ids)}
    missing = sum(item not in row_of for item in wanted)
    if missing:
        raise ArtefactError(f"{embeddings.path} lacks items of DATA", got=f"{missing} missing", cure=cure)
    return vectors[[row_of[item] for item in wanted]]


def read_matrix(path: Path) -> Floats:
    """Read a float32 matrix.

    Raises:
        ArtefactError: it is missing or no such matrix.
    """
    cure = "delete the folder and make it again"
    try:
        matrix = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ArtefactError(f"{path} cannot be read", got=type(error).__name__, cure=cure) from None
    if matrix.ndim != 2 or matrix.dtype != np.float32:
        raise ArtefactError(f"{path} is not a float32 matrix", got=f"{matrix.dtype} {matrix.shape}", cure=cure)
    return matrix


def read_ids(path: Path) -> list[str]:
    """Ids, one a line.

    Raises:
        ArtefactError: the file is missing or not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise ArtefactError(f"{path} cannot be read", cure="delete the folder and make it again") from None

"""Yesterday's EMBEDDINGS: what today's may take over, so that only new items and active users are embedded.

Every item is marked by its text and every user by the window that was read, item texts and times included. A row whose
mark is the same is the same vector, with one freedom: a model that reads an event's age or date would see an idle
user's history grow older, and here the user stays as at the last activity (HLLM's production recipe: an item when it is
created, a user once a day if active).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from creator.core.artefacts import Artefact, open_artefact
from creator.core.data import Histories
from creator.core.errors import ArtefactError

Floats = npt.NDArray[np.float32]
Marks = npt.NDArray[np.uint64]


def text_marks(texts: Sequence[str]) -> Marks:
    """64 bits of each text's BLAKE2b digest, [N]."""
    digests = b"".join(hashlib.blake2b(text.encode("utf-8"), digest_size=8).digest() for text in texts)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def window_marks(histories: Histories, users: npt.NDArray[np.int64], before: float, length: int, items: Marks) -> Marks:
    """64 bits of the digest of each user's window: the marks [I] of its items and its times; [B]."""
    digests = bytearray()
    for user in users.tolist():
        window, ages = histories.window(user, before, length), histories.ages(user, before, length)
        read = items[window].tobytes() + (before - ages).round(3).tobytes()
        digests += hashlib.blake2b(read, digest_size=8).digest()
    return np.frombuffer(bytes(digests), dtype="<u8").astype(np.uint64)


def write_marks(folder: Path, items: Marks, users: Marks) -> None:
    """Keep the marks beside the vectors, for the next day."""
    np.save(folder / "items.marks.npy", items)
    np.save(folder / "users.marks.npy", users)


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier EMBEDDINGS of the same model.

    Args:
        items: [I, d], mapped from disk.
        users: [B, d_u], likewise.
        item_marks: [I].
        user_marks: [B].
        user_ids: [B].
    """

    items: Floats
    users: Floats
    item_marks: Marks
    user_marks: Marks
    user_ids: list[str]

    @classmethod
    def open(cls, path: Path, model: Artefact) -> Earlier:
        """Open an EMBEDDINGS folder.

        Raises:
            ArtefactError: it is none, another model made it, or it has no marks.
        """
        artefact = open_artefact(path, "embeddings")
        inputs = artefact.manifest.get("inputs")
        if not isinstance(inputs, dict) or inputs.get("model") != model.digest:
            raise ArtefactError(
                f"{path} was made by another model than {model.path}",
                expected="vectors of the same model, which alone can stand beside each other",
                cure="leave --previous out, and everything is embedded anew",
            )
        try:
            return cls(
                np.load(path / "items.npy", mmap_mode="r"),
                np.load(path / "users.npy", mmap_mode="r"),
                np.load(path / "items.marks.npy"),
                np.load(path / "users.marks.npy"),
                (path / "users.ids").read_text(encoding="utf-8").splitlines(),
            )
        except (OSError, ValueError):
            raise ArtefactError(
                f"{path} does not say what its vectors were made of",
                got="no items.marks.npy and users.marks.npy that can be read",
                cure="leave --previous out once; from then on there are marks",
            ) from None

    def of_items(self, marks: Marks) -> npt.NDArray[np.int64]:
        """For each item of today, by its mark, the row that has its vector, or -1: [N]."""
        return _rows_of(self.item_marks, marks)

    def of_users(self, user_ids: Sequence[str], marks: Marks) -> npt.NDArray[np.int64]:
        """For each user of today the row that has the vector of the same history, or -1: [B]."""
        row_of = {user: row for row, user in enumerate(self.user_ids)}
        rows = np.asarray([row_of.get(user, -1) for user in user_ids], dtype=np.int64)
        known = rows >= 0
        rows[known] = np.where(self.user_marks[rows[known]] == marks[known], rows[known], -1)
        return rows


def _rows_of(marks: Marks, wanted: Marks) -> npt.NDArray[np.int64]:
    if not len(marks):
        return np.full(len(wanted), -1, dtype=np.int64)
    order = np.argsort(marks, kind="stable")
    at = np.minimum(np.searchsorted(marks, wanted, sorter=order), len(marks) - 1)
    rows = order[at]
    return np.where(marks[rows] == wanted, rows, -1).astype(np.int64)

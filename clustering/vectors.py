"""User embeddings on disk: memory-mapped rows, their ids, and which rows can be clustered."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from creator.core.artefacts import Artefact
from creator.core.errors import ArtefactError

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

BLOCK_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class UserVectors:
    """Every user's embedding.

    Args:
        rows: [B, D] float32, memory-mapped.
        user_ids: [B], in the order of the rows.
    """

    rows: Floats
    user_ids: list[str]


def open_user_vectors(embeddings: Artefact) -> UserVectors:
    """Memory-map the users of an EMBEDDINGS folder.

    Raises:
        ArtefactError: a file is missing, is not a float32 matrix, is empty, or ids and rows do not match.
    """
    rows = open_matrix(embeddings.path / "users.npy")
    ids_path = embeddings.path / "users.ids"
    try:
        user_ids = ids_path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise ArtefactError(
            f"{ids_path} cannot be read", cure="delete the folder and run 'hllm-creator embed' again"
        ) from None
    if len(user_ids) != len(rows) or not len(rows):
        raise ArtefactError(
            f"{embeddings.path} does not hold one vector for each user",
            got=f"{len(rows)} vectors, {len(user_ids)} ids",
            expected="as many of each, at least one",
            cure="run 'hllm-creator embed' again",
        )
    return UserVectors(rows, user_ids)


def open_matrix(path: Path) -> Floats:
    """Memory-map a float32 matrix.

    Raises:
        ArtefactError: the file is missing, corrupt, of another type or not two-dimensional.
    """
    cure = "delete the folder and make it again"
    try:
        matrix = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise ArtefactError(f"{path} is missing", cure=cure) from None
    except (OSError, ValueError, EOFError):
        raise ArtefactError(f"{path} is not a readable array", cure=cure) from None
    if matrix.ndim != 2 or matrix.dtype != np.float32 or not matrix.shape[1]:
        raise ArtefactError(f"{path} is not a float32 matrix", got=f"{matrix.dtype} {matrix.shape}", cure=cure)
    return matrix


def blocks(count: int, width: int) -> Iterator[slice]:
    """Slices of rows, each at most BLOCK_BYTES of float32.

    Args:
        count: how many rows there are.
        width: numbers in a row.
    """
    step = max(1, BLOCK_BYTES // (4 * max(1, width)))
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))


def release(rows: Floats) -> None:
    """Let go of the file's pages that reading memory-mapped rows has brought into this process; they are read again
    when they are asked for. Rows in memory are left alone."""
    mapping = getattr(rows, "_mmap", None)
    if isinstance(mapping, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        mapping.madvise(mmap.MADV_DONTNEED)


def find_faults(rows: Floats) -> tuple[Mask, Mask]:
    """Which rows cannot be clustered: those with a NaN or an infinity, and those that are all zero.

    A zero row is no direction and no user (nothing was embedded), so it is left out under either metric.

    Args:
        rows: [B, D].

    Returns:
        not finite [B], zero [B].
    """
    broken, zero = np.zeros(len(rows), bool), np.zeros(len(rows), bool)
    for part in blocks(*rows.shape):
        block = np.asarray(rows[part])
        broken[part] = ~np.isfinite(block).all(axis=1)
        zero[part] = ~block.any(axis=1)
        release(rows)
    return broken, zero


def count_distinct(rows: Floats) -> int:
    """How many different rows there are, by a 64-bit hash of each (two rows share one by chance once in 10^19 pairs).

    Args:
        rows: [N, D], contiguous.
    """
    weights = np.random.default_rng(0).integers(2**63, size=rows.shape[1], dtype=np.uint64) * 2 + 1
    hashes = np.empty(len(rows), np.uint64)
    for part in blocks(*rows.shape):
        bits = (rows[part] + np.float32(0)).view(np.uint32).astype(np.uint64)  # + 0: a zero has two signs
        bits ^= bits << np.uint64(29)
        hashes[part] = np.einsum("nd,d->n", bits, weights)
    return len(np.unique(hashes))


def draw_rows(rows: Floats, most: int, seed: int) -> Floats:
    """The rows in memory: all of them, or a seeded sample of `most` in their order.

    Args:
        rows: [N, D], possibly memory-mapped.
        most: rows to take at most.
        seed: of the sample.
    """
    if len(rows) <= most:
        return np.asarray(rows)
    return np.asarray(rows[np.sort(np.random.default_rng(seed).choice(len(rows), most, replace=False))])

"""Item embeddings of a whole catalogue: each distinct text is encoded once, block by durable block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from creator.core.progress import Progress
from creator.models.assembly import Float, HllmCreator

BLOCK_TEXTS = 2048


def encode_catalogue(
    model: HllmCreator,
    texts: Sequence[str],
    folder: Path,
    rank: int = 0,
    count: int = 1,
    wait: Callable[[], None] = lambda: None,
) -> Float:
    """Embeddings of texts, [N, d].

    Args:
        model: whose Item LLM encodes them.
        texts: in the order of the rows wanted; repeated texts cost nothing.
        folder: where finished blocks are kept, so that a killed call goes on; see `drop_blocks`.
        rank, count: of several processes that call together, which this is; each encodes its share of the blocks.
        wait: returns when all of them have called it.
    """
    distinct = sorted(set(texts), key=lambda t: (len(t), t))
    progress = Progress("items", len(distinct), "texts") if rank == 0 else None
    paths = [folder / f".texts-{start:09d}.npy" for start in range(0, len(distinct), BLOCK_TEXTS)]
    for n, path in enumerate(paths):
        block = distinct[n * BLOCK_TEXTS : (n + 1) * BLOCK_TEXTS]
        if n % count == rank and not path.is_file():
            aside = folder / path.name.replace("texts", "aside")
            np.save(aside, model.encode_texts(block))
            aside.replace(path)
        if progress:
            progress.advance(len(block))
    if progress:
        progress.close()
    wait()
    at = {text: row for row, text in enumerate(distinct)}
    table = np.concatenate([np.load(path) for path in paths]) if paths else np.empty((0, model.item.width), np.float32)
    return table[[at[text] for text in texts]]


def drop_blocks(folder: Path) -> None:
    """Delete the blocks once what was made of them is saved."""
    for path in (*folder.glob(".texts-*.npy"), *folder.glob(".aside-*.npy")):
        path.unlink()

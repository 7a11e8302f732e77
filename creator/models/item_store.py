"""Item embeddings of a whole catalogue: each distinct text is encoded once, block by durable block."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from creator.core.progress import Progress
from creator.models.assembly import Float, HllmCreator

BLOCK_TEXTS = 2048


def encode_catalogue(model: HllmCreator, texts: Sequence[str], folder: Path) -> Float:
    """Embeddings of texts, [N, d].

    Args:
        model: whose Item LLM encodes them.
        texts: in the order of the rows wanted; repeated texts cost nothing.
        folder: where finished blocks are kept, so that a killed call goes on; see `drop_blocks`.
    """
    distinct = sorted(set(texts), key=lambda t: (len(t), t))
    progress = Progress("items", len(distinct), "texts")
    parts: list[Float] = []
    for start in range(0, len(distinct), BLOCK_TEXTS):
        block, path = distinct[start : start + BLOCK_TEXTS], folder / f".texts-{start:09d}.npy"
        if not path.is_file():
            aside = folder / f".aside-{start:09d}.npy"
            np.save(aside, model.encode_texts(block))
            aside.replace(path)
        parts.append(np.load(path))
        progress.advance(len(block))
    progress.close()
    at = {text: row for row, text in enumerate(distinct)}
    table = np.concatenate(parts) if parts else np.empty((0, model.item.width), dtype=np.float32)
    return table[[at[text] for text in texts]]


def drop_blocks(folder: Path) -> None:
    """Delete the blocks once what was made of them is saved."""
    for path in (*folder.glob(".texts-*.npy"), *folder.glob(".aside-*.npy")):
        path.unlink()

"""One worker of `embed`: a loaded model that turns blocks of texts, or of users' histories, into vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from creator.models.assembly import Float, HllmCreator, Rows, Seconds
from creator.models.checkpoint import load_model


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts to embed, and the number of their block."""

    number: int
    texts: Sequence[str]


@dataclass(frozen=True, slots=True)
class Users:
    """Users to embed, and the number of their block.

    Args:
        number: of the block.
        windows: per user the rows of their items, oldest first.
        ages_s: per user the age of each event in seconds.
        as_of: the moment they are read at, epoch seconds.
    """

    number: int
    windows: Sequence[Rows]
    ages_s: Sequence[Seconds]
    as_of: float


@dataclass(frozen=True, slots=True)
class Vectors:
    """A block's embeddings."""

    number: int
    vectors: Float = field(repr=False)


@dataclass(frozen=True)
class MakeEmbedder:
    """Makes a worker; `model` must be the same folder wherever it runs.

    Args:
        model: MODEL folder.
        device: "cpu" or "cuda".
        items: [I, d] item embeddings, where users are to be embedded.
    """

    model: Path
    device: str
    items: Float | None = field(default=None, repr=False)

    def __call__(self) -> Embedder:
        """Load the model."""
        return Embedder(load_model(self.model, device=self.device), self.items)


class Embedder:
    """Embeds with a loaded model."""

    def __init__(self, model: HllmCreator, items: Float | None = None) -> None:
        self._model, self._items = model, items

    def run(self, block: Texts | Users, keep: Callable[[Vectors], None]) -> None:
        """Embed one block."""
        if isinstance(block, Texts):
            keep(Vectors(block.number, self._model.encode_texts(block.texts)))
            return
        assert self._items is not None
        moments: dict[str, Any] = {}
        if self._model.config.time_features == "calendar":
            moments["as_of"] = np.full(len(block.windows), block.as_of)
        vectors = self._model.encode_users(self._items, block.windows, block.ages_s, **moments)
        keep(Vectors(block.number, vectors))

    def close(self) -> None:
        """Nothing is held beyond the model."""

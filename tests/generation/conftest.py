"""A tiny saved model, a shop of two ads, two clusters and the pairs that are kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from creator.core.artefacts import write_artefact
from creator.models.assembly import HllmCreator
from creator.models.checkpoint import load_model, save_model
from creator.models.config import ModelConfig
from tests.models.tiny import AD, OTHER_AD, Backbones
from tests.training.hand import ad, write_hand_data

EVENTS = [
    ("u0", "chalk bag", 1.0), ("u0", "landing net", 2.0), ("u0", "chalk bag", 3.0),
    ("u1", "race belt", 1.0), ("u1", "chalk bag", 2.0),
    ("late", "race belt", 10.0),
]  # fmt: skip
ITEMS = ["chalk bag", "landing net", "race belt", "sling set", "chalk bag deluxe"]


@dataclass(frozen=True)
class World:
    """Folders of every input of `embed` and `generate`, and the model in memory."""

    model: HllmCreator
    folder: Path

    def path(self, name: str) -> Path:
        return self.folder / name


def advert(one):
    row = ad(one.ad_id) | {name: getattr(one, name) for name in ("title", "description")}
    return row | {"selling_points": list(one.selling_points), "attributes": dict(one.attributes)}


@pytest.fixture(scope="session")
def backbones(tmp_path_factory: pytest.TempPathFactory) -> Backbones:
    return Backbones.make(tmp_path_factory.mktemp("backbones"))


@pytest.fixture(scope="session")
def world(backbones: Backbones, tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("world")
    made = backbones.build(ModelConfig(history=3, title_tokens=8), user_layers=1)
    with write_artefact(folder / "model", "model", config={}) as draft:
        save_model(made, draft.path)
    write_hand_data(folder / "data", items=ITEMS, events=EVENTS, ads=[advert(AD), advert(OTHER_AD)], train_until=10.0)
    write_clusters(folder / "clusters", np.random.default_rng(0).normal(size=(2, 64)), [0, 0, 0, 1, -1])
    write_pairs(folder / "pairs", [(0, "a1", True), (1, "a1", True), (1, "a2", True), (0, "a2", False)])
    return World(load_model(folder / "model"), folder)


def write_clusters(out: Path, centroids: np.ndarray, members: list[int]) -> Path:
    """Centroids, and one user per entry of `members`."""
    with write_artefact(out, "clusters", config={}) as draft:
        np.save(draft.path / "centroids.npy", centroids.astype(np.float32))
        pd.DataFrame({"cluster_id": members}).to_parquet(draft.path / "assignment.parquet")
    return out


def write_pairs(out: Path, pairs: list[tuple[int, str, bool]]) -> Path:
    with write_artefact(out, "pairs", config={}) as draft:
        pd.DataFrame(pairs, columns=["cluster_id", "ad_id", "kept"]).to_parquet(draft.path / "pairs.parquet")
    return out

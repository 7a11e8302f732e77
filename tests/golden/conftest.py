"""Every golden checkpoint, converted once by the command that users call, and loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from creator.cli import main
from creator.models.assembly import HllmCreator
from creator.models.checkpoint import load_model
from tests.golden.vectors import ROOT, Vectors

CREATORS = sorted(str(path.parent.relative_to(ROOT)) for path in (ROOT / "hllm_creator").rglob("manifest.json"))
BACKENDS = ("eager", "sdpa")


def convert(vectors: Vectors, out: Path, *flags: str, weights: Path | None = None) -> int:
    weights = weights or vectors.folder / "weights.safetensors"
    call = ["convert", "reference", "--weights", str(weights), "--config", str(vectors.folder / "manifest.json")]
    return main([*call, "--out", str(out), *flags])


def load(folder: Path, backend: str = "sdpa") -> HllmCreator:
    model = load_model(folder)
    for llm in (model.item.llm, model.user.llm, model.creative.llm):
        llm.set_attn_implementation(backend)  # pyright: ignore[reportCallIssue]
    return model


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """MODEL folder by name of the golden folder."""
    folders: dict[str, Path] = {}
    for name in (*CREATORS, "hllm"):
        folders[name] = tmp_path_factory.mktemp("golden") / "model"
        assert convert(Vectors(name), folders[name]) == 0
    return folders

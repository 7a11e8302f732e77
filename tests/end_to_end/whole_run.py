"""Drives the whole program on the generated shop, as a person would from the command line."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from tests.domain import write_shop
from tests.end_to_end.backbones import make_backbone

ROOT = Path(__file__).parents[2]
RAN = re.compile(r"^(\w+) +(ran in|fresh)", re.MULTILINE)
TABLES = {
    "data": ["items.parquet", "events.parquet", "ads.parquet", "impressions.parquet"],
    "examples": ["examples.parquet", "rejected.parquet"],
    "clusters": ["assignment.parquet"],
    "pairs": ["pairs.parquet"],
    "titles": ["titles.parquet", "rejected.parquet"],
}
MATRICES = {"embeddings": ["items.npy", "users.npy", "ads.npy"], "clusters": ["centroids.npy"]}
TEXTS = {
    "data": ["rejected.jsonl"],
    "embeddings": ["items.ids", "users.ids", "ads.ids"],
    "audit": ["verdicts.jsonl"],
    "model": ["model.json"],
}


@dataclass(frozen=True)
class Shop:
    """The generated shop's tables and two tiny backbones."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> Shop:
        tables = write_shop(folder / "tables")
        texts = [line for file in tables.glob("*.jsonl") for line in file.read_text(encoding="utf-8").splitlines()]
        for seed, name in enumerate(("item", "creative")):
            make_backbone(folder / name, texts, seed=seed)
        return cls(folder)

    def command(self, run: Path, *changes: str) -> list[str]:
        """The call that brings a RUN folder up to date."""
        own = [
            f"data.path={self.folder}/tables",
            f"model.item={self.folder}/item",
            f"model.creative={self.folder}/creative",
        ]
        return [sys.executable, "-m", "creator", "run", "--config", str(ROOT / "configs/tiny.toml"), "--out", str(run),
                "--set", *own, *changes]  # fmt: skip

    def start(self, run: Path, *changes: str) -> subprocess.Popen[str]:
        """Start such a call; stderr comes with stdout."""
        return subprocess.Popen(self.command(run, *changes), cwd=ROOT, text=True, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, env={**os.environ, "PYTHONUNBUFFERED": "1"})  # fmt: skip

    def run(self, run: Path, *changes: str) -> str:
        """Bring a RUN folder up to date; what was printed."""
        process = self.start(run, *changes)
        out, _ = process.communicate()
        assert process.returncode == 0, out
        assert "Traceback" not in out
        return out


def stages(printed: str) -> dict[str, bool]:
    """Which stages a run spoke of, in order, and whether each ran."""
    return {name: how != "fresh" for name, how in RAN.findall(printed)}


def forget(run: Path, section: str, outputs: tuple[str, ...]) -> None:
    """Make one stage stale as if it had never run."""
    (run / ".stages" / f"{section}.json").unlink()
    for name in outputs:
        path = run / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            for beside in run.glob(name + "*"):
                beside.unlink()


def published(run: Path) -> list[tuple[object, ...]]:
    """The titles of the live release: cluster, ad, title."""
    with sqlite3.connect(run / "store.db") as store:
        return store.execute(
            "select cluster_id, ad_id, title from titles where release = "
            "(select release from switches order by switch_id desc limit 1) order by 1, 2, 3"
        ).fetchall()


def assert_same_content(left: Path, right: Path) -> None:
    """Every table, matrix, text and weight of two runs is the same."""
    for kind, names in TABLES.items():
        for name in names:
            frames = [
                pd.read_parquet(run / kind / name).drop(columns="provenance", errors="ignore") for run in (left, right)
            ]
            pd.testing.assert_frame_equal(*frames, obj=f"{kind}/{name}", check_exact=False, rtol=1e-4, atol=1e-5)
    for kind, names in MATRICES.items():
        for name in names:
            ours, theirs = (np.load(run / kind / name) for run in (left, right))
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5, err_msg=f"{kind}/{name}")
    for kind, names in TEXTS.items():
        for name in names:
            assert (left / kind / name).read_text() == (right / kind / name).read_text(), f"{kind}/{name}"
    assert_same_weights(left / "model", right / "model")
    assert published(left) == published(right)


def assert_same_weights(left: Path, right: Path) -> None:
    """Two MODEL folders hold the same numbers."""
    from safetensors.numpy import load_file

    files = sorted(str(path.relative_to(left)) for path in left.rglob("*.safetensors"))
    assert len(files) >= 4
    for name in files:
        ours, theirs = load_file(left / name), load_file(right / name)
        assert ours.keys() == theirs.keys()
        for key, values in ours.items():
            np.testing.assert_allclose(values, theirs[key], rtol=1e-4, atol=1e-6, err_msg=f"{name}: {key}")

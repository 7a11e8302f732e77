"""What a RUN folder holds, as far as it is there: the report shows every part that exists."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pandas as pd
import pyarrow as pa

from creator.core.artefacts import Artefact, open_artefact
from creator.core.data import Data, read_table
from creator.core.errors import ArtefactError
from eval.figures import Figure, read_figures

STAGES = {"data": "data", "examples": "examples", "pretrained": "model", "model": "model", "embeddings": "embeddings",
          "clusters": "clusters", "pairs": "pairs", "titles": "titles", "audit": "audit",
          "evaluation_titles": "evaluation", "evaluation_matching": "evaluation"}  # fmt: skip
"""Folders of a run in the order in which the data flows, and the kind of each."""

PAIRS = pa.schema([("cluster_id", pa.int64()), ("ad_id", pa.string()), ("match", pa.float64()),
                   ("expected_reach", pa.float64()), ("kept", pa.bool_()), ("reason", pa.string())])  # fmt: skip
TITLES = pa.schema([("title_id", pa.string()), ("cluster_id", pa.int64()), ("ad_id", pa.string()),
                    ("title", pa.string()), ("rank", pa.int64()), ("logprob", pa.float64()),
                    ("personalisation", pa.float64()), ("verdict", pa.string())])  # fmt: skip
REJECTED = pa.schema([("cluster_id", pa.int64()), ("ad_id", pa.string()), ("reason", pa.string())])
ASSIGNMENT = pa.schema([("user_id", pa.string()), ("cluster_id", pa.int64())])


@dataclass(frozen=True, slots=True)
class Release:
    """What the store serves.

    Args:
        number: of the live release.
        titles: titles in it.
    """

    number: int
    titles: int


@dataclass(frozen=True)
class RunFolder:
    """A RUN folder opened for reading.

    Args:
        path: the folder.
        artefacts: the finished ones by folder name, in the order in which the data flows.
    """

    path: Path
    artefacts: Mapping[str, Artefact]

    def data(self) -> Data | None:
        """DATA."""
        return Data(self.artefacts["data"]) if "data" in self.artefacts else None

    def table(self, folder: str, name: str, schema: pa.Schema) -> pd.DataFrame:
        """A Parquet table of an artefact; without rows when there is no such artefact or file."""
        artefact = self.artefacts.get(folder)
        if artefact is None or not (artefact.path / name).is_file():
            return pa.Table.from_pylist([], schema=schema).to_pandas()
        return read_table(artefact.path / name, schema)

    def document(self, folder: str, name: str) -> Any:
        """A JSON file of an artefact; None when there is no such artefact or file.

        Raises:
            ArtefactError: the file is not JSON.
        """
        artefact = self.artefacts.get(folder)
        path = artefact.path / name if artefact is not None else None
        if path is None or not path.is_file():
            return None
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise ArtefactError(f"{path} is not readable JSON", cure="delete the folder and make it again") from None

    def figures(self, folder: str) -> list[Figure]:
        """The figures of an evaluation."""
        artefact = self.artefacts.get(folder)
        return read_figures(artefact.path / "summary.json") if artefact is not None else []

    def history(self) -> list[dict[str, float]]:
        """The steps that training wrote down; lines that are no JSON object are left out (a kill may cut the last)."""
        artefact = self.artefacts.get("model")
        path = artefact.path / "history.jsonl" if artefact is not None else None
        steps: list[dict[str, float]] = []
        if path is None or not path.is_file():
            return steps
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                step = json.loads(line)
            except ValueError:
                continue
            if isinstance(step, dict) and "step" in step:
                known = cast(dict[str, object], step)
                steps.append({name: float(value) for name, value in known.items() if isinstance(value, int | float)})
        return steps

    def release(self) -> Release | None:
        """The live release of store.db, or None when there is no such store or nothing in it."""
        path = self.path / "store.db"
        if not path.is_file():
            return None
        try:
            store = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        except sqlite3.Error:
            return None
        try:
            row = store.execute("select release from switches order by switch_id desc limit 1").fetchone()
            if row is None:
                return None
            (titles,) = store.execute("select count(*) from titles where release = ?", row).fetchone()
            return Release(int(row[0]), int(titles))
        except sqlite3.Error:
            return None
        finally:
            store.close()


def open_run(path: Path) -> RunFolder:
    """Open a RUN folder.

    Raises:
        ArtefactError: it is missing, holds no finished artefact, or one that cannot be read.
    """
    if not path.is_dir():
        raise ArtefactError(f"no run folder at {path}", got="a file" if path.exists() else "nothing there",
                            cure="make it with 'hllm-creator run'")  # fmt: skip
    found = {name: open_artefact(path / name, kind) for name, kind in STAGES.items() if (path / name).is_dir()}
    if not found:
        raise ArtefactError(f"{path} holds no finished artefact", expected=", ".join(STAGES),
                            cure="make them with 'hllm-creator run'")  # fmt: skip
    return RunFolder(path, found)

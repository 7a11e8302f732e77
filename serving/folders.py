"""What a release is made from: TITLES, CLUSTERS and DATA, read whole or not at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from creator.core.artefacts import Artefact, file_digest
from creator.core.data import Data, read_table
from creator.core.errors import ArtefactError
from creator.core.progress import track
from creator.core.records import Ad
from serving.gate import TITLES_FILE

ASSIGNMENT_FILE = pa.schema([("user_id", pa.string()), ("cluster_id", pa.int64())])


@dataclass(frozen=True, slots=True)
class Inputs:
    """The three artefacts a release is made from."""

    titles: Artefact
    clusters: Artefact
    data: Artefact

    @property
    def digest(self) -> str:
        """Identity of the three together."""
        return hashlib.sha256(
            "".join((self.titles.digest, self.clusters.digest, self.data.digest)).encode()
        ).hexdigest()


def read_assignment(inputs: Inputs) -> pd.DataFrame:
    """user_id and cluster_id, one row a user.

    Raises:
        ArtefactError: the titles are of other clusters, or the table is damaged or repeats users.
    """
    made_from = inputs.titles.manifest.get("inputs")
    wanted = made_from.get("clusters") if isinstance(made_from, dict) else None
    if wanted is not None and wanted != inputs.clusters.digest:
        raise ArtefactError(
            f"{inputs.titles.path} was generated for other clusters than {inputs.clusters.path}",
            cure="give the --clusters it was generated with, or generate titles for these",
        )
    path = inputs.clusters.path / "assignment.parquet"
    _check_whole(inputs.clusters, "assignment.parquet")
    frame = read_table(path, ASSIGNMENT_FILE)
    cure = "make the folder again with 'hllm-creator cluster'"
    if frame["user_id"].isna().any() or frame["cluster_id"].isna().any():
        raise ArtefactError(f"{path} has rows without a user or a cluster", cure=cure)
    repeated = int(frame["user_id"].duplicated().sum())
    if repeated:
        raise ArtefactError(f"{path} assigns users more than once", got=f"{repeated} repeated users", cure=cure)
    return frame


def read_cards(inputs: Inputs) -> dict[int, str]:
    """The clusters' cards as JSON text, by cluster; none where the clustering drew none."""
    files = inputs.clusters.manifest.get("files")
    if not isinstance(files, dict) or "cards.json" not in files:
        return {}
    _check_whole(inputs.clusters, "cards.json")
    path = inputs.clusters.path / "cards.json"
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["clusters"]
        return {int(entry["cluster_id"]): json.dumps(entry, ensure_ascii=False) for entry in entries}
    except (ValueError, KeyError, TypeError):
        raise ArtefactError(
            f"{path} holds no cards", cure="make the folder again with 'hllm-creator cluster'"
        ) from None


def count_clusters(inputs: Inputs) -> int:
    """How many clusters there are; ids run from 0."""
    return len(np.load(inputs.clusters.path / "centroids.npy", mmap_mode="r"))


def read_titles(inputs: Inputs) -> pd.DataFrame:
    """The rows of titles.parquet that the gate reads."""
    _check_whole(inputs.titles, "titles.parquet")
    return read_table(inputs.titles.path / "titles.parquet", TITLES_FILE)


def read_ads(inputs: Inputs) -> dict[str, Ad]:
    """Every ad with its facts, by id."""
    _check_whole(inputs.data, "ads.parquet")
    return {str(ad_id): ad for ad_id, ad in Data(inputs.data).ads.items()}


def rows_of(frame: pd.DataFrame) -> Iterator[Mapping[str, object]]:
    """A frame's rows, with a progress bar."""
    names = [str(name) for name in frame.columns]
    rows = zip(*(frame[name].tolist() for name in names), strict=True)
    for row in track(rows, "checking titles", "titles", total=len(frame)):
        yield dict(zip(names, row, strict=True))


def _check_whole(artefact: Artefact, name: str) -> None:
    """A file must be the one its manifest speaks of: a release rests on nothing that was changed since."""
    files = artefact.manifest.get("files")
    entry = files.get(name) if isinstance(files, dict) else None
    path = artefact.path / name
    if entry is None or not path.is_file():
        raise ArtefactError(f"{path} is missing", cure="delete the folder and make it again")
    if file_digest(path) != entry["sha256"]:
        raise ArtefactError(f"{path} is not the file its manifest names", cure="delete the folder and make it again")

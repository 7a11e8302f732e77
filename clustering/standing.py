"""A finished clustering, opened to go on from: to assign users to it, or to refit with its ids."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa

from clustering.ground import Ground, open_ground
from clustering.kmeans import Metric
from clustering.vectors import Floats, Integers, open_matrix
from creator.core.artefacts import Artefact, open_artefact
from creator.core.data import read_table
from creator.core.errors import ArtefactError

ASSIGNMENT = pa.schema(
    [
        ("user_id", pa.string()),
        ("cluster_id", pa.int32()),  # -1: the original title
        ("similarity", pa.float32()),  # cosine to the nearest centroid; null for a user without a usable embedding
        ("reason", pa.string()),  # why a user is in no cluster; null for one who is
    ]
)
PLACES = "places.npy"
CURE = "make the folder again with 'hllm-creator cluster'"


@dataclass(frozen=True)
class Standing:
    """What a CLUSTERS folder says.

    Args:
        artefact: the folder.
        centroids: [S, D]; the row is the cluster id.
        assignment: user_id, cluster_id, similarity, reason.
        cards: by cluster id.
        exact: for each of the S clusters the attributes that its members share.
        ground: how users' rows to assign by are made; None where those are the embeddings.
        places: [S, D'], what users are assigned to: the centroids, or those among the rows of the ground.
    """

    artefact: Artefact
    centroids: Floats
    assignment: pd.DataFrame
    cards: Mapping[int, Mapping[str, object]]
    exact: tuple[Mapping[str, str], ...]
    ground: Ground | None
    places: Floats

    @property
    def metric(self) -> Metric:
        """The distance that trained it."""
        return "cosine" if self.artefact.facts.get("metric") == "cosine" else "euclidean"

    @property
    def floor(self) -> float | None:
        """Least cosine of a member."""
        floor = self.artefact.facts.get("floor")
        return float(floor) if isinstance(floor, int | float) else None

    @property
    def names(self) -> tuple[str, ...]:
        """The attributes that members must share."""
        return tuple(self.exact[0]) if self.exact else ()

    @property
    def retired(self) -> frozenset[int]:
        """Ids that no user may be assigned to."""
        return frozenset(cast(list[int], self.artefact.facts.get("retired") or []))

    @property
    def live(self) -> Integers:
        """Ids that users may be assigned to."""
        return np.array([k for k in range(len(self.centroids)) if k not in self.retired], np.int64)

    def places_of(self, record: Mapping[str, str]) -> Floats | None:
        """The live places whose members share these attributes; None where there are none."""
        here = [k for k in self.live.tolist() if self.exact[k] == record]
        return self.places[here] if here else None


def open_standing(path: Path) -> Standing:
    """Open a CLUSTERS folder.

    Raises:
        ArtefactError: it is not whole, or its files do not belong together.
    """
    artefact = open_artefact(path, "clusters")
    centroids = np.array(open_matrix(path / "centroids.npy"))
    assignment = read_table(path / "assignment.parquet", ASSIGNMENT)
    ids = assignment["cluster_id"].to_numpy()
    if len(ids) and int(ids.max()) >= len(centroids):
        raise ArtefactError(f"{path} names a cluster without a centroid", got=f"cluster {ids.max()}",
                            expected=f"below {len(centroids)}", cure=CURE)  # fmt: skip
    try:
        entries: list[dict[str, Any]] = json.loads((path / "cards.json").read_text(encoding="utf-8"))["clusters"]
        cards = {int(entry["cluster_id"]): entry for entry in entries}
    except (OSError, ValueError, KeyError, TypeError):
        raise ArtefactError(f"{path}/cards.json holds no cards", cure=CURE) from None
    exact = artefact.facts.get("exact") or [{}] * len(centroids)
    if len(cast(list[object], exact)) != len(centroids):
        raise ArtefactError(f"{path} does not say what each cluster's members share", cure=CURE)
    ground = open_ground(path)
    places = centroids if ground is None else np.array(open_matrix(path / PLACES))
    if len(places) != len(centroids):
        raise ArtefactError(f"{path}/{PLACES} does not hold one row a cluster", got=f"{len(places)} rows",
                            expected=f"{len(centroids)}", cure=CURE)  # fmt: skip
    shared = tuple(cast(list[dict[str, str]], exact))
    return Standing(artefact, centroids, assignment, cards, shared, ground, places)


def refuse_other_model(standing: Standing, embeddings: Artefact) -> None:
    """Vectors of two models lie in two spaces.

    Raises:
        ArtefactError: the embeddings come from another model, or have another width, than the clustering's.
    """
    inputs = embeddings.manifest.get("inputs")
    model = cast(dict[str, str], inputs).get("model") if isinstance(inputs, dict) else None
    known = standing.artefact.facts.get("model_digest")
    if known is not None and model is not None and known != model:
        raise ArtefactError(
            "the standing clusters come from the embeddings of another model",
            got=str(standing.artefact.path),
            cure="cluster afresh, without the standing clusters, whenever the model is new",
        )

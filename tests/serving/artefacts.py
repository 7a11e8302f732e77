"""TITLES, CLUSTERS and DATA of a shop small enough to know every answer by heart."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from creator.core.artefacts import open_artefact, write_artefact
from creator.core.data import ADS, write_table
from serving.publish import Inputs

ORIGINALS = {
    "a1": "Korrik outdoor sale: 20% off selected gear",
    "a2": "Arven camp week: 10% off selected gear",
    "a3": "Tolm river days",
}
USERS = {"u-climber": 0, "u-cyclist": 1, "u-angler": 2, "u-far": -1}
# (title_id, cluster, ad, title, rank, verdict)
GOOD = (
    ("t1", 0, "a1", "Climbing rope: 20% off selected Korrik gear", 1, "supported"),
    ("t2", 1, "a1", "Bike pump: 20% off selected Korrik gear", 1, "supported"),
    ("t3", 0, "a2", "Sleeping mat: 10% off selected Arven gear", 1, "unverifiable"),
)
BAD = (
    ("t1-2", 0, "a1", "Korrik climbing rope, 20% off", 2, "supported"),  # lower rank
    ("t4", 2, "a1", "Bike pump at half price", 1, "unsupported"),  # failed when generated
    ("t5", 1, "a2", "Sleeping mat: 99% off selected Arven gear", 1, "supported"),  # fails now
    ("t6", 2, "a2", "ARVEN camp week - 10% off selected gear!", 1, "supported"),  # the original again
    ("t7", 0, "a9", "Climbing rope: 20% off", 1, "supported"),  # no such ad
    ("t8", 7, "a1", "Climbing rope: 20% off selected Korrik gear", 1, "supported"),  # no such cluster
    ("t9", 0, "a1", "Climbing rope by Korrik", 1, "supported"),  # the pair has a title
    ("t1", 1, "a3", "Fly box for the river", 1, "supported"),  # the id is taken
    ("t10", 1, "a3", "  ", 1, "supported"),  # no text
)
REFUSED = {
    "lower_rank": 1,
    "verdict": 1,
    "facts": 1,
    "original": 1,
    "unknown_ad": 1,
    "unknown_cluster": 1,
    "duplicate_pair": 1,
    "duplicate_id": 1,
    "incomplete": 1,
    "provenance": 0,
}

TITLES = pa.schema(
    [
        ("title_id", pa.string()),
        ("cluster_id", pa.int64()),
        ("ad_id", pa.string()),
        ("title", pa.string()),
        ("rank", pa.int64()),
        ("logprob", pa.float64()),
        ("personalisation", pa.float64()),
        ("verdict", pa.string()),
        ("findings", pa.string()),
        ("provenance", pa.string()),
    ]
)


@dataclass(frozen=True)
class Folders:
    """Where the three artefacts lie."""

    titles: Path
    clusters: Path
    data: Path

    def inputs(self) -> Inputs:
        return Inputs(
            open_artefact(self.titles, "titles"),
            open_artefact(self.clusters, "clusters"),
            open_artefact(self.data, "data"),
        )

    def flags(self) -> list[str]:
        return ["--titles", str(self.titles), "--clusters", str(self.clusters), "--data", str(self.data)]


def write_folders(
    root: Path,
    rows: tuple[tuple[object, ...], ...] = GOOD + BAD,
    *,
    users: dict[str, int] | None = None,
    mark: str = "",
) -> Folders:
    """Write the three; `mark` makes their digests differ from another set of the same rows."""
    root.mkdir(parents=True)
    folders = Folders(root / "titles", root / "clusters", root / "data")
    ads = pd.DataFrame(
        [
            {
                "ad_id": ad_id,
                "title": title,
                "description": f"{title}. The range includes a climbing rope, a bike pump, "
                "a sleeping mat and a fly box.",
                "selling_points": ["climbing rope", "bike pump", "sleeping mat", "fly box"],
                "attributes": [("brand", title.split()[0])],
                "category": "outdoor gear",
                "item_id": None,
                "item_ids": [],
                "locale": "en",
                "trainable": True,
                "live": True,
                "starts_at": None,
                "campaign": None,
                "facts": None,
            }
            for ad_id, title in ORIGINALS.items()
        ]
    )
    with write_artefact(folders.data, "data", config={"mark": mark}) as draft:
        write_table(draft.path / "ads.parquet", ads, ADS)
    placed = USERS if users is None else users
    with write_artefact(folders.clusters, "clusters", config={"mark": mark}) as draft:
        np.save(draft.path / "centroids.npy", np.eye(3, 4, dtype=np.float32))
        pq.write_table(
            pa.table(
                {
                    "user_id": list(placed),
                    "cluster_id": pa.array(placed.values(), pa.int32()),
                    "similarity": [0.5] * len(placed),
                }
            ),
            draft.path / "assignment.parquet",
        )
    titles = pd.DataFrame(
        [(*row[:5], -3.0, 0.5, row[5], "[]", json.dumps({"seed": 7})) for row in rows], columns=TITLES.names
    )
    inputs = {"clusters": open_artefact(folders.clusters, "clusters")}
    with write_artefact(folders.titles, "titles", config={"mark": mark}, inputs=inputs) as draft:
        write_table(draft.path / "titles.parquet", titles, TITLES)
    return folders

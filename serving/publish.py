"""`publish`: TITLES, CLUSTERS and DATA become one numbered release, in one transaction."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
from sqlalchemy import Connection, func, select

from creator.core.artefacts import Artefact, file_digest, open_artefact
from creator.core.data import Data, read_table
from creator.core.errors import ArtefactError, StoreError
from creator.core.progress import say, track
from creator.core.records import Ad
from serving.commands import PublishOptions
from serving.gate import TITLES_FILE, Gated, Refusal, gate
from serving.rows import Release, StoredTitle, current_release, insert_many, read_release
from serving.schema import ADS, ASSIGNMENTS, CLUSTERINGS, RELEASES, SWITCHES, TITLES
from serving.store import Store

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


def run(options: PublishOptions) -> dict[str, object]:
    """Publish a release.

    Returns:
        the summary: release, already, current, and the counts.

    Raises:
        ArtefactError: an input is missing, damaged, or belongs to another clustering.
        StoreError: the store cannot be written, or the release would hold no title where one with titles is live.
    """
    inputs = Inputs(
        open_artefact(options.titles, "titles"),
        open_artefact(options.clusters, "clusters"),
        open_artefact(options.data, "data"),
    )
    with Store(options.store, wait_s=options.wait_s) as store:
        release, already, live = publish(store, inputs)
    _tell(release, already, live, store.shown)
    return {"release": release.release, "already": already, "current": live, "store": store.shown, **release.counts}


def publish(store: Store, inputs: Inputs) -> tuple[Release, bool, int]:
    """Write the release, unless its inputs are one already.

    Returns:
        the release; whether it was there before; and which one is live now.
    """
    store.prepare()
    digest = inputs.digest
    with store.reading() as connection:  # before the work of checking, so that a repeated call costs nothing
        found, live = read_release(connection, digest), current_release(connection)
    if found is not None and live is not None:
        return found, True, live.release
    assignment = _read_assignment(inputs)
    gated, ads = _gated(inputs)
    with store.writing(alone=True) as connection:
        live = current_release(connection)
        found = read_release(connection, digest)
        if found is not None and live is not None:
            return found, True, live.release
        if not gated.titles and live is not None and live.counts.get("titles"):
            raise StoreError(
                "no title may be published, and a release with titles is live",
                got=_reasons(gated.refused),
                cure="look at the audit of these titles; nothing was changed",
            )
        made = _write(connection, inputs, gated, ads, assignment)
        return made, False, made.release


def _write(
    connection: Connection, inputs: Inputs, gated: Gated, ads: Mapping[str, Ad], assignment: pd.DataFrame
) -> Release:
    clustering = _clustering(connection, inputs.clusters.digest, assignment)
    number = (connection.execute(select(func.max(RELEASES.c.release))).scalar() or 0) + 1
    counts = _counts(gated, ads, assignment)
    release = Release(number, inputs.digest, time.time(), "published", clustering, inputs.clusters.digest, counts)
    connection.execute(
        RELEASES.insert().values(
            release=number,
            digest=release.digest,
            created_at=release.created_at,
            status=release.status,
            clustering_id=clustering,
            titles_digest=inputs.titles.digest,
            clusters_digest=inputs.clusters.digest,
            data_digest=inputs.data.digest,
            counts=json.dumps(counts),
        )
    )
    insert_many(connection, ADS, ("release", "ad_id", "title"), [(number, ad.ad_id, ad.title) for ad in ads.values()])
    insert_many(connection, TITLES, ("release", *StoredTitle._fields), [(number, *title) for title in gated.titles])
    connection.execute(SWITCHES.insert().values(release=number, switched_at=time.time(), kind="publish"))
    return release


def _counts(gated: Gated, ads: Mapping[str, Ad], assignment: pd.DataFrame) -> dict[str, int]:
    refused = {f"refused_{reason}": gated.refused.get(reason, 0) for reason in Refusal}
    return {
        "candidates": len(gated.titles) + sum(gated.refused.values()),
        "titles": len(gated.titles),
        "ads": len(ads),
        "ads_with_titles": len({t.ad_id for t in gated.titles}),
        "clusters_with_titles": len({t.cluster_id for t in gated.titles}),
        "users": len(assignment),
        "users_in_a_cluster": int((assignment["cluster_id"].to_numpy() >= 0).sum()),
        **refused,
    }


def _clustering(connection: Connection, digest: str, assignment: pd.DataFrame) -> int:
    """The number of a clustering in the store; its users are written the first time."""
    found = connection.execute(select(CLUSTERINGS.c.clustering_id).where(CLUSTERINGS.c.digest == digest)).scalar()
    if found is not None:
        return found
    number = (connection.execute(select(func.max(CLUSTERINGS.c.clustering_id))).scalar() or 0) + 1
    connection.execute(CLUSTERINGS.insert().values(clustering_id=number, digest=digest, users=len(assignment)))
    ordered = assignment.sort_values("user_id")  # the primary key's order: pages are filled one after another
    rows = list(zip([number] * len(ordered), ordered["user_id"].tolist(), ordered["cluster_id"].tolist(), strict=True))
    insert_many(connection, ASSIGNMENTS, ("clustering_id", "user_id", "cluster_id"), rows)
    return number


def _read_assignment(inputs: Inputs) -> pd.DataFrame:
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


def _gated(inputs: Inputs) -> tuple[Gated, Mapping[str, Ad]]:
    from creator.facts.verifier import check_title

    _check_whole(inputs.titles, "titles.parquet")
    _check_whole(inputs.data, "ads.parquet")
    clusters = len(np.load(inputs.clusters.path / "centroids.npy", mmap_mode="r"))
    frame = read_table(inputs.titles.path / "titles.parquet", TITLES_FILE)
    ads = {str(ad_id): ad for ad_id, ad in Data(inputs.data).ads.items()}
    gated = gate(_rows(frame), ads, clusters, check_title)
    if len(gated.titles) + sum(gated.refused.values()) != len(frame):
        raise AssertionError("titles in = kept + refused")
    return gated, ads


def _rows(frame: pd.DataFrame) -> Iterator[Mapping[str, object]]:
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


def _reasons(refused: Mapping[Refusal, int]) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in refused.items()) or "no titles at all"


def _tell(release: Release, already: bool, live: int, shown: str) -> None:
    if already:
        note = f" (release {live} is live; 'release rollback --to {release.release}' switches)"
        print(f"already release {release.release} in {shown}{note if live != release.release else ''}")
        return
    counts = release.counts
    print(
        f"release {release.release} in {shown}: {counts['titles']:,} titles for {counts['ads_with_titles']:,} of "
        f"{counts['ads']:,} ads, {counts['users']:,} users"
    )
    held = {name.removeprefix("refused_"): n for name, n in counts.items() if name.startswith("refused_") and n}
    if held:
        print("held back: " + ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in held.items()))
    if not counts["titles"]:
        say("warning: this release holds no title; everybody sees the originals")

"""A shop large enough to look at: four named clusters, six ads, a live release, a draft with open titles, events and an
experiment. The browser tests walk through it, and the pictures in the documentation show it.
"""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from creator.core.artefacts import open_artefact, write_artefact, write_text
from creator.core.data import ADS, write_table
from creator.facts.guide import BrandGuide
from serving.experiments.assignment import Experiment, Variation
from serving.experiments.ramp import Ramp, Stage
from serving.experiments.registry import begin
from serving.experiments.trial import Trial
from serving.publish import Inputs, publish
from serving.review.bring import bring
from serving.review.rules import keep_guide
from serving.rows import Event
from serving.store import Store
from tests.serving.artefacts import TITLES

CLUSTERS = ("Climbers", "Commuters by bike", "Weekend campers", "River anglers")
INTERESTS = (
    ("climbing rope", "chalk bag", "belay glove"),
    ("bike pump", "helmet light", "chain oil"),
    ("sleeping mat", "camp stove", "water filter"),
    ("fly box", "landing net", "wader boots"),
)
SOLD = "climbing rope, a bike pump, a sleeping mat and a fly box"
NAMES = {
    "a01": ("Korrik outdoor sale: 20% off selected gear", "Korrik", "20%"),
    "a02": ("Arven camp week: 10% off selected gear", "Arven", "10%"),
    "a03": ("Tolm river days: 15% off selected gear", "Tolm", "15%"),
    "a04": ("Korrik winter clearance: 25% off selected gear", "Korrik", "25%"),
    "a05": ("Arven spring days: 5% off selected gear", "Arven", "5%"),
    "a06": ("Tolm members' week: 30% off selected gear", "Tolm", "30%"),
}
THINGS = ("Climbing rope", "Bike pump", "Sleeping mat", "Fly box")
FAULTY = (
    ("a01", 3, "Fly box at half price"),
    ("a02", 1, "Bike pump: 99% off selected Arven gear"),
    ("a04", 2, "Sleeping mat: free delivery on all Korrik gear"),
    ("a06", 0, "TOLM members' week - 30% off selected gear!"),
)
USERS = 2_400
LOOKED = 900  # users who saw an ad


def show(store: Store, folder: Path) -> None:
    """Fill a store.

    Args:
        store: an empty one.
        folder: where the artefacts lie.
    """
    first = _folders(folder / "first", [row for row in _titles() if row[2] not in ("a05", "a06")])
    publish(store, first)
    store.prepare()
    with store.writing(alone=True) as connection:
        guide = BrandGuide(
            "Korrik", "plain and warm, no shouting", (), ("cheap", "best ever"), tokens=("{KeyWord:Ropes}",)
        )
        keep_guide(connection, guide, "Ben [desk]")
    begin(store, _trial(), "Ben [desk]")
    store.add_events(_events())
    faulty = {(ad, cluster): title for ad, cluster, title in FAULTY}
    rows = [(f"n{row[0]}", *row[1:3], faulty.get((row[2], row[1]), row[3])) for row in _titles()]
    bring(store, _folders(folder / "second", rows))


def _titles() -> list[tuple[str, int, str, str]]:
    """(title_id, cluster, ad, title)"""
    return [
        (f"t{ad[1:]}{cluster}", cluster, ad, f"{thing}: {percent} off selected {brand} gear")
        for ad, (_, brand, percent) in NAMES.items()
        for cluster, thing in enumerate(THINGS)
    ]


def _trial() -> Trial:
    arms = (Variation("control", 0.5, "original"), Variation("personal", 0.5, "cluster"))
    ramp = Ramp((Stage(0.2, 24), Stage(0.5, 24), Stage(1.0, 48)))
    return Trial(Experiment("spring-titles", arms), ramp, ads=frozenset({"a03", "a04"}))


def _events() -> list[Event]:
    """What users did: the personal titles are clicked more."""
    draw, now = random.Random(7), time.time()
    events: list[Event] = []
    for user in range(LOOKED):
        arm = draw.choice(("control", "personal"))
        for look in range(draw.randint(1, 5)):
            ad = draw.choice(("a03", "a04"))
            moment = now - draw.random() * 864_000
            title = f"t{ad[1:]}{user % 4}" if arm == "personal" else None
            name, who = f"{user}-{look}", f"u{user:04d}"
            events.append(
                Event(f"e{name}", "exposure", who, ad, title, moment, 1, "spring-titles", arm, moment, user % 4)
            )
            if draw.random() < (0.10 if arm == "control" else 0.15):
                events.append(
                    Event(
                        f"c{name}", "click", who, ad, title, moment + 2, 1, "spring-titles", arm, moment + 2, user % 4
                    )
                )
    return events


def _folders(root: Path, rows: list[tuple[str, int, str, str]]) -> Inputs:
    root.mkdir(parents=True)
    ads = pd.DataFrame(
        [
            {
                "ad_id": ad_id, "title": title, "description": f"{title}. The range includes a {SOLD}.",
                "selling_points": [thing.lower() for thing in THINGS], "attributes": [("brand", brand)],
                "category": "outdoor gear", "item_id": None, "item_ids": [], "locale": "en", "trainable": True,
                "live": True, "starts_at": None, "campaign": None, "facts": None,
            }
            for ad_id, (title, brand, _) in NAMES.items()
        ]
    )  # fmt: skip
    data, clusters, titles = root / "data", root / "clusters", root / "titles"
    with write_artefact(data, "data", config={}) as draft:
        write_table(draft.path / "ads.parquet", ads, ADS)
    with write_artefact(clusters, "clusters", config={}) as draft:
        np.save(draft.path / "centroids.npy", np.eye(4, 4, dtype=np.float32))
        users = [f"u{n:04d}" for n in range(USERS)]
        assigned = {"user_id": users, "cluster_id": pa.array([n % 4 for n in range(USERS)], pa.int32())}
        pq.write_table(pa.table({**assigned, "similarity": [0.5] * USERS}), draft.path / "assignment.parquet")
        write_text(draft.path / "cards.json", json.dumps({"clusters": [_card(n) for n in range(4)]}))
    made = pd.DataFrame(
        [(*row, 1, -3.0, 0.5, "supported", "[]", json.dumps(_provenance(row[1]))) for row in rows], columns=TITLES.names
    )
    inputs = {"clusters": open_artefact(clusters, "clusters")}
    with write_artefact(titles, "titles", config={"of": root.name}, inputs=inputs) as draft:
        write_table(draft.path / "titles.parquet", made, TITLES)
    return Inputs(open_artefact(titles, "titles"), inputs["clusters"], open_artefact(data, "data"))


def _provenance(cluster: int) -> dict[str, object]:
    return {"model": "demo", "cluster": cluster, "pair_score": 0.81, "prompt": "title-3", "seed": 7, "candidates": 8}


def _card(cluster: int) -> dict[str, object]:
    figures = {"members_share": 0.4, "average_share": 0.1, "z": 9.0, "members": 240}
    return {
        "cluster_id": cluster, "name": CLUSTERS[cluster], "size": USERS // 4, "share": 0.25, "similarity_median": 0.71,
        "users_read": USERS // 4, "exact": {}, "change": None,
        "interests": [{"interest": each, "lift": 4.0 - n, **figures} for n, each in enumerate(INTERESTS[cluster])],
        "items": [{"title": each, "lift": 4.0, "catalogue_items": 3, **figures} for each in INTERESTS[cluster]],
    }  # fmt: skip

"""A DATA and an EMBEDDINGS folder of three tastes, small enough to check the cards' figures by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from creator.core.artefacts import open_artefact, write_artefact
from creator.core.data import ADS, EVENTS, IMPRESSIONS, ITEMS, write_table

TASTES = ("climbing", "cycling", "fishing")
USERS_OF = {"climbing": 60, "cycling": 40, "fishing": 20}
WIDTH = 8
LIVE_AT = 1_000.0


def taste_of(user: str) -> str:
    return user.split("-")[0]


def write_data(out: Path) -> Path:
    """Every user bought 3 things of their own taste, and one pump (a thing nobody prefers)."""
    items = [
        (f"{t}{n}", f"{t.capitalize()} gear {word}, {n} pieces")
        for t in TASTES
        for n, word in enumerate(("rope", "bag", "box"))
    ]
    items.append(("pump", "Pump"))
    users = [f"{t}-{n:02d}" for t in TASTES for n in range(USERS_OF[t])]
    events = [(u, f"{taste_of(u)}{n}", 10.0 + n, 1.0) for u in users for n in range(3)]
    events += [(u, "pump", 20.0, 1.0) for u in users]
    # after the titles go live: must never show
    events += [(u, "fishing0", LIVE_AT + 1, 1.0) for u in users]
    ads = [
        {
            "ad_id": f"ad{n}",
            "title": f"{t.capitalize()} sale",
            "description": "All of it.",
            "selling_points": ["a rope"],
            "attributes": {},
            "category": "",
            "item_id": None,
            "item_ids": [],
            "locale": "en",
            "trainable": True,
            "live": n < 3,
            "starts_at": None,
            "campaign": "",
            "facts": None,
        }
        for n, t in enumerate((*TASTES, "climbing"))
    ]
    with write_artefact(out, "data", config={}) as draft:
        write_table(
            draft.path / "items.parquet",
            pd.DataFrame(items, columns=["item_id", "title"]).assign(description=""),
            ITEMS,
        )
        write_table(
            draft.path / "events.parquet",
            pd.DataFrame(events, columns=["user_id", "item_id", "timestamp", "weight"]).sort_values(
                ["user_id", "timestamp"]
            ),
            EVENTS,
        )
        write_table(draft.path / "ads.parquet", pd.DataFrame(ads), ADS)
        write_table(draft.path / "impressions.parquet", pd.DataFrame(columns=IMPRESSIONS.names), IMPRESSIONS)
        draft.facts = {"train_until": LIVE_AT, "live_at": LIVE_AT}
    return out


def write_embeddings(out: Path, rows: np.ndarray, users: list[str], data: Path | None = None) -> Path:
    inputs = {"data": open_artefact(data, "data")} if data else {}
    with write_artefact(out, "embeddings", config={}, inputs=inputs) as draft:
        draft.facts = {"history": 50}
        np.save(draft.path / "users.npy", rows)
        (draft.path / "users.ids").write_text("\n".join(users) + "\n", encoding="utf-8")
    return out


def write_tastes(out: Path, data: Path) -> Path:
    """Each taste has its own direction, the users of one lie close together."""
    users = [f"{t}-{n:02d}" for t in TASTES for n in range(USERS_OF[t])]
    draw = np.random.default_rng(0)
    rows = np.eye(len(TASTES), WIDTH)[[TASTES.index(taste_of(u)) for u in users]] * 3
    return write_embeddings(out, (rows + draw.normal(size=rows.shape) * 0.05).astype(np.float32), users, data)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_data(tmp_path / "data")


@pytest.fixture
def embeddings(tmp_path: Path, data: Path) -> Path:
    return write_tastes(tmp_path / "embeddings", data)

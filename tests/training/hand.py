"""DATA folders small enough to count in one's head."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from creator.core.artefacts import write_artefact
from creator.core.data import ADS, EVENTS, IMPRESSIONS, ITEMS, Data, open_data, write_table


def ad(
    ad_id: str, *, item_ids: Sequence[str] = (), item_id: str | None = None, trainable: bool = True
) -> dict[str, object]:
    """A row of ADS."""
    return {
        "ad_id": ad_id,
        "title": f"Sale {ad_id}",
        "description": "All of it.",
        "selling_points": [f"point {ad_id}"],
        "attributes": {},
        "category": "",
        "item_id": item_id,
        "item_ids": list(item_ids),
        "locale": "en",
        "trainable": trainable,
        "live": True,
        "starts_at": None,
        "campaign": "",
        "facts": None,
    }


def write_hand_data(
    out: Path,
    *,
    items: Sequence[str],
    events: Sequence[tuple[str, str, float]],
    ads: Sequence[dict[str, object]],
    impressions: Sequence[tuple[str, str, float, bool]] = (),
    train_until: float,
) -> Data:
    """Write and open a DATA folder; titles go live when training ends."""
    with write_artefact(out, "data", config={}) as draft:
        frames = {
            "items": (pd.DataFrame({"item_id": items, "title": items, "description": ""}), ITEMS),
            "events": (pd.DataFrame(events, columns=["user_id", "item_id", "timestamp"]).assign(weight=1.0), EVENTS),
            "ads": (pd.DataFrame(ads), ADS),
            "impressions": (
                pd.DataFrame(impressions, columns=["user_id", "ad_id", "timestamp", "clicked"]).assign(title_id=None),
                IMPRESSIONS,
            ),
        }
        for name, (frame, schema) in frames.items():
            write_table(draft.path / f"{name}.parquet", frame, schema)
        draft.facts.update(train_until=train_until, live_at=train_until)
    return open_data(out)

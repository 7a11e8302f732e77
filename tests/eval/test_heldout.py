"""Which impressions count, and how past purchases are counted: by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pandas as pd

from creator.core.data import Data, Histories
from creator.core.records import Ad, AdId, ItemId
from eval.heldout import held_out_impressions, past_purchases

ITEMS = pd.DataFrame({"item_id": ["rope", "tent", "pump"]})
EVENTS = pd.DataFrame(
    [("ann", "rope", 1.0), ("ann", "rope", 2.0), ("ann", "tent", 3.0), ("ann", "rope", 5.0), ("bob", "pump", 1.0)],
    columns=["user_id", "item_id", "timestamp"],
)


def shop(impressions: list[tuple[str, str, float, bool]]) -> Data:
    """'old' may be trained on; 'climb' covers rope and tent, from 4 on; 'wheel' is the pump; 'bare' covers nothing."""
    ads = [
        Ad(AdId("old"), "", "", item_ids=(ItemId("rope"),)),
        Ad(AdId("climb"), "", "", item_ids=(ItemId("rope"), ItemId("tent"), ItemId("gone"))),
        Ad(AdId("wheel"), "", "", item_id=ItemId("pump")),
        Ad(AdId("bare"), "", ""),
    ]
    frame = pd.DataFrame(
        {
            "ad_id": [ad.ad_id for ad in ads],
            "trainable": [True, False, False, False],
            "starts_at": [0.0, 4.0, np.nan, np.nan],
            "campaign": ["one", "two", None, "two"],
        }
    )
    seen = pd.DataFrame(impressions, columns=["user_id", "ad_id", "timestamp", "clicked"])
    made = SimpleNamespace(
        ads={ad.ad_id: ad for ad in ads},
        ads_frame=frame,
        impressions=seen,
        histories=Histories.of(EVENTS, ITEMS),
        train_until=20.0,
    )
    return cast(Data, made)


def test_only_what_training_leaves_out_counts_and_users_without_events_are_counted_apart() -> None:
    data = shop(
        [
            ("ann", "old", 9, True),
            ("ann", "climb", 9, True),
            ("nobody", "climb", 9, False),
            ("ann", "?", 9, True),
            ("ann", "old", 20, True),
        ]
    )
    held = held_out_impressions(data)
    assert held.ads.tolist() == [1, 0]
    assert held.campaigns.tolist() == ["two", "one"]
    assert held.without_history == 1


def test_the_past_ends_before_the_start_of_the_ad_or_the_impression_whichever_is_first() -> None:
    data = shop([("ann", "climb", 9, True), ("ann", "climb", 2.0, False), ("bob", "wheel", 7, False)])
    assert held_out_impressions(data).before.tolist() == [4.0, 2.0, 7.0]


def test_past_purchases_count_covered_items_strictly_before_that_moment() -> None:
    data = shop([("ann", "climb", 9, True), ("ann", "climb", 2.0, False), ("bob", "wheel", 7, False),
                 ("ann", "wheel", 7, False), ("ann", "bare", 7, False)])  # fmt: skip
    assert past_purchases(data, held_out_impressions(data)).tolist() == [3, 1, 1, 0, 0]

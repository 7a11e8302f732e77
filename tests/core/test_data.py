"""A window of a history ends strictly before its time, and tables come back as they were written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from creator.core.artefacts import write_artefact
from creator.core.data import ADS, EVENTS, IMPRESSIONS, ITEMS, Histories, open_data, read_table, write_table
from creator.core.errors import ArtefactError
from creator.core.records import Ad

ITEM_IDS = ["i0", "i1", "i2", "i3"]
ITEM_FRAME = pd.DataFrame({"item_id": ITEM_IDS, "title": ["A", "B", "C", "D"], "description": ["", "b.", "", ""]})
events = st.lists(
    st.tuples(st.sampled_from(["u", "v", "w"]), st.sampled_from(ITEM_IDS), st.integers(-50, 50)),
    min_size=1,
    max_size=40,
)


def _frame(rows: list[tuple[str, str, int]]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "user_id": [r[0] for r in rows],
            "item_id": [r[1] for r in rows],
            "timestamp": [float(r[2]) for r in rows],
            "weight": np.ones(len(rows), np.float32),
        }
    )


@given(events, st.integers(-60, 60), st.integers(1, 10))
def test_a_window_holds_the_last_events_strictly_before_its_time_oldest_first(
    rows: list[tuple[str, str, int]], before: int, length: int
) -> None:
    histories = Histories.of(_frame(rows), ITEM_FRAME)
    for user in {row[0] for row in rows}:
        own = sorted(
            (stamp, position) for position, (who, _, stamp) in enumerate(rows) if who == user and stamp < before
        )
        expected = [rows[position][1] for _, position in own][-length:]
        window = histories.window(histories.row_of[user], float(before), length)
        assert [ITEM_IDS[row] for row in window] == expected


@given(events, st.integers(-60, 60), st.integers(1, 10))
def test_what_happens_at_or_after_the_time_cannot_change_a_window(
    rows: list[tuple[str, str, int]], before: int, length: int
) -> None:
    past = [row for row in rows if row[2] < before]
    whole = Histories.of(_frame(rows), ITEM_FRAME)
    for user in {row[0] for row in past}:
        cut = Histories.of(_frame(past), ITEM_FRAME)
        assert np.array_equal(
            whole.window(whole.row_of[user], float(before), length), cut.window(cut.row_of[user], float("inf"), length)
        )


def test_a_user_without_events_before_the_time_has_an_empty_window() -> None:
    histories = Histories.of(_frame([("u", "i1", 5)]), ITEM_FRAME)
    assert len(histories.window(0, 5.0, 10)) == 0


def test_no_events_at_all_make_no_users() -> None:
    histories = Histories.of(_frame([("u", "i1", 5)]).iloc[:0], ITEM_FRAME)
    assert len(histories.user_ids) == 0
    assert histories.offsets.tolist() == [0]


def test_an_event_of_an_unknown_item_is_refused() -> None:
    with pytest.raises(ArtefactError, match="items that the items table lacks"):
        Histories.of(_frame([("u", "nope", 5)]), ITEM_FRAME)


def _data(folder: Path) -> Path:
    ads = pd.DataFrame(
        [
            {
                "ad_id": "a1",
                "title": "T",
                "description": "D.",
                "selling_points": ["p", "q"],
                "attributes": [("brand", "Velten")],
                "category": "gear",
                "item_id": None,
                "item_ids": ["i1", "i2"],
                "locale": "de",
                "trainable": True,
                "live": True,
                "starts_at": 3.0,
                "campaign": "c",
                "facts": None,
            },
            {
                "ad_id": "a2",
                "title": "U",
                "description": "",
                "selling_points": [],
                "attributes": [],
                "category": None,
                "item_id": "i3",
                "item_ids": None,
                "locale": None,
                "trainable": False,
                "live": False,
                "starts_at": None,
                "campaign": None,
                "facts": None,
            },
        ]
    )
    with write_artefact(folder, "data", config={}) as draft:
        write_table(draft.path / "items.parquet", ITEM_FRAME, ITEMS)
        write_table(draft.path / "events.parquet", _frame([("u", "i1", 5)]), EVENTS)
        write_table(draft.path / "ads.parquet", ads, ADS)
        write_table(draft.path / "impressions.parquet", pd.DataFrame(columns=IMPRESSIONS.names), IMPRESSIONS)
        draft.facts.update(train_until=7, live_at=9.5)
    return folder


def test_ads_come_back_as_the_records_that_were_written(tmp_path: Path) -> None:
    data = open_data(_data(tmp_path / "data"))
    assert list(data.ads.values()) == [
        Ad("a1", "T", "D.", ("p", "q"), {"brand": "Velten"}, "gear", None, ("i1", "i2"), "de"),  # pyright: ignore
        Ad("a2", "U", "", (), {}, "", "i3", (), "en"),  # pyright: ignore
    ]
    assert [ad.ad_id for ad in data.live_ads] == ["a1"]
    assert (data.train_until, data.live_at) == (7.0, 9.5)
    assert data.item_texts == ["A", "B. b.", "C", "D"]
    assert len(data.impressions) == 0


def test_a_corrupt_or_short_table_is_a_clear_error(tmp_path: Path) -> None:
    folder = _data(tmp_path / "data")
    (folder / "items.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(ArtefactError, match="not readable Parquet"):
        _ = open_data(folder).items
    pd.DataFrame({"item_id": ["x"]}).to_parquet(folder / "items.parquet")
    with pytest.raises(ArtefactError, match="lacks columns"):
        _ = open_data(folder).items
    with pytest.raises(ArtefactError, match="is missing"):
        read_table(folder / "none.parquet", ITEMS)

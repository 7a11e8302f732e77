"""Tables of any domain: every bad row rejected with its reason, every bad file named, nothing lost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from creator.core.errors import InputError, UsageError
from data_synthesis.sources import tables
from data_synthesis.sources.tabled import Tabled
from tests.domain import write_shop

ITEMS = '{"item_id": "i1", "title": "climbing rope"}\n{"item_id": "i2", "title": "tent", "description": "For two."}\n'
EVENTS = "user_id,item_id,timestamp\nu1,i1,2023-05-01T12:00:00Z\nu1,i2,1700000000\n"


def _folder(path: Path, **files: str | bytes) -> Path:
    """items.jsonl and events.csv, and whatever else or instead; `__` in a name stands for the point."""
    for name, text in {"items__jsonl": ITEMS, "events__csv": EVENTS, **files}.items():
        target = path / name.replace("__", ".")
        target.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def _read(path: Path, train_until: str | None = None, live_at: str | None = None) -> Tabled:
    return tables.read(tables.locate(path), train_until=train_until, live_at=live_at)


def _reasons(tabled: Tabled, table: str) -> dict[int, str]:
    return {r.row: r.reason for r in tabled.rejections if r.table == table}


def test_a_whole_shop_is_read(tmp_path: Path) -> None:
    tabled = _read(write_shop(tmp_path, users=20, events=10, ads=5))
    assert (len(tabled.items), len(tabled.events), len(tabled.ads), len(tabled.impressions)) == (75, 200, 5, 100)
    assert tabled.rejections == []
    assert tabled.train_until == tabled.live_at == tabled.events["timestamp"].max() + 1
    assert tabled.ads["live"].all()
    assert tabled.ads["trainable"].all()
    assert dict(tabled.ads["attributes"].iloc[0])["discount"].endswith("%")


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_the_three_formats_say_the_same(tmp_path: Path, suffix: str) -> None:
    ads = pd.DataFrame(
        {
            "ad_id": ["a1"],
            "title": ["Rope sale"],
            "description": ["Ropes."],
            "item_ids": [["i1"]],
            "selling_points": [["dry rope", "60 m"]],
            "attributes": [[("brand", "Arven")]],
        }
    )
    folder = _folder(tmp_path)
    if suffix == "parquet":
        schema = pa.schema(
            [
                *((name, pa.string()) for name in ("ad_id", "title", "description")),
                ("item_ids", pa.list_(pa.string())),
                ("selling_points", pa.list_(pa.string())),
                ("attributes", pa.map_(pa.string(), pa.string())),
            ]
        )
        pq.write_table(pa.Table.from_pandas(ads, schema=schema, preserve_index=False), folder / "ads.parquet")
    else:
        ads["attributes"] = [{"brand": "Arven"}]
        if suffix == "jsonl":
            ads.to_json(folder / "ads.jsonl", orient="records", lines=True)
        else:
            for column in ("item_ids", "selling_points", "attributes"):
                ads[column] = ads[column].map(json.dumps)
            ads.to_csv(folder / "ads.csv", index=False)
    ad = _read(folder).ads.iloc[0]
    assert (ad["selling_points"], ad["attributes"], ad["item_ids"]) == (
        ["dry rope", "60 m"],
        [("brand", "Arven")],
        ["i1"],
    )


def test_without_ads_the_items_are_the_ads(tmp_path: Path) -> None:
    ads = _read(_folder(tmp_path)).ads.set_index("ad_id")
    assert ads.loc["i1", "description"] == "climbing rope"
    assert ads.loc["i2", "description"] == "For two."
    assert ads.loc["i2", "item_id"] == "i2"


def test_times_are_iso_8601_or_epoch_seconds(tmp_path: Path) -> None:
    rows = ["2023-05-01T12:00:00Z", "2023-05-01T14:00:00+02:00", "2023-05-01 12:00:00", "1682942400", "1682942400.0"]
    folder = _folder(tmp_path, events__csv="user_id,item_id,timestamp\n" + "".join(f"u,i1,{row}\n" for row in rows))
    expected = datetime(2023, 5, 1, 12, tzinfo=UTC).timestamp()
    assert _read(folder).events["timestamp"].tolist() == [expected] * 5


def test_each_bad_event_is_rejected_with_its_row_and_reason(tmp_path: Path) -> None:
    folder = _folder(
        tmp_path,
        events__csv=(
            b"user_id,item_id,timestamp,weight\n"
            b"u1,i1,1700000000,2\nu1,i1,NaN,1\nu1,i1,,1\nu1,i9,1700000000,1\n,i1,yesterday,1\n"
            b"u1,i1,1700000000000,1\nu1,i1,1700000000,heavy\nu1,i1\nu2,i2,1700000001,\n"
        )
        + b"u\xff,i1,1700000000,1\n",
    )
    tabled = _read(folder)
    assert tabled.events["weight"].tolist() == [2.0, 1.0]
    assert _reasons(tabled, "events") == {
        2: "timestamp is neither ISO 8601 nor epoch seconds",
        3: "timestamp is missing",
        4: "item_id is not in items",
        5: "user_id is empty; timestamp is neither ISO 8601 nor epoch seconds",
        6: "timestamp lies outside the years 1900 to 2199",
        7: "weight is not a finite number",
        8: "number of fields is not that of the header",
        10: "bytes that are not UTF-8 text",
    }
    assert (tabled.rows_in["events"], tabled.rows_kept["events"]) == (10, 2)


def test_nan_timestamps_in_parquet_are_rejected(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    (folder / "events.csv").unlink()
    pd.DataFrame({"user_id": [1, 2, 3], "item_id": ["i1"] * 3, "timestamp": [1.7e9, np.nan, np.inf]}).to_parquet(
        folder / "events.parquet"
    )
    tabled = _read(folder)
    assert tabled.events["user_id"].tolist() == ["1"]
    assert set(_reasons(tabled, "events")) == {2, 3}


def test_datetimes_in_parquet_are_read(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    (folder / "events.csv").unlink()
    stamps = pd.to_datetime(["2023-05-01T12:00:00", None])
    pd.DataFrame({"user_id": ["a", "b"], "item_id": ["i1"] * 2, "timestamp": stamps}).to_parquet(
        folder / "events.parquet"
    )
    tabled = _read(folder)
    assert tabled.events["timestamp"].tolist() == [1682942400.0]
    assert _reasons(tabled, "events") == {2: "timestamp is missing"}


def test_repeated_empty_and_overlong_items_are_rejected(tmp_path: Path) -> None:
    lines = [
        {"item_id": "i1", "title": "rope"},
        {"item_id": "i1", "title": "rope again"},
        {"item_id": "i2", "title": " "},
        {"item_id": "i3", "title": "x" * 5_000},
        {"item_id": "i4", "title": ["no"]},
        {"item_id": True, "title": "t"},
        {"item_id": 7, "title": "a\u0000b\n c"},
        {"item_id": "i8", "title": "\ud800"},
    ]
    folder = _folder(tmp_path, items__jsonl="".join(json.dumps(line) + "\n" for line in lines) + "[1]\n{oops\n")
    tabled = _read(folder)
    assert tabled.items["item_id"].tolist() == ["i1", "7"]
    assert tabled.items["title"].tolist() == ["rope", "a b c"]
    assert _reasons(tabled, "items") == {
        2: "item_id was given by an earlier row",
        3: "title is empty",
        4: "title is longer than 1,000 characters",
        5: "title is not a text",
        6: "item_id is not a text",
        8: "title is empty",
        9: "not a JSON object",
        10: "not readable as JSON",
    }


def test_the_first_good_row_of_an_id_is_kept(tmp_path: Path) -> None:
    folder = _folder(tmp_path, items__jsonl='{"item_id": "i1", "title": ""}\n{"item_id": "i1", "title": "rope"}\n')
    tabled = _read(folder)
    assert tabled.items["title"].tolist() == ["rope"]
    assert _reasons(tabled, "items") == {1: "title is empty"}


def test_an_ad_without_a_description_rests_on_its_title(tmp_path: Path) -> None:
    folder = _folder(tmp_path, ads__csv="ad_id,title,description\na1,Rope sale,\na2,,words\n")
    tabled = _read(folder)
    assert tabled.ads["description"].tolist() == ["Rope sale"]
    assert _reasons(tabled, "ads") == {2: "title is empty"}


def test_bad_lists_maps_flags_and_items_of_ads_are_rejected(tmp_path: Path) -> None:
    lines = [
        {"selling_points": "not json"},
        {"selling_points": {"a": "b"}},
        {"attributes": "[1, 2]"},
        {"item_id": "i9"},
        {"item_ids": ["i1", "i9"]},
        {"live": "perhaps"},
        {"live": "no", "trainable": False, "starts_at": "2023-01-01"},
    ]
    ads = [{"ad_id": f"a{n}", "title": "t", "description": "d", **line} for n, line in enumerate(lines, 1)]
    tabled = _read(_folder(tmp_path, ads__jsonl="".join(json.dumps(ad) + "\n" for ad in ads)))
    assert sorted(_reasons(tabled, "ads")) == [1, 2, 3, 4, 5, 6]
    kept = tabled.ads.iloc[0]
    assert (kept["ad_id"], kept["live"], kept["trainable"], kept["starts_at"]) == ("a7", False, False, 1672531200.0)


def test_an_ad_that_starts_after_train_until_is_not_trained_on(tmp_path: Path) -> None:
    folder = _folder(
        tmp_path, ads__csv="ad_id,title,description,starts_at\na1,t,d,2023-01-01\na2,t,d,2023-09-01\na3,t,d,\n"
    )
    tabled = _read(folder, train_until="2023-06-01", live_at="2023-12-01")
    assert tabled.ads["trainable"].tolist() == [True, False, True]
    assert tabled.train_until == datetime(2023, 6, 1, tzinfo=UTC).timestamp()
    with pytest.raises(UsageError, match="lies after"):
        _read(folder, train_until="2023-12-01", live_at="2023-06-01")


def test_impressions_need_a_known_ad_and_a_click_flag(tmp_path: Path) -> None:
    folder = _folder(
        tmp_path,
        impressions__csv=(
            "user_id,ad_id,timestamp,clicked,title_id\nu1,i1,1700000000,true,t1\nu9,i2,1700000000,0,\n"
            "u1,i9,1700000000,1,\nu1,i1,1700000000,,\nu1,i1,1700000000,often,\n"
        ),
    )
    tabled = _read(folder)
    assert tabled.impressions["clicked"].tolist() == [True, False]
    assert _reasons(tabled, "impressions") == {
        3: "ad_id is not in ads",
        4: "clicked is missing",
        5: "clicked is neither true nor false",
    }


def test_unknown_columns_are_kept_aside_by_id(tmp_path: Path) -> None:
    folder = _folder(
        tmp_path,
        items__jsonl=(
            '{"item_id": "i1", "title": "rope", "colour": "red", "stock": {"a": 1}}\n{"item_id": "i1", "title": "x"}\n'
        ),
    )
    extra = _read(folder).extras["items"]
    assert extra.to_dict("records") == [{"item_id": "i1", "colour": "red", "stock": '{"a": 1}'}]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"items__csv": "item_id,title\ni1,rope\n"}, ["two files for the table 'items': items.csv, items.jsonl"]),
        (
            {"items__jsonl": '{"item_id": "i1", "titel": "rope"}\n'},
            ["lacks the column 'title'", "nearest it has is 'titel'"],
        ),
        (
            {"events__csv": "user_id,item,time\nu,i,1\n", "items__jsonl": '{"id": 1}\n'},
            [
                "faults",
                "'item_id'; the nearest it has is 'item'",
                "'timestamp'; the nearest it has is 'time'",
                "'title'",
            ],
        ),
        ({"ads__parquet": b"PAR1 cut short"}, ["ads.parquet is not readable Parquet"]),
        ({"ads__csv": ""}, ["ads.csv is empty"]),
        ({"ads__csv": "ad_id,ad_id\n1,2\n"}, ["stands twice"]),
        ({"ads__csv": 'ad_id,title,description\na1,"open,x\na2,t,d\n'}, ["quote opened in row 1 is never closed"]),
        ({"ads__csv": "ad_id,title,description\n".encode("utf-16")}, ["UTF-16", "save the file as UTF-8"]),
        ({"events__csv": "user_id,item_id,timestamp\nu,i9,1\n"}, ["none of its 1 rows is usable", "not in items"]),
        ({"events__csv": "user_id,item_id,timestamp\n"}, ["events: none of its 0 rows"]),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_its_fault(
    tmp_path: Path, files: dict[str, str | bytes], words: Sequence[str]
) -> None:
    with pytest.raises(InputError) as caught:
        _read(_folder(tmp_path, **files))
    for word in words:
        assert word in str(caught.value)


def test_a_missing_table_or_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "item.csv").write_text("item_id,title\n")
    with pytest.raises(InputError, match=r"no table 'items'.*item\.csv") as caught:
        tables.locate(tmp_path)
    assert "no table 'events'" in str(caught.value)
    with pytest.raises(UsageError, match="no folder"):
        tables.locate(tmp_path / "nowhere")


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["i1", "u1", "1700000000"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)
COLUMNS = [
    "ad_id",
    "title",
    "description",
    "selling_points",
    "attributes",
    "item_id",
    "item_ids",
    "live",
    "starts_at",
    "colour",
]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.dictionaries(st.sampled_from(COLUMNS), ANYTHING), max_size=6))
def test_any_json_rows_end_once_as_kept_or_rejected(tmp_path: Path, rows: list[dict[str, object]]) -> None:
    good = {"ad_id": "good", "title": "t", "description": "d"}
    folder = _folder(tmp_path, ads__jsonl="".join(json.dumps(row) + "\n" for row in [good, *rows]))
    tabled = _read(folder)
    rejected = [r.row for r in tabled.rejections if r.table == "ads"]
    assert tabled.rows_in["ads"] == len(rows) + 1 == len(tabled.ads) + len(rejected)
    assert len(set(rejected)) == len(rejected)

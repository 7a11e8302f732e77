"""Bad input at the door: what `ingest` does with tables in each of the three formats."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from creator.core.data import open_data
from tests.bad_input.tables import FORMATS, GOOD, Rows, cut_short, scramble, with_bad_bytes, write_tables
from tests.bad_input.world import call

NAN = float("nan")
ROW_FAULTS: dict[str, tuple[str, dict[str, object], str]] = {
    "unknown item in events": (
        "events",
        {"user_id": "u0", "item_id": "i9", "timestamp": 1.7e9},
        "item_id is not in items",
    ),
    "unknown item in ads": (
        "ads",
        {"ad_id": "a9", "title": "t", "description": "d", "item_id": "i9"},
        "names an item that is not in items",
    ),
    "unknown ad in impressions": (
        "impressions",
        {"user_id": "u0", "ad_id": "a9", "timestamp": 1.7e9, "clicked": True},
        "ad_id is not in ads",
    ),
    "duplicate ids in items": ("items", GOOD["items"][0] | {"title": "again"}, "item_id was given by an earlier row"),
    "duplicate ids in ads": ("ads", GOOD["ads"][0] | {"title": "again"}, "ad_id was given by an earlier row"),
    "a title of 5,000 characters in items": (
        "items",
        {"item_id": "i9", "title": "x" * 5_000},
        "title is longer than 1,000 characters",
    ),
    "a title of 5,000 characters in ads": (
        "ads",
        {"ad_id": "a9", "title": "x" * 5_000, "description": "d"},
        "title is longer than 1,000 characters",
    ),
    "NaN timestamps in events": ("events", {"user_id": "u0", "item_id": "i0", "timestamp": NAN}, "timestamp is "),
    "NaN timestamps in impressions": (
        "impressions",
        {"user_id": "u0", "ad_id": "a0", "timestamp": NAN, "clicked": True},
        "timestamp is ",
    ),
}
"""By fault: the table, the bad row that is added to it, and how the reason of its rejection begins."""


def _ingest(tables: Path, out: Path, *more: str) -> tuple[int, str, str]:
    done = call("ingest", "--source", "tables", "--path", str(tables), "--out", str(out), *more)
    return done.status, done.out, done.err


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("fault", ROW_FAULTS)
def test_a_bad_row_is_counted_with_its_reason_and_the_others_are_kept(fault: str, form: str, tmp_path: Path) -> None:
    table, row, reason = ROW_FAULTS[fault]
    tables = write_tables(tmp_path / "tables", form, **{table: [*GOOD[table], row]})
    status, out, err = _ingest(tables, tmp_path / "data")
    assert status == 0, err
    rejected = [json.loads(line) for line in (tmp_path / "data/rejected.jsonl").read_text().splitlines()]
    assert [(r["table"], r["row"]) for r in rejected] == [(table, len(GOOD[table]) + 1)]
    assert rejected[0]["reason"].startswith(reason)
    assert f"1  {table}: {reason}" in out
    facts = open_data(tmp_path / "data").artefact.facts
    assert facts["rows_in"] == {name: len(rows) + (name == table) for name, rows in GOOD.items()}
    assert facts["rows_kept"] == {name: len(rows) for name, rows in GOOD.items()}


@pytest.mark.parametrize("form", FORMATS)
def test_ads_without_a_description_rest_on_their_titles(form: str, tmp_path: Path) -> None:
    ads: Rows = [{**GOOD["ads"][0], "description": None}, GOOD["ads"][1]]
    assert _ingest(write_tables(tmp_path / "tables", form, ads=ads), tmp_path / "data")[0] == 0
    assert [ad.description for ad in open_data(tmp_path / "data").live_ads] == [
        "Korrik sale 0",
        "Selected Korrik gear.",
    ]


def test_a_parquet_text_that_is_none_costs_its_row_alone(tmp_path: Path) -> None:
    tables = write_tables(tmp_path / "tables", "parquet")
    with_bad_bytes(tables, "parquet")
    items = pq.read_table(tables / "items.parquet")
    claimed = pa.chunked_array([chunk.view(pa.string()) for chunk in items["title"].chunks])
    pq.write_table(items.set_column(1, "title", claimed), tables / "items.parquet")
    status, out, err = _ingest(tables, tmp_path / "data")
    assert (status, "1  items: bytes that are not UTF-8 text" in out) == (0, True), err


@pytest.mark.parametrize("form", FORMATS)
def test_mixed_encodings_cost_the_row_that_is_not_utf_8_and_no_other(form: str, tmp_path: Path) -> None:
    tables = write_tables(tmp_path / "tables", form)
    with_bad_bytes(tables, form)
    status, out, err = _ingest(tables, tmp_path / "data")
    assert status == 0, err
    assert "1  items: bytes that are not UTF-8 text" in out
    assert open_data(tmp_path / "data").items["title"].tolist() == [row["title"] for row in GOOD["items"]]


def _utf_16(folder: Path, form: str) -> None:
    for path in folder.glob(f"items.{form}"):
        path.write_bytes(path.read_text().encode("utf-16"))


def _without(table: str, column: str, near: str) -> Callable[[Path, str], None]:
    def harm(folder: Path, form: str) -> None:
        rows: Rows = [{near if name == column else name: value for name, value in row.items()} for row in GOOD[table]]
        write_tables(folder, form, **{table: rows})

    return harm


FILE_FAULTS: dict[str, tuple[Callable[[Path, str], object], tuple[str, ...], tuple[str, ...]]] = {
    "an empty history": (
        lambda folder, form: write_tables(folder, form, events=[]),
        FORMATS,
        ("events",),
    ),
    "only unknown items": (
        lambda folder, form: write_tables(folder, form, items=[{"item_id": "j", "title": "t"}]),
        FORMATS,
        ("events: none of its 6 rows is usable", "mostly: item_id is not in items"),
    ),
    "mixed encodings: a file in UTF-16": (
        _utf_16,
        ("csv", "jsonl"),
        ("is UTF-16 text", "expected: UTF-8", "save the file as UTF-8"),
    ),
    "a missing column in items": (
        _without("items", "title", "titel"),
        FORMATS,
        ("lacks the column 'title'", "nearest it has is 'titel'"),
    ),
    "a missing column in events": (
        _without("events", "timestamp", "time"),
        FORMATS,
        ("lacks the column 'timestamp'", "nearest it has is 'time'"),
    ),
    "a missing column in ads": (
        _without("ads", "description", "text"),
        FORMATS,
        ("lacks the column 'description'", "nearest it has is"),
    ),
    "a missing column in impressions": (
        _without("impressions", "clicked", "click"),
        FORMATS,
        ("lacks the column 'clicked'", "nearest it has is 'click'"),
    ),
    "a corrupt Parquet file, cut short": (
        lambda folder, form: cut_short(folder / f"events.{form}"),
        ("parquet",),
        ("events.parquet is not readable Parquet",),
    ),
    "a corrupt Parquet file, scrambled": (
        lambda folder, form: scramble(folder / f"events.{form}"),
        ("parquet",),
        ("events.parquet is not readable Parquet",),
    ),
    "a missing table": (
        lambda folder, form: (folder / f"items.{form}").rename(folder / f"item.{form}"),
        FORMATS,
        ("no table 'items'", "is it 'item."),
    ),
}
"""By fault: what is done to the good tables, the formats it can happen to, and what the message must say."""


@pytest.mark.parametrize(
    ("fault", "form"), [(fault, form) for fault, (_, forms, _) in FILE_FAULTS.items() for form in forms]
)
def test_a_table_that_cannot_be_used_is_a_clear_error_and_nothing_is_written(
    fault: str, form: str, tmp_path: Path
) -> None:
    harm, _, words = FILE_FAULTS[fault]
    harm(write_tables(tmp_path / "tables", form), form)
    status, out, err = _ingest(tmp_path / "tables", tmp_path / "data", "--json")
    assert status == 1
    for word in (*words, "hllm-creator: ", "try: "):
        assert word in err
    assert json.loads(out.splitlines()[-1])["status"] == "failed"
    assert [path.name for path in tmp_path.iterdir()] == ["tables"]


def test_the_faults_of_all_tables_are_told_together(tmp_path: Path) -> None:
    tables = write_tables(tmp_path / "tables", "parquet")
    _without("items", "title", "name")(tables, "parquet")
    cut_short(tables / "ads.parquet")
    status, _, err = _ingest(tables, tmp_path / "data")
    assert (status, "2 faults" in err, "items.parquet lacks" in err, "ads.parquet is not" in err) == (
        1,
        True,
        True,
        True,
    )


def test_no_text_of_a_user_and_no_id_reaches_an_error_or_a_rejection(tmp_path: Path) -> None:
    secret: Rows = [{"user_id": "SECRET-USER", "item_id": "SECRET-ITEM", "timestamp": "SECRET-TIME"}]
    tables = write_tables(tmp_path / "tables", "jsonl", events=[*GOOD["events"], *secret])
    status, out, err = _ingest(tables, tmp_path / "data")
    assert status == 0
    assert "SECRET" not in out + err + (tmp_path / "data/rejected.jsonl").read_text()

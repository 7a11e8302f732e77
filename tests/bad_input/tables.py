"""Input tables in the three formats, and what may be wrong with them."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

FORMATS = ("csv", "jsonl", "parquet")
Rows = list[dict[str, object]]
GOOD: Mapping[str, Rows] = {
    "items": [{"item_id": f"i{n}", "title": title} for n, title in enumerate(["fly box", "chalk bag", "tent peg set"])],
    "events": [
        {"user_id": f"u{n % 3}", "item_id": f"i{n % 3}", "timestamp": 1_700_000_000.0 + 86_400 * n} for n in range(6)
    ],
    "ads": [
        {"ad_id": f"a{n}", "title": f"Korrik sale {n}", "description": "Selected Korrik gear.", "item_id": f"i{n}"}
        for n in range(2)
    ],
    "impressions": [{"user_id": "u0", "ad_id": "a0", "timestamp": 1_700_000_000.0, "clicked": True}],
}
"""Three items, six events, two ads, one impression, all as they should be."""


def write_tables(folder: Path, form: str, **changed: Rows) -> Path:
    """Write the good tables, some of them replaced; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in {**GOOD, **changed}.items():
        write_table(folder / f"{name}.{form}", rows, list(rows[0] if rows else GOOD[name][0]))
    return folder


def write_table(path: Path, rows: Sequence[Mapping[str, object]], columns: Sequence[str]) -> None:
    """Write rows in the format that the file's name says."""
    if path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(columns)
            writer.writerows([row.get(column) for column in columns] for row in rows)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    else:
        pq.write_table(pa.table({column: [row.get(column) for row in rows] for column in columns}), path)


def with_bad_bytes(folder: Path, form: str) -> None:
    """Put one more item in Latin-1 into the items, whatever their format."""
    path = folder / f"items.{form}"
    if form == "csv":
        path.write_bytes(path.read_bytes() + "i9,café\r\n".encode("latin-1"))
    elif form == "jsonl":
        path.write_bytes(path.read_bytes() + '{"item_id": "i9", "title": "café"}\n'.encode("latin-1"))
    else:
        titles = [str(row["title"]).encode() for row in GOOD["items"]] + ["café".encode("latin-1")]
        ids = [*(row["item_id"] for row in GOOD["items"]), "i9"]
        pq.write_table(pa.table({"item_id": ids, "title": pa.array(titles, pa.binary())}), path)


def cut_short(path: Path) -> None:
    """Leave the first half of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def scramble(path: Path) -> None:
    """Overwrite the middle of a file, its head and its tail untouched."""
    content = bytearray(path.read_bytes())
    content[8 : len(content) // 2] = b"\xa5" * (len(content) // 2 - 8)
    path.write_bytes(bytes(content))


def drop_column(path: Path, column: str) -> None:
    """Write a Parquet table again without one of its columns."""
    pq.write_table(pq.read_table(path).drop_columns([column]), path)

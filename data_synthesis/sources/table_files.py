"""Parquet, CSV and JSON Lines files as columns of raw values, with the rows that cannot even be read set apart."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from creator.core.errors import InputError
from data_synthesis.sources.tabled import Rejection

SUFFIXES = (".parquet", ".csv", ".jsonl")
NOT_UTF8 = "bytes that are not UTF-8 text"
LONGEST_FIELD = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class RawTable:
    """A file's readable rows.

    Args:
        name: the table's name.
        frame: raw values; the index is the row number, the first data row being 1.
        rows: how many rows the file has, readable or not.
        rejections: the rows that cannot be read.
    """

    name: str
    frame: pd.DataFrame
    rows: int
    rejections: list[Rejection] = field(default_factory=lambda: list[Rejection]())


def read_file(name: str, path: Path) -> RawTable:
    """Read one table's file.

    Raises:
        InputError: the file as a whole cannot be read (corrupt, empty, of another encoding).
    """
    try:
        if path.suffix == ".parquet":
            return _read_parquet(name, path)
        return _read_csv(name, path) if path.suffix == ".csv" else _read_json_lines(name, path)
    except OSError as error:
        raise InputError(f"{path.name} cannot be read", got=error.strerror or type(error).__name__) from None


def _read_parquet(name: str, path: Path) -> RawTable:
    try:
        table = pq.read_table(path)
        table, bad = _as_texts(table)
        frame = table.to_pandas(maps_as_pydicts=None)
    except (pa.ArrowException, OSError, ValueError):
        raise InputError(
            f"{path.name} is not readable Parquet", cure="write the file again; it is cut short or corrupt"
        ) from None
    frame = frame.reset_index(drop=True)
    frame.index += 1
    rejections = [Rejection(name, row + 1, NOT_UTF8) for row in sorted(bad)]
    return RawTable(name, frame.drop(index=[row + 1 for row in bad]), len(frame), rejections)


def _as_texts(table: pa.Table) -> tuple[pa.Table, set[int]]:
    """Columns of bytes as texts, and the rows (from 0) whose bytes are not UTF-8.

    Some writers store texts as plain bytes, and some call bytes a text that are none.
    """
    bad: set[int] = set()
    for place, field_ in enumerate(table.schema):
        column = table.column(place)
        if pa.types.is_string(field_.type) or pa.types.is_large_string(field_.type):
            try:
                column.validate(full=True)
                continue
            except pa.ArrowInvalid:
                column = column.cast(pa.large_binary())
        elif not (pa.types.is_binary(field_.type) or pa.types.is_large_binary(field_.type)):
            continue
        texts = [_utf8(value) for value in column.to_pylist()]
        bad |= {row for row, text in enumerate(texts) if text is None and column[row].is_valid}
        table = table.set_column(place, field_.name, pa.array(texts, pa.large_string()))
    return table, bad


def _utf8(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _read_csv(name: str, path: Path) -> RawTable:
    _refuse_utf16(path)
    csv.field_size_limit(LONGEST_FIELD)
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
        reader = csv.reader(stream, strict=True)
        try:
            header = [column.strip() for column in next(reader, [])]
        except csv.Error:
            raise InputError(f"{path.name}: the header row is not readable CSV") from None
        if not any(header):
            raise InputError(f"{path.name} is empty", expected="a header row with the columns' names")
        if len(set(header)) < len(header):
            raise InputError(f"{path.name}: a column name stands twice in the header", got=", ".join(header))
        return _collect(name, header, _csv_rows(reader, path, len(header)))


def _csv_rows(reader: Iterator[list[str]], path: Path, width: int) -> Iterator[tuple[int, list[object] | str]]:
    number = 0
    while True:
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            number += 1
            if "unexpected end" in str(error):
                raise InputError(
                    f"{path.name}: a quote opened in row {number} is never closed",
                    cure="close the quote, or write quotes inside a field twice",
                ) from None
            yield number, "not readable as CSV"
            continue
        if not values:
            continue
        number += 1
        if any(_escaped(value) for value in values):
            yield number, NOT_UTF8
        elif len(values) != width:
            yield number, "number of fields is not that of the header"
        else:
            yield number, list(values)


def _read_json_lines(name: str, path: Path) -> RawTable:
    _refuse_utf16(path)
    rows: list[tuple[int, dict[str, object] | str]] = []
    columns: dict[str, None] = {}
    number = 0
    with path.open("rb") as stream:
        for line in stream:
            if not line.strip():
                continue
            number += 1
            try:
                value = json.loads(line.removeprefix(b"\xef\xbb\xbf").decode("utf-8"))
            except UnicodeDecodeError:
                value = NOT_UTF8
            except (ValueError, RecursionError):
                value = "not readable as JSON"
            else:
                value = value if isinstance(value, dict) else "not a JSON object"
            if isinstance(value, dict):
                columns.update(dict.fromkeys(value))
            rows.append((number, value))
    if not rows:
        raise InputError(f"{path.name} is empty", expected="one JSON object a line")
    header = list(columns)
    return _collect(name, header, ((n, v if isinstance(v, str) else [v.get(c) for c in header]) for n, v in rows))


def _collect(name: str, header: list[str], rows: Iterable[tuple[int, list[object] | str]]) -> RawTable:
    """Columns from rows; a row given as a text is rejected for that reason."""
    columns: list[list[object]] = [[] for _ in header]
    numbers: list[int] = []
    rejections: list[Rejection] = []
    total = 0
    for number, values in rows:
        total = number
        if isinstance(values, str):
            rejections.append(Rejection(name, number, values))
            continue
        numbers.append(number)
        for column, value in zip(columns, values, strict=True):
            column.append(value)
    frame = pd.DataFrame({n: pd.Series(c, dtype=object) for n, c in zip(header, columns, strict=True)})
    frame.index = pd.Index(numbers, dtype="int64")
    return RawTable(name, frame, total, rejections)


def _escaped(text: str) -> bool:
    return not text.isascii() and any("\udc80" <= character <= "\udcff" for character in text)


def _refuse_utf16(path: Path) -> None:
    with path.open("rb") as stream:
        start = stream.read(2)
    if start in (b"\xff\xfe", b"\xfe\xff"):
        raise InputError(f"{path.name} is UTF-16 text", expected="UTF-8", cure="save the file as UTF-8")

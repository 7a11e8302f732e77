"""Raw columns as typed ones. What a value cannot be read as is marked against its row, never guessed."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from data_synthesis.sources.table_files import RawTable
from data_synthesis.sources.tabled import Rejection

MAX_ID, MAX_TITLE, MAX_DESCRIPTION, MAX_POINT = 256, 1_000, 20_000, 500
"""Longest texts taken, in characters."""
EARLIEST_S = datetime(1900, 1, 1, tzinfo=UTC).timestamp()
LATEST_S = datetime(2200, 1, 1, tzinfo=UTC).timestamp()

Mask = npt.NDArray[np.bool_]
T = TypeVar("T")


class Sieve:
    """A raw table, column by column, collecting what is wrong with each row.

    Args:
        raw: the table's readable rows.
    """

    def __init__(self, raw: RawTable) -> None:
        self._raw = raw
        self._frame = raw.frame
        self._faults: dict[int, list[str]] = {}
        self.bad: Mask = np.zeros(len(raw.frame), bool)

    def has(self, column: str) -> bool:
        """Whether the file has the column."""
        return column in self._frame.columns

    def reject(self, rows: Mask, reason: str) -> None:
        """Mark rows as bad; a row with several faults names them all."""
        for row in np.flatnonzero(rows):
            faults = self._faults.setdefault(int(row), [])
            if reason not in faults:
                faults.append(reason)
        self.bad |= rows

    def rejections(self) -> list[Rejection]:
        """One for each bad row and each unreadable one, in row order."""
        numbers = self._frame.index.to_numpy()
        found = [
            Rejection(self._raw.name, int(numbers[row]), "; ".join(faults)) for row, faults in self._faults.items()
        ]
        return sorted([*self._raw.rejections, *found], key=lambda rejection: rejection.row)

    def texts(self, column: str, *, longest: int, required: bool) -> pd.Series:
        """A column of texts with white space tidied; "" where there is none."""
        values = self._column(column)
        if pd.api.types.is_integer_dtype(values.dtype):
            values = values.astype(str)
        texts = _mapped(values, _text)
        unread = texts.isna().to_numpy()
        self.reject(unread, f"{column} is not a text")
        texts = texts.fillna("").astype(object)
        lengths = texts.str.len().to_numpy()
        self.reject(lengths > longest, f"{column} is longer than {longest:,} characters")
        if required:
            self.reject((lengths == 0) & ~unread, f"{column} is empty")
        return texts

    def ids(self, column: str) -> pd.Series:
        """A column of required ids."""
        return self.texts(column, longest=MAX_ID, required=True)

    def times(self, column: str, *, required: bool) -> npt.NDArray[np.float64]:
        """A column of times in epoch seconds; NaN where there is none."""
        values = self._column(column)
        seconds, unread = read_times(values)
        missing = _missing(values)
        self.reject(unread & ~missing, f"{column} is neither ISO 8601 nor epoch seconds")
        if required:
            self.reject(missing, f"{column} is missing")
        known = ~np.isnan(seconds)
        self.reject(
            known & ((seconds < EARLIEST_S) | (seconds >= LATEST_S)), f"{column} lies outside the years 1900 to 2199"
        )
        return seconds

    def numbers(self, column: str, default: float) -> npt.NDArray[np.float64]:
        """A column of finite numbers, the default where there is none."""
        values = self._column(column)
        numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64)
        missing = _missing(values)
        self.reject((np.isnan(numbers) | np.isinf(numbers)) & ~missing, f"{column} is not a finite number")
        return np.where(missing, default, numbers)

    def flags(self, column: str, default: bool | None) -> Mask:
        """A column of yes or no; without a default every row must say."""
        values = self._column(column)
        flags = _mapped(values, _flag)
        missing = _missing(values)
        self.reject(flags.isna().to_numpy() & ~missing, f"{column} is neither true nor false")
        if default is None:
            self.reject(missing, f"{column} is missing")
        return np.array(
            [
                bool(default) if flag is None or flag is pd.NA else bool(flag)
                for flag in flags.astype(object).where(flags.notna(), None)
            ],
            dtype=bool,
        )

    def lists(self, column: str) -> list[list[str]]:
        """A column of lists of texts, given as lists or as JSON text."""
        return self._parsed(column, _list, list[str], "is not a list of texts (JSON text in a CSV file)")

    def maps(self, column: str) -> list[list[tuple[str, str]]]:
        """A column of maps from text to text, given as maps or as JSON text."""
        return self._parsed(column, _map, list[tuple[str, str]], "is not a map of texts (JSON text in a CSV file)")

    def extras(self, known: frozenset[str]) -> pd.DataFrame | None:
        """The unknown columns, every value that Arrow could not store in one type as JSON text."""
        unknown = self._frame[[c for c in self._frame.columns if c not in known]]
        if unknown.empty and not len(unknown.columns):
            return None
        return pd.DataFrame(
            {str(name): column.map(_storable) if column.dtype == object else column for name, column in unknown.items()}
        )

    def keys(self, columns: Sequence[str]) -> pd.DataFrame:
        """Columns that name a row, as they were given."""
        return pd.DataFrame({name: self._column(name).map(_storable) for name in columns})

    def _column(self, column: str) -> pd.Series:
        if column in self._frame.columns:
            return self._frame[column]
        return pd.Series([None] * len(self._frame), index=self._frame.index, dtype=object)

    def _parsed(self, column: str, parse: Callable[[object], T | None], empty: Callable[[], T], fault: str) -> list[T]:
        parsed = [parse(value) for value in self._column(column)]
        self.reject(np.array([value is None for value in parsed], dtype=bool), f"{column} {fault}")
        return [empty() if value is None else value for value in parsed]


def read_times(values: pd.Series) -> tuple[npt.NDArray[np.float64], Mask]:
    """Times in epoch seconds, and which values could not be read as one.

    Digits (with a sign or a point) are epoch seconds; anything else is read as ISO 8601, UTC where it names no zone.
    """
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        seconds = _epoch(pd.to_datetime(values, utc=True))
        return seconds, np.isnan(seconds)
    numbers = pd.to_numeric(values.where(~values.map(lambda v: isinstance(v, bool))), errors="coerce")
    seconds = numbers.to_numpy(dtype=np.float64, copy=True)
    seconds[np.isinf(seconds)] = np.nan
    left = np.isnan(seconds) & np.array([not isinstance(v, int | float | bool) for v in values], dtype=bool)
    if left.any():
        texts = values[left].map(lambda v: v.strip() if isinstance(v, str) else v)
        seconds[left] = _epoch(pd.to_datetime(texts, errors="coerce", utc=True, format="ISO8601"))
    return seconds, np.isnan(seconds)


def _epoch(stamps: pd.Series) -> npt.NDArray[np.float64]:
    seconds = stamps.astype("datetime64[us, UTC]").astype(np.int64).to_numpy() / 1e6
    return np.where(stamps.isna().to_numpy(), np.nan, seconds)


def _missing(values: pd.Series) -> Mask:
    return np.array(
        [
            value is None or value is pd.NaT or (isinstance(value, str) and not value.strip()) or value is pd.NA
            for value in values
        ],
        dtype=bool,
    )


def _mapped(values: pd.Series, read: Callable[[object], object]) -> pd.Series:
    """The values read one by one, each distinct text once."""
    seen: dict[str, object] = {}
    out: list[object] = []
    for value in values:
        if isinstance(value, str):
            if value not in seen:
                seen[value] = read(value)
            out.append(seen[value])
        else:
            out.append(read(value))
    return pd.Series(out, index=values.index, dtype=object)


def _text(value: object) -> str | None:
    """A text without control characters, its white space single; None when it cannot be one."""
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool | np.bool_):
        return None
    if isinstance(value, int | np.integer):
        return str(int(value))
    if isinstance(value, float | np.floating):
        return str(int(value)) if float(value).is_integer() else None
    if not isinstance(value, str):
        return None
    printable = value if value.isprintable() else "".join(c if c.isprintable() or c.isspace() else " " for c in value)
    text = " ".join(printable.split())
    try:
        text.encode()
    except UnicodeEncodeError:
        return None
    return text


def _flag(value: object) -> bool | None:
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | float | np.integer | np.floating):
        return bool(value) if value in (0, 1) else None
    return (
        {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(value.strip().lower())
        if isinstance(value, str)
        else None
    )


def _opened(value: object) -> object:
    """A list or map given as JSON text, opened; anything else as it is, None for nothing."""
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, str):
        if not value.strip():
            return None
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value.tolist() if isinstance(value, np.ndarray) else value


def _list(value: object) -> list[str] | None:
    opened = _opened(value)
    if opened is None:
        return []
    if not isinstance(opened, list | tuple):
        return None
    texts = [_text(part) for part in cast(list[object], opened)]
    if any(text is None or len(text) > MAX_POINT for text in texts):
        return None
    return [text for text in texts if text]


def _map(value: object) -> list[tuple[str, str]] | None:
    opened = _opened(value)
    if opened is None:
        return []
    if isinstance(opened, Mapping):
        opened = list(cast(Mapping[object, object], opened).items())
    if not isinstance(opened, list):
        return None
    pairs: dict[str, str] = {}
    for pair in cast(list[object], opened):
        if not isinstance(pair, tuple | list) or len(cast(list[object], pair)) != 2:
            return None
        key, worth = (
            _text(str(part) if isinstance(part, float) and math.isfinite(part) else part)
            for part in cast(list[object], pair)
        )
        if not key or worth is None or len(worth) > MAX_POINT:
            return None
        if worth:
            pairs[key] = worth
    return list(pairs.items())


def _storable(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return None if value is None else value.encode("utf-8", "replace").decode()
    if isinstance(value, np.ndarray):
        value = value.tolist()
    return json.dumps(value, ensure_ascii=True, default=str)

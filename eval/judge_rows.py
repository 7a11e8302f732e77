"""Rows for `evaluate judge`: a table with two columns of titles, and whatever it tells of reader and ad."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import pandas as pd

from creator.core.errors import InputError
from eval.judge_options import JudgeOptions


@dataclass(frozen=True, slots=True)
class Pair:
    """Two titles to compare.

    Args:
        row: number of the row in the table, from 1.
        group: what the row belongs to when intervals are drawn.
        title: the title under judgement.
        against: the title it is held against.
        profile: the reader's profile, or "".
        ad_title: the ad's own title, or "".
        ad_description: the ad's description, or "".
    """

    row: int
    group: str
    title: str
    against: str
    profile: str
    ad_title: str
    ad_description: str


def read_pairs(options: JudgeOptions) -> tuple[list[Pair], dict[str, int]]:
    """The rows to judge, drawn by the seed, in the table's order; and how many rows cannot be judged, by reason.

    Raises:
        InputError: the table cannot be read, lacks a column of titles, or has no usable row.
    """
    frame = _read(options.table)
    present = [str(name) for name in frame.columns]
    missing = [name for name in (options.column, options.against) if name not in present]
    if missing:
        near = [found[0] for name in missing if (found := get_close_matches(name, present, n=1))]
        raise InputError(
            f"{options.table} lacks columns",
            got=", ".join(present),
            expected=", ".join(missing),
            cure=f"did you mean {', '.join(near)}?" if near else None,
        )
    pairs: list[Pair] = []
    left: dict[str, int] = {}
    for number, row in enumerate(frame.to_dict("records"), start=1):
        title, against = _text(row[options.column]), _text(row[options.against])
        reason = (
            "a title is missing" if not (title and against) else "both titles are the same" if title == against else ""
        )
        if reason:
            left[reason] = left.get(reason, 0) + 1
            continue
        group = _text(row.get(options.group)) or f"row {number}"
        context = (_text(row.get(name)) for name in (options.profile, options.title, options.description))
        pairs.append(Pair(number, group, title, against, *context))
    if not pairs:
        raise InputError(f"{options.table} has no row to judge", got=left or "no rows")
    if len(pairs) > options.limit:
        left["not drawn"] = len(pairs) - options.limit
        drawn = np.random.default_rng(options.seed).choice(len(pairs), size=options.limit, replace=False)
        pairs = [pairs[n] for n in sorted(drawn.tolist())]
    return pairs, left


def _read(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise InputError(f"no file at {path}", cure="check the path")
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        if path.suffix == ".csv":
            return pd.read_csv(path, dtype=str, keep_default_na=False)
        if path.suffix in (".jsonl", ".ndjson"):
            return pd.read_json(path, lines=True, dtype=False, convert_dates=False)
    except (ValueError, OSError):  # pyarrow's and the parsers' own errors are ValueErrors
        raise InputError(f"{path} cannot be read as {path.suffix[1:]}") from None
    raise InputError(f"{path} is of no known kind", expected=".parquet, .csv or .jsonl")


def _text(value: object) -> str:
    if isinstance(value, str):
        return value.strip()
    return "" if value is None or isinstance(value, Iterable) or pd.isna(value) else str(value)  # pyright: ignore[reportArgumentType, reportCallIssue]

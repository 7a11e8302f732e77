"""HLLM-Creator's own training table: Parquet with one row a title, written from EXAMPLES and read into them.

Nothing is lost either way. A table we write carries the columns of EXAMPLES beside its own eight, and reading it with
the same DATA gives the same EXAMPLES. A table written elsewhere leaves what EXAMPLES and DATA have no place for (its
prompts, its ids' type, further columns) in `upstream.parquet`, row by row, and is written again as it was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from creator.core.artefacts import open_artefact, write_artefact
from creator.core.data import ADS, EVENTS, EXAMPLES, IMPRESSIONS, ITEMS, Data, open_data, read_table, write_table
from creator.core.errors import InputError
from creator.core.progress import say, track
from creator.core.records import Ad, AdId
from data_synthesis.exchange_options import ExportOptions, ImportOptions
from data_synthesis.outcome import REJECTED
from data_synthesis.screen import Screen, findings_json, reason_of

TEXTS = ("user_profile", "original_title", "original_description", "prompt1", "prompt2", "response")
LISTS = ("title_list", "item_id_list")
COLUMNS = (*TEXTS, *LISTS)
PROMPT = "Write one title for this ad, for this user. User profile:\n"
ASIDE = "upstream.parquet"
SPOKEN_FOR = ("profile", "title")
"""Columns of EXAMPLES that the table has under its own names: user_profile and response."""
OURS = tuple(name for name in EXAMPLES.names if name not in SPOKEN_FOR)
DAY_S = 86_400.0


def export_examples(options: ExportOptions) -> dict[str, object]:
    """Run `hllm-creator examples export`.

    Raises:
        InputError: the file is there already, or the examples are of other data.
    """
    examples = open_artefact(options.examples, "examples")
    data = open_data(options.data)
    if options.out.exists():
        raise InputError(f"{options.out} exists already", cure="name another --out, or delete it first")
    frame = read_table(examples.path / "examples.parquet", EXAMPLES)
    table = _table(frame, data, options.history)
    aside = examples.path / ASIDE
    if aside.is_file():
        kept = pq.read_table(aside)
        if kept.num_rows != table.num_rows:
            raise InputError(f"{aside} does not fit the examples", got=kept.num_rows, expected=table.num_rows)
        own = {name: table[name].cast(kept.schema.field(name).type) for name in TEXTS if name not in _PROMPTS}
        columns = {name: own.get(name, kept[name]) for name in kept.column_names}
        table = pa.table(columns, schema=kept.schema)
    if not options.plain:
        for name in OURS:
            if name not in table.column_names:
                table = table.append_column(
                    EXAMPLES.field(name), pa.array(_plain(frame[name]), EXAMPLES.field(name).type)
                )
    partial = options.out.with_name(f".{options.out.name}.tmp")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, partial)
    partial.replace(options.out)
    say(f"{table.num_rows:,} rows in {options.out}")
    return {"out": str(options.out), "rows": table.num_rows, "columns": table.num_columns}


_PROMPTS = ("prompt1", "prompt2")


def _plain(column: pd.Series[Any]) -> list[object]:
    return [list(value) if hasattr(value, "tolist") and not isinstance(value, str) else value for value in column]


def _table(frame: pd.DataFrame, data: Data, history: int) -> pa.Table:
    titles = [str(title) for title in data.items["title"]]
    ids = [str(item_id) for item_id in data.items["item_id"]]
    numbered = all(item_id.isdecimal() and item_id == str(int(item_id)) for item_id in ids)
    histories = data.histories
    rows: dict[str, list[object]] = {name: [] for name in COLUMNS}
    for row in frame.to_dict("records"):
        ad, user = data.ads.get(AdId(row["ad_id"])), histories.row_of.get(row["user_id"])
        if ad is None or user is None:
            raise InputError(
                "the examples name an ad or a user that the data lack", cure="name the DATA folder they were made from"
            )
        window = histories.window(user, row["as_of"], history)
        values: Mapping[str, object] = {
            "user_profile": row["profile"],
            "original_title": ad.title,
            "original_description": ad.description,
            "prompt1": PROMPT,
            "prompt2": f"Original title:\n{ad.title}\nDescription:\n{ad.description}\nOutput:\n",
            "response": row["title"],
            "title_list": [titles[item] for item in window],
            "item_id_list": [int(ids[item]) if numbered else ids[item] for item in window],
        }
        for name, value in values.items():
            rows[name].append(value)
    identity = pa.int64() if numbered else pa.string()
    types = dict.fromkeys(TEXTS, pa.string()) | {
        "title_list": pa.list_(pa.string()),
        "item_id_list": pa.list_(identity),
    }
    return pa.table({name: pa.array(rows[name], types[name]) for name in COLUMNS})


def import_examples(options: ImportOptions) -> dict[str, object]:
    """Run `hllm-creator examples import`.

    Raises:
        InputError: the table cannot be read, lacks a column, or has no usable row.
    """
    table = read_training_table(options.table)
    usable, reasons = _usable(table)
    if not usable:
        raise InputError(f"{options.table} has no usable row", got=_counted(reasons))
    kept = table.take(usable)
    if options.data is None:
        frame, ads, histories = _made_up(kept)
    else:
        frame, ads, histories = _ours(kept, open_data(options.data), options.table)
    with write_artefact(
        options.out, "examples", config={"screen": options.screen}, inputs={"table": options.table}
    ) as d:
        checked = _check(frame, ads)
        keep = [not (options.screen and row["reason"]) for row in checked]
        whole = pd.DataFrame(checked, columns=pd.Index(REJECTED.names))
        pq.write_table(kept.filter(pa.array(keep)), d.path / ASIDE)
        d.rows = {
            "examples": write_table(d.path / "examples.parquet", whole[keep], EXAMPLES),
            "rejected": write_table(d.path / "rejected.parquet", whole[[not k for k in keep]], REJECTED),
        }
        d.facts = {"rows_in": table.num_rows, "unusable": _counted(reasons)}
    if options.data_out is not None:
        _write_data(options.data_out, options.table, kept, ads, histories)
    say(f"{d.rows['examples']:,} examples, {d.rows['rejected']:,} rejected, {sum(reasons.values()):,} rows unusable")
    return {"out": str(options.out), **d.rows, "rows_in": table.num_rows, "unusable": sum(reasons.values())}


def read_training_table(path: Path) -> pa.Table:
    """The table as it stands.

    Raises:
        InputError: it is missing, no Parquet, or lacks columns; every missing one is named with the nearest present.
    """
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid):
        raise InputError(f"{path} is not readable Parquet", cure="check the path") from None
    missing = [name for name in COLUMNS if name not in table.column_names]
    if missing:
        near = {name: get_close_matches(name, table.column_names, n=1) for name in missing}
        told = ", ".join(f"{name}" + (f" (nearest: {found[0]})" if found else "") for name, found in near.items())
        raise InputError(f"{path} lacks columns", got=", ".join(table.column_names), expected=told)
    return table


def _usable(table: pa.Table) -> tuple[list[int], dict[str, int]]:
    rows: list[int] = []
    reasons: dict[str, int] = {}
    for number, row in enumerate(table.select(list(COLUMNS)).to_pylist()):
        reason = _fault(row)
        if reason:
            reasons[reason] = reasons.get(reason, 0) + 1
        else:
            rows.append(number)
    return rows, reasons


def _fault(row: Mapping[str, Any]) -> str:
    for name in TEXTS:
        if not isinstance(row[name], str):
            return f"{name} is not text"
    for name in ("original_title", "response"):
        if not row[name].strip():
            return f"{name} is empty"
    titles, ids = row["title_list"], row["item_id_list"]
    if not isinstance(titles, list) or not isinstance(ids, list) or len(titles) != len(ids):
        return "title_list and item_id_list are no lists of one length"
    if not ids or any(value is None for value in (*titles, *ids)):
        return "the history is empty or has gaps"
    return ""


def _counted(reasons: Mapping[str, int]) -> str:
    return "; ".join(f"{count} x {reason}" for reason, count in reasons.items()) or "none"


History = Mapping[str, Sequence[str]]


def _made_up(table: pa.Table) -> tuple[pd.DataFrame, dict[str, Ad], History]:
    """Examples of a table without our columns: users and ads get ids from their content, histories a day an event."""
    ads: dict[str, Ad] = {}
    histories: dict[str, list[str]] = {}
    rows: list[dict[str, object]] = []
    for row in table.select(list(COLUMNS)).to_pylist():
        user = "u" + _digest([row["item_id_list"], row["user_profile"]])
        ad_id = "a" + _digest([row["original_title"], row["original_description"]])
        ads.setdefault(ad_id, Ad(AdId(ad_id), row["original_title"], row["original_description"]))
        histories.setdefault(user, [str(item) for item in row["item_id_list"]])
        rows.append(
            {
                "user_id": user,
                "ad_id": ad_id,
                "as_of": DAY_S * (len(row["item_id_list"]) + 1),
                "split": "train",
                "profile": row["user_profile"],
                "reasoning": [],
                "title": row["response"],
                "selling_points": [],
                "facts": [],
                "teacher": "upstream",
                "prompt_version": "",
                "cost_usd": 0.0,
            }
        )
    return pd.DataFrame(rows), ads, histories


def _ours(table: pa.Table, data: Data, path: Path) -> tuple[pd.DataFrame, dict[str, Ad], History]:
    missing = [name for name in OURS if name not in table.column_names]
    if missing:
        raise InputError(
            f"{path} was not written by 'examples export'",
            got=f"no {', '.join(missing)}",
            cure="use --data-out instead",
        )
    frame = table.select(list(OURS)).to_pandas()
    frame["profile"], frame["title"] = table["user_profile"].to_pylist(), table["response"].to_pylist()
    unknown = set(frame["ad_id"]) - set(data.ads) or set(frame["user_id"]) - set(data.histories.row_of)
    if unknown:
        raise InputError(
            f"{path} names {len(unknown):,} ads or users that the data lack", cure="name the DATA it was exported with"
        )
    return frame, {str(ad_id): ad for ad_id, ad in data.ads.items()}, {}


def _check(frame: pd.DataFrame, ads: Mapping[str, Ad]) -> list[dict[str, object]]:
    """The rows with a verdict: the one they came with, or our own check's; and why a screening would reject them."""
    screen = Screen()
    checked: list[dict[str, object]] = []
    for row in track(frame.to_dict("records"), "fact check", "titles", total=len(frame)):
        check = screen.check(str(row["title"]), ads[str(row["ad_id"])])
        own: dict[str, object] = {"verdict": str(check.verdict), "findings": findings_json(check)}
        checked.append({**own, **{str(k): v for k, v in row.items()}, "reason": reason_of(check)})
    return checked


def _write_data(out: Path, source: Path, table: pa.Table, ads: Mapping[str, Ad], histories: History) -> None:
    names: dict[str, str] = {}
    for row in table.select(list(LISTS)).to_pylist():
        for item, title in zip(row["item_id_list"], row["title_list"], strict=True):
            names.setdefault(str(item), str(title))
    events = [
        (user, item, DAY_S * day, 1.0) for user, items in histories.items() for day, item in enumerate(items, start=1)
    ]
    end = DAY_S * (max(map(len, histories.values())) + 1)
    rows = [
        {"ad_id": ad.ad_id, "title": ad.title, "description": ad.description, "selling_points": [], "attributes": [],
         "item_ids": [], "locale": ad.locale, "trainable": True, "live": True}
        for ad in ads.values()
    ]  # fmt: skip
    with write_artefact(out, "data", config={"source": "training table"}, inputs={"table": source}) as draft:
        items = pd.DataFrame([(i, t, "") for i, t in names.items()], columns=pd.Index(ITEMS.names))
        draft.rows = {
            "items": write_table(draft.path / "items.parquet", items, ITEMS),
            "events": write_table(
                draft.path / "events.parquet", pd.DataFrame(events, columns=pd.Index(EVENTS.names)), EVENTS
            ),
            "ads": write_table(draft.path / "ads.parquet", pd.DataFrame(rows, columns=pd.Index(ADS.names)), ADS),
            "impressions": write_table(
                draft.path / "impressions.parquet", pd.DataFrame(columns=pd.Index(IMPRESSIONS.names)), IMPRESSIONS
            ),
        }
        (draft.path / "rejected.jsonl").write_text("", encoding="utf-8")
        draft.facts = {"source": "training table", "train_until": end, "live_at": end}


def _digest(parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:12]

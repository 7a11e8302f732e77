"""Tables of any domain: items, events, ads and impressions as Parquet, CSV or JSON Lines.

Every fault of a file as a whole is reported together with those of the other files; every bad row is set apart with
its number and its reason. Unknown columns are kept beside the tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import pandas as pd

from creator.core.errors import InputError, UsageError
from creator.core.progress import say
from data_synthesis.sources.table_columns import MAX_DESCRIPTION, MAX_ID, MAX_TITLE, Sieve
from data_synthesis.sources.table_files import SUFFIXES, RawTable, read_file
from data_synthesis.sources.tabled import Tabled

REQUIRED: Mapping[str, tuple[str, ...]] = {
    "items": ("item_id", "title"),
    "events": ("user_id", "item_id", "timestamp"),
    "ads": ("ad_id", "title", "description"),
    "impressions": ("user_id", "ad_id", "timestamp", "clicked"),
}
OPTIONAL: Mapping[str, tuple[str, ...]] = {
    "items": ("description",),
    "events": ("weight",),
    "ads": (
        "selling_points",
        "attributes",
        "category",
        "item_id",
        "item_ids",
        "locale",
        "trainable",
        "live",
        "starts_at",
        "campaign",
    ),
    "impressions": ("title_id",),
}
KEYS: Mapping[str, tuple[str, ...]] = {
    "items": ("item_id",),
    "events": ("user_id", "item_id", "timestamp"),
    "ads": ("ad_id",),
    "impressions": ("user_id", "ad_id", "timestamp"),
}
"""What the unknown columns of a table are kept under."""


def locate(folder: Path) -> dict[str, Path]:
    """The input files by table name; `ads` and `impressions` may be absent.

    Raises:
        UsageError: there is no such folder.
        InputError: a required table is missing, or a table has two files; all such faults are named.
    """
    if not folder.is_dir():
        raise UsageError([f"--path: no folder at {folder}"], cure="name the folder that holds items, events and ads")
    present = {path.name for path in folder.iterdir() if path.is_file()}
    found: dict[str, Path] = {}
    faults: list[str] = []
    for name in REQUIRED:
        files = [name + suffix for suffix in SUFFIXES if name + suffix in present]
        if len(files) > 1:
            faults.append(f"two files for the table '{name}': {', '.join(files)}; keep one")
        elif files:
            found[name] = folder / files[0]
        elif name in ("items", "events"):
            near = get_close_matches(name, {file.partition(".")[0] for file in present}, n=1, cutoff=0.5)
            faults.append(
                f"no table '{name}' in {folder}; expected one of {', '.join(name + s for s in SUFFIXES)}"
                + (f"; is it '{min(file for file in present if file.startswith(near[0]))}'?" if near else "")
            )
    _raise(faults)
    return found


def read(files: Mapping[str, Path], *, train_until: str | None, live_at: str | None) -> Tabled:
    """Read and check the tables.

    Args:
        files: file by table name.
        train_until: ISO date, or None for just after the last event.
        live_at: ISO date, or None for just after the last event.

    Raises:
        InputError: a file cannot be read, lacks a required column, or has no usable row; all such faults are named.
        UsageError: `train_until` is later than `live_at`.
    """
    raw = _read_files(files)
    items, items_sieve = _items(raw["items"])
    events, events_sieve = _events(raw["events"], items)
    sieves = {"items": items_sieve, "events": events_sieve}
    _raise(
        [
            f"{name}: none of its {raw[name].rows:,} rows is usable ({_commonest(sieves[name])})"
            for name, frame in (("items", items), ("events", events))
            if frame.empty
        ]
    )
    last = float(events["timestamp"].max()) + 1.0
    until, live = _moment(train_until, last), _moment(live_at, last)
    if until > live:
        raise UsageError(["--train-until lies after --live-at"], cure="train on what came before the titles go live")
    if "ads" in raw:
        ads, sieves["ads"] = _ads(raw["ads"], items, until if train_until else None)
        _raise(
            [f"ads: none of its {raw['ads'].rows:,} rows is usable ({_commonest(sieves['ads'])})"] if ads.empty else []
        )
    else:
        ads = _items_as_ads(items)
    impressions = _no_impressions()
    if "impressions" in raw:
        impressions, sieves["impressions"] = _impressions(raw["impressions"], ads)
    extras = {name: frame for name, sieve in sieves.items() if (frame := _extras(name, sieve)) is not None}
    return Tabled(
        items=items,
        events=events.sort_values(["user_id", "timestamp"], kind="stable", ignore_index=True),
        ads=ads,
        impressions=impressions,
        train_until=until,
        live_at=live,
        rows_in={name: table.rows for name, table in raw.items()},
        rows_kept={name: int((~sieve.bad).sum()) for name, sieve in sieves.items()},
        rejections=[rejection for sieve in sieves.values() for rejection in sieve.rejections()],
        extras=extras,
    )


def _read_files(files: Mapping[str, Path]) -> dict[str, RawTable]:
    raw: dict[str, RawTable] = {}
    faults: list[str] = []
    for name, path in files.items():
        say(f"tables: reading {path.name}")
        try:
            raw[name] = read_file(name, path)
        except InputError as error:
            faults.append(str(error))
            continue
        columns = [str(column) for column in raw[name].frame.columns]
        for column in REQUIRED[name]:
            if column not in columns and len(raw[name].frame):
                near = get_close_matches(column, columns, n=1, cutoff=0.0)
                faults.append(
                    f"{path.name} lacks the column '{column}'; the nearest it has is '{near[0] if near else ''}'"
                )
    _raise(faults)
    return raw


def _items(raw: RawTable) -> tuple[pd.DataFrame, Sieve]:
    sieve = Sieve(raw)
    frame = pd.DataFrame(
        {
            "item_id": sieve.ids("item_id"),
            "title": sieve.texts("title", longest=MAX_TITLE, required=True),
            "description": sieve.texts("description", longest=MAX_DESCRIPTION, required=False),
        }
    )
    _reject_repeated(sieve, frame["item_id"], "item_id")
    return frame[~sieve.bad].reset_index(drop=True), sieve


def _events(raw: RawTable, items: pd.DataFrame) -> tuple[pd.DataFrame, Sieve]:
    sieve = Sieve(raw)
    frame = pd.DataFrame(
        {
            "user_id": sieve.ids("user_id"),
            "item_id": sieve.ids("item_id"),
            "timestamp": sieve.times("timestamp", required=True),
            "weight": sieve.numbers("weight", 1.0).astype(np.float32),
        }
    )
    given = frame["item_id"] != ""
    sieve.reject((given & ~frame["item_id"].isin(items["item_id"])).to_numpy(), "item_id is not in items")
    return frame[~sieve.bad].reset_index(drop=True), sieve


def _ads(raw: RawTable, items: pd.DataFrame, train_until: float | None) -> tuple[pd.DataFrame, Sieve]:
    sieve = Sieve(raw)
    frame = pd.DataFrame(
        {
            "ad_id": sieve.ids("ad_id"),
            "title": sieve.texts("title", longest=MAX_TITLE, required=True),
            "description": sieve.texts("description", longest=MAX_DESCRIPTION, required=False),
        }
    )
    frame["description"] = frame["description"].where(frame["description"] != "", frame["title"])
    frame["selling_points"] = pd.Series(sieve.lists("selling_points"), index=frame.index, dtype=object)
    frame["attributes"] = pd.Series(sieve.maps("attributes"), index=frame.index, dtype=object)
    frame["category"] = sieve.texts("category", longest=MAX_TITLE, required=False)
    frame["item_id"] = sieve.texts("item_id", longest=MAX_ID, required=False)
    frame["item_ids"] = pd.Series(sieve.lists("item_ids"), index=frame.index, dtype=object)
    known = set(items["item_id"])
    unknown = [
        (one != "" and one not in known) or not known.issuperset(many)
        for one, many in zip(frame["item_id"], frame["item_ids"], strict=True)
    ]
    sieve.reject(np.array(unknown, dtype=bool), "names an item that is not in items")
    frame["locale"] = sieve.texts("locale", longest=MAX_ID, required=False).replace("", "en")
    frame["starts_at"] = sieve.times("starts_at", required=False)
    if sieve.has("trainable") or train_until is None:
        frame["trainable"] = sieve.flags("trainable", default=True)
    else:
        frame["trainable"] = ~(frame["starts_at"].to_numpy() > train_until)
    frame["live"] = sieve.flags("live", default=True)
    frame["campaign"] = sieve.texts("campaign", longest=MAX_TITLE, required=False)
    frame["facts"] = None
    for column in ("item_id", "campaign"):
        frame[column] = frame[column].where(frame[column] != "", None)
    _reject_repeated(sieve, frame["ad_id"], "ad_id")
    return frame[~sieve.bad].reset_index(drop=True), sieve


def _items_as_ads(items: pd.DataFrame) -> pd.DataFrame:
    """Without an ads table every item is an ad whose only facts are its own texts."""
    count = len(items)
    return pd.DataFrame(
        {
            "ad_id": items["item_id"],
            "title": items["title"],
            "description": items["description"].where(items["description"] != "", items["title"]),
            "selling_points": [[] for _ in range(count)],
            "attributes": [[] for _ in range(count)],
            "category": "",
            "item_id": items["item_id"],
            "item_ids": [[item] for item in items["item_id"]],
            "locale": "en",
            "trainable": True,
            "live": True,
            "starts_at": np.nan,
            "campaign": None,
            "facts": None,
        }
    )


def _impressions(raw: RawTable, ads: pd.DataFrame) -> tuple[pd.DataFrame, Sieve]:
    sieve = Sieve(raw)
    frame = pd.DataFrame(
        {
            "user_id": sieve.ids("user_id"),
            "ad_id": sieve.ids("ad_id"),
            "timestamp": sieve.times("timestamp", required=True),
            "clicked": sieve.flags("clicked", default=None),
        }
    )
    titles = sieve.texts("title_id", longest=MAX_ID, required=False)
    frame["title_id"] = titles.where(titles != "", None)
    given = frame["ad_id"] != ""
    sieve.reject((given & ~frame["ad_id"].isin(ads["ad_id"])).to_numpy(), "ad_id is not in ads")
    kept = frame[~sieve.bad]
    return kept.sort_values(["timestamp", "user_id", "ad_id"], kind="stable", ignore_index=True), sieve


def _no_impressions() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "user_id": pd.Series(dtype=object),
            "ad_id": pd.Series(dtype=object),
            "timestamp": pd.Series(dtype=np.float64),
            "clicked": pd.Series(dtype=bool),
            "title_id": pd.Series(dtype=object),
        }
    )


def _reject_repeated(sieve: Sieve, ids: pd.Series, column: str) -> None:
    """Of rows with one id the first good one is kept."""
    good = ids[~sieve.bad & (ids != "").to_numpy()]
    repeated = set(good.index[good.duplicated()])
    sieve.reject(np.array([row in repeated for row in ids.index], dtype=bool), f"{column} was given by an earlier row")


def _extras(name: str, sieve: Sieve) -> pd.DataFrame | None:
    unknown = sieve.extras(frozenset(REQUIRED[name]) | frozenset(OPTIONAL[name]))
    return None if unknown is None else pd.concat([sieve.keys(KEYS[name]), unknown], axis=1)[~sieve.bad]


def _commonest(sieve: Sieve) -> str:
    reasons = [rejection.reason for rejection in sieve.rejections()]
    return f"mostly: {max(set(reasons), key=reasons.count)}" if reasons else "the file has no rows"


def _moment(given: str | None, otherwise: float) -> float:
    if given is None:
        return otherwise
    stamp = datetime.fromisoformat(given)
    return (stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)).timestamp()


def _raise(faults: list[str]) -> None:
    if faults:
        listed = faults[0] if len(faults) == 1 else f"{len(faults)} faults:" + "".join(f"\n  - {f}" for f in faults)
        raise InputError(listed, cure="mend the tables and run the same command again; nothing was written")

"""`events impressions`: the loop closes. Exposures and clicks become impressions of a DATA folder.

An exposure is a row; it was clicked when a click of the same user on the same ad followed before the next exposure
and within the window. Everything else of the folder is as it was, but for the moment up to which training may read.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pandas as pd
from sqlalchemy import select

from creator.core.artefacts import Draft, write_artefact
from creator.core.data import ADS, IMPRESSIONS, Data, open_data, write_table
from creator.core.errors import InputError
from creator.core.progress import say
from serving.events_commands import ImpressionsOptions
from serving.rows import ROWS_A_CHUNK
from serving.schema import EVENTS
from serving.store import Store

SKEW_S = 60.0  # a click this much before its exposure comes of two clocks, not of two worlds
PAIR = ["user_id", "ad_id"]


@dataclass(frozen=True, slots=True)
class Shown:
    """Impressions made of events.

    Args:
        impressions: the IMPRESSIONS columns, in time order.
        stray_clicks: clicks that no exposure precedes within the window.
        repeated_clicks: further clicks on an exposure that was clicked already.
    """

    impressions: pd.DataFrame
    stray_clicks: int
    repeated_clicks: int


def run(options: ImpressionsOptions) -> dict[str, object]:
    """Write the folder.

    Raises:
        ArtefactError: `data` is no DATA folder, or `out` exists.
        InputError: the store has no exposure of any of its ads.
        StoreError: the store cannot be read.
    """
    data = open_data(options.data, "ads_frame", "impressions")
    with Store(options.store) as store:
        events = read_events(store)
    shown = as_impressions(events, options.window_hours * 3_600.0)
    known = shown.impressions["ad_id"].isin(data.ads_frame["ad_id"]).to_numpy()
    fresh = shown.impressions[known]
    if fresh.empty:
        raise InputError("no exposure of an ad of this DATA is in the store", got=f"{len(shown.impressions)} of others",
                         cure="let the service take some, or name the DATA that was published")  # fmt: skip
    parts = [part for part in (data.impressions, fresh) if len(part)]
    whole = pd.concat(parts).drop_duplicates([*PAIR, "timestamp"], keep="last").sort_values("timestamp", kind="stable")
    until = _train_until(options, data, fresh)
    config = {name: getattr(options, name) for name in ("window_hours", "heldout", "train_until")}
    with write_artefact(options.out, "data", config=config, inputs={"data": data.artefact}) as draft:
        counts = _write(draft, data, whole, shown.impressions[~known], until)
    counts |= {"new": len(fresh), "stray_clicks": shown.stray_clicks, "repeated_clicks": shown.repeated_clicks}
    print(f"{len(fresh):,} new impressions, {int(fresh['clicked'].sum()):,} of them clicked, in {options.out}")
    print(f"training may read what came before {datetime.fromtimestamp(until, UTC):%Y-%m-%d %H:%M} UTC")
    if shown.stray_clicks or counts["unknown_ads"]:
        say(f"left out: {shown.stray_clicks:,} clicks without an exposure, {counts['unknown_ads']:,} of unknown ads")
    return {"out": str(options.out), "train_until": until, **counts}


def read_events(store: Store) -> pd.DataFrame:
    """kind, user_id, ad_id, title_id, timestamp of every event."""
    columns = [EVENTS.c[name] for name in ("kind", "user_id", "ad_id", "title_id", "timestamp")]

    names = [column.name for column in columns]
    found: list[pd.DataFrame] = []
    with store.reading() as connection:
        options = {"stream_results": True, "yield_per": ROWS_A_CHUNK}
        for rows in connection.execute(select(*columns), execution_options=options).partitions():
            found.append(pd.DataFrame(rows, columns=names))
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=names)


def as_impressions(events: pd.DataFrame, window_s: float) -> Shown:
    """Put clicks to their exposures.

    Args:
        events: as `read_events` returns them.
        window_s: how long after an exposure a click still belongs to it.
    """
    events = events.astype({"timestamp": np.float64}).sort_values("timestamp", kind="stable")
    shown = events[events["kind"].eq("exposure")].reset_index(drop=True)
    clicks = events[events["kind"].eq("click")][[*PAIR, "timestamp"]]
    shown["row"] = shown.index.astype(np.float64)
    right = shown[[*PAIR, "timestamp", "row"]]
    before = pd.merge_asof(clicks, right, on="timestamp", by=PAIR, tolerance=window_s)  # pyright: ignore[reportArgumentType]
    ahead = pd.merge_asof(clicks, right, on="timestamp", by=PAIR, tolerance=SKEW_S, direction="forward")  # pyright: ignore[reportArgumentType]
    rows = before["row"].fillna(ahead["row"])
    found = rows.dropna().astype(np.int64)
    clicked = np.zeros(len(shown), dtype=bool)
    clicked[found.to_numpy()] = True
    shown["clicked"] = clicked
    return Shown(shown[IMPRESSIONS.names], int(rows.isna().sum()), len(found) - int(clicked.sum()))


def _train_until(options: ImpressionsOptions, data: Data, fresh: pd.DataFrame) -> float:
    if options.train_until is not None:
        moment = datetime.fromisoformat(options.train_until)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    stamps = np.sort(fresh["timestamp"].to_numpy(dtype=np.float64))
    cut = len(stamps) - int(options.heldout * len(stamps))
    return max(data.train_until, float(stamps[cut - 1]) + 1.0 if cut == len(stamps) else float(stamps[cut]))


def _write(draft: Draft, data: Data, whole: pd.DataFrame, left: pd.DataFrame, until: float) -> dict[str, int]:
    written = ("impressions.parquet", "ads.parquet", "rejected.jsonl", "manifest.json")
    for path in sorted(data.artefact.path.iterdir()):
        if path.name not in written and path.is_file():
            shutil.copyfile(path, draft.path / path.name)
    ads = data.ads_frame
    seen = ads["ad_id"].isin(whole.loc[whole["timestamp"] < until, "ad_id"])
    ads = ads.assign(trainable=ads["trainable"].astype(bool) | ads["starts_at"].lt(until) | seen)
    draft.rows = {name: int(count) for name, count in dict(data.artefact.manifest["rows"]).items()}  # pyright: ignore
    draft.rows["impressions"] = write_table(draft.path / "impressions.parquet", whole, IMPRESSIONS)
    write_table(draft.path / "ads.parquet", ads, ADS)
    rejected = data.artefact.path / "rejected.jsonl"
    lines = [json.dumps({"table": "impressions", "row": None, "reason": "unknown ad", "count": len(left)}) + "\n"]
    before = rejected.read_text(encoding="utf-8") if rejected.is_file() else ""
    (draft.path / "rejected.jsonl").write_text(before + "".join(lines if len(left) else []), encoding="utf-8")
    counts = {"impressions": len(whole), "clicks": int(whole["clicked"].sum())}
    live_at = max(data.live_at, until)
    facts = {"train_until": until, "live_at": live_at, "trainable_ads": int(ads["trainable"].sum())}
    draft.facts = {**data.artefact.facts, **counts, **facts}
    return {**counts, "unknown_ads": len(left)}

"""Exposures and clicks as one frame, from a table or from the store.

The columns are those of the store's `events`: event_id?, kind, user_id, ad_id, title_id?, timestamp, experiment?,
variation?, propensity?, and cluster_id? where a table brings it. An `impressions` table (`clicked` in place of `kind`)
is read too: each row is an exposure, and a click where it was clicked.
"""

from __future__ import annotations

import json
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from creator.core.artefacts import open_artefact
from creator.core.data import read_table
from creator.core.errors import InputError, StoreError, UsageError

REQUIRED = ("user_id", "ad_id", "timestamp")
OPTIONAL = ("event_id", "title_id", "experiment", "variation", "cluster_id", "propensity")
ASSIGNMENT = pa.schema([("user_id", pa.string()), ("cluster_id", pa.int32())])
TRUE, FALSE = ("true", "1", "1.0", "yes"), ("false", "0", "0.0", "no")
FROM_STORE = """
    SELECT e.event_id, e.kind, e.user_id, e.ad_id, e.title_id, e.timestamp, e.experiment, e.variation, e.propensity,
           COALESCE(e.cluster_id, a.cluster_id) AS cluster_id
    FROM events e
    LEFT JOIN releases r ON r.release = e.release
    LEFT JOIN assignments a ON a.clustering_id = r.clustering_id AND a.user_id = e.user_id
"""


def read_events(events: Path | None, store: str | None, clusters: Path | None) -> tuple[pd.DataFrame, dict[str, int]]:
    """Read events from where they are.

    Args:
        events: a table; or None.
        store: a title store's address; or None.
        clusters: CLUSTERS folder whose assignment replaces the events' own clusters; None keeps those.

    Returns:
        kind ("exposure" or "click"), user_id, ad_id, title_id, timestamp (epoch seconds), experiment, variation,
        cluster_id and propensity (float, NaN where unknown), in time order; and how many rows were left out, by reason.

    Raises:
        InputError: the table cannot be read or lacks columns.
        StoreError: the store cannot be read.
    """
    raw = _from_store(store) if store is not None else _from_table(events or Path())
    frame, left_out = _tidy(raw)
    if clusters is not None:
        table = read_table(open_artefact(clusters, "clusters").path / "assignment.parquet", ASSIGNMENT)
        frame["cluster_id"] = frame["user_id"].map(table.set_index("user_id")["cluster_id"]).astype(np.float64)
    return frame, left_out


def _from_store(store: str) -> pd.DataFrame:
    from sqlalchemy import create_engine, exc, text

    address = store if "://" in store else f"sqlite:///{store}"
    if address.startswith("postgresql://"):
        address = address.replace("postgresql", "postgresql+psycopg", 1)
    file = address.partition(":///")[2] if address.startswith("sqlite:///") else ""
    if address.startswith("sqlite") and not Path(file).is_file():
        raise StoreError("there is no such store", got=file or "no file named", cure="name the FILE.db of 'publish'")
    try:
        engine = create_engine(address)
    except (exc.ArgumentError, exc.NoSuchModuleError, ModuleNotFoundError):
        raise UsageError(["store: not a database address"], cure="--store runs/demo/store.db") from None
    try:
        with engine.connect() as connection:
            return pd.DataFrame(connection.execute(text(FROM_STORE)).mappings().all())
    except exc.SQLAlchemyError as error:
        cause = type(getattr(error, "orig", None) or error).__name__
        raise StoreError("the store's events cannot be read", got=cause, cure="check --store") from None
    finally:
        engine.dispose()


def _from_table(path: Path) -> pd.DataFrame:
    try:
        if path.suffix == ".parquet":
            frame = pq.read_table(path).to_pandas()
        elif path.suffix == ".csv":
            frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
        elif path.suffix == ".jsonl":
            with path.open(encoding="utf-8-sig") as stream:
                frame = pd.DataFrame([dict(json.loads(line)) for line in stream if line.strip()])
        else:
            raise InputError(f"{path.name} is no table", expected=".parquet, .csv or .jsonl")
    except FileNotFoundError:
        raise InputError(f"there is no {path}", cure="name a table of events") from None
    except (OSError, ValueError, TypeError, pa.ArrowException):
        raise InputError(f"{path.name} cannot be read as {path.suffix[1:]}", cure="write the file again") from None
    needed = [*REQUIRED, "clicked" if "clicked" in frame and "kind" not in frame else "kind"]
    missing = [name for name in needed if name not in frame]
    if missing:
        near = [f"'{name}'" + _nearest(name, list(map(str, frame.columns))) for name in missing]
        raise InputError(f"{path.name} lacks columns", got=", ".join(map(str, frame.columns)), expected=", ".join(near))
    return frame


def _nearest(name: str, columns: list[str]) -> str:
    near = get_close_matches(name, columns, n=1)
    return f" (is it '{near[0]}'?)" if near else ""


def _tidy(raw: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    """Typed columns in time order; rows that cannot be used are counted by reason."""
    if not len(raw):
        raise InputError("there are no events", cure="let the service take some, or name another table")
    frame = pd.DataFrame({name: _texts(raw[name]) for name in ("user_id", "ad_id")})
    for name in OPTIONAL:
        frame[name] = _texts(raw[name]) if name in raw else None
    frame["timestamp"] = _seconds(raw["timestamp"])
    for name in ("cluster_id", "propensity"):
        frame[name] = pd.to_numeric(frame[name], errors="coerce").astype(np.float64)
    kind = _texts(raw["kind"]) if "kind" in raw else _texts(raw["clicked"]).str.lower().map(
        {**dict.fromkeys(TRUE, "both"), **dict.fromkeys(FALSE, "exposure")})  # fmt: skip
    reasons = {
        "without a user or an ad": frame["user_id"].isna() | frame["ad_id"].isna(),
        "timestamp not readable": frame["timestamp"].isna(),
        "neither an exposure nor a click": ~kind.isin(["exposure", "click", "both"]),
        "sent twice (event_id)": frame["event_id"].notna() & frame["event_id"].duplicated(),
    }
    bad = pd.Series(False, index=frame.index)
    left_out: dict[str, int] = {}
    for reason, rows in reasons.items():
        left_out[reason] = int((rows & ~bad).sum())
        bad |= rows
    both = frame[kind.eq("both") & ~bad]
    shown = frame.assign(kind=kind.replace("both", "exposure"))[~bad]
    whole = pd.concat([shown, both.assign(kind="click")]) if len(both) else shown
    if not len(whole):
        raise InputError("no event can be used", got=", ".join(f"{n} {why}" for why, n in left_out.items() if n))
    whole = whole.drop(columns="event_id").sort_values("timestamp", kind="stable").reset_index(drop=True)
    return whole, {reason: count for reason, count in left_out.items() if count}


def _texts(column: pd.Series) -> pd.Series:
    """Texts with None for what is empty."""
    texts = column.astype(object).where(column.notna(), None).map(lambda value: None if value is None else str(value))
    return texts.where(texts.ne("") & texts.notna(), None).astype(object)


def _seconds(column: pd.Series) -> pd.Series:
    """Epoch seconds of numbers and of ISO 8601 texts; NaN for anything else."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return (pd.to_datetime(column, utc=True) - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
    seconds = pd.to_numeric(column, errors="coerce").astype(np.float64)
    rest = seconds.isna() & column.notna()
    if rest.any():
        dates = pd.to_datetime(column[rest].astype(str), utc=True, errors="coerce", format="ISO8601")
        seconds[rest] = (dates - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
    return seconds.where(np.isfinite(seconds) & (seconds >= 0))

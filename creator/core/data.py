"""The DATA and EXAMPLES tables: their schemas, and reading them back as records or frames.

Times are seconds since the Unix epoch (float64, UTC). A user's history at a time t holds the events strictly before t.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from creator.core.artefacts import Artefact, open_artefact
from creator.core.errors import ArtefactError
from creator.core.records import Ad, AdId, Item, ItemId

ITEMS = pa.schema([("item_id", pa.string()), ("title", pa.string()), ("description", pa.string())])
EVENTS = pa.schema(
    [("user_id", pa.string()), ("item_id", pa.string()), ("timestamp", pa.float64()), ("weight", pa.float32())]
)
ADS = pa.schema(
    [
        ("ad_id", pa.string()),
        ("title", pa.string()),
        ("description", pa.string()),
        ("selling_points", pa.list_(pa.string())),
        ("attributes", pa.map_(pa.string(), pa.string())),
        ("category", pa.string()),
        ("item_id", pa.string()),
        ("item_ids", pa.list_(pa.string())),
        ("locale", pa.string()),
        ("trainable", pa.bool_()),  # may be trained on: it was running before DATA's `train_until`
        ("live", pa.bool_()),  # titles are wanted for it
        ("starts_at", pa.float64()),  # when it starts to run; null when unknown
        ("campaign", pa.string()),
        (
            "facts",
            pa.string(),
        ),  # JSON: each derived fact with the figure and the rows it came from; null for given facts
    ]
)
IMPRESSIONS = pa.schema(
    [
        ("user_id", pa.string()),
        ("ad_id", pa.string()),
        ("timestamp", pa.float64()),
        ("clicked", pa.bool_()),
        ("title_id", pa.string()),
    ]
)
EXAMPLES = pa.schema(
    [
        ("user_id", pa.string()),
        ("ad_id", pa.string()),
        ("as_of", pa.float64()),  # the history ends before this time
        ("split", pa.string()),  # "train" or "heldout"
        ("profile", pa.string()),  # JSON text
        ("reasoning", pa.list_(pa.string())),  # one entry per step
        ("title", pa.string()),
        ("selling_points", pa.list_(pa.string())),  # those the title uses, the leading one first
        ("facts", pa.list_(pa.string())),  # the words of the ad each claim rests on
        ("verdict", pa.string()),
        ("findings", pa.string()),  # findings: JSON list
        ("teacher", pa.string()),
        ("prompt_version", pa.string()),
        ("cost_usd", pa.float64()),
    ]
)


@dataclass(frozen=True)
class Data:
    """A DATA folder. Tables are read when first asked for and kept.

    Args:
        artefact: the opened folder.
    """

    artefact: Artefact

    @cached_property
    def items(self) -> pd.DataFrame:
        """item_id, title, description; one row an item."""
        return self._read("items.parquet", ITEMS)

    @cached_property
    def events(self) -> pd.DataFrame:
        """user_id, item_id, timestamp, weight; ordered by user, then time."""
        return self._read("events.parquet", EVENTS)

    @cached_property
    def impressions(self) -> pd.DataFrame:
        """user_id, ad_id, timestamp, clicked, title_id; possibly empty."""
        return self._read("impressions.parquet", IMPRESSIONS)

    @cached_property
    def ads_frame(self) -> pd.DataFrame:
        """Every column of ADS, one row an ad."""
        return self._read("ads.parquet", ADS)

    @cached_property
    def ads(self) -> dict[AdId, Ad]:
        """Every ad by id, in file order."""
        return {ad.ad_id: ad for ad in read_ads(self.ads_frame)}

    @cached_property
    def live_ads(self) -> list[Ad]:
        """The ads that titles are wanted for."""
        live = self.ads_frame["ad_id"][self.ads_frame["live"].astype(bool)]
        return [self.ads[AdId(ad_id)] for ad_id in live]

    @cached_property
    def histories(self) -> Histories:
        """Every user's events in time order."""
        return Histories.of(self.events, self.items)

    @cached_property
    def item_texts(self) -> list[str]:
        """What the Item LLM reads of each item, in the order of `items`."""
        return [
            Item(ItemId(i), t, d or "").text
            for i, t, d in zip(self.items["item_id"], self.items["title"], self.items["description"], strict=True)
        ]

    @property
    def train_until(self) -> float:
        """Nothing at or after this time may be trained on."""
        return float(self.artefact.facts["train_until"])  # pyright: ignore[reportArgumentType]

    @property
    def live_at(self) -> float:
        """The moment titles are written for: histories of live users end before it."""
        return float(self.artefact.facts["live_at"])  # pyright: ignore[reportArgumentType]

    def _read(self, name: str, schema: pa.Schema) -> pd.DataFrame:
        return read_table(self.artefact.path / name, schema)


def open_data(path: Path, *tables: Literal["items", "events", "ads_frame", "impressions"]) -> Data:
    """Open a DATA folder.

    Args:
        path: the folder.
        tables: those that are read at once, so that a fault in one is told before any work is done.

    Raises:
        ArtefactError: it is missing, unfinished or of another kind, or one of the tables cannot be read; all of them
            are named.
    """
    data = Data(open_artefact(path, "data"))
    faults: list[ArtefactError] = []
    for name in tables:
        try:
            getattr(data, name)
        except ArtefactError as error:
            faults.append(error)
    if len(faults) > 1:
        what = f"{len(faults)} faults:" + "".join(f"\n  - {fault.what}" for fault in faults)
        raise ArtefactError(what, cure=faults[0].cure)
    if faults:
        raise faults[0]
    return data


def read_table(path: Path, schema: pa.Schema) -> pd.DataFrame:
    """Read a Parquet table that one of our stages wrote, its columns those of the schema.

    Raises:
        ArtefactError: the file is missing, corrupt, or lacks a column.
    """
    cure = "delete the folder and make it again"
    try:
        table = pq.read_table(path)
    except FileNotFoundError:
        raise ArtefactError(f"{path} is missing", cure=cure) from None
    except (pa.ArrowInvalid, OSError):
        raise ArtefactError(f"{path} is not readable Parquet", cure=cure) from None
    missing = [name for name in schema.names if name not in table.column_names]
    if missing:
        raise ArtefactError(f"{path} lacks columns", got=table.column_names, expected=missing, cure=cure)
    return table.select(schema.names).to_pandas()


def write_table(path: Path, frame: pd.DataFrame, schema: pa.Schema) -> int:
    """Write a frame as Parquet under a schema, whole; returns its number of rows."""
    aside = path.with_name(f".{path.name}.tmp")
    pq.write_table(pa.Table.from_pandas(frame, schema=schema, preserve_index=False), aside)
    aside.replace(path)
    return len(frame)


def read_ads(frame: pd.DataFrame) -> Iterator[Ad]:
    """The rows of an ads table as records."""
    for row in frame.to_dict("records"):
        attributes = row["attributes"]
        pairs = attributes.items() if isinstance(attributes, dict) else attributes
        yield Ad(
            ad_id=AdId(row["ad_id"]),
            title=row["title"],
            description=_text(row["description"]),
            selling_points=tuple(_many(row["selling_points"])),
            attributes=dict(pairs) if pairs is not None else {},
            category=_text(row["category"]),
            item_id=ItemId(row["item_id"]) if _text(row["item_id"]) else None,
            item_ids=tuple(ItemId(i) for i in _many(row["item_ids"])),
            locale=_text(row["locale"]) or "en",
        )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _many(value: object) -> list[str]:
    return [] if value is None else [str(v) for v in value]  # pyright: ignore[reportGeneralTypeIssues, reportUnknownVariableType, reportUnknownArgumentType]


@dataclass(frozen=True)
class Histories:
    """Events of all users as one flat array, in time order within a user.

    Args:
        user_ids: [B], sorted.
        item_ids: [I], the order of the items table.
        offsets: [B + 1]; user b owns events offsets[b] to offsets[b + 1].
        items: [E] int32, row of the items table.
        timestamps: [E] float64, seconds.
    """

    user_ids: npt.NDArray[np.object_]
    item_ids: npt.NDArray[np.object_]
    offsets: npt.NDArray[np.int64]
    items: npt.NDArray[np.int32]
    timestamps: npt.NDArray[np.float64]

    @classmethod
    def of(cls, events: pd.DataFrame, items: pd.DataFrame) -> Histories:
        """Build from the two tables. Every event's item must be in the items table (ingest sees to it)."""
        item_ids = items["item_id"].to_numpy(dtype=object)
        users, codes = np.unique(events["user_id"].to_numpy(dtype=object), return_inverse=True)
        stamps = events["timestamp"].to_numpy(dtype=np.float64)
        order = np.lexsort((stamps, codes))
        rows = pd.Index(item_ids).get_indexer(pd.Index(events["item_id"].to_numpy(dtype=object)))
        if len(rows) and rows.min() < 0:
            raise ArtefactError("events name items that the items table lacks", cure="run 'hllm-creator ingest' again")
        counts = np.bincount(codes, minlength=len(users))
        return cls(
            users,
            item_ids,
            np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            rows[order].astype(np.int32),
            stamps[order],
        )

    @cached_property
    def row_of(self) -> dict[str, int]:
        """Row of each user id."""
        return {str(user): row for row, user in enumerate(self.user_ids)}

    def window(self, user: int, before: float, length: int) -> npt.NDArray[np.int32]:
        """The user's last `length` item rows strictly before a time, oldest first; [<= length].

        The teacher, the trainer and the embedder all read a history through this one function.
        """
        return self.items[self._span(user, before, length)]

    def ages(self, user: int, before: float, length: int) -> npt.NDArray[np.float64]:
        """How long before that time each event of the window was, in seconds (> 0); [<= length]."""
        return before - self.timestamps[self._span(user, before, length)]

    def _span(self, user: int, before: float, length: int) -> slice:
        start, end = int(self.offsets[user]), int(self.offsets[user + 1])
        stop = start + int(np.searchsorted(self.timestamps[start:end], before, side="left"))
        return slice(max(start, stop - length), stop)


def read_profile(text: str) -> dict[str, object]:
    """A profile's JSON text as a mapping."""
    return json.loads(text)

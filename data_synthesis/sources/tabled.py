"""What every source hands to `ingest`: the four tables, what was rejected, and what they were made from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd


@dataclass(frozen=True, slots=True)
class Rejection:
    """One input row that was not kept.

    Args:
        table: the input table's name.
        row: its row number, the first data row being 1.
        reason: why, without any of the row's text.
    """

    table: str
    row: int
    reason: str


@dataclass(frozen=True, slots=True)
class Tabled:
    """A source, read.

    Args:
        items: the ITEMS columns.
        events: the EVENTS columns.
        ads: the ADS columns.
        impressions: the IMPRESSIONS columns.
        train_until: nothing at or after it may be trained on, epoch seconds.
        live_at: titles are written for this moment, epoch seconds.
        rows_in: input rows by input table.
        rows_kept: of those, the rows that were used.
        rejections: the others.
        extras: columns that the schema does not know, by table, keyed by row or id.
    """

    items: pd.DataFrame
    events: pd.DataFrame
    ads: pd.DataFrame
    impressions: pd.DataFrame
    train_until: float
    live_at: float
    rows_in: Mapping[str, int]
    rows_kept: Mapping[str, int]
    rejections: list[Rejection] = field(default_factory=lambda: list[Rejection]())
    extras: Mapping[str, pd.DataFrame] = field(default_factory=lambda: dict[str, pd.DataFrame]())

    @property
    def rejected_by_reason(self) -> dict[str, int]:
        """How many rows each reason cost, the commonest first."""
        return dict(Counter(f"{r.table}: {r.reason}" for r in self.rejections).most_common())

"""`hllm-creator ingest`: a source's rows become a DATA folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from creator.core.artefacts import Draft, write_artefact
from creator.core.data import ADS, EVENTS, IMPRESSIONS, ITEMS, write_table
from data_synthesis.sources import completejourney, tables
from data_synthesis.sources.tabled import Tabled

if TYPE_CHECKING:
    from data_synthesis.commands import IngestOptions

SCHEMAS = {"items": ITEMS, "events": EVENTS, "ads": ADS, "impressions": IMPRESSIONS}


def ingest(options: IngestOptions) -> Mapping[str, object]:
    """Read a source and write DATA; prints a table of what was kept and what was not.

    Returns:
        the flat summary of the run.

    Raises:
        InputError: the source cannot be used; every fault found in it is named.
        ArtefactError: the output folder exists, or cannot be written.
    """
    files = completejourney.locate() if options.source == "completejourney" else tables.locate(options.path or Path())
    config = {"source": options.source, "train_until": options.train_until, "live_at": options.live_at}
    with write_artefact(options.out, "data", config=config, inputs=files) as draft:
        if options.source == "completejourney":
            tabled = completejourney.read(files)
        else:
            tabled = tables.read(files, train_until=options.train_until, live_at=options.live_at)
        summary = _write(draft, tabled, options.source)
    _show(summary, tabled, options.out)
    return {"out": str(options.out), **summary}


def _write(draft: Draft, tabled: Tabled, source: str) -> dict[str, object]:
    rejected = {name: sum(r.table == name for r in tabled.rejections) for name in tabled.rows_in}
    for name, rows in tabled.rows_in.items():
        if rows != tabled.rows_kept[name] + rejected[name]:
            raise AssertionError(f"{name}: {rows} rows in, {tabled.rows_kept[name]} kept, {rejected[name]} rejected")
    for name, schema in SCHEMAS.items():
        draft.rows[name] = write_table(draft.path / f"{name}.parquet", getattr(tabled, name), schema)
    for name, frame in tabled.extras.items():
        pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), draft.path / f"{name}_extra.parquet")
    with (draft.path / "rejected.jsonl").open("w", encoding="utf-8") as stream:
        stream.writelines(
            json.dumps({"table": r.table, "row": r.row, "reason": r.reason}) + "\n" for r in tabled.rejections
        )
    draft.rows["rejected"] = len(tabled.rejections)
    counts: dict[str, object] = {
        "users": int(tabled.events["user_id"].nunique()),
        "items": len(tabled.items),
        "events": len(tabled.events),
        "ads": len(tabled.ads),
        "live_ads": int(tabled.ads["live"].sum()),
        "trainable_ads": int(tabled.ads["trainable"].sum()),
        "impressions": len(tabled.impressions),
        "clicks": int(tabled.impressions["clicked"].sum()),
        "rejected": len(tabled.rejections),
    }
    draft.facts.update(
        source=source,
        train_until=tabled.train_until,
        live_at=tabled.live_at,
        **counts,
        rows_in=dict(tabled.rows_in),
        rows_kept=dict(tabled.rows_kept),
        rows_rejected=rejected,
        rejected_by_reason=tabled.rejected_by_reason,
        extra_columns={
            name: [column for column in frame.columns if column not in SCHEMAS[name].names]
            for name, frame in tabled.extras.items()
        },
    )
    return {"source": source, "train_until": tabled.train_until, "live_at": tabled.live_at, **counts}


def _show(summary: Mapping[str, object], tabled: Tabled, out: Path) -> None:
    print(f"\nDATA at {out} (source: {summary['source']})")
    for name in ("users", "items", "events", "ads", "live_ads", "trainable_ads", "impressions", "clicks", "rejected"):
        print(f"  {name.replace('_', ' '):<14}{summary[name]:>12,}")
    for reason, count in tabled.rejected_by_reason.items():
        print(f"    {count:>9,}  {reason}")
    for name in ("train_until", "live_at"):
        print(f"  {name:<14}{datetime.fromtimestamp(float(str(summary[name])), UTC):%Y-%m-%d %H:%M:%S} UTC")

"""What a design says beyond the length of the past."""

from __future__ import annotations

from pathlib import Path

import pytest

from creator.statistics.power import Wanted
from eval.experiments.design import durations, recommend
from eval.experiments.events import read_events
from tests.eval.experiments.tables import write_events


def test_beyond_the_past_the_smallest_lift_falls_no_faster_than_the_square_root_of_the_days(tmp_path: Path) -> None:
    write_events(tmp_path / "events.parquet", users=600)
    events, _ = read_events(tmp_path / "events.parquet", None, None)
    rows, _ = durations(events, Wanted(0.12))
    last = [row for row in rows if not row.extrapolated][-1]
    beyond = [row for row in rows if row.extrapolated]
    assert beyond
    for row in beyond:
        assert last.detectable * (last.days / row.days) ** 0.5 <= row.detectable * 1.0001 <= last.detectable * 1.0001
        assert row.sequential / row.detectable == pytest.approx(last.sequential / last.detectable)
    chosen = recommend(rows, 0.12)
    assert chosen == rows[-1]
    assert rows[-2].detectable > 0.12


def test_a_lift_out_of_reach_has_no_length_and_one_within_reach_is_not_extrapolated(tmp_path: Path) -> None:
    write_events(tmp_path / "events.parquet", users=600)
    events, _ = read_events(tmp_path / "events.parquet", None, None)
    far, _ = durations(events, Wanted(0.001))
    assert recommend(far, 0.001) is None
    assert far[-1].days == 365
    near, _ = durations(events, Wanted(0.6))
    assert not any(row.extrapolated for row in near)

"""`experiment analyze` on exposures that say how likely they were."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from creator.cli import main
from tests.statistics.test_weighted import bandit

RATES = np.array([[0.05, 0.08], [0.20, 0.14]])
TRUTH = RATES[:, 1].mean() / RATES[:, 0].mean() - 1


def write(path: Path, **changes: object) -> pd.DataFrame:
    clicked, drawn, propensity, user, context = bandit(np.random.default_rng(4), RATES, users=2_000)
    frame = pd.DataFrame(
        {"event_id": [f"e{n}" for n in range(len(user))], "kind": "exposure", "user_id": [f"u{n}" for n in user],
         "ad_id": "a1", "cluster_id": context, "timestamp": 1_700_000_000.0 + 10 * np.arange(len(user)),
         "experiment": "bandit", "variation": np.where(drawn, "personal", "control"), "propensity": propensity}
    )  # fmt: skip
    clicks = frame[clicked > 0].assign(kind="click", propensity=None)
    clicks = clicks.assign(event_id=clicks["event_id"] + "c", timestamp=clicks["timestamp"] + 5)
    whole = pd.concat([frame.assign(**changes), clicks])
    whole.to_parquet(path)
    return whole


def run(folder: Path, events: Path) -> dict[str, object]:
    out = folder / f"report{len(list(folder.iterdir()))}"
    call = ["experiment", "analyze", "--events", str(events), "--experiment", "bandit", "--out", str(out)]
    assert main(call) == 0
    page = (out / "report.html").read_text()
    assert "drawn with" in page or "No effect is told" in page
    return json.loads((out / "summary.json").read_text())


def test_the_effect_is_weighed_and_the_plain_rates_are_marked_as_biased(tmp_path: Path) -> None:
    frame = write(tmp_path / "events.parquet")
    found = run(tmp_path, tmp_path / "events.parquet")
    assert found["verdict"] == "sound"
    (effect,) = found["effects"]
    methods = [effect[name]["method"] for name in ("adjusted", "plain", "unweighted")]
    assert methods == ["doubly robust", "inverse propensity", "unweighted: biased"]
    for name in ("adjusted", "plain"):
        assert effect[name]["low"] < TRUTH < effect[name]["high"]
    counts = frame.groupby(["variation", "kind"]).size()
    assert effect["plain"]["clicks"] == [counts["control", "click"], counts["personal", "click"]]
    assert effect["plain"]["exposures"] == [counts["control", "exposure"], counts["personal", "exposure"]]
    rates = [counts[arm, "click"] / counts[arm, "exposure"] for arm in ("control", "personal")]
    assert effect["unweighted"]["lift"] == pytest.approx(rates[1] / rates[0] - 1)


def test_propensities_that_are_not_those_of_the_draw_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "events.parquet", propensity=0.9)
    found = run(tmp_path, tmp_path / "events.parquet")
    assert found["verdict"] == "refused"
    assert {check["kind"] for check in found["checks"] if check["level"] == "refused"} == {"weights"}
    assert found["effects"] == []

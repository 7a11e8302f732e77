"""Exposures and clicks become the impressions that training, matching and evaluation read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from creator.cli import main
from creator.core.artefacts import write_artefact
from creator.core.data import EVENTS, IMPRESSIONS, ITEMS, open_data, write_table
from creator.training.impressions import ClickedImpressions
from eval.heldout import held_out_impressions
from serving.impressions import as_impressions
from serving.publish import publish
from serving.rows import Event
from serving.store import Store
from tests.serving.artefacts import write_folders

T = 1_700_000_000.0
HOUR = 3_600.0


def event(kind: str, at: float, user: str = "u1", ad: str = "a1", title: str | None = "t1") -> Event:
    return Event(f"{kind}-{user}-{ad}-{at}", kind, user, ad, title, T + at)


def frame(*events: Event) -> pd.DataFrame:
    names = ("kind", "user_id", "ad_id", "title_id", "timestamp")
    return pd.DataFrame([{name: getattr(e, name) for name in names} for e in events])


def test_a_click_belongs_to_the_last_exposure_before_it_of_the_same_user_and_ad() -> None:
    found = as_impressions(
        frame(
            event("exposure", 0), event("exposure", 100), event("click", 150), event("click", 160),
            event("exposure", 200), event("exposure", 120, user="u2"), event("exposure", 140, ad="a2", title=None),
        ),
        HOUR,
    )  # fmt: skip
    rows = found.impressions
    assert list(rows.columns) == IMPRESSIONS.names
    clicked = {(r.user_id, r.ad_id, r.timestamp - T) for r in rows.itertuples() if r.clicked}
    assert clicked == {("u1", "a1", 100.0)}
    assert len(rows) == 5
    assert rows[rows["ad_id"].eq("a2")]["title_id"].isna().all()
    assert (found.stray_clicks, found.repeated_clicks) == (0, 1)


def test_clicks_too_late_or_of_nothing_are_counted_and_a_clock_a_little_off_is_forgiven() -> None:
    found = as_impressions(
        frame(event("exposure", 0), event("click", HOUR + 1), event("click", 5, user="u9"), event("exposure", 50, "u3"),
              event("click", 20, "u3")),
        HOUR,
    )  # fmt: skip
    assert found.impressions[found.impressions["clicked"]]["user_id"].tolist() == ["u3"]
    assert (found.stray_clicks, found.repeated_clicks) == (2, 0)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The shop's ads with items, histories of four users and one impression of before."""
    ads = write_folders(tmp_path / "shop").data
    out = tmp_path / "data"
    facts = {"train_until": T - 1_000.0, "live_at": T - 1_000.0, "source": "tables"}
    with write_artefact(out, "data", config={}) as draft:
        items = pd.DataFrame({"item_id": ["i1", "i2"], "title": ["Rope", "Pump"], "description": ["", ""]})
        users = np.repeat(["u0", "u1", "u2", "u3"], 2)
        past = pd.DataFrame({"user_id": users, "item_id": ["i1", "i2"] * 4, "timestamp": T - 9_000.0, "weight": 1.0})
        before = pd.DataFrame([("u1", "a1", T - 5_000.0, True, None)], columns=IMPRESSIONS.names)
        draft.rows = dict.fromkeys(("items", "events", "ads", "impressions", "rejected"), 1)
        write_table(draft.path / "items.parquet", items, ITEMS)
        write_table(draft.path / "events.parquet", past, EVENTS)
        write_table(draft.path / "impressions.parquet", before, IMPRESSIONS)
        (draft.path / "ads.parquet").write_bytes((ads / "ads.parquet").read_bytes())
        (draft.path / "rejected.jsonl").write_text("")
        draft.facts = dict(facts)
    return out


def test_the_loop_closes_on_both_databases(
    store: Store, store_url: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(store, write_folders(tmp_path / "other").inputs())
    shown = [event("exposure", 60.0 * n, user=f"u{n % 4}", ad=("a1", "a2")[n % 2]) for n in range(40)]
    clicks = [event("click", 60.0 * n + 5, user=f"u{n % 4}", ad=("a1", "a2")[n % 2]) for n in range(0, 40, 5)]
    store.add_events([*shown, *clicks, event("exposure", 3.0, ad="gone")])
    store.add_events(shown[:10])  # sent twice
    out = tmp_path / "next"
    call = ["events", "impressions", "--store", store_url, "--data", str(data), "--out", str(out), "--json"]
    assert main(call) == 0
    said = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert (said["new"], said["impressions"], said["clicks"], said["unknown_ads"]) == (40, 41, 9, 1)
    made = open_data(out, "items", "events", "ads_frame", "impressions")
    assert made.train_until == T + 60.0 * 36  # the latest tenth stays held out
    assert len(made.impressions) == 41
    assert int(made.impressions["clicked"].sum()) == 9
    assert made.events.equals(open_data(data, "events").events)
    assert json.loads((out / "rejected.jsonl").read_text())["count"] == 1
    # what training reads, and what the evaluation of the match score reads, are all of it and share nothing
    train = ClickedImpressions.of(made, ["a1", "a2", "a3"])
    held = held_out_impressions(made)
    assert len(train.ads) == 37
    assert int(train.clicked.sum()) == 1 + sum(60.0 * n < 60.0 * 36 for n in range(0, 40, 5))
    assert len(held.clicked) == 4
    # a second round adds what is new and doubles nothing
    store.add_events([event("exposure", 9_000.0)])
    third = ["--data", str(out), "--out", str(tmp_path / "third"), "--train-until", "2024-01-01", "--json"]
    assert main([*call[:4], *third]) == 0
    assert json.loads(capsys.readouterr().out.strip().splitlines()[-1])["impressions"] == 42
    assert open_data(tmp_path / "third").train_until == 1_704_067_200.0


def test_nothing_to_export_and_wrong_calls_are_told(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "s.db")
    with Store(path) as store:
        publish(store, write_folders(tmp_path / "other").inputs())
    flags = ["events", "impressions", "--store", path, "--data", str(data), "--out", str(tmp_path / "out")]
    assert main(flags) == 1
    assert "no exposure of an ad of this DATA" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert main([*flags, "--window-hours", "0", "--heldout", "1", "--train-until", "soon"]) == 2
    said = capsys.readouterr().err
    assert all(part in said for part in ("window_hours", "heldout", "train_until"))
    assert main([*flags[:2], "--store", str(tmp_path / "none.db"), *flags[4:]]) == 1

"""`experiment analyze` on tables and on both databases: the effect, what it refuses, what it warns of."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from creator.cli import main
from tests.eval.experiments.tables import write_events


def run(folder: Path, events: Path, *flags: str) -> dict[str, object]:
    out = folder / f"report{len(list(folder.iterdir()))}"
    call = ["experiment", "analyze", "--events", str(events), "--experiment", "titles", "--out", str(out), *flags]
    assert main(call) == 0
    page = (out / "report.html").read_text()
    assert "<script src" not in page
    assert "http" not in page.split("</style>")[1]
    return json.loads((out / "summary.json").read_text())


def level(found: dict[str, object], kind: str) -> str:
    return next(one["level"] for one in found["checks"] if one["kind"] == kind)


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_the_effect_is_that_of_the_counts_in_every_format(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"events.{suffix}"
    frame = write_events(path, lift=0.4)
    found = run(tmp_path, path, "--planned-users", "1500")
    assert found["verdict"] == "sound"
    effect = found["effects"][0]
    tagged = frame[frame["experiment"] == "titles"]
    counts = tagged.groupby(["variation", "kind"]).size()
    rates = [counts[arm, "click"] / counts[arm, "exposure"] for arm in ("control", "personal")]
    assert effect["plain"]["rates"] == pytest.approx(rates)
    assert effect["plain"]["lift"] == pytest.approx(rates[1] / rates[0] - 1)
    assert effect["plain"]["clicks"] == [counts["control", "click"], counts["personal", "click"]]
    assert effect["plain"]["low"] < 0.4 < effect["plain"]["high"]
    assert effect["plain"]["always_low"] < effect["plain"]["low"]
    assert effect["plain"]["p"] < 0.001
    # the delta method once more, from a table of users
    wide = tagged.pivot_table(index=["variation", "user_id"], columns="kind", aggfunc="size", fill_value=0)
    var = 0.0
    for arm, rate in zip(("control", "personal"), rates, strict=True):
        c, e = wide.loc[arm, "click"], wide.loc[arm, "exposure"]
        m = np.cov(c, e)
        own = (m[0, 0] - 2 * rate * m[0, 1] + rate**2 * m[1, 1]) / (len(c) * e.mean() ** 2)
        var += own / rates[0] ** 2 if arm == "personal" else own * rates[1] ** 2 / rates[0] ** 4
    assert effect["plain"]["se"] == pytest.approx(math.sqrt(var))


def test_clusters_titles_days_and_the_past(tmp_path: Path) -> None:
    frame = write_events(tmp_path / "events.parquet", lift=0.4)
    effect = run(tmp_path, tmp_path / "events.parquet")["effects"][0]
    tagged = frame[frame["experiment"] == "titles"]
    assert [one["name"] for one in effect["clusters"]] == ["cluster 0", "cluster 1", "cluster 2"]
    for number, one in enumerate(effect["clusters"]):
        counts = tagged[tagged["cluster_id"] == number].groupby(["variation", "kind"]).size()
        assert one["clicks"] == [counts["control", "click"], counts["personal", "click"]]
        assert one["p"] <= one["p_bh"] <= one["p_holm"] <= 1
        assert one["simultaneous"][0] < one["low"]
    names = {one["name"] for one in effect["titles"]}
    assert names == {f"t-a{ad}-{cluster}" for ad in range(2) for cluster in range(3)}
    title = next(one for one in effect["titles"] if one["name"] == "t-a1-2")
    there = tagged[(tagged["ad_id"] == "a1") & (tagged["cluster_id"] == 2)].groupby(["variation", "kind"]).size()
    assert title["exposures"] == [there["control", "exposure"], there["personal", "exposure"]]
    assert [look["day"] for look in effect["looks"]] == sorted({look["day"] for look in effect["looks"]})
    assert effect["looks"][-1]["lift"] == pytest.approx(effect["plain"]["lift"])
    assert effect["adjusted"]["method"] == "CUPED"
    assert effect["adjusted"]["se"] < effect["plain"]["se"]
    assert 0 < effect["variance_removed"] < 0.6


def test_lost_users_are_a_sample_ratio_mismatch_and_no_effect_is_told(tmp_path: Path) -> None:
    write_events(tmp_path / "events.parquet", lift=0.4, lose=0.25)
    found = run(tmp_path, tmp_path / "events.parquet")
    assert found["verdict"] == "refused"
    assert level(found, "srm") == "refused"
    assert found["effects"] == []
    # the same counts, were they meant: 750 control, about 560 treated
    meant = run(tmp_path, tmp_path / "events.parquet", "--split", "control=0.57", "personal=0.43")
    assert level(meant, "srm") == "sound"


def test_platform_delivery_and_clusters_that_differ_are_refused(tmp_path: Path) -> None:
    frame = write_events(tmp_path / "events.parquet")
    assert level(run(tmp_path, tmp_path / "events.parquet", "--delivery", "platform"), "delivery") == "refused"
    moved = frame.assign(cluster_id=np.where(
        frame["user_id"].str[1:].astype(int) % 10 == 1, 0, frame["cluster_id"]))  # fmt: skip
    moved.to_parquet(tmp_path / "moved.parquet")
    assert level(run(tmp_path, tmp_path / "moved.parquet"), "clusters") == "refused"


def test_peeks_small_tests_crossing_users_and_doubled_events_are_told(tmp_path: Path) -> None:
    frame = write_events(tmp_path / "events.parquet")
    peek = run(tmp_path, tmp_path / "events.parquet", "--planned-users", "9000")
    assert (level(peek, "peeking"), peek["verdict"]) == ("warned", "warned")
    few = frame[frame["user_id"].str[1:].astype(int) < 40]
    few.to_parquet(tmp_path / "few.parquet")
    small = run(tmp_path, tmp_path / "few.parquet")
    assert (level(small, "size"), small["effects"]) == ("refused", [])
    crossing = frame[(frame["user_id"] == "u0") & (frame["experiment"] == "titles")].head(1)
    others = [crossing.assign(user_id=f"u{n}", variation="personal", event_id=f"x{n}") for n in range(0, 60, 2)]
    pd.concat([frame, *others, frame.head(50)]).to_parquet(tmp_path / "crossed.parquet")
    crossed = run(tmp_path, tmp_path / "crossed.parquet")
    assert level(crossed, "crossed") == "warned"
    assert crossed["left_out"] == {"sent twice (event_id)": 50}
    assert crossed["effects"][0]["plain"]["users"] == [720, 750]


def test_bad_rows_are_counted_and_iso_times_read(tmp_path: Path) -> None:
    frame = write_events(tmp_path / "events.parquet").astype({"timestamp": object})
    frame["timestamp"] = [pd.Timestamp(t, unit="s", tz="UTC").isoformat() for t in frame["timestamp"]]
    frame.loc[0, "timestamp"], frame.loc[1, "user_id"], frame.loc[2, "kind"] = "yesterday", "", "view"
    frame.to_csv(tmp_path / "events.csv", index=False)
    found = run(tmp_path, tmp_path / "events.csv")
    assert found["left_out"] == {
        "timestamp not readable": 1,
        "without a user or an ad": 1,
        "neither an exposure nor a click": 1,
    }


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"user,ad_id,timestamp,kind\nu,a,1,click\n", "is it 'user'?"),
        (b"", "cannot be read as csv"),
        (b"user_id,ad_id,timestamp,kind\nu,a,never,click\n", "no event can be used"),
        (b"user_id,ad_id,timestamp,kind,experiment,variation\nu,a,1,exposure,other,x\n", "expected: other"),
        (b"user_id,ad_id,timestamp,kind,experiment,variation\nu,a,1,exposure,titles,x\n", "which variation"),
        (b"user_id,ad_id,timestamp,kind,experiment,variation\nu,a,1,exposure,titles,control\n", "one variation alone"),
    ],
)
def test_bad_tables_are_named_with_a_cure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, said: str
) -> None:
    (tmp_path / "events.csv").write_bytes(content)
    call = ["experiment", "analyze", "--events", str(tmp_path / "events.csv"), "--experiment", "titles"]
    assert main([*call, "--out", str(tmp_path / "report")]) == 1
    assert said in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["events.csv"]


def test_all_faults_of_a_call_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = [
        "experiment",
        "analyze",
        "--experiment",
        "x",
        "--out",
        str(tmp_path / "o"),
        "--alpha",
        "2",
        "--split",
        "a=b",
    ]
    assert main(call) == 2
    said = capsys.readouterr().err
    assert all(part in said for part in ("alpha", "split", "events and store"))

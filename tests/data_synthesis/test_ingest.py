"""`hllm-creator ingest` from the command line: a whole DATA folder or a clear error."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from creator.cli import main
from creator.core.data import open_data
from tests.domain import write_shop


def _ingest(path: Path, out: Path, *more: str) -> int:
    return main(["ingest", "--source", "tables", "--path", str(path), "--out", str(out), *more])


def test_the_shop_becomes_a_data_folder_that_reads_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shop = write_shop(tmp_path / "shop", users=20, events=10, ads=5)
    assert _ingest(shop, tmp_path / "data", "--json") == 0
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (summary["users"], summary["items"], summary["events"], summary["ads"]) == (20, 75, 200, 5)
    data = open_data(tmp_path / "data")
    assert data.artefact.facts["source"] == "tables"
    assert data.train_until == data.live_at == float(data.events["timestamp"].max()) + 1
    assert data.events["user_id"].is_monotonic_increasing
    assert len(data.live_ads) == 5
    assert len(data.histories.window(0, data.live_at, 4)) == 4


def test_rejections_are_written_and_counted_without_any_user_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = write_shop(tmp_path / "shop", users=5, events=4, ads=3)
    with (shop / "events.csv").open("a") as stream:
        stream.write("u9,SECRET,1700000000,1.0\n")
    assert _ingest(shop, tmp_path / "data") == 0
    lines = (tmp_path / "data" / "rejected.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [{"table": "events", "row": 21, "reason": "item_id is not in items"}]
    facts = open_data(tmp_path / "data").artefact.facts
    assert facts["rows_rejected"] == {"items": 0, "events": 1, "ads": 0, "impressions": 0}
    assert facts["rejected_by_reason"] == {"events: item_id is not in items": 1}
    shown = capsys.readouterr().out
    assert "item_id is not in items" in shown
    assert "SECRET" not in shown


def test_unknown_columns_are_a_file_beside_the_table(tmp_path: Path) -> None:
    shop = write_shop(tmp_path / "shop", users=5, events=4, ads=3)
    lines = [json.loads(line) | {"margin": n} for n, line in enumerate((shop / "ads.jsonl").read_text().splitlines())]
    (shop / "ads.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert _ingest(shop, tmp_path / "data") == 0
    extra = pq.read_table(tmp_path / "data" / "ads_extra.parquet").to_pylist()
    assert extra == [{"ad_id": f"a{n:02d}", "margin": str(n)} for n in range(3)]
    assert open_data(tmp_path / "data").artefact.facts["extra_columns"] == {"ads": ["margin"]}


def test_the_same_tables_give_the_same_bytes(tmp_path: Path) -> None:
    shop = write_shop(tmp_path / "shop", users=5, events=4, ads=3)
    assert _ingest(shop, tmp_path / "one") == _ingest(shop, tmp_path / "two") == 0
    one, two = (open_data(tmp_path / name).artefact.manifest["files"] for name in ("one", "two"))
    assert one == two


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--source", "tables", "--out", "x"], ["needs --path"]),
        (
            ["--source", "completejourney", "--path", "y", "--live-at", "2017-01-01", "--out", "x"],
            ["--path is only for", "--live-at is only for"],
        ),
        (
            ["--source", "tables", "--path", "y", "--train-until", "soon", "--out", "x"],
            ["expected an ISO date"],
        ),
        (["--source", "elsewhere", "--out", "x"], ["expected one of completejourney, tables"]),
    ],
)
def test_a_wrong_call_is_exit_2_and_says_why(
    arguments: list[str], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ingest", *arguments]) == 2
    said = capsys.readouterr().err
    assert all(word in said for word in words), said


def test_an_existing_output_and_a_bad_input_are_exit_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shop = write_shop(tmp_path / "shop", users=5, events=4, ads=3)
    assert _ingest(shop, tmp_path / "data") == 0
    assert _ingest(shop, tmp_path / "data") == 1
    assert "exists already" in capsys.readouterr().err
    (shop / "items.jsonl").write_text('{"item_id": "i1", "name": "rope"}\n')
    assert _ingest(shop, tmp_path / "again") == 1
    assert "lacks the column 'title'" in capsys.readouterr().err
    assert not (tmp_path / "again").exists()

"""HLLM-Creator's training table in and out, and examples as a data set: nothing is lost on the way."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from creator.cli import main
from creator.core.data import open_data
from creator.training.examples import Examples
from tests.data_synthesis.test_grounded import write_data
from tests.domain import write_shop
from tests.scripted_hub import hub

RECORDS = Path(__file__).parents[1] / "golden" / "data" / "hllm_creator" / "records.json"
COLUMNS = ["user_profile", "original_title", "original_description", "prompt1", "prompt2", "response", "title_list",
           "item_id_list"]  # fmt: skip


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("exchange")
    data = write_data(write_shop(folder / "tables", users=20), folder / "data", live_only=3)
    flags = ["--min-history", "8", "--limit", "40", "--heldout", "10"]
    assert main(["synthesize", "--data", str(data), "--out", str(folder / "examples"), *flags]) == 0
    return data, folder / "examples"


def upstream_table(path: Path) -> pa.Table:
    """The published reference's own records, one of them twice, with a column of somebody's and lists of numbers."""
    records = json.loads(RECORDS.read_text("utf-8"))
    table = pa.Table.from_pylist([*records, records[0]]).append_column("score", pa.array(range(len(records) + 1)))
    pq.write_table(table, path)
    return table


def test_a_table_of_the_reference_comes_back_as_it_was(tmp_path: Path) -> None:
    table = upstream_table(tmp_path / "in.parquet")
    folders = ["--out", str(tmp_path / "examples"), "--data-out", str(tmp_path / "data")]
    assert main(["examples", "import", "--table", str(tmp_path / "in.parquet"), *folders]) == 0
    given = ["--examples", str(tmp_path / "examples"), "--data", str(tmp_path / "data")]
    assert main(["examples", "export", *given, "--out", str(tmp_path / "out.parquet"), "--plain"]) == 0
    assert pq.read_table(tmp_path / "out.parquet").equals(table)


def test_an_imported_table_can_be_trained_on(tmp_path: Path) -> None:
    table = upstream_table(tmp_path / "in.parquet")
    folders = ["--out", str(tmp_path / "examples"), "--data-out", str(tmp_path / "data")]
    assert main(["examples", "import", "--table", str(tmp_path / "in.parquet"), *folders]) == 0
    frame, data = pd.read_parquet(tmp_path / "examples" / "examples.parquet"), open_data(tmp_path / "data")
    examples = Examples(frame, data)
    assert examples.titles == table["response"].to_pylist()
    for user, as_of, ids in zip(examples.users, examples.as_of, table["item_id_list"].to_pylist(), strict=True):
        window = data.histories.window(int(user), as_of, 50)
        assert [data.histories.item_ids[item] for item in window] == [str(item) for item in ids]
    assert set(frame["verdict"]) <= {"supported", "unsupported", "unverifiable"}


def test_our_examples_come_back_as_they_were(folders: tuple[Path, Path], tmp_path: Path) -> None:
    data, examples = folders
    out = tmp_path / "table.parquet"
    assert main(["examples", "export", "--examples", str(examples), "--data", str(data), "--out", str(out)]) == 0
    table = pq.read_table(out)
    assert table.column_names[:8] == COLUMNS
    row = table.slice(0, 1).to_pylist()[0]
    ad, items = open_data(data).ads[row["ad_id"]], open_data(data).items.set_index("item_id")["title"]
    assert (row["original_title"], row["original_description"]) == (ad.title, ad.description)
    assert row["title_list"] == [items[item] for item in row["item_id_list"]]
    again = tmp_path / "again"
    assert main(["examples", "import", "--table", str(out), "--data", str(data), "--out", str(again)]) == 0
    before, after = (pq.read_table(folder / "examples.parquet") for folder in (examples, again))
    assert after.equals(before)


def test_a_missing_column_is_named_with_the_nearest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = upstream_table(tmp_path / "in.parquet")
    table = table.rename_columns(["responses" if name == "response" else name for name in table.column_names])
    pq.write_table(table, tmp_path / "in.parquet")
    flags = ["--out", str(tmp_path / "examples"), "--data-out", str(tmp_path / "data")]
    assert main(["examples", "import", "--table", str(tmp_path / "in.parquet"), *flags]) == 1
    assert "response (nearest: responses)" in capsys.readouterr().err
    assert not (tmp_path / "examples").exists()


def test_unusable_rows_are_counted_and_false_titles_rejected_on_demand(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = json.loads(RECORDS.read_text("utf-8"))
    rows[0]["response"] = "Save 90% on the only cure for insomnia, guaranteed"
    rows[1]["title_list"] = rows[1]["title_list"][:-1]
    rows[2]["item_id_list"], rows[2]["title_list"] = [], []
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "in.parquet")
    flags = ["--out", str(tmp_path / "examples"), "--data-out", str(tmp_path / "data"), "--screen", "--json"]
    assert main(["examples", "import", "--table", str(tmp_path / "in.parquet"), *flags]) == 0
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    rejected = pd.read_parquet(tmp_path / "examples" / "rejected.parquet")
    assert rows[0]["response"] in set(rejected["title"])
    assert rejected["reason"].str.startswith("facts: ").all()
    assert summary["unusable"] == 2
    assert summary["rows_in"] == len(rows) == summary["unusable"] + summary["examples"] + summary["rejected"]


def test_a_data_set_saved_and_loaded_is_the_same_examples(folders: tuple[Path, Path], tmp_path: Path) -> None:
    saved, again = str(tmp_path / "saved"), tmp_path / "again"
    assert main(["examples", "push", "--examples", str(folders[1]), "--folder", saved]) == 0
    assert main(["examples", "load", "--folder", saved, "--out", str(again)]) == 0
    before, after = (pd.read_parquet(folder / "examples.parquet") for folder in (folders[1], again))
    order = ["split", "user_id", "ad_id", "as_of"]
    pd.testing.assert_frame_equal(
        before.sort_values(order, ignore_index=True), after.sort_values(order, ignore_index=True)
    )
    shutil.rmtree(saved)


def test_no_data_set_is_a_plain_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["examples", "load", "--folder", str(tmp_path / "none"), "--out", str(tmp_path / "again")]) == 1
    told = capsys.readouterr().err
    assert "no data set can be read" in told
    assert "Traceback" not in told


def test_a_data_set_on_a_hub_is_private_and_comes_back_the_same(folders: tuple[Path, Path], tmp_path: Path) -> None:
    with hub("somebody/titles") as held:
        environment = {**os.environ, "HF_ENDPOINT": held.url, "HF_TOKEN": "hf_secret", "HF_HOME": str(tmp_path / "hf")}
        environment |= {"HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_XET": "1"}

        def call(*words: str) -> subprocess.CompletedProcess[str]:
            command = [sys.executable, "-m", "creator", "examples", *words, "--repo", held.name]
            return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

        pushed = call("push", "--examples", str(folders[1]))
        assert pushed.returncode == 0, pushed.stderr
        assert held.created is not None
        assert held.created.get("private") or held.created.get("visibility") == "private"
        loaded = call("load", "--out", str(tmp_path / "again"))
        assert loaded.returncode == 0, loaded.stderr
    assert "hf_secret" not in pushed.stderr + pushed.stdout + loaded.stderr
    assert held.keys - {""} == {"Bearer hf_secret"}
    before, after = (pd.read_parquet(folder / "examples.parquet") for folder in (folders[1], tmp_path / "again"))
    order = ["split", "user_id", "ad_id", "as_of"]
    pd.testing.assert_frame_equal(
        before.sort_values(order, ignore_index=True), after.sort_values(order, ignore_index=True)
    )

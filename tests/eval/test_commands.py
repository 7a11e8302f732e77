"""`evaluate titles`, `evaluate matching` and `report` on a whole small run with a real (tiny, random) model."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from creator.cli import main
from creator.core.artefacts import open_artefact, write_artefact
from creator.core.data import open_data


def call(line: str) -> int:
    return main(line.split())


def last_json(text: str) -> dict[str, object]:
    return json.loads(text.strip().splitlines()[-1])


@pytest.fixture(scope="session")
def evaluated(whole_run: Path) -> Path:
    """The run with both evaluations."""
    run = whole_run
    assert call(f"evaluate titles --model {run}/model --data {run}/data --examples {run}/examples "
                f"--clusters {run}/clusters --titles {run}/titles --embeddings {run}/embeddings "
                f"--limit 60 --resamples 50 --out {run}/evaluation_titles") == 0  # fmt: skip
    assert call(f"evaluate matching --model {run}/model --data {run}/data --embeddings {run}/embeddings --resamples 50 "
                f"--out {run}/evaluation_matching") == 0  # fmt: skip
    return run


def test_matching_measures_the_impressions_that_training_leaves_out(evaluated: Path) -> None:
    found = json.loads((evaluated / "evaluation_matching" / "summary.json").read_text())
    data = open_data(evaluated / "data")
    assert (data.impressions["timestamp"] >= data.train_until).all()  # the shop shows its ads after the last event
    expected = data.impressions
    pooled = found["campaigns"][0]
    assert pooled["impressions"] == len(expected) > 0
    assert pooled["clicks"] == expected["clicked"].sum()
    assert pooled["baseline"] == 0.5  # these ads name no items, so that the purchase count knows nothing
    assert 0 < pooled["model"] < 1
    assert {row["campaign"] for row in found["campaigns"][1:]} == {"season 0", "season 1", "season 2", "season 3"}
    for name in ("report.html", "calibration.png"):
        assert (evaluated / "evaluation_matching" / name).stat().st_size > 1000


def test_item_vectors_from_the_folder_and_from_the_model_give_the_same_scores(evaluated: Path, tmp_path: Path) -> None:
    assert (
        call(f"evaluate matching --model {evaluated}/model --data {evaluated}/data --resamples 20 --out {tmp_path}/m")
        == 0
    )
    first = json.loads((evaluated / "evaluation_matching" / "summary.json").read_text())["campaigns"][0]["model"]
    again = json.loads((tmp_path / "m" / "summary.json").read_text())["campaigns"][0]["model"]
    assert again == pytest.approx(first, abs=1e-6)


def test_titles_evaluation_holds_every_figure_that_was_asked_for(evaluated: Path) -> None:
    found = json.loads((evaluated / "evaluation_titles" / "summary.json").read_text())
    figures = {figure["key"]: figure for figure in found["figures"]}
    asked = "conditioning perplexity_own perplexity_mean perplexity_shuffled reconstruction_own own_cluster_preference"
    assert list(figures) == [*asked.split(), "distinct_titles", "distinct_leads", "unlike_original"]
    assert figures["reconstruction_own"]["value"] is None  # this vocabulary has no word of a profile
    assert 0.2 < figures["conditioning"]["value"] < 0.8  # random weights know nobody
    assert figures["unlike_original"]["value"] == 1.0
    assert figures["distinct_leads"]["value"] > 0.9
    assert found["lengths"]["published"]["n"] == len(pd.read_parquet(evaluated / "titles" / "titles.parquet")) - 1


def test_the_same_seed_gives_the_same_figures(evaluated: Path, tmp_path: Path) -> None:
    assert call(f"evaluate titles --model {evaluated}/model --data {evaluated}/data --examples {evaluated}/examples "
                f"--limit 60 --resamples 50 --out {tmp_path}/t") == 0  # fmt: skip
    first = json.loads((evaluated / "evaluation_titles" / "summary.json").read_text())["figures"][:4]
    again = json.loads((tmp_path / "t" / "summary.json").read_text())["figures"][:4]
    assert [figure["value"] for figure in again] == pytest.approx([figure["value"] for figure in first], rel=1e-5)


def test_the_report_shows_the_run_without_any_external_request(
    evaluated: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(f"report --run {evaluated} --json") == 0
    printed = capsys.readouterr().out
    page = (evaluated / "report.html").read_text()
    assert not re.search(r'(?:src|href)="(?!#|data:)', page)
    assert "url(" not in page
    assert "&lt;b&gt;&amp; more&lt;/b&gt;" in page
    assert "<b>& more" not in page
    for heading in (
        "Figures",
        "From pairs to titles",
        "Titles",
        "Clusters",
        "Who clicks",
        "Training",
        "Stages",
        "Serve",
    ):
        assert f"<h2>{heading}" in page
    summary = json.loads((evaluated / "summary.json").read_text())
    pairs = pd.read_parquet(evaluated / "pairs" / "pairs.parquet")
    kept = int(pairs["kept"].sum())
    assert summary["funnel"]["steps"] == {
        "pairs scored": len(pairs), "pairs kept": kept, "candidates written": kept + 4, "candidates passed": kept + 1,
        "pairs with a title": kept, "published": 2}  # fmt: skip
    assert summary["funnel"]["rejected_by_reason"] == {"number": 2, "unit": 1}
    shares = [f["value"] for f in summary["figures"] if f["key"] == "prompt_tokens_computed_share"]
    assert shares == [0.25]
    assert last_json(printed)["pairs kept"] == kept
    assert f"serve --store sqlite:///{evaluated}/store.db" in printed


def test_the_suggested_call_names_a_member_of_a_cluster_with_that_title(
    evaluated: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(f"report --run {evaluated}") == 0
    found = re.search(r"user_id=(\S+?)&ad_id=(\S+?)'", capsys.readouterr().out)
    assert found is not None
    assignment = pd.read_parquet(evaluated / "clusters" / "assignment.parquet").set_index("user_id")["cluster_id"]
    titles = pd.read_parquet(evaluated / "titles" / "titles.parquet")
    there = titles[
        (titles["ad_id"] == found[2]) & (titles["cluster_id"] == assignment[found[1]]) & (titles["rank"] == 1)
    ]
    assert len(there) == 1


def test_the_report_takes_whatever_part_of_a_run_exists(whole_run: Path, tmp_path: Path) -> None:
    for part in ("data", "model"):
        (tmp_path / part).symlink_to(whole_run / part)
    assert call(f"report --run {tmp_path}") == 0
    page = (tmp_path / "report.html").read_text()
    assert "<h2>Training" in page
    assert "<h2>Titles" not in page


TITLES = "evaluate titles --data {0}/data --examples {0}/examples"


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("report --run {0}/nowhere", 1, "no run folder"),
        ("report --run {1}", 1, "no finished artefact"),
        ("evaluate matching --data {0}/data --out {1}/x --resamples 3", 2, "expected 20 or more"),
        ("evaluate matching --data {0}/model --out {1}/x", 1, "holds another artefact"),
        (f"{TITLES} --model {{0}}/model --titles {{0}}/titles --out {{1}}/x", 2, "expected both or neither"),
        (f"{TITLES} --model {{0}}/data --out {{1}}/x", 1, "holds another artefact"),
        (f"{TITLES} --model {{0}}/model --out {{0}}/data", 1, "exists already"),
    ],
)
def test_bad_calls_say_what_is_wrong(
    line: str, status: int, said: str, whole_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(line.format(whole_run, tmp_path)) == status
    assert said in capsys.readouterr().err


def test_clusters_of_another_model_are_refused(
    whole_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with write_artefact(tmp_path / "clusters", "clusters", config={}) as draft:
        np.save(draft.path / "centroids.npy", np.zeros((3, 5), dtype=np.float32))
    open_artefact(tmp_path / "clusters", "clusters")
    assert call(f"evaluate titles --model {whole_run}/model --data {whole_run}/data --examples {whole_run}/examples "
                f"--clusters {tmp_path}/clusters --titles {whole_run}/titles --out {tmp_path}/x") == 1  # fmt: skip
    assert "not of this model" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_nothing_to_measure_is_said_and_is_no_failure(whole_run: Path, tmp_path: Path) -> None:
    tables = tmp_path / "tables"
    tables.mkdir()
    for name in ("items.jsonl", "events.csv", "ads.jsonl"):
        (tables / name).write_text((whole_run / "tables" / name).read_text())
    assert call(f"ingest --source tables --path {tables} --out {tmp_path}/data") == 0
    assert call(f"evaluate matching --model {whole_run}/model --data {tmp_path}/data --out {tmp_path}/m") == 0
    found = json.loads((tmp_path / "m" / "summary.json").read_text())
    assert found["figures"] == []
    assert "no impressions" in found["note"]

"""From tables to a served title, with the real engine: every stage, then the service's answer for a real user."""

from __future__ import annotations

import json
import re
import shlex
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pandas as pd
import pytest

from creator.core.artefacts import open_artefact
from creator.core.data import open_data
from creator.facts.text import is_same_title
from creator.facts.verifier import check_title
from creator.pipeline.stages import STAGES
from tests.end_to_end.conftest import Calm
from tests.end_to_end.whole_run import ROOT, published, stages

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]
SECTIONS = [stage.section for stage in STAGES if not stage.optional]


def test_every_stage_ran_and_left_what_the_contract_names(calm: Calm) -> None:
    assert stages(calm.printed) == dict.fromkeys(SECTIONS, True)
    for stage in STAGES:
        if stage.kind and not stage.optional:
            assert open_artefact(calm.run / stage.outputs[0], stage.kind).manifest["rows"]
    summary = json.loads((calm.run / "summary.json").read_text())
    assert summary["ads_with_titles"] > 0
    assert "<html" in (calm.run / "report.html").read_text().lower()
    assert {path.suffix for path in calm.run.iterdir()} <= {"", ".html", ".json", ".db", ".db-wal", ".db-shm"}


def test_what_is_published_passes_the_check_and_is_not_the_original(calm: Calm) -> None:
    ads, titles = open_data(calm.run / "data").ads, published(calm.run)
    assert len(titles) >= 5
    for _, ad_id, title in titles:
        ad = ads[ad_id]  # pyright: ignore[reportArgumentType]
        assert check_title(str(title), ad).publishable
        assert not is_same_title(str(title), ad.title)


def test_the_prefix_cache_did_its_work(calm: Calm) -> None:
    facts = open_artefact(calm.run / "titles", "titles").facts
    submitted, computed = facts["prompt_tokens_submitted"], facts["prompt_tokens_computed"]
    assert 0 < int(str(computed)) < 0.6 * int(str(submitted))


def test_a_second_run_finds_everything_fresh_and_says_the_same_last_words(calm: Calm) -> None:
    started = time.monotonic()
    printed = calm.shop.run(calm.run, "titles.engine=vllm")
    assert stages(printed) == dict.fromkeys(SECTIONS, False)
    assert time.monotonic() - started < 20
    assert printed.endswith(calm.printed[-200:])


def test_faults_of_all_sections_are_told_before_anything_runs(calm: Calm, tmp_path: Path) -> None:
    process = calm.shop.start(tmp_path / "run", "clusters.k=0", "titles.candidates=-1", "model.steps=lots", "x.y=1")
    out, _ = process.communicate()
    assert process.returncode == 2
    for words in (
        "[clusters]: k: got 0",
        "[titles]: candidates: got -1",
        "[model]: steps: got 'lots'",
        "no section [x]",
    ):
        assert words in out
    assert not (tmp_path / "run").exists()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _ask(address: str) -> dict[str, object]:
    for _ in range(300):
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                return json.load(answer)
        except urllib.error.URLError:
            time.sleep(0.1)
    raise AssertionError("the service did not answer")


def test_the_printed_lines_start_the_service_and_get_that_users_title(calm: Calm) -> None:
    serve = next(line for line in calm.printed.splitlines() if " serve --store " in line)
    curl = next(line for line in calm.printed.splitlines() if line.strip().startswith("curl "))
    port = _free_port()
    words = [sys.executable, "-m", "creator", *shlex.split(serve)[1:], "--port", str(port)]
    service = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        address = shlex.split(curl)[1].replace(":8080/", f":{port}/")
        answer = _ask(address)
        assert answer["source"] == "cluster"
        parts = re.search(r"user_id=(\w+)&ad_id=(\w+)", address)
        assert parts is not None
        assignment = pd.read_parquet(calm.run / "clusters/assignment.parquet").set_index("user_id")
        cluster = int(assignment.loc[parts[1], "cluster_id"])  # pyright: ignore
        assert answer["cluster_id"] == cluster
        assert (cluster, parts[2], answer["title"]) in published(calm.run)
    finally:
        service.terminate()
        service.wait(30)

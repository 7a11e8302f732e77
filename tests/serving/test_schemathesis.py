"""Schemathesis reads the OpenAPI document, sends what it allows and what it forbids, and holds every answer to it.

One of its checks is left out, that all the document allows is accepted: a timestamp of the year 980 is refused, and
JSON Schema has no range for a date.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.serving.service import KEY, serve

OPERATIONS = 6
CASES_AT_LEAST = 150


@pytest.mark.slow
def test_nothing_that_is_sent_brings_a_5xx_or_an_answer_that_is_not_as_documented(shop_store: str, tmp_path: Path):
    with serve(shop_store) as service:
        run = subprocess.run(
            [
                Path(sys.executable).with_name("st"), "run", str(service.http.base_url.join("/openapi.json")),
                "--header", f"X-API-Key: {KEY}", "--checks", "all",
                "--exclude-checks", "positive_data_acceptance", "--max-examples", "12", "--seed", "1", "--no-color",
                "--continue-on-failure", "--report", "json,ndjson", "--report-json-path", tmp_path / "run.json",
                "--report-ndjson-path", tmp_path / "run.ndjson",
            ],
            cwd=tmp_path, capture_output=True, text=True, timeout=500,
        )  # fmt: skip
    assert (tmp_path / "run.json").is_file(), run.stdout + run.stderr
    report = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert report["failures"] == [], run.stdout
    assert report["errors"] == [], run.stdout
    assert run.returncode == 0, run.stdout
    assert report["complete"]
    assert report["operations"]["tested"] == OPERATIONS
    assert report["test_cases"]["generated"] >= CASES_AT_LEAST
    answers = Counter(_statuses((tmp_path / "run.ndjson").read_text(encoding="utf-8")))
    assert {"200", "422"} <= answers.keys()  # it got in, and was turned away
    assert [status for status in answers if status.startswith("5")] == []


def _statuses(events: str) -> list[str]:
    """The status of each answer."""
    found: list[str] = []
    for line in events.splitlines():
        event = json.loads(line)
        recorded = event.get("ScenarioFinished", {}).get("recorder", {}).get("interactions", {})
        found += [str(each["response"]["status_code"]) for each in recorded.values() if each.get("response")]
    return found

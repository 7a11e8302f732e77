"""The proof in small: the simulation's claims on fewer runs, and a simulator that has the effect it was told."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest

from creator.cli import main
from eval.experiments.clicker import draw


def test_the_simulator_has_the_lift_and_the_people_it_was_told() -> None:
    source = np.random.default_rng(4)
    samples = [draw(source, 1_000, 4, 0.3) for _ in range(100)]
    rates = [
        sum(s.clicks[-1, s.treated == side].sum() for s in samples)
        / sum(s.exposures[-1, s.treated == side].sum() for s in samples)
        for side in (False, True)
    ]
    assert rates[1] / rates[0] - 1 == pytest.approx(0.3, abs=0.03)
    assert all((np.diff(s.clicks, axis=0) >= 0).all() and (s.clicks <= s.exposures).all() for s in samples)


def test_a_small_proof_keeps_its_promises(tmp_path: Path) -> None:
    call = "experiment simulate --runs 200 --users 600 --days 4 --out"
    assert main([*call.split(), str(tmp_path / "proof")]) == 0
    found = json.loads((tmp_path / "proof" / "summary.json").read_text())
    figures = {figure["key"]: figure for figure in found["figures"]}
    assert figures["sequential_error"]["value"] <= 0.05
    for key, meant in (("false_positives", 0.05), ("coverage", 0.95), ("coverage_effect", 0.95)):
        assert binomtest(round(figures[key]["value"] * 200), 200, meant).pvalue > 0.001, key
    assert figures["naive_peeking"]["value"] > figures["false_positives"]["value"]
    assert "<svg" in (tmp_path / "proof" / "report.html").read_text()

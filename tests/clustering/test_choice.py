from __future__ import annotations

import json

import numpy as np
import pytest

from clustering.choice import Cost, Trial, recommend, try_k
from creator.cli import main
from tests.clustering.conftest import write_embeddings


def groups(count, each=40, width=10, seed=0):
    draw = np.random.default_rng(seed)
    middles = draw.normal(size=(count, width)) * 5
    return (np.repeat(middles, each, axis=0) + draw.normal(size=(count * each, width)) * 0.3).astype(np.float32)


def trial(k, explained, reach=1.0, stability=1.0):
    return Trial(k, 1 - explained, explained, 0.5, 0.6, stability, reach, 10.0 * k, float(k))


def test_true_groups_are_stable_explained_and_reached_and_titles_are_counted():
    rows = groups(6)
    found = try_k(
        rows, 6, metric="euclidean", seeds=[0, 1, 2], floor=0.5, min_size=40, cost=Cost(100, 0.25, 2.0)
    )  # fmt: skip
    middles = rows.reshape(6, 40, -1).mean(axis=1)
    inside = ((rows.reshape(6, 40, -1) - middles[:, None]) ** 2).sum(axis=2).mean()
    assert found.inertia_per_user == pytest.approx(inside, rel=1e-3)
    assert found.explained == pytest.approx(1 - inside / ((rows - rows.mean(axis=0)) ** 2).sum(axis=1).mean(), rel=1e-4)
    assert (found.stability, found.reach, found.pairs, found.cost_s) == (1.0, 1.0, 150.0, 300.0)


def test_clusters_below_the_least_size_reach_nobody():
    rows = groups(6)
    assert try_k(rows, 6, metric="cosine", seeds=[0, 1], floor=None, min_size=41, cost=Cost(1, 1, 1)).reach == 0


def test_the_knee_is_recommended():
    chosen, reason = recommend([trial(2, 0.2), trial(4, 0.6), trial(8, 0.9), trial(16, 0.92), trial(32, 0.93)])
    assert chosen == 8
    assert "90.0% of the variance explained for 80 titles" in reason


def test_k_that_lose_users_are_left_out_and_unstable_ones_are_named():
    trials = [trial(2, 0.2), trial(4, 0.6, stability=0.3), trial(8, 0.65), trial(16, 0.99, reach=0.5)]
    chosen, reason = recommend(trials)
    assert chosen == 4
    assert "1 values of K reach too few users" in reason
    assert "another seed would group users differently (adjusted Rand index 0.30)" in reason


def test_the_command_finds_the_number_of_groups_and_draws_one_picture(tmp_path, capsys):
    rows = groups(6)
    embeddings = write_embeddings(tmp_path / "e", rows, [f"u{n}" for n in range(len(rows))])
    call = ["choose-k", "--embeddings", str(embeddings), "--out", str(tmp_path / "c"), "--ads", "50", "--seeds", "2"]
    assert main([*call, "--min-size", "2", "-k", "4", "6", "12", "24", "--json"]) == 0
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    content = json.loads((tmp_path / "c" / "choice.json").read_text())
    assert summary["recommended_k"] == content["recommended_k"] == 6
    assert [found["k"] for found in content["trials"]] == [4, 6, 12, 24]
    assert (tmp_path / "c" / "choice.png").read_bytes()[:4] == b"\x89PNG"


def test_all_faults_are_listed_and_too_few_users_are_told(tmp_path, capsys):
    embeddings = write_embeddings(tmp_path / "e", groups(1, each=3), ["a", "b", "c"])
    call = ["choose-k", "--embeddings", str(embeddings), "--out", str(tmp_path / "c")]
    assert main([*call, "-k", "0", "--seeds", "1", "--kept-share", "2", "--floor", "7"]) == 2
    assert "4 faults" in capsys.readouterr().err
    assert main([*call, "-k", "9"]) == 1
    assert "too few users for any K; got: 3 usable users; expected: at least 9" in capsys.readouterr().err

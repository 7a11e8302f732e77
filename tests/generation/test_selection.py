"""The gate, the scores and the ranking on answers written by hand."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from creator.engine.spread import Spread
from creator.facts.verifier import check_title
from creator.generation import scoring, selection
from creator.generation.gate import Gate
from creator.generation.options import GenerateOptions
from creator.generation.pairs import Audience, Pair
from creator.generation.titles_table import REJECTED, TITLES
from creator.generation.writer import Answer
from creator.models.creative import Branch, Row
from tests.models.tiny import AD, OTHER_AD, title_logprobs

SOFT = np.random.default_rng(3).normal(size=(2, 64)).astype(np.float32)
MEAN = SOFT.mean(0)
HERE = Spread()
PAIRS = [Pair(0, 0, AD), Pair(1, 1, AD), Pair(1, 1, OTHER_AD)]
GOOD = ["Chalk bag for climbing", "Landing net for fishing"]


def select_titles(options, model, pairs, which, soft, mean, folder, gate=None, standing=None):
    return selection.select_titles(
        options, model, gate or Gate(), pairs, which, Audience(soft, mean), folder, HERE, standing
    )


def answers(*texts, finish="stop"):
    return [Answer(text, -3.5, finish) for text in texts]


ANSWERS = {
    "0/a1": answers(GOOD[0], f"  {GOOD[0].replace(' ', '  ')}\n", "", "arven outdoor sale 20% OFF selected gear!"),
    "1/a1": [*answers(GOOD[1], "Chalk bag: 50% off"), *answers("Chalk bag for", finish="length")],
    "1/a2": answers("Korrik waterproof boots, 30% off"),
}


@pytest.fixture
def options(tmp_path):
    return GenerateOptions(model=tmp_path, data=tmp_path, clusters=tmp_path, pairs=tmp_path, out=tmp_path, seed=5)


@pytest.mark.parametrize(
    ("title", "finish", "reason"),
    [
        ("", "stop", "empty"),
        ("", "length", "empty"),
        (GOOD[0], "length", "runs on: no end within the longest title"),
        (AD.title, "stop", "the original title again"),
        ("ARVEN outdoor sale - 20% off selected gear", "stop", "the original title again"),
        ("Chalk bag: 50% off", "stop", "not supported by the ad: number"),
        (GOOD[0], "stop", ""),
    ],
)
def test_reasons_for_refusal(title, finish, reason):
    assert Gate().refusal(title, AD, check_title(title, AD), finish) == reason


def test_what_passes_is_scored_and_ranked_and_what_does_not_has_its_reason(world, options, tmp_path):
    titles, rejected = select_titles(options, world.model, PAIRS, ANSWERS, SOFT, MEAN, tmp_path)
    assert sorted(zip(titles["cluster_id"], titles["ad_id"], titles["title"], titles["rank"], strict=True)) == [
        (0, "a1", GOOD[0], 1),
        (1, "a1", GOOD[1], 1),
    ]
    refused = list(zip(rejected["cluster_id"], rejected["ad_id"], rejected["title"], rejected["reason"], strict=True))
    assert [row[:3] for row in refused] == [
        (0, "a1", ""),
        (0, "a1", "arven outdoor sale 20% OFF selected gear!"),
        (1, "a1", "Chalk bag: 50% off"),
        (1, "a1", "Chalk bag for"),
        (1, "a2", "Korrik waterproof boots, 30% off"),
    ]
    reasons = [row[3] for row in refused]
    assert reasons[:2] == ["empty", "the original title again"]
    assert reasons[2].startswith("not supported by the ad: ")
    assert reasons[3] == "runs on: no end within the longest title"
    assert "number" in reasons[4]
    assert (rejected["rank"] == 0).all()
    assert (rejected["logprob"] == -3.5).all()
    # the engine's answers are under its own sampling; scores are the model's, under the centroid and the mean user
    prompt = world.model.prompts.prompt(AD)
    for row in titles.itertuples():
        answer = world.model.prompts.title(row.title)
        plain = [Row(prompt.before, [Branch(n, prompt.after, answer)]) for n in (0, 1)]
        own, mean = title_logprobs(
            world.model.creative.base, plain, torch.from_numpy(np.stack([SOFT[row.cluster_id], MEAN]))
        ).tolist()
        assert row.logprob == pytest.approx(own, rel=1e-5)
        assert row.personalisation == pytest.approx(own - mean, abs=1e-3)
        name = hashlib.sha256(f"a1\x1f{row.cluster_id}\x1f{row.title}".encode()).hexdigest()[:16]
        assert row.title_id == f"t{name}"
        assert json.loads(row.provenance) == {
            "engine": "vllm", "seed": 5, "temperature": 0.7, "top_p": 0.95, "candidates": 4,
            "contrast": 0.0}  # fmt: skip
    number = json.loads(rejected["findings"][2])
    assert any(f["kind"] == "number" and f["claim"].startswith("50") for f in number)


def test_scores_are_kept_for_the_next_call_but_only_for_the_same_titles(world, options, tmp_path, monkeypatch):
    calls, score = [], scoring.score_titles
    monkeypatch.setattr(scoring, "score_titles", lambda model, rows: calls.append(len(rows)) or score(model, rows))
    monkeypatch.setattr(selection, "SCORED_AT_ONCE", 1)

    def select(which, folder=tmp_path):
        return select_titles(options, world.model, PAIRS, which, SOFT, MEAN, folder)[0]

    first = select(ANSWERS)
    assert calls == [4]  # two titles of one ad, each under its centroid and under the mean user
    lines = (tmp_path / selection.JOURNAL).read_text().splitlines(keepends=True)
    assert len(lines) == 2
    (tmp_path / selection.JOURNAL).write_text(lines[0] + lines[1][:20])  # a kill while the second was written
    again = select(ANSWERS)
    assert calls == [4, 2]
    pd.testing.assert_frame_equal(again, first, rtol=1e-5, atol=1e-5)
    # the gate lets another title of a pair through: what was scored of it before is not its own
    changed = {**ANSWERS, "0/a1": answers("Landing net for fishing and a chalk bag")}
    other = select(changed)
    assert calls == [4, 2, 2]
    (tmp_path / "fresh").mkdir()
    fresh = select(changed, tmp_path / "fresh")
    pd.testing.assert_frame_equal(other, fresh, rtol=1e-5, atol=1e-5)


def test_a_title_that_several_clusters_have_is_scored_once_under_the_mean_user(world, options, tmp_path, monkeypatch):
    calls, score = [], scoring.score_titles
    monkeypatch.setattr(scoring, "score_titles", lambda model, rows: calls.append(rows) or score(model, rows))
    same = {key: answers(GOOD[0]) for key in ("0/a1", "1/a1")}
    titles, _ = select_titles(options, world.model, PAIRS[:2], same, SOFT, MEAN, tmp_path)
    assert [len(rows) for rows in calls] == [3]
    assert sum(np.array_equal(row.soft_token, MEAN) for row in calls[0]) == 1
    means = titles["logprob"] - titles["personalisation"]
    assert means.iloc[0] == pytest.approx(means.iloc[1], abs=1e-9)


def test_a_title_that_stands_is_kept_and_the_ads_new_titles_differ_from_it(world, options, tmp_path, monkeypatch):
    monkeypatch.setattr(scoring, "score_titles", lambda _, rows: np.zeros(len(rows)))
    row = dict.fromkeys(TITLES.names, "") | {"cluster_id": 0, "ad_id": "a1", "title": GOOD[0], "rank": 1}
    titles, _ = select_titles(
        options, world.model, PAIRS[1:2], {"1/a1": answers(*GOOD)}, SOFT, MEAN, tmp_path,
        standing={"0/a1": [row]},
    )  # fmt: skip
    assert list(zip(titles["cluster_id"], titles["title"], titles["rank"], strict=True)) == [
        (1, GOOD[1], 1),
        (1, GOOD[0], 2),
        (0, GOOD[0], 1),
    ]


def test_no_pair_gives_two_empty_tables_with_their_columns(world, options, tmp_path):
    titles, rejected = select_titles(options, world.model, [], {}, SOFT, MEAN, tmp_path)
    assert (list(titles), len(titles)) == (TITLES.names, 0)
    assert (list(rejected), len(rejected)) == (REJECTED.names, 0)


def test_a_title_whose_lead_suits_the_cluster_goes_first_where_the_model_was_trained_to_choose(
    world, options, tmp_path, monkeypatch
):
    model = world.model
    monkeypatch.setattr(model, "config", replace(model.config, choice=True))
    monkeypatch.setattr(scoring, "score_titles", lambda _, rows: np.zeros(len(rows)))
    words = model.creative.base.get_input_embeddings().weight.detach().numpy()
    encode = model.creative.tokenizer.encode
    means = [words[encode(" " + point, add_special_tokens=False)].mean(0) for point in AD.selling_points]
    (tmp_path / "none").mkdir()
    both = answers(*GOOD)
    for lead in (0, 1):  # a cluster whose soft token is the words of one point
        soft = np.stack([means[lead], means[1 - lead]]).astype(np.float32)
        titles, _ = select_titles(
            options, model, [PAIRS[0], PAIRS[2]], {"0/a1": both, "1/a2": both}, soft, soft.mean(0), tmp_path / "none"
        )
        assert titles["title"].tolist() == [GOOD[lead], GOOD[1 - lead]]
        assert (titles["personalisation"] == 0).all()

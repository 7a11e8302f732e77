"""What the User Interest Decoder gets back: counted by hand, and from a small model that learnt four profiles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from eval.titles_reconstruction import phrases, profile_rows, reconstruction_figures, regained

PROFILES = [
    '{"long_term": ["red rope", "chalk bag"], "short_term": ["belay glove"]}',
    '{"long_term": ["bike pump", "chain oil"], "short_term": ["bike pump"]}',
    '{"long_term": ["camp stove", "tent peg set"], "short_term": ["water filter"]}',
    '{"long_term": ["fly box", "landing net"], "short_term": ["reel case"]}',
]


def test_phrases_are_the_strings_of_the_profile_without_keys_and_unfinished_ones() -> None:
    assert phrases(PROFILES[1]) == {"bike pump", "chain oil"}
    assert phrases('{"long_term": ["Red  ROPE", "", "chalk b') == {"red rope"}
    assert phrases("no json at all") == frozenset()


def test_the_share_regained_is_counted_for_each_profile() -> None:
    asked = [frozenset({"a", "b"}), frozenset({"c"}), frozenset({"d", "e", "f", "g"})]
    written = [frozenset({"b", "x"}), frozenset({"c"}), frozenset[str]()]
    assert regained(asked, written).tolist() == [0.5, 1.0, 0.0]


def test_one_row_is_asked_of_each_user_and_moment_that_has_a_profile() -> None:
    moments = np.array([[1, 5.0], [1, 5.0], [1, 6.0], [2, 5.0], [3, 5.0]])
    assert profile_rows(["p", "p", "q", "", "r"], moments, 10, 1) == [0, 2, 4]
    some = profile_rows(["p", "p", "q", "", "r"], moments, 2, 1)
    assert len(some) == 2
    assert set(some) < {0, 2, 4}


def test_a_decoder_that_learnt_profiles_gets_back_the_own_and_not_those_of_the_mean_user(tmp_path: Path) -> None:
    from creator.models.checkpoint import build_model
    from creator.models.config import ModelConfig
    from creator.models.creative import Branch, Row, RowBatch
    from creator.models.new_llm import make_llm

    torch.manual_seed(1)
    make_llm(tmp_path / "llm", PROFILES, width=64, layers=1, vocabulary=300, seed=1)
    model = build_model(ModelConfig(history=5, profile_instruction="Profile: ", profile_tokens=96, match_width=8),
                        item_folder=tmp_path / "llm", creative_folder=tmp_path / "llm", user_layers=1)  # fmt: skip
    users = torch.eye(4, model.user.width) * 8
    instruction = model.prompts.profile_prompt()
    batch = RowBatch.of([Row((), [Branch(n, instruction, model.prompts.profile(text))])
                         for n, text in enumerate(PROFILES)])  # fmt: skip
    trained = [*model.creative.parameters()]
    optimiser = torch.optim.Adam(trained, lr=5e-3)
    for _ in range(120):
        loss = model.creative.loss(batch, model.creative.profile_projector(users))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    model.eval()
    figures = reconstruction_figures(model, PROFILES, users.numpy(), np.arange(4), users.mean(0).numpy(),
                                     resample_count=50, seed=1)  # fmt: skip
    own, mean, gain = (figure.value for figure in figures)
    assert own == 1.0
    assert mean is not None
    assert mean <= 0.25  # one text cannot hold the phrases of more than one of four users who share none
    assert gain == pytest.approx(own - mean)
    assert figures[0].n == 4


def test_profiles_without_a_phrase_are_said_and_not_counted(tmp_path: Path) -> None:
    from creator.models.checkpoint import build_model
    from creator.models.config import ModelConfig
    from creator.models.new_llm import make_llm

    make_llm(tmp_path / "llm", PROFILES, width=64, layers=1, vocabulary=300, seed=1)
    model = build_model(ModelConfig(match_width=8), item_folder=tmp_path / "llm", creative_folder=tmp_path / "llm",
                        user_layers=1)  # fmt: skip
    nobody = np.zeros((1, 64), np.float32)
    (found,) = reconstruction_figures(model, ["{}"], nobody, np.arange(1), nobody[0], resample_count=50, seed=1)
    assert found.value is None
    assert found.what.startswith("Not computed")

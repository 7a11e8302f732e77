"""Contrast by hand, and the rows of vLLM's batch that are steered: each against its own other, the rest untouched."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from creator.engine.contract import SamplingSettings
from creator.engine.folder import ModelFolder
from creator.engine.steering import contrasted
from creator.engine.vllm_steering import Steered, SteeredRow

OWN, OTHER = torch.tensor([[0.6, 0.3, 0.07, 0.03]]).log(), torch.tensor([[0.6, 0.1, 0.2, 0.1]]).log()


def steered(weight: float) -> Steered:
    made = Steered(ModelFolder(Path(), 4, 16, (0,), 2, None))
    made.begin(SamplingSettings(contrast=weight))
    return made


def test_contrast_by_hand() -> None:
    got = contrasted(OWN, OTHER, 1.0)[0]
    # 0.36 / 0.6, 0.09 / 0.1, 0.0049 / 0.2; the last is below a tenth of 0.6
    assert got[:3].exp().tolist() == pytest.approx([0.6, 0.9, 0.0245], rel=1e-5)
    assert got[3] == -math.inf
    assert contrasted(OWN, OTHER, 0.0)[0][:3].exp().tolist() == pytest.approx([0.6, 0.3, 0.07], rel=1e-5)
    # what both logits have in common changes nothing
    torch.testing.assert_close(contrasted(OWN + 7, OTHER - 3, 1.0), contrasted(OWN, OTHER, 1.0))


def test_both_rows_of_a_pair_get_the_same_scores_and_the_others_none() -> None:
    plain = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    logits = torch.cat([OTHER, plain, OWN, OWN + 1, OTHER + 1])
    rows = {
        2: SteeredRow(5, False, [7, 8]),
        0: SteeredRow(5, True, [7, 8]),
        3: SteeredRow(6, False, []),
        4: SteeredRow(6, True, []),
    }
    got = steered(1.0).steer(logits.clone(), rows)
    wanted = contrasted(OWN, OTHER, 1.0)[0]
    for place in (0, 2, 3, 4):
        torch.testing.assert_close(got[place], wanted)
    torch.testing.assert_close(got[1], plain[0])


@pytest.mark.parametrize(
    "rows",
    [
        {0: SteeredRow(5, False, [7]), 1: SteeredRow(5, True, [])},
        {0: SteeredRow(5, False, [7])},
        {0: SteeredRow(5, False, [7]), 1: SteeredRow(6, True, [7])},
    ],
    ids=["at another token", "alone", "of another row"],
)
def test_rows_out_of_step_are_not_weighed_against_each_other(rows: dict[int, SteeredRow]) -> None:
    with pytest.raises(RuntimeError, match="out of step"):
        steered(1.0).steer(torch.cat([OWN, OTHER]), rows)

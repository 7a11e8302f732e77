"""The comparison of the match head with the purchase count, on worlds whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from eval.heldout import HeldOut
from eval.matching import POOLED, calibration, compare, matching_figures


def world(users: int = 60, ads: int = 8, seed: int = 1) -> tuple[HeldOut, np.ndarray]:
    """Every user sees every ad; a click follows a known probability, which is returned beside the impressions."""
    draw = np.random.default_rng(seed)
    owner, ad = np.repeat(np.arange(users), ads), np.tile(np.arange(ads), users)
    truth = draw.random(len(owner)) ** 2
    campaigns = np.where(ad < 2, "small", "big").astype(object)
    held = HeldOut(owner, ad, np.zeros(len(owner)), draw.random(len(owner)) < truth, campaigns, 0)
    return held, truth


def test_the_table_starts_with_all_campaigns_and_then_the_largest() -> None:
    held, truth = world()
    rows = compare(held, truth, None, resample_count=40, seed=0)
    assert [row.campaign for row in rows] == [POOLED, "big", "small"]
    assert [row.impressions for row in rows] == [480, 360, 120]
    assert [row.users for row in rows] == [60, 60, 60]
    assert [row.ads for row in rows] == [8, 6, 2]
    assert rows[0].clicks == held.clicked.sum()
    assert rows[0].model is None


def test_a_head_that_knows_the_truth_is_above_a_blind_baseline_beyond_the_interval() -> None:
    held, truth = world()
    blind = np.zeros(len(held))
    rows = compare(held, blind, truth, resample_count=200, seed=0)
    assert rows[0].baseline.value == 0.5
    gain, low, high = rows[0].gain
    assert rows[0].model is not None
    assert gain == pytest.approx(rows[0].model.value - 0.5)
    assert low is not None
    assert high is not None
    assert 0.1 < low < gain < high
    figures = {figure.key: figure for figure in matching_figures(rows, len(held))}
    assert figures["matching_auc"].reached
    assert figures["matching_auc_baseline"].value == 0.5


def test_calibration_of_the_true_probabilities_lies_inside_its_intervals() -> None:
    held, truth = world(users=1500)
    bins = calibration(truth, held.clicked)
    assert sum(found.n for found in bins) == len(held)
    inside = [found.low <= found.predicted <= found.high for found in bins]
    assert sum(inside) >= 8
    assert [found.predicted for found in bins] == sorted(found.predicted for found in bins)


def test_the_interval_of_one_clicked_impression_is_wilsons() -> None:
    """n = 1, p = 1: from 1 / (1 + z squared), z = 1.96, to 1."""
    (found,) = calibration(np.array([0.2]), np.array([True]))
    assert found.low == pytest.approx(1 / (1 + 1.96**2), abs=1e-4)
    assert found.high == 1.0

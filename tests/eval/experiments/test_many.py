"""Corrections and shrinkage against hand arithmetic, published tables and scipy."""

from __future__ import annotations

import numpy as np
import pytest

from eval.experiments.checks import sample_ratio
from eval.experiments.many import benjamini_hochberg, between_variance, holm, shrink


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.02, 0.03, 0.04, 0.05]) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])
    assert holm([0.9, 0.004, 0.5]) == pytest.approx([1.0, 0.012, 1.0])


def test_benjamini_and_hochbergs_own_example_finds_four() -> None:
    """The 15 p-values of their paper (1995, section 3.2): four are found at 5%, Bonferroni finds three."""
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528,
         0.7590, 1.0]  # fmt: skip
    assert (benjamini_hochberg(p) <= 0.05).sum() == 4
    assert (holm(p) <= 0.05).sum() == 3
    assert len(benjamini_hochberg([])) == 0


def test_between_variance_of_the_bcg_trials_is_the_published_one() -> None:
    """Thirteen vaccine trials (Colditz et al. 1994), DerSimonian-Laird: tau^2 = 0.3088, mean = -0.7141 (metafor)."""
    y = [-0.8893, -1.5854, -1.3481, -1.4416, -0.2175, -0.7861, -1.6209, 0.0120, -0.4694, -1.3713, -0.3394, 0.4459,
         -0.0173]  # fmt: skip
    v = [0.3256, 0.1946, 0.4154, 0.0200, 0.0512, 0.0069, 0.2230, 0.0040, 0.0564, 0.0730, 0.0124, 0.5325, 0.0714]
    spread, mean = between_variance(y, np.sqrt(v))
    assert spread == pytest.approx(0.3088, abs=5e-4)
    assert mean == pytest.approx(-0.7141, abs=5e-4)


def test_shrinking_beats_the_estimates_and_pure_noise_shrinks_to_its_mean() -> None:
    draw = np.random.default_rng(1)
    truth = draw.normal(0.02, 0.05, 400)
    errors = draw.uniform(0.02, 0.15, 400)
    seen = truth + draw.normal(0, errors)
    drawn = shrink(seen, errors)
    assert ((drawn - truth) ** 2).mean() < 0.4 * ((seen - truth) ** 2).mean()
    best = np.argsort(seen)[-20:]
    assert abs((drawn - truth)[best].mean()) < 0.2 * (seen - truth)[best].mean()
    assert shrink([0.1, 0.1], [0.5, 0.5]) == pytest.approx([0.1, 0.1])
    assert shrink([0.3], [0.1]) == pytest.approx([0.3])


def test_the_sample_ratio_check_gives_the_published_value() -> None:
    """Kohavi, Tang and Xu, "Trustworthy Online Controlled Experiments" (2020), ch. 21: 821,588 and 815,482 users."""
    assert sample_ratio({"a": 821_588, "b": 815_482}, {"a": 1, "b": 1}) == pytest.approx(1.8e-6, rel=0.03)
    assert sample_ratio({"a": 50}, {"a": 1, "b": 1}) < 1e-10

"""Conditioning, own-cluster preference and distinctness, with a scorer whose preferences are known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from creator.core.records import Ad, AdId
from eval.distinctness import novelty_figure, spread_figures, spreads
from eval.figures import Figure
from eval.titles import (
    cluster_pairs,
    contrasts,
    own_cluster_figure,
    own_cluster_outcomes,
    preference,
    read_titles,
    reading_figures,
)

Floats = npt.NDArray[np.float32]
ADS = {
    AdId("x"): Ad(AdId("x"), "Gear sale", "", ("rope for climbing", "tent for camping")),
    AdId("y"): Ad(AdId("y"), "Bike sale", "", ("pump for cycling",)),
}
EXAMPLES = pd.DataFrame(
    [
        ("u1", "x", "Rope: gear sale"),
        ("u2", "x", "Tent: gear sale"),
        ("u3", "x", "rope:  GEAR sale"),  # u1's words again
        ("u1", "x", "Tent: gear sale"),
        ("u4", "y", "Pump: bike sale"),  # nobody else's title differs
    ],
    columns=["user_id", "ad_id", "title"],
)


def likes(requests: Sequence[tuple[Ad, Floats, str]]) -> npt.NDArray[np.float64]:
    """A soft token is (love of ropes, love of tents): a title's log-probability is how well it is loved."""
    return np.array([float(soft[0 if "rope" in title.casefold() else 1]) - 10.0 for _, soft, title in requests])


def test_each_title_is_set_against_another_users_different_title_of_the_same_ad() -> None:
    drawn = contrasts(EXAMPLES, 100, seed=3)
    assert sorted(drawn.own.tolist()) == [0, 1, 2, 3]
    for own, other in zip(drawn.own, drawn.other, strict=True):
        mine, theirs = EXAMPLES.iloc[own], EXAMPLES.iloc[other]
        assert mine["ad_id"] == theirs["ad_id"]
        assert mine["user_id"] != theirs["user_id"]
        assert mine["title"].casefold().split() != theirs["title"].casefold().split()


def test_the_drawing_is_the_same_for_a_seed_and_stops_at_its_limit() -> None:
    first, again = contrasts(EXAMPLES, 2, seed=3), contrasts(EXAMPLES, 2, seed=3)
    assert first.own.tolist() == again.own.tolist()
    assert first.other.tolist() == again.other.tolist()
    assert len(first.own) == 2


def test_preference_counts_ties_half() -> None:
    assert preference(np.array([2.0, 1.0, 1.0]), np.array([1.0, 2.0, 1.0])).tolist() == [1.0, 0.0, 0.5]


def measured(softs: Floats) -> dict[str, Figure]:
    drawn = contrasts(EXAMPLES, 100, seed=3)
    reading = read_titles(EXAMPLES, drawn, ADS, softs, softs.mean(axis=0), likes, lambda title: len(title.split()))
    return {figure.key: figure for figure in reading_figures(reading, 100, 1)}


def test_conditioning_is_one_when_every_user_loves_the_title_they_got() -> None:
    loves = np.array([[1, 0], [0, 1], [1, 0], [0, 1], [0, 0]], dtype=np.float32)
    figures = measured(loves)
    assert figures["conditioning"].value == 1.0
    assert figures["conditioning"].n == 4
    assert figures["perplexity_own"].value < figures["perplexity_mean"].value
    # every own title has log-probability -9 and three words
    assert figures["perplexity_own"].value == pytest.approx(np.exp(9 / 3))


def test_conditioning_is_a_half_when_the_soft_token_says_nothing() -> None:
    figures = measured(np.ones((5, 2), dtype=np.float32))
    assert figures["conditioning"].value == 0.5
    assert figures["perplexity_own"].value == pytest.approx(figures["perplexity_shuffled"].value)


def test_without_contrasts_the_figure_says_that_it_was_not_computed() -> None:
    (figure,) = reading_figures(None, 100, 1)
    assert figure.value is None
    assert figure.reached is None


PUBLISHED = pd.DataFrame(
    [(0, "x", "Rope: gear sale"), (1, "x", "Tent: gear sale"), (2, "x", "rope: gear SALE"), (0, "y", "Bike sale")],
    columns=["cluster_id", "ad_id", "title"],
)


def test_pairs_are_those_of_one_ad_with_different_words() -> None:
    assert cluster_pairs(PUBLISHED, 100, seed=1) == [(0, 1), (1, 2)]
    assert len(cluster_pairs(PUBLISHED, 1, seed=1)) == 1


def test_own_cluster_preference_weighs_both_titles_together() -> None:
    softs = np.array([[3, 2], [1, 2], [0, 5]], dtype=np.float32)
    pairs = cluster_pairs(PUBLISHED, 100, seed=1)
    # (0, 1): 3 + 2 for own against 2 + 1 swapped; (1, 2): tent|1 2 + rope|2 0 against tent|2 5 + rope|1 1
    assert own_cluster_outcomes(PUBLISHED, pairs, ADS, softs, likes).tolist() == [1.0, 0.0]


def test_own_cluster_preference_without_pairs_is_not_computed() -> None:
    outcomes = own_cluster_outcomes(PUBLISHED, [], ADS, np.zeros((3, 2), dtype=np.float32), likes)
    figure = own_cluster_figure(outcomes, np.empty(0, dtype=np.int64), 100, 1)
    assert figure.value is None
    assert "Not computed" in figure.what


def test_distinctness_asks_for_different_titles_that_lead_with_different_points() -> None:
    rows = [
        *PUBLISHED.itertuples(index=False, name=None),
        (1, "y", "Pump for you: bike sale"),
        (2, "y", "Pump: bike sale"),
    ]
    found = spreads(pd.DataFrame(rows, columns=PUBLISHED.columns), ADS)
    assert [(ad.ad_id, ad.clusters, ad.titles, ad.leads) for ad in found] == [("x", 3, 2, 2), ("y", 3, 3, 1)]
    figures = {figure.key: figure.value for figure in spread_figures(found, 50, 1)}
    assert figures == {"distinct_titles": 1.0, "distinct_leads": 0.5}


def test_a_title_that_repeats_the_original_is_found() -> None:
    figure = novelty_figure(PUBLISHED, ADS)
    assert figure.value == 0.75
    assert figure.reached is False

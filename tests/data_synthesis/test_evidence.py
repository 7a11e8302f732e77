import math

import numpy as np
import pandas as pd
import pytest

from data_synthesis.evidence import build_evidence

ITEMS = pd.DataFrame(
    {
        "item_id": list("abcde"),
        "title": ["Orange juice, 64 oz", "Apple juice, 64 oz", "Strawberries, 1 lb", "Corn chips", "Canned corn"],
        "description": ["", "", "Fresh fruit", "", ""],
    }
)
EVENTS = np.array([10, 20, 10, 30, 30])
POINTS = ["apple juice", "often bought with strawberries", "corn", "60% of buyers", "juice for breakfast"]


def window(*rows: int) -> np.ndarray:
    return np.array(rows, dtype=np.int32)


def test_half_a_phrase_is_no_evidence() -> None:
    _, counts = build_evidence(ITEMS, EVENTS, POINTS).measure([window(0, 0, 0), window(1, 0)])
    assert counts[:, 0].tolist() == [0, 1]


def test_a_companion_is_matched_by_what_is_named_in_it() -> None:
    _, counts = build_evidence(ITEMS, EVENTS, POINTS).measure([window(2, 2, 3)])
    assert counts[0, 1] == 2


def test_a_single_word_matches_only_what_a_text_is_about() -> None:
    _, counts = build_evidence(ITEMS, EVENTS, POINTS).measure([window(3), window(4)])
    assert counts[:, 2].tolist() == [0, 1]


def test_what_is_left_of_a_figure_names_nothing() -> None:
    _, counts = build_evidence(ITEMS, EVENTS, POINTS).measure([window(0, 1, 2, 3, 4)])
    assert counts[0, 3] == 0


def test_a_point_that_no_text_holds_whole_is_matched_by_its_phrases() -> None:
    _, counts = build_evidence(ITEMS, EVENTS, POINTS).measure([window(0, 1, 2)])
    assert counts[0, 4] == 2


def test_the_score_is_the_rarity_of_the_events_beyond_the_usual_ones() -> None:
    scores, _ = build_evidence(ITEMS, EVENTS, POINTS).measure([window(1, 1, 2), window(2, 2)])
    # 20 of 100 events are apple juice: each weighs ln 5, and three average events would bring 0.6 of them
    assert scores[0, 0] == pytest.approx((2 - 3 * 0.2) * math.log(5), rel=1e-5)
    assert scores[1, 0] == 0


def test_no_windows_and_no_points_are_measured_as_empty_tables() -> None:
    scores, counts = build_evidence(ITEMS, EVENTS, []).measure([window(0)])
    assert scores.shape == counts.shape == (1, 0)
    assert build_evidence(ITEMS, EVENTS, POINTS).measure([])[0].shape == (0, 5)

"""What a title leads with, and when two titles are the same."""

from __future__ import annotations

import pytest

from creator.core.records import Ad, AdId
from creator.facts.leads import content_words, leading_point
from eval.wording import lengths, same_wording

ROPE = Ad(AdId("a"), "Arven sale", "", ("climbing ropes for beginners", "camp stove for two", "20% off selected gear"))


@pytest.mark.parametrize(
    ("title", "leader"),
    [
        ("Climbing rope from Arven, 20% off", 0),
        ("20% off selected gear: camp stove and rope", 2),
        ("Arven camp stove beside a rope", 1),
        ("Arven sale", None),
        ("", None),
    ],
)
def test_the_point_whose_words_come_first_leads(title: str, leader: int | None) -> None:
    assert leading_point(title, ROPE) == leader


def test_of_two_points_that_start_alike_the_one_followed_further_leads() -> None:
    dogs = Ad(AdId("d"), "Sale", "", ("dog treats", "dog biscuits", "dog"))
    assert leading_point("Dog biscuits: sale on dog treats", dogs) == 1
    assert leading_point("Dog: sale on dog treats", dogs) == 2


def test_of_two_points_that_start_alike_and_end_there_the_rest_of_the_title_decides() -> None:
    shoes = Ad(AdId("s"), "Sale", "", ("shoes for trails", "shoes for roads"))
    assert leading_point("Shoes made for roads", shoes) == 1


def test_an_ad_without_points_has_no_leader() -> None:
    assert leading_point("Anything", Ad(AdId("n"), "t", "")) is None


def test_content_words_fold_case_and_plural_and_drop_function_words() -> None:
    assert content_words("The Ropes of Glass & a DRESS") == ["rope", "glass", "dress"]


def test_titles_are_the_same_but_for_case_and_space() -> None:
    assert same_wording("Big  Sale ", "big sale")
    assert not same_wording("Big sale", "Big sales")


def test_lengths_are_percentiles_by_hand() -> None:
    found = lengths(["a b", "a b c", "a b c d"])
    assert found is not None
    assert found.words == pytest.approx((2.1, 3.0, 3.9))
    assert found.characters == pytest.approx((3.2, 5.0, 6.8))
    assert lengths([]) is None

import json

import numpy as np
import pandas as pd

from data_synthesis.profile import find_interests

THINGS = ["chalk bag", "bike pump", "tent peg set", "fly box", "race belt", "camp stove"]
BRANDS = ["Arven", "Korrik", "Tolm"]
ITEMS = pd.DataFrame(
    {
        "item_id": [f"i{n}" for n in range(18)],
        "title": [f"{brand} {thing}" for thing in THINGS for brand in BRANDS],
        "description": "",
    }
)
EVENTS = np.ones(18, dtype=np.int64)


def test_an_item_is_named_by_the_phrase_that_recurs_without_its_brand() -> None:
    interests = find_interests(ITEMS, EVENTS)
    assert [interests.phrases[code] for code in interests.phrase_of_item[::3]] == THINGS


def test_the_most_frequent_kind_comes_first_and_the_recent_fifth_is_apart() -> None:
    interests = find_interests(ITEMS, EVENTS)
    (profile,) = interests.profiles([np.array([0, 1, 2, 0, 3, 4, 5, 6, 9, 9], dtype=np.int32)])
    assert profile.long_term[:2] == (("chalk bag", 4), ("bike pump", 3))
    assert profile.short_term == (("fly box", 2),)
    assert json.loads(profile.text)["long_term"][0] == "chalk bag"


def test_a_profile_shows_nothing_that_the_window_does_not() -> None:
    interests = find_interests(ITEMS, EVENTS)
    draw = np.random.default_rng(3)
    windows = [draw.integers(0, 18, size=size).astype(np.int32) for size in (1, 2, 7, 40)]
    for window, profile in zip(windows, interests.profiles(windows), strict=True):
        shown = {phrase for phrase, _ in profile.long_term + profile.short_term}
        assert shown <= {interests.phrases[code] for code in interests.phrase_of_item[window]}


def test_a_title_without_letters_still_has_a_name() -> None:
    items = pd.DataFrame({"item_id": ["a"], "title": ["501"], "description": [""]})
    assert find_interests(items, np.array([1])).phrases == ("501",)

from __future__ import annotations

import re

import numpy as np
import pytest

from creator.core.records import Ad, AdId
from creator.training.drills import Drills, profile_phrases

TENTS, LAMPS = ("dome tent", "tunnel tent"), ("head lamp", "camp lantern")


def make_ad(number, points, title, description="Nice."):
    return Ad(ad_id=AdId(f"a{number}"), title=title, description=description, selling_points=tuple(points))


ADS = [
    make_ad(n, [thing, f"pairs well with {other}", "outdoor brand", "4.5 kg"], f"Coupon on outdoor {thing}, 4.5 kg")
    for n, (thing, other) in enumerate(
        [(f"{colour} {what}", f"{colour} {beside}") for colour in ("red", "blue", "green", "white", "black", "grey")
         for what, beside in zip(TENTS, LAMPS, strict=True)]
    )
]  # fmt: skip


@pytest.fixture
def drills():
    return Drills(ADS, {"walking pole", "3 mugs"})


def test_things_are_renamed_alike_in_the_ad_and_its_titles(drills):
    lead = "pairs well with red head lamp"
    titles = ["Buying Red Head Lamp? Save on Outdoor Red Dome Tent", "Red dome tent today, 4.5 kg"]
    drill = drills.draw(ADS[0], titles, [lead, "red dome tent"], np.random.default_rng(0))
    thing, beside = drill.ad.selling_points[0], drill.ad.selling_points[1].removeprefix("pairs well with ")
    assert thing != beside
    assert drill.ad.selling_points[2:] == ("outdoor brand", "4.5 kg")  # a property and a figure stay
    assert drill.ad.title == f"Coupon on outdoor {thing}, 4.5 kg"
    assert drill.leads == [f"pairs well with {beside}", thing]
    assert drill.titles == [
        f"Buying {beside.title()}? Save on Outdoor {thing.title()}",
        f"{thing[0].upper()}{thing.title()[1:]} today, 4.5 kg",
    ]


def test_names_come_from_all_ads_and_the_further_phrases_and_never_carry_figures(drills):
    random, seen = np.random.default_rng(0), set()
    for _ in range(200):
        seen.add(drills.draw(ADS[0], ["x"], ["red dome tent"], random).leads[0])
    known = {point.removeprefix("pairs well with ") for ad in ADS for point in ad.selling_points[:2]}
    assert seen <= known | {"walking pole"}
    assert "walking pole" in seen
    assert len(seen) > 0.8 * len(known)


def test_parts_of_words_stay(drills):
    ad = make_ad(0, ["red dome tent"], "Red dome tents and a red dome tent")
    drill = drills.draw(ad, [], [], np.random.default_rng(1))
    assert drill is not None
    assert re.fullmatch(r"Red dome tents and a [\w ]+", drill.ad.title)
    assert not drill.ad.title.endswith("red dome tent") or drill.ad.selling_points == ("red dome tent",)


def test_ads_that_name_nothing_and_titles_that_lead_with_nothing_are_no_drills(drills):
    random = np.random.default_rng(0)
    assert drills.draw(make_ad(0, [], "A thing"), ["A thing"], ["a"], random) is None
    assert drills.draw(make_ad(0, ["4.5 kg"], "A thing"), ["A thing"], ["4.5 kg"], random) is None
    assert drills.draw(ADS[0], ["A thing"], [""], random) is None
    assert drills.draw(ADS[0], ["A thing"], ["blue dome tent"], random) is None
    assert Drills([make_ad(0, [], "A thing")]).draw(ADS[0], ["A thing"], ["red dome tent"], random) is None


def test_company_is_drawn_from_the_same_names(drills):
    names = drills.company(300, np.random.default_rng(0))
    assert len(names) == 300
    assert "walking pole" in names
    assert "red dome tent" in names


def test_phrases_are_read_from_profiles_and_other_texts_name_none():
    texts = ['{"long_term": ["tents", "mugs"], "short_term": ["tents"], "n": 3}', "no JSON", '["tents"]', '{"a": [1]}']
    assert profile_phrases(texts) == {"tents", "mugs"}

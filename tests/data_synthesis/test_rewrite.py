import pytest
from hypothesis import given
from hypothesis import strategies as st

from creator.core.records import Ad, AdId
from data_synthesis.language import content_words
from data_synthesis.rewrite import MOST_CHARACTERS, headline, supporting_point, wordings

GEAR = Ad(
    AdId("a1"),
    "Arven outdoor sale: 20% off selected gear",
    "20% off selected Arven gear. The range includes a chalk bag.",
    ("chalk bag for climbing", "often bought with trail shoes", "20% off selected gear"),
)
RANGE = Ad(
    AdId("a2"),
    "Coupon on 42 kinds of house-brand climbing gear",
    "This coupon covers chalk bags and slings.",
    ("chalk bags", "slings", "often bought with energy bars", "typical price $4.50"),
)
SINGLE = Ad(AdId("a3"), "Coupon on house-brand chalk bags and slings, 2 kg", "", ("slings", "typical price $4.50"))


@pytest.mark.parametrize("ad", [GEAR, RANGE, SINGLE])
def test_a_title_leads_with_its_point_and_is_new(ad: Ad) -> None:
    for point in ad.selling_points[:2]:
        titles = wordings(ad, point)
        assert len(titles) >= 1
        deciding = content_words(point)
        for title in titles:
            assert set(deciding) & set(content_words(" ".join(title.split()[:5]))), title
            assert title.casefold() != ad.title.casefold()
            assert len(title) <= MOST_CHARACTERS
            assert "{" not in title
            assert "  " not in title


def test_there_are_several_wordings_and_none_twice() -> None:
    titles = wordings(RANGE, "slings")
    assert len(titles) >= 5
    assert len(set(titles)) == len(titles)


def test_an_offer_on_a_list_is_turned_round_to_lead_with_one_of_the_things() -> None:
    assert "Slings and Chalk Bags: Save with a House-Brand Coupon, 2 kg" in wordings(SINGLE, "slings")


def test_an_offer_on_a_range_keeps_what_the_range_is() -> None:
    titles = wordings(RANGE, "slings")
    assert "Slings: Coupon on 42 Kinds of House-Brand Climbing Gear" in titles
    assert "Slings and More: House-Brand Coupon on 42 Kinds" in titles


def test_a_companion_leads_without_becoming_the_offer() -> None:
    titles = wordings(RANGE, "often bought with energy bars")
    assert "Buying Energy Bars? Get a Coupon on House-Brand Climbing Gear" in titles
    assert all("Climbing Gear" in title for title in titles)


def test_a_noun_that_is_counted_does_not_stand_bare() -> None:
    assert not any(title.startswith("Ready for") for title in wordings(GEAR, "chalk bag for climbing"))


def test_the_product_is_named_whatever_leads() -> None:
    ad = Ad(AdId("p"), "Brackwell Sauté Pan With Glass Lid, 28 cm – No Coating", "", ("10-year warranty",))
    assert all("Brackwell Sauté Pan" in title for title in wordings(ad, "10-year warranty"))


def test_an_age_never_leads() -> None:
    ad = Ad(AdId("p"), "Bolt & Burrow Wooden Marble Run, 74 Pieces", "", ("Ages 5+",))
    assert wordings(ad, "Ages 5+") == []


def test_a_support_adds_a_figure_that_is_not_there_yet() -> None:
    assert supporting_point(RANGE, "slings") == "typical price $4.50"
    assert supporting_point(GEAR, "chalk bag for climbing") is None


def test_title_case_keeps_units_small_words_and_capitals() -> None:
    assert headline("slings for iPad: a 12 oz name-brand pack of 6 x 500 ml") == (
        "Slings for iPad: A 12 oz Name-Brand Pack of 6 x 500 ml"
    )


def test_other_languages_keep_their_own_case() -> None:
    ad = Ad(AdId("d"), "Wolldecke aus dem Allgäu, 2 m", "", ("waschbar bei 30 Grad",), locale="de")
    assert wordings(ad, "waschbar bei 30 Grad") == [
        "waschbar bei 30 Grad: Wolldecke aus dem Allgäu, 2 m",
        "waschbar bei 30 Grad: Wolldecke aus dem Allgäu",
    ]


def test_an_original_of_thousands_of_characters_has_no_wording() -> None:
    assert wordings(Ad(AdId("x"), "gear " * 1_000, "", ("slings",)), "slings") == []


@given(st.text(max_size=80), st.text(max_size=60), st.sampled_from(["en", "en-GB", "zh", "de"]))
def test_any_text_is_worded_within_the_limits_or_not_at_all(title: str, point: str, locale: str) -> None:
    for made in wordings(Ad(AdId("x"), title, "", (point,), locale=locale), point):
        assert 0 < len(made) <= MOST_CHARACTERS

"""What a word that the ad lacks does to a title: it frames it, or it claims, names or replaces something."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creator.core.records import Ad, AdId, FindingKind
from creator.facts.evidence import AdFacts
from creator.facts.features import bare_of, is_small, meaning_features, sort_of
from creator.facts.reading import Reading
from creator.facts.strangers import Seen, read_strangers
from creator.facts.verifier import check_title
from creator.facts.weighing import weigh, weights

JUG = Ad(
    AdId("jug"),
    "Fennholt Pouring Jug, 1.2 Litres, Stoneware",
    "A stoneware jug with a wide lip, glazed in grey or moss green. It holds 1.2 litres and goes in the dishwasher. "
    "Thrown and fired in Shropshire. 24 pounds; delivery is free over 40 pounds.",
)
BOOTS = Ad(
    AdId("boots"),
    "Skarrow Women's Walking Boots",
    "Walking boots of nubuck leather with a rubber sole. They can be resoled twice at our workshop. Sizes 36 to 42.",
)

GEL = Ad(
    AdId("gel"), "Coupon on store-brand dishwasher gel", "This coupon covers dishwasher gel. Often bought with bread."
)

FRAMED = (
    (JUG, "Thirsty Guests? Pour From a Stoneware Jug"),
    (JUG, "Sunday Lunch, Frosty Morning or Midnight: The Fennholt Jug"),
    (JUG, "Early Birds, Meet the Fennholt Jug"),
    (BOOTS, "Muddy Lane Ahead? Lace Up Your Skarrow Boots"),
    (BOOTS, "Your Weekend Just Got Longer: Skarrow Walking Boots"),
    (BOOTS, "Drizzle, Puddles and Leather Boots for Daydreamers"),
)
CLAIMED = (
    (GEL, "Buying Bread? Save on Store-Brand Dishwasher Rinse Aid", FindingKind.UNSUPPORTED),
    (GEL, "Buying Bread? Get a Coupon on Relish", FindingKind.WRONG_PRODUCT),
    (JUG, "Fennholt Stoneware Jug With a Bamboo Lid", FindingKind.UNSUPPORTED),
    (JUG, "Fennholt Stoneware Teapot", FindingKind.WRONG_PRODUCT),
    (JUG, "A Shatterproof Fennholt Jug", FindingKind.UNSUPPORTED),
    (BOOTS, "Waterproof Skarrow Walking Boots", FindingKind.UNSUPPORTED),
    (BOOTS, "Skarrow Walking Boots Made in Norway", FindingKind.ENTITY),
    (BOOTS, "Skarrow Boots With a Steel Toecap", FindingKind.UNSUPPORTED),
)


@pytest.mark.parametrize(("ad", "title"), FRAMED)
def test_words_that_set_the_scene_or_address_the_reader_claim_nothing(ad: Ad, title: str) -> None:
    check = check_title(title, ad)
    assert check.publishable, check.findings


@pytest.mark.parametrize(("ad", "title", "kind"), CLAIMED)
def test_parts_materials_traits_and_other_things_are_claims(ad: Ad, title: str, kind: FindingKind) -> None:
    check = check_title(title, ad)
    assert not check.publishable
    assert kind in {f.kind for f in check.findings}


@pytest.mark.parametrize(
    ("word", "bare"),
    [("walkies", "walk"), ("overpackers", "packers"), ("boots", "boots"), ("drew", "draw"), ("qzx", "qzx")],
)
def test_a_word_the_dictionary_lacks_is_read_by_what_it_is_made_of(word: str, bare: str) -> None:
    assert bare_of(word) == bare


def test_the_sort_of_a_word_is_its_usual_one() -> None:
    assert [sort_of(word) for word in ("teapot", "omelette", "frosty", "ponder", "qzx")] == [
        "made", "eaten", "quality", "verb", "unknown",
    ]  # fmt: skip


def test_small_words_of_other_languages_are_grammar() -> None:
    assert is_small("innerhalb")
    assert not is_small("the")
    seen = _seen("Fennholt mit Deckel für den Krug", JUG)
    assert [word for word, _ in seen] == ["deckel", "krug"]


def test_features_tell_whose_a_thing_is_and_whether_it_is_denied() -> None:
    ((_, owned),) = _seen("A Jug on Your Sideboard", JUG)
    assert "owned" in owned.features
    assert "denied" not in owned.features
    ((_, denied),) = _seen("A Jug Without a Handle", JUG)
    assert {"denied", "by:without"} <= set(denied.features)


def test_every_weight_is_of_a_feature_that_a_word_can_have() -> None:
    assert weights()["bias"] != 0
    assert any(name in weights() for name in meaning_features("teapot"))


@given(st.text(max_size=12), st.lists(st.sampled_from(["bias", "land", "at:question", "nothing of the kind"])))
def test_a_score_is_one_of_a_chance(word: str, features: list[str]) -> None:
    assert 0 <= weigh(word, features) <= 1


def _seen(title: str, ad: Ad) -> list[tuple[str, Seen]]:
    reading = Reading.of(title, AdFacts.of(ad))
    seen = read_strangers(reading.words, reading.segments, reading.facts.known, frozenset())
    return [(reading.words[s.word].text, s) for s in seen]

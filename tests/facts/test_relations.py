"""What a title offers must be what its ad offers, not what stands beside it, and named as the ad names it."""

from __future__ import annotations

import pytest

from creator.core.records import Ad, AdId, FindingKind
from creator.facts.passages import passages_of
from creator.facts.products import Products, Role
from creator.facts.verifier import check_title

TOWELS = Ad(
    AdId("towels"),
    "Coupon on name-brand paper towels",
    "This coupon covers 12 products: name-brand paper towels. Often bought with toilet paper and facial tissue.",
    ("paper towels", "often bought with toilet paper", "often bought with facial tissue", "name brand"),
    {"brand": "name brand"},
)
TREATS = Ad(
    AdId("treats"),
    "Coupon on store-brand soft dog treats, dog biscuits and packaged turkey and chicken slices",
    "Often bought with individually wrapped cheese slices and fruit cups.",
    ("soft dog treats", "dog biscuits", "packaged turkey and chicken slices", "often bought with fruit cups"),
)
PIES = Ad(
    AdId("pies"),
    "Coupon on store-brand bakery fruit pies",
    "Often bought with ice cream.",
    ("bakery fruit pies", "often bought with ice cream"),
)
GEAR = Ad(
    AdId("gear"),
    "Arven outdoor sale: 20% off selected gear",
    "20% off selected Arven gear for climbing and fishing. The range includes a chalk bag, a landing net and a rope. "
    "Pairs well with the Korrik headlamp. Use it instead of a harness.",
    ("chalk bag for climbing", "landing net for fishing", "20% off selected gear"),
    {"brand": "Arven", "colours": "graphite, moss"},
)
CASE = Ad(
    AdId("case"),
    "Leather Case for Fjord Phone 3",
    "A slim leather case for the Fjord Phone 3. Fits the Fjord charger. Unlike plastic sleeves, it ages well. "
    "Get 10% off the case with code CASE10.",
    ("Slim leather", "10% off the case with code CASE10"),
)

TRUE = (
    (TOWELS, "Buying Toilet Paper? Save on Name-Brand Paper Towels"),
    (TOWELS, "Often Bought with Facial Tissue: Coupon on Name-Brand Paper Towels"),
    (TOWELS, "Paper Towels Today? Get a Name-Brand Coupon"),
    (TOWELS, "Paper Towels on Your List? Get a Name-Brand Coupon"),
    (TOWELS, "Paper Towels: Now with a Name-Brand Coupon"),
    (TREATS, "Soft Dog Treats and Dog Biscuits: Save with a Store-Brand Coupon"),
    (TREATS, "Ready for Packaged Turkey Slices? Get a Store-Brand Coupon"),
    (TREATS, "Save on Store-Brand Dog Treats and More"),
    (PIES, "Fruit Pies Today? Get a Store-Brand Coupon"),
    (PIES, "Save on Your Favourite Bakery Pies"),
    (GEAR, "Landing Net for Fishing: 20% Off Selected Gear"),
    (GEAR, "Graphite Rope on Your List? 20% Off Selected Gear"),
    (CASE, "10% Off Your Fjord Phone Case with Code CASE10"),
    (CASE, "New Phone? Save 10% on a Leather Case with Code CASE10"),
)
FALSE = (
    (TOWELS, "Save on Name-Brand Toilet Paper", FindingKind.WRONG_PRODUCT, "Toilet Paper"),
    (TOWELS, "Ready for Toilet Paper? Get a Name-Brand Coupon", FindingKind.WRONG_PRODUCT, "Toilet Paper"),
    (TOWELS, "Facial Tissue on Your List? Get a Name-Brand Coupon", FindingKind.WRONG_PRODUCT, "Facial Tissue"),
    (TOWELS, "Facial Tissue: Now with a Name-Brand Coupon", FindingKind.WRONG_PRODUCT, "Facial Tissue"),
    (TOWELS, "Pick Facial Tissue, and Use a Name-Brand Coupon", FindingKind.WRONG_PRODUCT, "Facial Tissue"),
    (TOWELS, "Save Now on Name-Brand Toilet Paper Towels", FindingKind.WRONG_PRODUCT, "Toilet Paper Towels"),
    (TOWELS, "Often Bought with Paper Towels: Coupon on Paper Towels", FindingKind.UNSUPPORTED, "Paper Towels"),
    (TOWELS, "Save on Paper Towels and More", FindingKind.SCOPE, "and More"),
    (TOWELS, "Buying Toilet Paper? Save on Name-Branded and More", FindingKind.CHANNEL, "Name-Branded"),
    (TOWELS, "Buying Toilet Paper? Save on Name-Brand", FindingKind.CHANNEL, "Name-Brand"),
    (TOWELS, "Paper Towels Today? Get a Store-Brand Coupon", FindingKind.UNSUPPORTED, "Store-Brand"),
    (TOWELS, "Buying Ready-To-Size Tissue? Save on Paper Towels", FindingKind.UNSUPPORTED, "Ready-To-Size"),
    (TREATS, "Soft Dog Biscuits Today? Get a Store-Brand Coupon", FindingKind.WRONG_PRODUCT, "Soft Dog Biscuits"),
    (TREATS, "Packaged Turkey and Cheese Slices Today? Get a Coupon", FindingKind.WRONG_PRODUCT, "Cheese Slices"),
    (PIES, "Bakery Fruit Cups Today? Get a Store-Brand Coupon", FindingKind.WRONG_PRODUCT, "Bakery Fruit"),
    (PIES, "Pick Bakery Fruit: Coupon on Bakery Fruit Pies", FindingKind.WRONG_PRODUCT, "Bakery Fruit"),
    (PIES, "Buying Ice Cream? Save on Ice Cream", FindingKind.WRONG_PRODUCT, "Ice Cream"),
    (GEAR, "Landing Bag on Your List? 20% Off Selected Gear", FindingKind.WRONG_PRODUCT, "Landing Bag"),
    (GEAR, "20% Off Selected Korrik Headlamps", FindingKind.WRONG_PRODUCT, "Korrik Headlamps"),
    (GEAR, "Harness: 20% Off Selected Gear", FindingKind.WRONG_PRODUCT, "Harness"),
    (CASE, "10% Off the Fjord Charger with Code CASE10", FindingKind.WRONG_PRODUCT, "Fjord Charger"),
    (CASE, "Save 10% on Plastic Sleeves with Code CASE10", FindingKind.WRONG_PRODUCT, "Plastic Sleeves"),
)


@pytest.mark.parametrize(("ad", "title"), TRUE)
def test_a_title_that_offers_what_its_ad_offers_may_be_published(ad: Ad, title: str) -> None:
    check = check_title(title, ad)
    assert check.publishable, check.findings


@pytest.mark.parametrize(("ad", "title", "kind", "claim"), FALSE)
def test_another_offer_than_the_ads_is_named_where_it_stands(ad: Ad, title: str, kind: FindingKind, claim: str) -> None:
    check = check_title(title, ad)
    assert not check.publishable
    assert any(f.kind is kind and claim in f.claim for f in check.findings), check.findings


def test_the_evidence_shows_what_the_ad_says_of_the_thing_instead() -> None:
    finding = next(f for f in check_title("Save on Name-Brand Toilet Paper", TOWELS).findings)
    assert finding.evidence in TOWELS.description
    assert "bought with toilet paper" in finding.evidence
    assert finding.source_field == "description"


@pytest.mark.parametrize(
    ("text", "role"),
    [
        ("Kettle with a wooden handle", Role.OFFERED),
        ("Goes well with a handle", Role.BESIDE),
        ("Works with any handle", Role.BESIDE),
        ("Compatible with the old handle", Role.BESIDE),
        ("A grip for the handle", Role.AIMED),
        ("Turn it instead of the handle", Role.AIMED),
        ("A voucher for a handle", Role.OFFERED),
        ("The handle is sold separately", Role.DENIED),
        ("Comes without a handle", Role.DENIED),
    ],
)
def test_a_sentence_gives_the_thing_it_names_a_role(text: str, role: Role) -> None:
    products = Products.of(passages_of(Ad(AdId("r"), "Korrik", text)))
    assert [p.role for p in products.with_stem("handl")] == [role]


@pytest.mark.parametrize(
    "title",
    [
        "Ready for Paper Towels and? Get a Name-Brand Coupon",
        "Paper Towels and Paper Towels: Now with a Name-Brand Coupon",
        "Save on Paper Towels\ufffd",
    ],
)
def test_a_phrase_that_breaks_off_or_comes_twice_is_no_title(title: str) -> None:
    findings = [f for f in check_title(title, TOWELS).findings if f.score >= 0.5]
    assert {f.kind for f in findings} == {FindingKind.CHANNEL}

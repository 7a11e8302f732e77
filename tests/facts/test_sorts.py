"""Another sort of the ad's thing, an action word that names a thing, a thing that says more than the ad's, echoes."""

from __future__ import annotations

import pytest

from creator.core.records import Ad, AdId, FindingKind
from creator.facts.echo import names_twice
from creator.facts.verifier import check_title

CONDITIONER = Ad(
    AdId("conditioner"), "Coupon on Name-Brand Hair Conditioner", "Hair conditioner. Often bought with body wash."
)
PEAS = Ad(AdId("peas"), "Coupon on Store-Brand Seasoned Frozen Peas", "Seasoned frozen peas. Often bought with rice.")
CAMERAS = Ad(AdId("cameras"), "Coupon on Name-Brand Single-Use Cameras", "Single-use cameras, 27 pictures each.")
CHEWS = Ad(AdId("chews"), "Coupon on Store-Brand Soft Dog Chews", "Soft chews for dogs.")
COFFEE = Ad(AdId("coffee"), "Save 10% on Decaf Coffee", "Decaf coffee in bags, roasted over oak. 10% off decaf coffee.")
PLUGS = Ad(AdId("plugs"), "Coupon on Name-Brand Plug-In Air Fresheners", "Plug-in air fresheners.")
BLEND = Ad(AdId("blend"), "Coupon on Dandruff Shampoo and Shampoo", "Dandruff shampoo and shampoo.")
WALK = Ad(AdId("walk"), "Korrik Rowing Week on the Tarn", "A rowing week for six. Soup of green lentils each day.")

TRUE = (
    (CONDITIONER, "Relish the Moment: Coupon on Name-Brand Hair Conditioner"),
    (CONDITIONER, "Body Wash on Your List? Add Name-Brand Hair Conditioner With a Coupon"),
    (PEAS, "Buying Frozen Peas? Save on Store-Brand Seasoned Frozen Peas"),
    (PEAS, "Buying Fresh Rice? Save on Store-Brand Frozen Peas"),
    (CAMERAS, "Save on Name-Brand Single-Use Cameras"),
    (CHEWS, "Soft Chews for Your Dog: Save With a Store-Brand Coupon"),
    (COFFEE, "Save 10% on Oak-Roasted Decaf Coffee"),
    (PLUGS, "Save on Plug-In Air Fresheners"),
    (BLEND, "Save on Dandruff Shampoo and Shampoo With a Coupon"),
)
FALSE = (
    (CONDITIONER, "Save on Relish", FindingKind.WRONG_PRODUCT, "Relish"),
    (CONDITIONER, "Save on Name-Brand Hair Conditioner and Relish", FindingKind.WRONG_PRODUCT, "Relish"),
    (CONDITIONER, "Body Wash and Relish? Save on Hair Conditioner", FindingKind.WRONG_PRODUCT, "Relish"),
    (CONDITIONER, "Often Bought With Relish: Coupon on Hair Conditioner", FindingKind.WRONG_PRODUCT, "Relish"),
    (PEAS, "Buying Cooked Boxed Peas? Save on Frozen Peas", FindingKind.WRONG_PRODUCT, "Cooked Boxed Peas"),
    (PEAS, "Save on Dried Store-Brand Peas", FindingKind.WRONG_PRODUCT, "Dried Store-Brand Peas"),
    (CAMERAS, "Save on Name-Brand Cameras", FindingKind.SCOPE, "Cameras"),
    (CAMERAS, "Cameras Today? Get a Name-Brand Coupon", FindingKind.SCOPE, "Cameras"),
    (CHEWS, "Save on Store-Brand Chews", FindingKind.SCOPE, "Chews"),
    (COFFEE, "Save 10% on Coffee", FindingKind.SCOPE, "Coffee"),
    (COFFEE, "Save 10% on Chef-Roasted Decaf Coffee", FindingKind.UNSUPPORTED, "Chef-Roasted"),
    (COFFEE, "Freezer-Safe Decaf Coffee: Save 10%", FindingKind.UNSUPPORTED, "Freezer-Safe"),
    (CAMERAS, "Save on Single-Use Cameras and Cameras", FindingKind.CHANNEL, "Cameras and Cameras"),
    (
        PLUGS,
        "Plug-In Air Fresheners and Plug in Air Fresheners: Get a Coupon",
        FindingKind.CHANNEL,
        "Plug-In Air Fresheners and Plug in Air Fresheners",
    ),
    (WALK, "Korrik Walking Week on the Tarn", FindingKind.WRONG_PRODUCT, "Walking"),
    (WALK, "A Week of Soup of Red Lentils", FindingKind.ENTITY, "Red"),
)


@pytest.mark.parametrize(("ad", "title"), TRUE)
def test_a_title_that_names_the_ads_own_thing_may_be_published(ad: Ad, title: str) -> None:
    check = check_title(title, ad)
    assert check.publishable, check.findings


@pytest.mark.parametrize(("ad", "title", "kind", "claim"), FALSE)
def test_another_thing_is_named_where_it_stands(ad: Ad, title: str, kind: FindingKind, claim: str) -> None:
    check = check_title(title, ad)
    assert not check.publishable
    assert any(f.kind is kind and claim in f.claim for f in check.findings), check.findings


@pytest.mark.parametrize(
    ("title", "twice"),
    [
        ("Buying Paper Towels? Save on Name-Brand Paper Towels", True),
        ("Paper Towels on Your List? Get a Coupon on Paper Towels", True),
        ("Buying Toilet Paper? Save on Paper Towels", False),
        ("Dome Tent: Pitched in Six Minutes", False),
        ("Save on Paper Towels", False),
        ("Hello! Get a Coupon", False),
    ],
)
def test_a_part_that_names_only_what_another_part_names_is_told(title: str, twice: bool) -> None:
    assert names_twice(title) is twice

"""Denials of what a thing needs or charges, offers for opposite circumstances, and statements about the reader."""

from __future__ import annotations

import pytest

from creator.core.records import Ad, AdId, FindingKind
from creator.facts.verifier import check_title

MIXER = Ad(
    AdId("mixer"),
    "Brenn Cordless Hand Mixer",
    "The Brenn mixer has five speeds and a steel bowl. It only works with the Brenn 12 V battery, and needs a mains "
    "charger. There is no dough hook. Postage costs £3, or nothing if you spend over £40. Cancelling costs £9 unless "
    "you give 14 days' notice. The motor is guaranteed for 10 years and the bowl for 2. From £15 a day on weekdays "
    "and £22 at weekends. From 10 pm to 6 am the support line costs 4p a minute. Students under 26 pay £8: under-26s "
    "only. The recipes are unlimited. No e-book edition is planned.",
    ("Five speeds", "No artificial colours"),
    {"price": "£60"},
)
TRUE = (
    "No Postage on Brenn Mixers if You Spend Over £40",  # "nothing if you spend over £40"
    "No £9 Cancelling Fee With 14 Days' Notice",  # "unless you give 14 days' notice"
    "Motor Guaranteed for 10 Years, Bowl for 2",
    "A Motor Guaranteed for 10 Years",
    "£15 a Day on Weekdays, £22 at Weekends",
    "Dough Hook Nowhere, Five Speeds Everywhere",
    "No Crowds in Your Kitchen: Brenn Mixer",  # a crowd is no part of a mixer
    "Brenn Recipes Without Limit",
    "For Under-26s: £8 at Brenn",  # the ad names the age group
    "A Mixer Mum Can Share",
)
FALSE = (
    ("Leave the Charger Behind and Mix", FindingKind.NEGATION),  # "needs a mains charger"
    ("Brenn Mixer: No Postage", FindingKind.NEGATION),  # £3 unless more is spent
    ("A Steel Bowl, Sugar Nowhere", FindingKind.NEGATION),  # the ad denies no sugar
    ("Brenn Recipes on Your E-Reader", FindingKind.NEGATION),  # no e-book
    ("Motor and Bowl: Guaranteed for 10 Years", FindingKind.SCOPE),  # the bowl for 2
    ("£15 a Day, Even at Weekends", FindingKind.SCOPE),
    ("Support for 4p a Minute, Day and Night", FindingKind.SCOPE),  # from 10 pm to 6 am
    ("Raising Twins on Your Own? Five Speeds Help", FindingKind.PERSONAL_ATTRIBUTE),
    ("Shed Those Extra Pounds With Five Speeds", FindingKind.PERSONAL_ATTRIBUTE),
    ("Tired, Dad? Five Speeds Do the Work", FindingKind.PERSONAL_ATTRIBUTE),
)


@pytest.mark.parametrize("title", TRUE)
def test_a_denial_that_the_ad_bears_out_passes(title: str) -> None:
    check = check_title(title, MIXER)
    assert check.publishable, check.findings


@pytest.mark.parametrize(("title", "kind"), FALSE)
def test_what_the_ad_needs_denies_or_limits_is_stopped(title: str, kind: FindingKind) -> None:
    check = check_title(title, MIXER)
    assert not check.publishable
    assert kind in {f.kind for f in check.findings}

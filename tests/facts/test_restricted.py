"""Amounts that follow, prices for some, extras that cost, denials: what the ad's arithmetic and conditions allow."""

from __future__ import annotations

import pytest

from creator.core.records import Ad, AdId, FindingKind
from creator.facts.verifier import check_title

ZOO = Ad(
    AdId("zoo"),
    "Marlow Zoo Day Ticket",
    "Grown-ups pay £22; guests under 16 pay £13. Tickets admit from 10 am to 4 pm on Tuesdays and Fridays. The boat "
    "costs £5 extra. Lockers are emptied by hand each night. Feeding takes about eight to ten minutes. Save £4 on "
    "family baskets until 3 May. Fish and bread are not in the basket. Unlimited rides, and 3 GB of data. The tower "
    "is 90 steps and the bridge 60 steps. The pump moves 1,200 litres an hour. £19 with a pass, or £24 without. "
    "Designed by Ada Brook and painted by Tom Reed.",
    ("Grown-ups £22, guests under 16 £13", "Ages 6 and over"),
    {"basket": "£18"},
)
TRUE = (
    "Guests Under 16 Pay £9 Less at Marlow Zoo",
    "Marlow Zoo: Grown-Up and Boat for £27 Together",
    "Family Baskets: £14 Until 3 May",
    "Tower and Bridge: 150 Steps in Total",
    "Six Hours at Marlow Zoo on a Tuesday, From 10 am to 4 pm",
    "The Pump Moves 20 Litres a Minute",
    "No Pass? Pay £5 More",
    "Unlimited Rides at Marlow Zoo",
    "Marlow Zoo for Kids of Six and Up",
    "Painted by Tom Reed",
)
FALSE = (
    ("Marlow Zoo Day Ticket for £13", FindingKind.SCOPE),
    ("Marlow Zoo, £22 Any Day", FindingKind.SCOPE),
    ("Marlow Zoo With the Boat Included", FindingKind.NEGATION),
    ("Lockers That Empty Themselves", FindingKind.NEGATION),
    ("A Family Basket With Fish and Bread", FindingKind.NEGATION),
    ("£4 Off All Day Tickets", FindingKind.SCOPE),
    ("Unlimited Data at Marlow Zoo", FindingKind.SCOPE),
    ("The Pump Moves 40 Litres a Minute", FindingKind.NUMBER),
    ("Marlow Zoo: Grown-Up and Boat for £29 Together", FindingKind.NUMBER),
    ("Designed by Tom Reed", FindingKind.ENTITY),
)
TEA = Ad(
    AdId("tea"),
    "云岭 Yunling 白茶 500克",
    "云岭白茶，不添加香精，不适合冷泡。每饼500克，可泡约90天。茶缶は食洗機には対応していません。一饼88元，两饼168元。",
    ("不添加香精", "两饼168元"),
)


@pytest.mark.parametrize("title", TRUE)
def test_what_follows_from_the_ad_passes(title: str) -> None:
    check = check_title(title, ZOO)
    assert check.publishable, check.findings


@pytest.mark.parametrize(("title", "kind"), FALSE)
def test_what_the_ad_restricts_or_denies_is_stopped(title: str, kind: FindingKind) -> None:
    check = check_title(title, ZOO)
    assert not check.publishable
    assert kind in {f.kind for f in check.findings if f.score >= 0.5}, check.findings


@pytest.mark.parametrize(
    ("title", "publishable"),
    [
        ("云岭白茶 两饼省8元", True),
        ("云岭白茶 可泡约三个月", True),
        ("云岭白茶 不添加香精", True),
        ("午后时光 云岭白茶 500克", True),
        ("云岭白茶 适合冷泡", False),
        ("云岭白茶 不添加糖精", False),
        ("茶缶は食洗機対応 云岭", False),
        ("云岭白茶 内置滤网", False),
        ("云岭红酒 500克", False),
    ],
)
def test_chinese_and_japanese_denials_sums_and_settings_are_read(title: str, publishable: bool) -> None:
    check = check_title(title, TEA)
    assert check.publishable is publishable, check.findings


@pytest.mark.parametrize(
    "title",
    ["Marlow Zoo!!!", "M A R L O W Zoo Day Ticket", "Marlow Zoo Day Ticket,, £22"],
)
def test_gimmicks_of_punctuation_are_no_title_anywhere(title: str) -> None:
    assert FindingKind.CHANNEL in {f.kind for f in check_title(title, ZOO).findings if f.score >= 0.5}


def test_a_count_after_a_common_word_is_no_part_of_a_name() -> None:
    ad = Ad(AdId("game"), "Driftway, a Board Game for 2–5 Players", "Two to five players. Arc 2 comes later.")
    assert check_title("Driftway: A Board Game for 2–5 Players", ad).publishable
    assert not check_title("Driftway: A Board Game for 2–8 Players", ad).publishable
    assert not check_title("Driftway: A Board Game for 7", ad).publishable

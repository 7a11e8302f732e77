"""Figures that a title may state because the ad's own figures give them; every expectation is worked out by hand."""

from __future__ import annotations

import pytest

from creator.core.records import Ad, AdId, FindingKind
from creator.facts.verifier import check_title

_FIGURES = frozenset((FindingKind.NUMBER, FindingKind.UNIT))


def _wrong(title: str, description: str, **attributes: str) -> bool:
    ad = Ad(AdId("made-up"), "Orlan Thing", description, (), attributes, "home")
    return any(f.kind in _FIGURES for f in check_title(title, ad).findings)


_SHOP = "Orlan tea costs £6 a box. Each box holds 30 tea bags, net weight 90 g."
_PLAN = "Basic is $7 per seat a month and Pro is $12 per seat a month."
_PAIR = "One lamp costs €40 and a pair of lamps €70."
_FIFTH = "Order five tins and the fifth is free."
_DAYS = "The shop is open Monday to Friday from 9:30 to 18:00. Reception closes at 22:00 on Saturdays."
_CLASS = "Two sessions a day: 40 minutes of stretching and 35 minutes of balance."
_BOX = "The box holds two decks of 40 cards and a booster of 12 cards."
_MEMBERS = "Members get 5% off in the tavern and 20% off in the library."


@pytest.mark.parametrize(
    ("right", "wrong", "description"),
    [
        ("3 g of Tea in Every Bag", "4 g of Tea in Every Bag", _SHOP),  # 90 / 30
        ("Four Seats on Basic for $28 a Month", "Four Seats on Basic for $29 a Month", _PLAN),  # 4 x 7
        ("The Pair Saves You €10 on Two Single Lamps", "The Pair Saves You €15 on Two Single Lamps", _PAIR),  # 80 - 70
        ("Two and a Half Litres of Soup", "Three and a Half Litres of Soup", "A pot of 2.5 litres for soup."),
        ("Dry in an Hour and a Half", "Dry in Two Hours and a Half", "The paint is dry in 90 minutes."),
        ("Half a Hundred Washes", "Half a Thousand Washes", "One bottle does 50 washes."),
        ("75 Minutes of Sessions a Day", "80 Minutes of Sessions a Day", _CLASS),  # 40 + 35
        ("92 Cards in the Box", "94 Cards in the Box", _BOX),  # 2 x 40 + 12
        ("Two Bunks, 200 kg Between Them", "Two Bunks, 220 kg Between Them", "Two bunks; each bunk holds 100 kg."),
        ("60 Square Feet of Shed", "64 Square Feet of Shed", "The shed measures 10 x 6 ft."),
        ("Five Services, One Each Year", "Four Services, One Each Year", "One free service a year for five years."),
        ("A Pack That Grows by Eight Litres", "A Pack That Grows by Nine Litres", "It holds 22 litres, extends to 30."),
        ("Two Bonus Months", "Three Bonus Months", "Get 14 months for the price of 12."),
        ("11,50 € With the Pfand", "12,50 € With the Pfand", "It costs 9,00 € plus 2,50 € Pfand."),
        ("£4 per Seat per Month", "£4 per Seat per Week", "It costs £4 per seat per month."),
        ("Save 20% in the Library and 5% in the Tavern", "Save 5% in the Library and 20% in the Tavern", _MEMBERS),
        ("A Six-Figure Sum: $250,000", "A Five-Figure Sum: $250,000", "Cover is $250,000."),
        ("Kids: Under-12s Go Free", "Kids: Under-14s Go Free", "Children under 12 go free."),
        ("Get the Fifth Tin Free", "Get the Sixth Tin Free", _FIFTH),
        ("9 Litres of Water", "8 Litres of Water", "A crate of 12 x 0,75 l of water."),
        ("Nur neun Liter", "Nur acht Liter", "A crate of 12 x 0,75 l of water."),
        ("Smoked for 21 Days", "Smoked for 20 Days", "Smoked for three weeks."),
    ],
)
def test_what_follows_from_the_ad_and_what_does_not(right: str, wrong: str, description: str) -> None:
    assert not _wrong(right, description)
    assert _wrong(wrong, description)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("Open From 9.30 a.m.", "Open From 8.30 a.m."),
        ("Reception Until 10 p.m.", "Reception Until 11 p.m."),
        ("Mon–Fri, Half Past Nine to Six o'Clock", "Mon–Sat, Half Past Nine to Six o'Clock"),
        ("Shop on Weekdays", "Shop on Sundays"),
    ],
)
def test_times_of_day_and_days_of_the_week(right: str, wrong: str) -> None:
    assert not _wrong(right, _DAYS)
    assert _wrong(wrong, _DAYS)


def test_a_number_of_things_whose_price_reaches_the_offer() -> None:
    description = "Orders over €35 come with a free lip balm."
    assert not _wrong("Two Tubes Earn You the Lip Balm", description, price="€19")  # 38 > 35
    assert _wrong("Two Tubes Earn You the Lip Balm", description, price="€17")  # 34 < 35


def test_one_of_several_free_is_not_paid() -> None:
    assert not _wrong("Five Tins for $20", _FIFTH, price="$5 per tin")  # 4 x 5
    assert _wrong("Five Tins for $19", _FIFTH, price="$5 per tin")


_SPEAKER = "The speaker plays 20 hours, 80 with the case. It came out in 1998 and runs on 110 and 220 volts."
_FAMILY = "Admission is £12 for adults and £7 for children under 15."
_KIT = "The kit has 4 plates, 4 bowls and 4 mugs. It makes 500 ml; one dose is 20 ml. Seats rise from 40 to 70 cm."


@pytest.mark.parametrize(
    ("right", "wrong", "description"),
    [
        ("20 Hours, or 80 With the Case", "20 Hours, or 90 With the Case", _SPEAKER),
        ("For 110 V", "For 120 V", _SPEAKER),
        ("One Adult, One Child: £19 in Total", "One Adult, One Child: £21 in Total", _FAMILY),  # 12 + 7
        ("A Dozen Pieces", "Fifteen Pieces", _KIT),  # 4 + 4 + 4
        ("25 Doses in the Kit", "30 Doses in the Kit", _KIT),  # 500 / 20
        ("30 cm Between Low and High", "35 cm Between Low and High", _KIT),  # 70 - 40
        ("A Pair Weighs 560 g", "A Pair Weighs 580 g", "The shoes weigh 280 g each."),
        ("6 kg of Rope", "5 kg of Rope", "The rope is 60 m long, weighs 100 g per metre."),
        ("Bake at 180 Degrees", "Bake at 190 Degrees", "Bake at 180 °C."),
        ("Two 23 kg Cases", "Two 46 kg Cases", "Bring two cases of 23 kg."),
        ("0–100 km/h in 6.5 s", "0–100 km/h in 7.5 s", "0 to 100 km/h in 6.5 seconds."),
        ("Twelve Bars", "Fifteen Bars", "Four flavours, 3 bars of each."),
        ("£200 a Year on £5,000", "£250 a Year on £5,000", "Interest of 4% on £5,000 is paid yearly."),
        ("Up to Size 47", "Up to Size 48", "Sizes 36 to 47."),
        ("Closed Sundays and Mondays", "Closed Saturdays", "The library is open Tuesday to Saturday."),
        ("Three Cabins, Sleeps Six", "Six Cabins", "She sleeps six in three cabins."),
        ("Three Times as Much Wheat as Rye", "Four Times as Much Wheat as Rye", "25 g of rye, 75 g of wheat."),
    ],
)
def test_lists_ranges_rates_and_shares(right: str, wrong: str, description: str) -> None:
    assert not _wrong(right, description)
    assert _wrong(wrong, description)


_MADE = (
    "A box of 12 bars costs £22.80. Fitting costs £70.50 more. Classes on Mondays, Wednesdays and Fridays run from "
    "6.30 to 8 pm for ten evenings. So far 38% of teams won. In size 8 the shaft is 19 cm high. Your second bill has "
    "£40 credit. A charge lasts up to 9 days. The mat is 8 cm of foam over 6 cm of felt. Wheels of 20 inches."
)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("Bars Work Out at £1.90", "Bars Work Out at £1.80"),  # 22.80 / 12
        ("Two Boxes Come to £45.60", "Two Boxes Come to £46.60"),  # 2 x 22.80
        ("A Box Fitted for £93.30", "A Box Fitted for £92.30"),  # 22.80 + 70.50
        ("15 Hours Across Ten Evenings", "16 Hours Across Ten Evenings"),  # 10 x 1.5
        ("Three Classes a Week", "Two Classes a Week"),
        ("Fewer Than Four in Ten Teams Won", "More Than Four in Ten Teams Won"),
        ("Size 8: a 190 mm Shaft", "Size 9: a 190 mm Shaft"),
        ("Credit on Bill Two", "Credit on Bill Three"),
        ("More Than a Week per Charge Is Possible", "More Than Two Weeks per Charge Is Possible"),
        ("14 cm of Foam and Felt", "13 cm of Foam and Felt"),  # 8 + 6
        ("1½ Hours of Class", "2½ Hours of Class"),
        ("20-Inch Wheels", "20 cm Wheels"),
    ],
)
def test_figures_that_come_to_an_amount_without_a_cue(right: str, wrong: str) -> None:
    assert not _wrong(right, _MADE)
    assert _wrong(wrong, _MADE)

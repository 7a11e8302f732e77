"""Units and currencies: what each written form measures, with exact factors from pint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any, cast

from creator.facts.text import listed

# pint's name, then the forms people write (folded). Months and years are kept apart from days: no exact factor exists.
_FORMS = """
gram: g gr gram grams gramme grammes gramm gramos 克 グラム
kilogram: kg kgs kilogramm kilo kilos kilogram kilograms kilogramme kilogrammes 千克 公斤 キロ キログラム
milligram: mg milligram milligrams 毫克
microgram: mcg ug μg microgram micrograms
metric_ton: tonne tonnes
ounce: oz ozs ounce ounces
pound: lb lbs
stone: st
liter: l liter liters litre litres ltr litro litros 升 リットル
milliliter: ml milliliter milliliters millilitre millilitres mls 毫升 ミリリットル
centiliter: cl centiliter centiliters centilitre centilitres
deciliter: dl deciliter deciliters decilitre decilitres
fluid_ounce: floz
pint: pint pints
imperial_pint: ukpint
quart: quart quarts
gallon: gallon gallons gal
imperial_gallon: ukgallon
cup: cup cups
tablespoon: tbsp tablespoon tablespoons
teaspoon: tsp teaspoon teaspoons
millimeter: mm millimeter millimeters millimetre millimetres 毫米 ミリ
centimeter: cm zentimeter centimeter centimeters centimetre centimetres 厘米 公分 センチ
meter: m meter meters metre metres metern metros 米 メートル
kilometer: km kms kilometer kilometers kilometre kilometres 公里 千米
inch: inch inches
foot: ft foot feet
yard: yd yds yard yards
mile: mi mile miles
second: s sec secs second seconds sekunde sekunden secondes segundos 秒
minute: min mins minute minutes minuten minuto minutos 分钟 分鐘 分間
hour: h hr hrs hour hours stunde stunden heure heures hora horas 小时 小時 時間
day: day days tage tagen jours dias 天 日間
week: wk wks week weeks woche wochen semaine semaines semana semanas 周 週間 星期
watt: w watt watts
kilowatt: kw kilowatt kilowatts
watt_hour: wh
kilowatt_hour: kwh
volt: v volt volts
ampere: amp amps
milliampere_hour: mah
ampere_hour: ah
lumen: lm lumen lumens
hertz: hz hertz
megahertz: mhz
gigahertz: ghz
bar: bar
pound_force_per_square_inch: psi
kilopascal: kpa
horsepower: hp bhp
kilocalorie: kcal calorie calories cal cals
kilojoule: kj
byte: b
kilobyte: kb
megabyte: mb
gigabyte: gb
terabyte: tb
megabit/second: mbps mbit
gigabit/second: gbps gbit
mile/hour: mph
kilometer/hour: kmh kph
hectare: ha hectare hectares
meter**2: sqm m2 平方米 平米
foot**2: sqft ft2
acre: acre acres
"""
_CALENDAR = {
    Fraction(1): "month months monat monate monaten mois meses mo mos mth mths 个月 個月 ヶ月 か月 カ月",
    Fraction(3): "quarter quarters",
    Fraction(12): "year years yr yrs jahr jahre jahren annees anos 年 年間",
    Fraction(120): "decade decades",
    Fraction(1200): "century centuries",
    Fraction(12000): "millennium millennia",
}
_TIME_WORDS = {"fortnight": Fraction(14 * 86400), "fortnights": Fraction(14 * 86400)}
_ADVERBS = {
    "hourly": "hour",
    "daily": "day",
    "weekly": "week",
    "monthly": "month",
    "quarterly": "quarter",
    "yearly": "year",
    "annually": "year",
    "annual": "year",
    "nightly": "day",
    "fortnightly": "fortnight",
}
_CURRENCIES = {
    "usd": "$ usd us$ dollar dollars buck bucks 美元",
    "eur": "€ eur euro euros 欧元",
    "gbp": "£ gbp pound pounds quid 英镑",
    "jpy": "¥ 円 yen jpy",
    "cny": "元 rmb cny yuan 块",
    "inr": "₹ inr rupee rupees",
    "krw": "₩ krw won",
    "chf": "chf francs",
    "sek": "sek",
    "nok": "nok",
    "dkk": "dkk",
    "pln": "zł pln zloty",
    "cad": "c$ cad",
    "aud": "a$ aud",
    "brl": "r$ brl",
}
_MINOR = {"usd": "cent cents ¢", "gbp": "p penny pence"}
# Letters too short to be a unit unless a number stands right before them.
SHORT = listed(
    "g l m s h w v b t p st min cal bar mi mo ha gal cup cups second seconds quarter quarters st won pound pounds"
)


_ONE = Fraction(1)  # the very object, so that plain units are told at once


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of measure.

    Args:
        name: how the unit is called.
        dimension: what it measures; figures compare only within one dimension.
        factor: how many base units of its dimension it is, exactly.
        system: "metric", "imperial" or "": rounding is expected between the first two.
        offset: added after scaling (temperatures only).
    """

    name: str
    dimension: str
    factor: Fraction
    system: str = ""
    offset: Fraction = Fraction(0)

    def base(self, figure: Fraction) -> Fraction:
        """The figure in base units."""
        if self.factor is _ONE:
            return figure
        return figure * self.factor + self.offset if self.offset else figure * self.factor


PERCENT = Unit("percent", "percent", _ONE)
COUNT = Unit("", "count", _ONE)
TIMES = Unit("times", "times", _ONE)

_IMPERIAL = listed(
    "ounce pound stone fluid_ounce pint imperial_pint quart gallon imperial_gallon cup tablespoon teaspoon inch "
    "foot yard mile mile/hour acre foot**2 pound_force_per_square_inch"
)


@lru_cache(maxsize=1)
def unit_forms() -> Mapping[str, Unit]:
    """Every written form of a unit or currency, folded, and the unit it stands for."""
    import pint

    registry: Any = pint.UnitRegistry(non_int_type=cast(Any, Fraction))
    forms: dict[str, Unit] = {}
    for line in _FORMS.strip().splitlines():
        name, _, written = line.partition(": ")
        quantity = registry.Quantity(Fraction(1), name).to_base_units()
        dimension = " ".join(f"{part}^{Fraction(power)}" for part, power in sorted(quantity.dimensionality.items()))
        if "byte" in name or "bit" in name:
            dimension = f"data {dimension}"
        factor = _ONE if quantity.magnitude == 1 else Fraction(quantity.magnitude)
        unit = Unit(name, dimension, factor, "imperial" if name in _IMPERIAL else "metric")
        forms.update(dict.fromkeys(written.split(), unit))
    time = forms["second"].dimension
    for months, written in _CALENDAR.items():
        forms.update(dict.fromkeys(written.split(), Unit(written.split()[0], "calendar", months)))
    for word, seconds in _TIME_WORDS.items():
        forms[word] = Unit("fortnight", time, seconds)
    for code, written in _CURRENCIES.items():
        forms.update(dict.fromkeys(written.split(), Unit(code, f"money {code}", _ONE)))
    for code, written in _MINOR.items():
        forms.update(dict.fromkeys(written.split(), Unit(f"{code} minor", f"money {code}", Fraction(1, 100))))
    forms |= dict.fromkeys(("degrees", "grad", "grados"), Unit("degree", "angle", _ONE))
    forms["%"] = forms["percent"] = forms["prozent"] = forms["％"] = PERCENT
    forms["celsius"] = Unit("celsius", "temperature", _ONE, "metric")
    forms["fahrenheit"] = Unit("fahrenheit", "temperature", Fraction(5, 9), "imperial", Fraction(-160, 9))
    return forms


@lru_cache(maxsize=1)
def ambiguous_forms() -> Mapping[str, tuple[Unit, ...]]:
    """Forms that stand for several units, the likeliest first: an ounce may be of volume, a pound of weight."""
    forms = unit_forms()
    pound = next(unit for form, unit in forms.items() if form == "lb")
    return {
        "oz": (forms["oz"], forms["floz"]),
        "ounce": (forms["oz"], forms["floz"]),
        "ounces": (forms["oz"], forms["floz"]),
        "pint": (forms["pint"], forms["ukpint"]),
        "pints": (forms["pint"], forms["ukpint"]),
        "gallon": (forms["gallon"], forms["ukgallon"]),
        "gallons": (forms["gallon"], forms["ukgallon"]),
        "pound": (forms["gbp"], pound),
        "pounds": (forms["gbp"], pound),
        "$": (forms["$"], forms["c$"], forms["a$"]),
        **dict.fromkeys(("degrees", "grad", "grados"), (forms["degrees"], forms["celsius"], forms["fahrenheit"])),
        "¥": (forms["cny"], forms["jpy"]),
    }


@lru_cache(maxsize=1)
def rate_adverbs() -> Mapping[str, Unit]:
    """ "monthly" and the like, with the unit they repeat by."""
    forms = unit_forms()
    return {adverb: forms[word] for adverb, word in _ADVERBS.items()}


def is_money(unit: Unit) -> bool:
    """Whether the unit is a currency."""
    return unit.dimension.startswith("money")

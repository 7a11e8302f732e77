"""The words of a coupon: a plain title, sentences of fact, selling points and the figures behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from data_synthesis.sources.completejourney_history import Companion, Figures

MOST_POINTS = 8
MOST_TITLE_WORDS = 12
FEW_KINDS = 5
"""Up to so many product types, companions, prices and sizes say something about the offer as a whole."""
MANY_KINDS = 12
"""Beyond so many product types an offer is named by its parts of the store."""
MOSTLY = 0.8
VAGUE = frozenset({"international foods", "refrigerated foods", "pet supplies"})
"""Category names that say too little for a title."""
MIN_BUYERS, MIN_LINES = 30, 20
"""Fewest past buyers, and register lines, that a share is given for."""


@dataclass(frozen=True, slots=True)
class Bought:
    """A companion with its words.

    Args:
        kind: its type phrase.
        figures: the counts.
        of: "the offer's products", or "its product types" where the products alone were bought too rarely to tell.
    """

    kind: str
    figures: Companion
    of: str


@dataclass(frozen=True, slots=True)
class Offer:
    """One coupon of one campaign with everything known about it before the campaign starts.

    Args:
        kinds: product types covered, the most bought first.
        aisles: categories covered with their share of the products, the largest first.
        sections: parts of the store likewise.
        brand: "store brand", "name brand", or "" when mixed or meaningless.
        sizes: package sizes, the commonest first.
        products: how many products it covers.
        figures: prices, discounts and buyers.
        companions: what goes into the same basket.
        since: first day of the register.
        starts: first day of the campaign.
        ends: its last day.
    """

    kinds: tuple[str, ...]
    aisles: Mapping[str, float]
    sections: Mapping[str, float]
    brand: str
    sizes: tuple[str, ...]
    products: int
    figures: Figures
    companions: tuple[Bought, ...]
    since: str
    starts: str
    ends: str

    @property
    def category(self) -> str:
        """What kind of thing it is about: its category, or with many types its part of the store."""
        return next(iter(self.sections if len(self.kinds) > MANY_KINDS else self.aisles))

    @property
    def price(self) -> str:
        """Typical price ("$2.49"), or "" when it is not known or stands for too many types."""
        known = self.figures.price is not None and self.figures.priced >= MIN_LINES and len(self.kinds) <= FEW_KINDS
        return f"${self.figures.price:.2f}" if known else ""

    @property
    def discounted_percent(self) -> int:
        """Share of past purchases at a card discount, percent; 0 when too few to tell."""
        return round(100 * self.figures.discounted / self.figures.lines) if self.figures.lines >= MIN_LINES else 0

    @property
    def rebought_percent(self) -> int:
        """Share of past buyers who bought again, percent; 0 when too few to tell."""
        return round(100 * self.figures.rebuyers / self.figures.buyers) if self.figures.buyers >= MIN_BUYERS else 0


def offer_title(offer: Offer) -> str:
    """What an advertiser would show everybody: short, plain, impersonal, and no wider than what is covered."""
    brand = offer.brand.replace(" ", "-") + " " if offer.brand else ""
    if len(offer.kinds) <= 3:
        title = f"Coupon on {brand}{listed(offer.kinds)}"
        if len(offer.kinds) == 1 and len(offer.sizes) == 1 and len(title.split()) < 8:
            title += f", {offer.sizes[0]}"
        if len(title.split()) <= MOST_TITLE_WORDS or len(offer.kinds) == 1:
            return title
    return f"Coupon on {offer.products:,} kinds of {brand}{_range_name(offer)}"


def _range_name(offer: Offer) -> str:
    """What an offer over several types is about.

    Its category, where that is one plain name; else its two most bought types; else, with many types, its parts of
    the store. "Bread, buns and rolls" would promise buns to the reader of an offer on bread alone.
    """
    aisle, part = next(iter(offer.aisles.items()))
    if part >= 0.5 and " and " not in aisle and aisle not in VAGUE:
        return aisle if part == 1 else f"{aisle} and more"
    if len(offer.kinds) <= MANY_KINDS:
        return listed(offer.kinds) if len(offer.kinds) == 2 else f"{offer.kinds[0]}, {offer.kinds[1]} and more"
    sections = list(offer.sections)
    if offer.sections[sections[0]] >= MOSTLY:
        return sections[0] if len(sections) == 1 else f"{sections[0]} and more"
    return f"{sections[0]}, {sections[1]} and more"


def offer_points(offer: Offer) -> list[str]:
    """Short phrases, each true, each of interest to some shoppers and not to others."""
    few = len(offer.kinds) <= FEW_KINDS
    points = list(offer.kinds[:MOST_POINTS])
    company = [f"often bought with {bought.kind}" for bought in offer.companions]
    rest = company[:3]
    rest += [offer.brand] if offer.brand else []
    rest += [f"typical price {offer.price}"] if offer.price else []
    rest += (
        [f"{offer.discounted_percent}% of purchases at a card discount"]
        if few and offer.discounted_percent >= 30
        else []
    )
    rest += [sizes] if few and (sizes := size_range(offer.sizes)) else []
    rest += [f"{offer.rebought_percent}% of buyers bought again"] if few and offer.rebought_percent >= 30 else []
    return (points + rest + company[3:])[:MOST_POINTS]


def size_range(sizes: Sequence[str]) -> str:
    """The sizes in a phrase: "8 oz", "8 oz and 16 oz", "5 to 32 oz"; "" when there is nothing short to say."""
    if not sizes or len(sizes) <= 2:
        return listed(sizes) + (" sizes" if len(sizes) == 2 else " size" if sizes else "")
    split = [size.split(" ") for size in sizes]
    if any(len(part) != 2 for part in split) or len({part[1] for part in split}) != 1:
        return ""
    figures = sorted((float(part[0]), part[0]) for part in split)
    return f"{figures[0][1]} to {figures[-1][1]} {split[0][1]} sizes"


def offer_description(offer: Offer) -> str:
    """Full sentences of fact, every figure with what it is a figure of."""
    shown = offer.kinds[:MOST_POINTS]
    more = f" and {len(offer.kinds) - len(shown)} more product types" if len(offer.kinds) > len(shown) else ""
    number = "1 product" if offer.products == 1 else f"{offer.products:,} products"
    names = ", ".join(shown) + more if more else listed(shown)
    said = [f"This coupon covers {number}: {offer.brand.replace(' ', '-') + ' ' if offer.brand else ''}{names}."]
    if offer.sizes:
        said.append(
            f"Sizes include {listed(offer.sizes[:4])}." if len(offer.sizes) > 4 else f"Sizes: {listed(offer.sizes)}."
        )
    if offer.price:
        said.append(f"The typical price paid is {offer.price}.")
    if offer.discounted_percent:
        said.append(f"{offer.discounted_percent}% of past purchases were at a card discount.")
    if offer.rebought_percent:
        said.append(f"{offer.rebought_percent}% of past buyers bought again.")
    if offer.companions:
        said.append(f"Often bought with {listed([bought.kind for bought in offer.companions])}.")
    said.append(f"The campaign runs from {offer.starts} to {offer.ends}.")
    return " ".join(said)


def offer_attributes(offer: Offer) -> dict[str, str]:
    """Named facts."""
    found = {
        "brand": offer.brand,
        "sizes": ", ".join(offer.sizes[:8]),
        "products": str(offer.products),
        "product_types": ", ".join(offer.kinds[:MOST_POINTS]),
        "typical_price": offer.price,
        "card_discount": f"{offer.discounted_percent}% of purchases" if offer.discounted_percent else "",
        "bought_again": f"{offer.rebought_percent}% of buyers" if offer.rebought_percent else "",
        "starts": offer.starts,
        "ends": offer.ends,
    }
    return {name: value for name, value in found.items() if value}


def offer_facts(offer: Offer) -> list[dict[str, object]]:
    """Each derived fact with its figure, the rows it came from and the period they lie in."""
    period = {"from": offer.since, "before": offer.starts}
    figures = offer.figures
    found: list[dict[str, object]] = [
        {"fact": "products", "value": offer.products, "source": "the coupon's product list"},
        {
            "fact": "product_types",
            "value": list(offer.kinds),
            "source": "the coupon's product list",
            "ordered_by": "purchases",
            **period,
        },
    ]
    if offer.price:
        found.append(
            {
                "fact": "typical_price",
                "value": offer.price,
                "statistic": "median paid for one",
                "denominator": figures.priced,
                **period,
            }
        )
    if offer.discounted_percent:
        found.append(
            {
                "fact": "card_discount",
                "value": f"{offer.discounted_percent}%",
                "numerator": figures.discounted,
                "denominator": figures.lines,
                **period,
            }
        )
    if offer.rebought_percent:
        found.append(
            {
                "fact": "bought_again",
                "value": f"{offer.rebought_percent}%",
                "numerator": figures.rebuyers,
                "denominator": figures.buyers,
                **period,
            }
        )
    for bought in offer.companions:
        found.append(
            {
                "fact": "often_bought_with",
                "value": bought.kind,
                "of": bought.of,
                "lift": round(bought.figures.lift, 2),
                "numerator": bought.figures.together,
                "denominator": bought.figures.baskets,
                **period,
            }
        )
    return found


def listed(words: Sequence[str]) -> str:
    """Words as a sentence lists them: "a", "a and b", "a, b and c"."""
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1] if words else ""

"""What arithmetic on an ad's amounts needs: the title's words, and which amounts are alike or belong together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from creator.facts.quantities import IS, Quantity
from creator.facts.stated import Fact
from creator.facts.text import listed, stem_of
from creator.facts.units import COUNT, PERCENT, is_money

PACKS = listed(
    "pack set piec count pcs bundl box cas ct pk bag carton tray multipack crat kit pouch tin tub jar hamp kast bottl "
    "packet sachet roll packung flasch"
)
LESS = listed(
    "less cheaper off saving save saves saved savings under reduced knocks knocked lower cut cuts extra more dearer "
    "difference between range travel grows grow extends "
    "longer shorter heavier lighter taller wider gap 省 减 減 便 惠 差 得 安"
)
CHEAPER = LESS | listed("instead was now reduced down only just statt")
EACH = listed("each apiece every per one single 每 每个 各")


@dataclass(frozen=True, slots=True)
class Said:
    """What a title says beside the amount in question.

    Args:
        words: its words as written ("less", "together").
        stems: their stems.
        counts: how many things its other counts name; what it takes for granted ("two tubes").
        each: stems of the things that "each", "every", "per", "a" or "one" single out.
        sizes: its other amounts in base units, by dimension.
        single: a count right before the amount makes it that of one thing ("two 23 kg cases").
    """

    words: frozenset[str]
    stems: frozenset[str]
    counts: frozenset[Fraction]
    each: frozenset[str]
    sizes: Mapping[str, Fraction]
    single: bool = False


def each_of(words: Sequence[str]) -> frozenset[str]:
    """Stems of what "each", "every", "per" and "one" single out among folded words: "in every bag"."""
    return frozenset(
        stem_of(word)
        for n, before in enumerate(words[:-1])
        if before in EACH or before in ("a", "an")
        for word in words[n + 1 : n + 3]
    )


def same_kind(claim: Quantity, other: Quantity) -> bool:
    """Whether two amounts measure the same."""
    return any(u.dimension == other.units[0].dimension for u in claim.units)


def alike_of(claim: Quantity, own: Sequence[Fact]) -> list[Fact]:
    """One fact for each amount of the claim's dimension; counts only of the same thing."""
    kept: dict[tuple[object, ...], Fact] = {}
    for f in own:
        if same_kind(claim, f.quantity) and (
            claim.units[0] is not COUNT or claim.counted & (f.quantity.counted | f.near)
        ):
            kept.setdefault((base_of(f), f.quantity.cut, f.quantity.rate, f.near), f)
    return list(kept.values())


def base_of(fact: Fact) -> Fraction:
    """A fact's amount in base units."""
    return fact.quantity.units[0].base(fact.quantity.low)


def cuts_of(said: Said, own: Sequence[Fact]) -> set[Fraction]:
    """The percentages that the ad takes off, as far as the title speaks of them."""
    return {
        f.quantity.low
        for f in own
        if f.quantity.units[0] is PERCENT and (said.stems & f.around or said.words & CHEAPER or "%" in said.words)
    }


def bought_for(price: Fact, own: Sequence[Fact]) -> set[Fraction]:
    """For how many things the ad states a price: "two sticks for €30"."""
    return {f.quantity.low for f in own if f.passage is price.passage and price in priced_beside(f, [price])}


def priced_beside(count: Fact, own: Sequence[Fact]) -> list[Fact]:
    """The prices that the ad names in a count's own clause."""
    if count.quantity.units[0] is not COUNT or count.quantity.low < 2 or count.quantity.relation != IS:
        return []
    first, last = count.passage.sentence_at(count.quantity.first)
    first, last = max(first, count.quantity.first - 2), min(last, count.quantity.last + 6)
    return [
        f
        for f in own
        if f.passage is count.passage and is_money(f.quantity.units[0]) and first <= f.quantity.first < last
    ]


def is_pack(fact: Fact) -> bool:
    """Whether the count is of pieces in a pack: "a case of six", "6 x 1 L"."""
    at = fact.quantity.figure
    beside = (
        fact.passage.words[max(0, at - 2) : at] + fact.passage.words[fact.quantity.last + 1 : fact.quantity.last + 2]
    )
    return any(w.stem in PACKS or w.text == "x" for w in beside)

"""A made-up shop to learn from beside the catalogue: what its ads say, what titles may say then, and what not.

A catalogue of one kind of goods teaches its own sentences only. Here every ad joins some facts of `phrasebook.toml`
with names, parts and figures drawn for it, so that what a title may say depends on how the ad binds words together,
and not on the words. A wrong title says of one part what the ad says of another, loses a condition, or invents.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from creator.core.records import Ad, AdId, FindingKind
from creator.facts.learned.titles import LabelledTitle, cased

FACTS_AN_AD = (3, 6)
_SLOT = re.compile(r"\{(\w+?)\}")
_BASE = re.compile(r"\d+\Z")
_NUMBERS = {"small": range(2, 24), "mid": range(25, 99), "big": range(110, 990, 10), "percent": range(3, 75)}
_SPELT = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_WORDS = dict(enumerate(_SPELT, start=2))
_MONTHS = ("from", "to", "within", "without")
_SYLLABLES = ("ar", "bel", "cor", "dun", "el", "fen", "gal", "hol", "is", "kor", "lum", "mar", "nor", "or", "pel",
              "quil", "ros", "sten", "tor", "ul", "ven", "wil", "yar", "zel")  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Fact:
    """Something that an ad may say.

    Args:
        say: how its description says it.
        point: the same as selling points, possibly none.
        true: what a title may say then, possibly nothing.
        wrong: what it may not, by kind of error.
        slots: every slot in any of these.
    """

    say: tuple[str, ...]
    point: tuple[str, ...]
    true: tuple[str, ...]
    wrong: tuple[tuple[FindingKind, str], ...]
    slots: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Book:
    lists: Mapping[str, Sequence[str]]
    facts: tuple[_Fact, ...]
    fine: tuple[str, ...]
    benefits: tuple[str, ...]


@cache
def _book() -> _Book:
    read: dict[str, Any] = tomllib.loads(Path(__file__).with_name("phrasebook.toml").read_text(encoding="utf-8"))
    facts: list[_Fact] = []
    for row in read["fact"]:
        wrong = tuple((FindingKind(kind), text) for kind, texts in row["wrong"].items() for text in texts)
        texts = (*row["say"], *row["point"], *row["true"], *(text for _, text in wrong))
        slots = dict.fromkeys(slot for text in texts for slot in _SLOT.findall(text))
        facts.append(_Fact(tuple(row["say"]), tuple(row["point"]), tuple(row["true"]), wrong, tuple(slots)))
    return _Book(
        {**read["lists"], **read["more"]},
        tuple(facts),
        tuple(read["frames"]["fine"]),
        tuple(read["benefits"]["unsupported"]),
    )


class _Ad:
    """An ad in the making: what is drawn for it is drawn once, so that no two of its facts share a word by accident."""

    def __init__(self, number: int, draw: random.Random) -> None:
        self._draw, self._left = draw, dict[str, list[str]]()
        self.number = number
        self.given = {
            "brand": "".join(draw.sample(_SYLLABLES, draw.choice((2, 2, 3)))).capitalize(),
            "product": draw.choice(_book().lists["product"]),
            "model": draw.choice(_book().lists["model"]),
        }

    def fill(self, slots: Sequence[str]) -> dict[str, str]:
        """A value for each slot."""
        found = dict(self.given)
        if any(slot in slots for slot in _MONTHS):
            found |= self._months()
        for slot in slots:
            if slot not in found:
                found[slot] = self._next(_BASE.sub("", slot))
        return found

    def _months(self) -> dict[str, str]:
        months = _book().lists["month"]
        first = self._draw.randrange(12)
        length = self._draw.randint(2, 6)
        inside, outside = self._draw.randint(0, length), self._draw.randint(length + 1, 11)
        places = {"from": 0, "to": length, "within": inside, "without": outside}
        return {name: months[(first + place) % 12] for name, place in places.items()}

    def _next(self, name: str) -> str:
        left = self._left.get(name)
        if not left:
            if name == "code":
                return "".join(self._draw.sample(_SYLLABLES, 2)).upper() + str(self._draw.randint(5, 30))
            values = [str(n) for n in _NUMBERS[name]] if name in _NUMBERS else list(_book().lists[name])
            left = self._left[name] = self._draw.sample(values, len(values))
        return left.pop()


def made_up_titles(ads: int, per_ad: int, seed: int) -> list[LabelledTitle]:
    """Titles of made-up ads, as many true as wrong.

    Args:
        ads: how many ads.
        per_ad: pairs of a true and a wrong title for each.
        seed: everything follows from it.
    """
    draw = random.Random(seed)
    return [title for number in range(ads) for title in _titles(number, per_ad, draw)]


def _titles(number: int, per_ad: int, draw: random.Random) -> Iterator[LabelledTitle]:
    book, making = _book(), _Ad(number, draw)
    chosen = draw.sample(book.facts, draw.randint(*FACTS_AN_AD))
    filled = [(fact, making.fill(fact.slots)) for fact in chosen]
    ad = _ad(making, filled, draw)
    true = [_write(text, values, draw) for fact, values in filled for text in fact.true]
    wrong = [(kind, _write(text, values, draw)) for fact, values in filled for kind, text in fact.wrong]
    absent = draw.choice([fact for fact in book.facts if fact not in chosen and fact.true])
    invented = [_write(draw.choice(absent.true), making.fill(absent.slots), draw), draw.choice(book.benefits)]
    wrong += [(FindingKind.UNSUPPORTED, text) for text in invented]
    if not true:
        return
    for _ in range(per_ad):
        text = draw.choice(true)
        if draw.random() < 0.2:
            text = f"{text}, {draw.choice(true)}"
        yield LabelledTitle(ad, _framed(text, making, draw), None)
        kind, text = draw.choice(wrong)
        if draw.random() < 0.25:
            parts = [text, draw.choice(true)]
            draw.shuffle(parts)
            text = ", ".join(parts)
        yield LabelledTitle(ad, _framed(text, making, draw), kind)


def _ad(making: _Ad, filled: Sequence[tuple[_Fact, dict[str, str]]], draw: random.Random) -> Ad:
    given = making.given
    said = [_sentence(_write(draw.choice(fact.say), values, draw)) for fact, values in filled]
    points = [_write(draw.choice(fact.point), values, draw) for fact, values in filled if fact.point]
    points = [cased(point) for point in draw.sample(points, min(len(points), draw.randint(2, 4)))]
    title = draw.choice(("{brand} {model} {product}", "{brand} {product}", "{product} by {brand}")).format(**given)
    if points and draw.random() < 0.4:
        title += f", {points[0]}"
    return Ad(AdId(f"made-up-{making.number}"), cased(title), " ".join(said), tuple(points), {"brand": given["brand"]})


def _write(text: str, values: Mapping[str, str], draw: random.Random) -> str:
    """A line with its slots filled, small numbers sometimes as words."""

    def value(match: re.Match[str]) -> str:
        said = values[match[1]]
        spelt = said.isdecimal() and int(said) in _WORDS and text[match.end() : match.end() + 1] in (" ", "-")
        money = text[: match.start()].endswith("$")
        return _WORDS[int(said)] if spelt and not money and draw.random() < 0.35 else said

    return _SLOT.sub(value, text)


def _framed(text: str, making: _Ad, draw: random.Random) -> str:
    return cased(draw.choice(_book().fine).format(t=text, **making.given))


def _sentence(text: str) -> str:
    return ". ".join(part[:1].upper() + part[1:] for part in text.split(". "))

"""Words of a text as evidence compares them: lower case, without endings, numbers or function words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
FIGURE = re.compile(r"\d")
CLAUSE = re.compile(r"[.;!?\n]+(?:\s|$)")
BREAK = re.compile(r"[,;:.!?()\[\]|/&+\n–—]|\s-\s|[%$€£¥\d]+\S*")

# Words that join, place or count things, and those that speak of an offer: none names what is offered.
FUNCTION_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
        a an and or nor but of in on at by to from for with without into onto over under up off out as than per via
        is are was were be been being has have had do does did can may will would should could must it its this that
        these those the their your our my his her you we they them us i he she who which what when where while if
        not no only also often frequently usually most more less least very all any some each every both many much
        few several other others another such same own so too just about between through during before after above
        below until then there here how why because bought buy buys buying sold sell sells pairs paired goes go get
        gets together along save saves saving savings deal deals offer offers sale discount price prices priced
        cheaper now including includes include included covers cover covered selected select plus
        """,
    )
)

UNITS = frozenset(
    re.findall(
        r"\w+",
        """
        oz lb lbs g kg mg ml cl l gal gallon gallons qt pt fl ct count pack packs pk piece pieces inch inches ft sq cm
        mm m km h hr hrs min mins s loads uses sheets size sizes sized percent w v mah gb tb mb x
        """,
    )
)
"""What a figure counts; no more the name of a thing than the figure is."""


@lru_cache(maxsize=200_000)
def stem(word: str) -> str:
    """A word in lower case without the ending of a plural: "Strawberries" and "strawberry" are one."""
    word = word.lower().replace("’", "'").removesuffix("'s").replace("'", "")
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("sses", "shes", "ches", "xes", "zes", "toes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def content_words(text: str) -> tuple[str, ...]:
    """The stems of the words that name something, in the order of the text; numbers and function words left out."""
    words = (word.lower() for word in WORD.findall(text))
    return tuple(stem(word) for word in words if word not in FUNCTION_WORDS and word not in UNITS)


@dataclass(frozen=True, slots=True)
class Clause:
    """One unit of a text in which a phrase must be found whole.

    Args:
        words: stems of its naming words.
        heads: of those, the ones that end a run of naming words: what is meant, not what describes it ("corn chips"
            are chips).
    """

    words: frozenset[str]
    heads: frozenset[str]


def clauses(title: str, description: str) -> list[Clause]:
    """The clauses of an item's text: the title, and each sentence of the description."""
    found: list[Clause] = []
    for part in [title, *CLAUSE.split(description)]:
        runs = list(_runs(part))
        if runs:
            found.append(Clause(frozenset(word for run in runs for word in run), frozenset(run[-1] for run in runs)))
    return found


@lru_cache(maxsize=200_000)
def phrases(point: str) -> tuple[tuple[str, ...], ...]:
    """The phrases of a selling point, each as its stems: runs of naming words between function words and punctuation.

    "often bought with strawberries" has one, ("strawberry",); "20% off selected gear" has ("gear",).
    """
    return tuple(dict.fromkeys(_runs(point)))


def _runs(text: str) -> Iterator[tuple[str, ...]]:
    for part in BREAK.split(text):
        run: list[str] = []
        for word in [*WORD.findall(part), "and"]:
            if word.lower() in FUNCTION_WORDS or word.lower() in UNITS:
                if run:
                    yield tuple(run)
                run = []
            else:
                run.append(stem(word))

"""Words of a text as evidence compares them: lower case, without endings, numbers or function words."""

from __future__ import annotations

import re
from functools import lru_cache

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
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
    return tuple(stem(word) for word in WORD.findall(text) if word.lower() not in FUNCTION_WORDS)


def clauses(title: str, description: str) -> list[tuple[str, ...]]:
    """The units in which a phrase must be found whole: the title, and each sentence of the description."""
    parts = [title, *CLAUSE.split(description)]
    return [words for part in parts if (words := content_words(part))]


@lru_cache(maxsize=200_000)
def phrases(point: str) -> tuple[tuple[str, ...], ...]:
    """The phrases of a selling point, each as its stems: runs of naming words between function words and punctuation.

    "often bought with strawberries" has one, ("strawberry",); "20% off selected gear" has ("gear",).
    """
    found: list[tuple[str, ...]] = []
    for part in BREAK.split(point):
        run: list[str] = []
        for word in [*WORD.findall(part or ""), "and"]:
            if word.lower() in FUNCTION_WORDS:
                if run and tuple(run) not in found:
                    found.append(tuple(run))
                run = []
            else:
                run.append(stem(word))
    return tuple(found)

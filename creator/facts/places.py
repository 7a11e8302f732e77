"""Where a word stands in a title: what the title says the product is, has, comes from, or only sets the scene with."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto

from creator.facts.entities import Known
from creator.facts.segments import Segment
from creator.facts.text import Word, listed
from creator.facts.vocabulary import base_forms, vocabulary

PREPOSITIONS = listed(
    "with for from in into by to of on at under without per as until via including featuring plus inside across "
    "over that which"
)
FEATURE = listed("with including featuring plus includes include has have adds comes that which")
JOINS = (",", "and", "&", "or", "/")
_AUDIENCE = (
    "ers",
    "ors",
    "ists",
    "fans",
    "folks",
    "people",
    "parents",
    "families",
    "mums",
    "moms",
    "dads",
    "friends",
    "buffs",
    "couples",
)


class Place(Enum):
    """Where a word stands in its segment."""

    FRAME = auto()  # a question, an address, an aside
    HEAD = auto()  # the end of the first noun phrase: what the title says the product is
    MODIFIER = auto()  # in the first noun phrase, before its head
    FEATURE = auto()  # after "with" and the like: what the product is said to have
    SOURCE = auto()  # after "from" or "of"
    ELSEWHERE = auto()


def place_of(found: Sequence[Word], segment: Segment, n: int, known: Known) -> Place:
    """Where a word stands."""
    if segment.frame or in_audience(found, segment, n):
        return Place.FRAME
    before_it = governor(found, segment, n)
    if before_it in FEATURE:
        return Place.FEATURE
    if before_it in ("from", "of"):
        return Place.SOURCE
    before = found[n - 1] if n > segment.first else None
    if before is not None and before.text in ("-", "'") and n - 2 >= segment.first:
        before = found[n - 2]
    follows = (
        before is not None
        and before.kind in ("word", "code", "number")
        and before.stem in known.stems
        and (before.text not in vocabulary().function)
    )
    if before_it:
        return Place.ELSEWHERE
    after = found[n + 1] if n + 1 < segment.last else None
    if after is None or after.text in PREPOSITIONS or after.text in (",", "-", "(", "that", "and", "&", "is", "are"):
        phrase = [w for w in found[segment.first : n] if w.kind == "word" and w.text not in vocabulary().function]
        return (
            Place.HEAD
            if follows or (before in phrase and any(w.stem in known.stems for w in phrase))
            else Place.ELSEWHERE
        )
    names_product = after.stem in known.product or follows
    return (
        Place.MODIFIER
        if names_product and after.kind == "word" and after.text not in vocabulary().function
        else Place.ELSEWHERE
    )


def governor(found: Sequence[Word], segment: Segment, n: int) -> str:
    """The last preposition (or "includes") before a word in its segment; the one in "built-in" is none."""
    for at in range(n - 1, segment.first - 1, -1):
        text = found[at].text
        if (text in PREPOSITIONS or text in FEATURE) and not (at and found[at - 1].text == "-"):
            return text
    return ""


def in_audience(found: Sequence[Word], segment: Segment, n: int) -> bool:
    """Whether a word belongs to a phrase such as "for wet-weather walkers"."""
    comma = next((at for at in range(segment.first, segment.last) if found[at].text == ","), None)
    if comma is not None and segment.first <= n < comma and found[comma - 1].text.endswith(_AUDIENCE):
        after = found[comma + 1].text if comma + 1 < segment.last else ""
        if after in vocabulary().meanings.verbs and not any(
            w.text in PREPOSITIONS for w in found[segment.first : comma]
        ):
            return True  # "Home lifters, meet ..."
    start = next((at for at in range(n - 1, segment.first - 1, -1) if found[at].text == "for"), None)
    if start is None or any(w.text in PREPOSITIONS for w in found[start + 1 : n]):
        return False
    end = next(
        (at for at in range(start + 1, segment.last) if found[at].text in PREPOSITIONS or found[at].text == ","),
        segment.last,
    )
    return any(w.text.endswith(_AUDIENCE) and not is_made(w.text) for w in found[start + 1 : end])


def is_made(text: str) -> bool:
    """Whether the word names something made: a product, a part, a vessel."""
    vocab = vocabulary()
    products = vocab.list_cached("things", "products")
    return any(form in products.exact for form in base_forms(text)) or vocab.meanings.class_of(text) == "artifact"

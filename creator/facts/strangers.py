"""Words of a title that its ad does not carry: another product, an invented feature, a foreign name, or mere framing.

What such a word does to the title depends on where it stands: the noun that ends the first phrase names the product,
what follows "with" is claimed to be part of it, a question or "for weekend bakers" only sets the scene.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from creator.core.records import FindingKind
from creator.facts.entities import Known
from creator.facts.segments import Segment, segment_at
from creator.facts.text import Word, listed, stem_of
from creator.facts.units import unit_forms
from creator.facts.vocabulary import base_forms, singular_forms, vocabulary

_PREPOSITIONS = listed(
    "with for from in into by to of on at under without per as until via including featuring plus inside across "
    "over that which"
)
_FEATURE = listed("with including featuring plus includes include has have adds comes that which")
_JOINS = (",", "and", "&", "or", "/")
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
SURE, LIKELY, MILD = 0.85, 0.75, 0.3


class Place(Enum):
    """Where a word stands in its segment."""

    FRAME = auto()  # a question, an address, an aside
    HEAD = auto()  # the end of the first noun phrase: what the title says the product is
    MODIFIER = auto()  # in the first noun phrase, before its head
    FEATURE = auto()  # after "with" and the like: what the product is said to have
    SOURCE = auto()  # after "from" or "of"
    ELSEWHERE = auto()


@dataclass(frozen=True, slots=True)
class Stranger:
    """A word of the title that does not come from the ad.

    Args:
        word: its index.
        kind: what kind of error it would be.
        score: how sure; below 0.5 it is only unverifiable.
    """

    word: int
    kind: FindingKind
    score: float


def strangers(
    found: Sequence[Word], segments: tuple[Segment, ...], known: Known, taken: frozenset[int]
) -> Iterator[Stranger]:
    """Every word of meaning that the ad neither carries nor implies and that matters where it stands.

    Args:
        found: the title's words.
        segments: its segments.
        known: what the ad covers.
        taken: indices that another check has dealt with (amounts, dates, ranks, statements about the reader).
    """
    function = vocabulary().function
    for n, word in enumerate(found):
        if n in taken or word.kind not in ("word", "code") or word.text in function or len(word.text) < 2:
            continue
        if n and found[n - 1].text in ("/", "per", "a") and word.text in unit_forms():
            continue
        segment = segment_at(segments, n)
        place = _place(found, segment, n, known)
        if word.stem in known.stems or (word.text.endswith("'s") and stem_of(word.text[:-2]) in known.stems):
            if (
                place is Place.HEAD
                and word.text.endswith(("er", "or", "ers", "ors"))
                and _is_thing(word.text)
                and not known.names(word.text)
            ):
                yield Stranger(n, FindingKind.WRONG_PRODUCT, LIKELY)  # a charger, where the ad only charges
            continue
        stranger = _judge(found, segment, n, known, place)
        if stranger is not None:
            yield Stranger(n, *stranger)


def _judge(
    found: Sequence[Word], segment: Segment, n: int, known: Known, place: Place
) -> tuple[FindingKind, float] | None:
    vocab = vocabulary()
    text = found[n].text.removesuffix("'s")
    kind, framed = vocab.meanings.class_of(text), place is Place.FRAME
    if vocab.claiming.has(text) and not _only_plain(text):
        return FindingKind.UNSUPPORTED, SURE
    if _is_plain(text):
        does = n > 0 and found[n - 1].text in ("that", "which")  # "a jacket that tucks away"
        return None if does or known.ends(text) else _plain(text, kind, place)
    if _is_call(found, segment, n):
        return FindingKind.UNSUPPORTED, MILD
    if known.has(found[n]) and not (
        place is Place.HEAD and _is_thing(text) and not known.implies(text) and not known.ends(text)
    ):
        return None
    if (
        text in vocab.meanings.places
        or text in vocab.meanings.peoples
        or text.removesuffix("s") in vocab.meanings.peoples
    ):
        return FindingKind.ENTITY, SURE
    if place in (Place.MODIFIER, Place.HEAD) and kind in ("", "artifact") and _replaces(found, segment, n, known):
        return FindingKind.WRONG_PRODUCT, SURE
    return _thing(found, segment, n, known, place) or _other(found, n, known, place, framed=framed)


def _is_plain(text: str) -> bool:
    """Whether the word claims nothing; an agent noun does so only if listed itself ("lover", but no "tracker")."""
    plain = vocabulary().plain
    if text.endswith(("er", "or", "ers", "ors")):
        return any(form in plain.exact for form in singular_forms(text))
    return plain.has(text)


def _plain(text: str, kind: str, place: Place) -> tuple[FindingKind, float] | None:
    """A word that claims nothing in itself: only naming the product or one of its features makes it a claim."""
    if place in (Place.HEAD, Place.MODIFIER) and _is_thing(text):
        return FindingKind.WRONG_PRODUCT, LIKELY
    if place is Place.FEATURE and (_is_thing(text) or kind):
        return (FindingKind.UNSUPPORTED if kind in ("", "artifact") else FindingKind.ENTITY), LIKELY
    return None


def _thing(
    found: Sequence[Word], segment: Segment, n: int, known: Known, place: Place
) -> tuple[FindingKind, float] | None:
    """A thing the ad does not name: another product, an ingredient, a part."""
    text = found[n].text.removesuffix("'s")
    kind = vocabulary().meanings.class_of(text)
    if not kind and not _is_thing(text):
        return None
    if place is Place.FRAME:
        sure = kind == "animal" or (segment.aside and _is_thing(text)) or _governor(found, segment, n) == "with"
        return (
            FindingKind.ENTITY
            if kind == "animal"
            else FindingKind.WRONG_PRODUCT
            if segment.aside
            else FindingKind.UNSUPPORTED,
            SURE if sure else MILD,
        )
    if place is Place.HEAD:
        return FindingKind.WRONG_PRODUCT, SURE
    if place is Place.SOURCE or _in_list(found, n, known):
        return FindingKind.ENTITY, SURE
    if _is_thing(text):
        first = place is Place.MODIFIER or not _governor(found, segment, n)
        return (FindingKind.WRONG_PRODUCT if first else FindingKind.UNSUPPORTED), SURE
    return FindingKind.WRONG_PRODUCT if kind == "animal" and place is Place.MODIFIER else FindingKind.ENTITY, SURE


def _other(found: Sequence[Word], n: int, known: Known, place: Place, *, framed: bool) -> tuple[FindingKind, float]:
    """A word that names no thing: a name no dictionary has, a property, or colour in the telling."""
    text = found[n].text.removesuffix("'s")
    meanings = vocabulary().meanings
    if found[n].kind == "code" or not meanings.knows(text):
        if text.endswith(("ed", "ing", "ly", "able", "ible", "ness", "ful", "less")) and found[n].kind == "word":
            return FindingKind.UNSUPPORTED, MILD if framed else SURE
        return FindingKind.WRONG_PRODUCT if place is Place.HEAD else FindingKind.ENTITY, SURE
    if framed or text.endswith("ly"):
        return FindingKind.UNSUPPORTED, MILD
    if place is not Place.FEATURE and text not in meanings.verbs and _in_list(found, n, known):
        return FindingKind.ENTITY, LIKELY
    return FindingKind.UNSUPPORTED, MILD if place in (Place.ELSEWHERE, Place.SOURCE) else LIKELY


def _place(found: Sequence[Word], segment: Segment, n: int, known: Known) -> Place:
    if segment.frame or _in_audience(found, segment, n):
        return Place.FRAME
    governor = _governor(found, segment, n)
    if governor in _FEATURE:
        return Place.FEATURE
    if governor in ("from", "of"):
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
    if governor:
        return Place.ELSEWHERE
    after = found[n + 1] if n + 1 < segment.last else None
    if after is None or after.text in _PREPOSITIONS or after.text in (",", "-", "(", "that", "and", "&", "is", "are"):
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


def _governor(found: Sequence[Word], segment: Segment, n: int) -> str:
    """The last preposition (or "includes") before a word in its segment; the one in "built-in" is none."""
    for at in range(n - 1, segment.first - 1, -1):
        text = found[at].text
        if (text in _PREPOSITIONS or text in _FEATURE) and not (at and found[at - 1].text == "-"):
            return text
    return ""


def _in_audience(found: Sequence[Word], segment: Segment, n: int) -> bool:
    """Whether a word belongs to a phrase such as "for wet-weather walkers"."""
    comma = next((at for at in range(segment.first, segment.last) if found[at].text == ","), None)
    if comma is not None and segment.first <= n < comma and found[comma - 1].text.endswith(_AUDIENCE):
        after = found[comma + 1].text if comma + 1 < segment.last else ""
        if after in vocabulary().meanings.verbs and not any(
            w.text in _PREPOSITIONS for w in found[segment.first : comma]
        ):
            return True  # "Home lifters, meet ..."
    start = next((at for at in range(n - 1, segment.first - 1, -1) if found[at].text == "for"), None)
    if start is None or any(w.text in _PREPOSITIONS for w in found[start + 1 : n]):
        return False
    end = next(
        (at for at in range(start + 1, segment.last) if found[at].text in _PREPOSITIONS or found[at].text == ","),
        segment.last,
    )
    return any(w.text.endswith(_AUDIENCE) and not _is_thing(w.text) for w in found[start + 1 : end])


def _only_plain(text: str) -> bool:
    """Whether the word or its base is listed as plain, and only an inflection of it as a claim."""
    vocab = vocabulary()
    return text not in vocab.claiming.exact and any(form in vocab.plain.exact for form in base_forms(text))


def _is_call(found: Sequence[Word], segment: Segment, n: int) -> bool:
    """Whether the word tells the reader to do something: a verb that opens its segment, alone or in a list of such."""
    meanings = vocabulary().meanings
    before = found[n - 1] if n > segment.first else None
    opens = before is None or (
        before.text in _JOINS and all(w.text in meanings.verbs or w.text in _JOINS for w in found[segment.first : n])
    )
    items = [w for w in found[segment.first : segment.last] if w.text not in _JOINS]
    after = found[n + 1].text if n + 1 < segment.last else ""
    if (
        before is None
        and after in ("your", "the", "a", "an", "it", "into", "up", "away")
        and found[n].text in meanings.verbs
    ):
        return True
    joined = after == ","
    listed_verbs = joined and len(items) >= 3 and all(base in meanings.verbs for base in (w.text for w in items[:2]))
    return opens and found[n].text in meanings.verbs and (listed_verbs or not meanings.class_of(found[n].text))


def _is_thing(text: str) -> bool:
    """Whether the word names something made: a product, a part, a vessel."""
    vocab = vocabulary()
    products = vocab.list_cached("things", "products")
    return any(form in products.exact for form in base_forms(text)) or vocab.meanings.class_of(text) == "artifact"


def _in_list(found: Sequence[Word], n: int, known: Known) -> bool:
    """Whether the word is one of a list whose neighbour is the ad's: "coral, teal and | navy"."""
    before = n >= 2 and found[n - 1].text in _JOINS and found[n - 2].kind == "word" and found[n - 2].stem in known.stems
    after = (
        n + 2 < len(found)
        and found[n + 1].text in _JOINS
        and found[n + 2].kind == "word"
        and found[n + 2].stem in known.stems
    )
    return before or after


def _replaces(found: Sequence[Word], segment: Segment, n: int, known: Known) -> bool:
    """Whether the word takes the place of the ad's own modifier: "Pressure | Cooker" for a slow cooker."""
    after = found[n + 1] if n + 1 < segment.last else None
    own = known.modifiers.get(after.stem) if after is not None else None
    return (
        own is not None
        and not own & {w.stem for w in found}
        and vocabulary().meanings.knows(found[n].text)
        and not found[n].text.endswith(("ed", "ing"))
    )

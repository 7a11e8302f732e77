"""Words of a title that its ad does not carry: another product, an invented feature, a foreign name, or mere framing.

What such a word does to the title depends on where it stands: the noun that ends the first phrase names the product,
what follows "with" is claimed to be part of it, a question or "for weekend bakers" only sets the scene.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from creator.core.records import FindingKind
from creator.facts.entities import Known
from creator.facts.places import JOINS, Place, governor, is_made, place_of
from creator.facts.segments import Segment, segment_at
from creator.facts.sorts import invites, listed_thing, other_activity, other_season, replaces, sister
from creator.facts.text import Word, stem_of
from creator.facts.units import unit_forms
from creator.facts.vocabulary import base_forms, singular_forms, vocabulary

SURE, LIKELY, MILD = 0.85, 0.75, 0.3


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
        place = place_of(found, segment, n, known)
        if word.stem in known.stems or (word.text.endswith("'s") and stem_of(word.text[:-2]) in known.stems):
            if (
                place is Place.HEAD
                and word.text.endswith(("er", "or", "ers", "ors"))
                and is_made(word.text)
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
    if (known.young and stem_of(text) == "child") or (text == "pure" and "100" in known.spoken):
        return None
    if vocab.claiming.has(text) and not _only_plain(text):
        after = found[n + 1].text if n + 1 < segment.last else ""
        told = n == segment.first and text in vocab.meanings.verbs and after in vocab.function
        return FindingKind.UNSUPPORTED, MILD if told else SURE  # "Sleep on it" tells the reader to
    if _is_plain(text) and invites(text) and listed_thing(found, segment, n, known):
        return FindingKind.WRONG_PRODUCT, LIKELY
    if place is Place.MODIFIER and other_season(found, n, known):
        return FindingKind.WRONG_PRODUCT, LIKELY
    if place is Place.MODIFIER and other_activity(found, n, known):
        return FindingKind.WRONG_PRODUCT, LIKELY
    if _is_plain(text):
        does = n > 0 and found[n - 1].text in ("that", "which")  # "a jacket that tucks away"
        return None if does or known.ends(text) else _plain(text, kind, place)
    if _is_call(found, segment, n):
        return FindingKind.UNSUPPORTED, MILD
    if known.has(found[n]) and not (
        place is Place.HEAD and is_made(text) and not known.implies(text) and not known.ends(text)
    ):
        return None
    if (
        text in vocab.meanings.places
        or text in vocab.meanings.peoples
        or text.removesuffix("s") in vocab.meanings.peoples
    ):
        return FindingKind.ENTITY, SURE
    if place is not Place.FRAME and sister(found, n, known):
        return FindingKind.ENTITY, LIKELY
    if place in (Place.MODIFIER, Place.HEAD) and kind in ("", "artifact") and replaces(found, segment, n, known):
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
    if place in (Place.HEAD, Place.MODIFIER) and is_made(text):
        return FindingKind.WRONG_PRODUCT, LIKELY
    if place is Place.FEATURE and (is_made(text) or kind):
        return (FindingKind.UNSUPPORTED if kind in ("", "artifact") else FindingKind.ENTITY), LIKELY
    return None


def _thing(
    found: Sequence[Word], segment: Segment, n: int, known: Known, place: Place
) -> tuple[FindingKind, float] | None:
    """A thing the ad does not name: another product, an ingredient, a part."""
    text = found[n].text.removesuffix("'s")
    kind = vocabulary().meanings.class_of(text)
    if not kind and not is_made(text):
        return None
    if place is Place.FRAME:
        sure = kind == "animal" or (segment.aside and is_made(text)) or governor(found, segment, n) == "with"
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
    if is_made(text):
        first = place is Place.MODIFIER or not governor(found, segment, n)
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


def _only_plain(text: str) -> bool:
    """Whether the word or its base is listed as plain, and only an inflection of it as a claim."""
    vocab = vocabulary()
    return text not in vocab.claiming.exact and any(form in vocab.plain.exact for form in base_forms(text))


def _is_call(found: Sequence[Word], segment: Segment, n: int) -> bool:
    """Whether the word tells the reader to do something: a verb that opens its segment, alone or in a list of such."""
    meanings = vocabulary().meanings
    before = found[n - 1] if n > segment.first else None
    opens = before is None or (
        before.text in JOINS and all(w.text in meanings.verbs or w.text in JOINS for w in found[segment.first : n])
    )
    items = [w for w in found[segment.first : segment.last] if w.text not in JOINS]
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


def _in_list(found: Sequence[Word], n: int, known: Known) -> bool:
    """Whether the word is one of a list whose neighbour is the ad's: "coral, teal and | navy"."""
    before = n >= 2 and found[n - 1].text in JOINS and found[n - 2].kind == "word" and found[n - 2].stem in known.stems
    after = (
        n + 2 < len(found)
        and found[n + 1].text in JOINS
        and found[n + 2].kind == "word"
        and found[n + 2].stem in known.stems
    )
    return before or after

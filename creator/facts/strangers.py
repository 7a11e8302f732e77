"""Words of a title that its ad does not carry: another product, an invented feature, a foreign name, or mere framing.

How likely such a word is to be a claim is learned (`weighing`); what kind of error it would be follows from what it
means and where it stands: the noun that ends the first phrase names the product, what follows "with" is a part of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from creator.core.records import FindingKind
from creator.facts.entities import Known
from creator.facts.features import Whole, in_list, is_headless, is_small, place_features
from creator.facts.places import Place, governor, is_made, place_of
from creator.facts.products import LIST_JOINS, OFFERS
from creator.facts.segments import Segment, segment_at
from creator.facts.sorts import invites, listed_thing, other_activity, other_season, replaces, sister
from creator.facts.text import Word, listed, stem_of
from creator.facts.units import unit_forms
from creator.facts.vocabulary import vocabulary
from creator.facts.weighing import joint, score_of, weigh

LIKELY = 0.75
_SAVING = listed("save saves saved saving")
SAYS_SOMETHING = 0.2  # a word of a lower score is not even worth a remark


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


@dataclass(frozen=True, slots=True)
class Seen:
    """A word the ad does not carry, and what is seen of it.

    Args:
        word: its index.
        segment: its segment.
        place: where it stands there.
        features: what is seen of it, for weighing.
    """

    word: int
    segment: Segment
    place: Place
    features: tuple[str, ...]


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
    for n, word in enumerate(found):
        if n not in taken and _is_carried(word, known) and _is_agent(found, segments, n, known):
            yield Stranger(n, FindingKind.WRONG_PRODUCT, LIKELY)  # a charger, where the ad only charges
    weighed = [
        (weigh(found[seen.word].text.removesuffix("'s"), seen.features), seen)
        for seen in read_strangers(found, segments, known, taken)
    ]
    likeliest = max(weighed, key=lambda pair: pair[0], default=None)
    for chance, seen in weighed:
        of_all = joint(other for other, _ in weighed) if likeliest is not None and seen is likeliest[1] else chance
        plainly = _is_other_sort(found, seen, known) or _is_offered(found, seen)
        score = max(score_of(of_all), LIKELY if plainly else 0.0)
        if score >= SAYS_SOMETHING:
            yield Stranger(seen.word, _kind(found, seen, known), round(score, 3))


def read_strangers(
    found: Sequence[Word], segments: tuple[Segment, ...], known: Known, taken: frozenset[int]
) -> list[Seen]:
    """The words of meaning that the ad does not carry, with what is seen of each."""
    function = vocabulary().function
    foreign = any(is_small(word.text) for word in found)
    own, others = 0, []
    for n, word in enumerate(found):
        if word.kind not in ("word", "code") or word.text in function or len(word.text) < 2:
            continue
        if foreign and "small" in vocabulary().topics_of(word.text):
            continue  # "für": "fur" is a word of English too
        if n in taken or _is_carried(word, known):
            own += 1
        elif not (n and found[n - 1].text in ("/", "per", "a") and word.text in unit_forms()):
            others.append(n)
    if not others:
        return []
    title = Whole(taken, own / (own + len(others)), len(others), is_headless(found, known), foreign)
    seen: list[Seen] = []
    for n in others:
        segment = segment_at(segments, n)
        place = place_of(found, segment, n, known)
        shown = place_features(found, segment, n, known, place, title)
        seen.append(Seen(n, segment, place, tuple(shown)))
    return seen


def _is_carried(word: Word, known: Known) -> bool:
    """Whether the ad has the word, or says the same by a figure or an age."""
    return (
        word.stem in known.stems
        or (word.text.endswith("'s") and stem_of(word.text[:-2]) in known.stems)
        or (known.young and word.stem == "child")
        or (word.text == "pure" and "100" in known.spoken)
    )


def _is_agent(found: Sequence[Word], segments: tuple[Segment, ...], n: int, known: Known) -> bool:
    """Whether a word of the ad's stem names a thing that the ad does not."""
    text = found[n].text
    return (
        found[n].kind in ("word", "code")
        and text.endswith(("er", "or", "ers", "ors"))
        and text not in vocabulary().function
        and is_made(text)
        and not known.names(text)
        and place_of(found, segment_at(segments, n), n, known) is Place.HEAD
    )


def _is_other_sort(found: Sequence[Word], seen: Seen, known: Known) -> bool:
    """Whether the grammar alone makes the word another thing, or another sort of the ad's."""
    n, text = seen.word, found[seen.word].text
    return (invites(text) and listed_thing(found, seen.segment, n, known)) or (
        seen.place is Place.MODIFIER and (other_season(found, n, known) or other_activity(found, n, known))
    )


def _is_offered(found: Sequence[Word], seen: Seen) -> bool:
    """Whether the word is part of what the title says there is an offer on: "save on dishwasher | rinse aid"."""
    text = found[seen.word].text
    if vocabulary().plain.has(text) and not invites(text):
        return False
    for n in range(seen.word - 1, seen.segment.first, -1):
        if found[n].text == "on":
            return found[n - 1].text in OFFERS or found[n - 1].text in _SAVING
        if found[n].text in vocabulary().function and found[n].text not in LIST_JOINS:
            return False
    return False


def _kind(found: Sequence[Word], seen: Seen, known: Known) -> FindingKind:
    """What kind of error the word would be."""
    n, segment, place, vocab = seen.word, seen.segment, seen.place, vocabulary()
    text = found[n].text.removesuffix("'s")
    if vocab.claiming.has(text):
        return FindingKind.UNSUPPORTED
    if _is_other_sort(found, seen, known):
        return FindingKind.WRONG_PRODUCT
    nations = vocab.meanings.peoples
    if text in vocab.meanings.places or text in nations or text.removesuffix("s") in nations:
        return FindingKind.ENTITY
    if place is not Place.FRAME and sister(found, n, known):
        return FindingKind.ENTITY
    sort = vocab.meanings.class_of(text)
    if place in (Place.MODIFIER, Place.HEAD) and sort in ("", "artifact") and replaces(found, segment, n, known):
        return FindingKind.WRONG_PRODUCT
    if sort or is_made(text):
        return _kind_of_thing(found, seen, known, sort)
    if found[n].kind == "code" or not vocab.meanings.knows(text):
        made_up = not text.endswith(("ed", "ing", "ly", "able", "ible", "ness", "ful", "less"))
        if found[n].kind == "code" or made_up:
            return FindingKind.WRONG_PRODUCT if place is Place.HEAD else FindingKind.ENTITY
    elif text not in vocab.meanings.verbs and place not in (Place.FRAME, Place.FEATURE) and in_list(found, n, known):
        return FindingKind.ENTITY
    return FindingKind.UNSUPPORTED


def _kind_of_thing(found: Sequence[Word], seen: Seen, known: Known, sort: str) -> FindingKind:
    """A thing the ad does not name: another product, an ingredient, a part."""
    n, place, text = seen.word, seen.place, found[seen.word].text.removesuffix("'s")
    if place is Place.FRAME:
        if sort == "animal":
            return FindingKind.ENTITY
        return FindingKind.WRONG_PRODUCT if seen.segment.aside else FindingKind.UNSUPPORTED
    if place is Place.HEAD:
        return FindingKind.WRONG_PRODUCT
    if place is Place.SOURCE or in_list(found, n, known):
        return FindingKind.ENTITY
    if is_made(text):
        first = place is Place.MODIFIER or not governor(found, seen.segment, n)
        return FindingKind.WRONG_PRODUCT if first else FindingKind.UNSUPPORTED
    return FindingKind.WRONG_PRODUCT if sort == "animal" and place is Place.MODIFIER else FindingKind.ENTITY

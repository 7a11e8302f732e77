"""Words that put another sort of thing in the place of the ad's: a winter tyre, black tea, a walking week, relish."""

from __future__ import annotations

from collections.abc import Sequence

from creator.facts.entities import Known
from creator.facts.places import JOINS, PREPOSITIONS, governor
from creator.facts.segments import Segment
from creator.facts.text import Word, listed, stem_of
from creator.facts.vocabulary import vocabulary

_THINGS_AFTER = listed("on off of some more buying craving with need")


def invites(text: str) -> bool:
    """Whether the word is excused only as an action; one that is a setting or praise too may stand anywhere."""
    vocab = vocabulary()
    return text in vocab.list_cached("plain", "action").exact and not any(
        vocab.list_cached("plain", name).has(text) for name in ("praise", "setting", "trade")
    )


def listed_thing(found: Sequence[Word], segment: Segment, n: int, known: Known) -> bool:
    """Whether a word that may be a verb stands where only a thing can: "on relish", "mustard and relish"."""
    verbs = vocabulary().meanings.verbs
    before = found[n - 1].text if n > segment.first else ""
    after = found[n + 1].text if n + 1 < segment.last else ""
    if not before:
        item = found[n + 2].text if n + 2 < segment.last else ""
        return after in JOINS and bool(item) and item not in verbs and item not in vocabulary().function
    if before in _THINGS_AFTER:
        return True
    if (
        before in ("and", "&", "or")
        and n - 2 >= segment.first
        and (not after or after in JOINS or after in PREPOSITIONS)
    ):
        if after in PREPOSITIONS and found[segment.first].text in verbs and not governor(found, segment, n):
            return False  # "save four heights and switch at a touch"
        item = found[n - 2]
        to = found[n - 3].text if n - 3 >= segment.first else ""
        return item.kind == "word" and (
            item.stem in known.stems or (to not in ("to", "and", ",") and item.text not in verbs)
        )
    return False


def other_activity(found: Sequence[Word], n: int, known: Known) -> bool:
    """ "Walking week" for a cycling week: another -ing word in the place of the ad's own."""
    after = found[n + 1] if n + 1 < len(found) else None
    if after is None or not found[n].text.endswith("ing") or after.stem not in known.product:
        return False
    own = known.modifiers.get(after.stem, frozenset()) - {w.stem for w in found}
    return any(spoken.endswith("ing") and stem_of(spoken) in own for spoken in known.spoken)


def other_season(found: Sequence[Word], n: int, known: Known) -> bool:
    """ "Winter tyre" for an all-season tyre: a word under the same meaning as the ad's own, in its place."""
    after = found[n + 1] if n + 1 < len(found) else None
    if after is None or after.stem not in known.product:
        return False
    own = known.modifiers.get(after.stem, frozenset()) - {w.stem for w in found}
    meanings = vocabulary().meanings
    senses = meanings.senses_of(found[n].text)[:1]
    above = {meanings.parents[s] for s in senses} - {-1}
    for spoken in known.spoken if own and senses else ():
        if stem_of(spoken) in own:
            theirs = meanings.senses_of(spoken)[:2]
            if above & {*theirs, *(meanings.parents[s] for s in theirs)}:
                return True
    return False


def sister(found: Sequence[Word], n: int, known: Known) -> bool:
    """Whether the word stands before a noun that the ad has with another word of its kind: black tea for green tea."""
    after = found[n + 1] if n + 1 < len(found) else None
    own = known.modifiers.get(after.stem, frozenset()) if after is not None else frozenset[str]()
    if not own or own & {w.stem for w in found}:
        return False
    colours = vocabulary().list_cached("things", "colours").exact
    if found[n].text in colours:
        return bool(own & {stem_of(colour) for colour in colours})
    return False


def replaces(found: Sequence[Word], segment: Segment, n: int, known: Known) -> bool:
    """Whether the word takes the place of the ad's own modifier: "Pressure | Cooker" for a slow cooker."""
    after = found[n + 1] if n + 1 < segment.last else None
    own = known.modifiers.get(after.stem) if after is not None and after.stem in known.product else None
    return (
        own is not None
        and not own & {w.stem for w in found}
        and vocabulary().meanings.knows(found[n].text)
        and not found[n].text.endswith(("ed", "ing"))
    )

"""What an ad needs beside the product, and what it charges: for a title that says "without" either.

"Leave the phone at home" is untrue where "calls only work with a paired phone", and "no leaving fee" is true of one
"unless you move house" when the title speaks of moving house.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from creator.facts.conditions import GENERIC, content_stems
from creator.facts.evidence import AdFacts
from creator.facts.negation import Denial
from creator.facts.passages import Passage
from creator.facts.reading import Reading
from creator.facts.text import Word, listed, stem_of
from creator.facts.units import is_money

_CHARGES = listed("charge charges cost costs fee fees surcharge supplement payment postage post delivery carriage")
_CHARGED = frozenset(stem_of(w) for w in _CHARGES)
_NEEDS = re.compile(
    r"\b(?:only (?:works?|runs?|operates?|functions?) (?:with|on|through|via)"
    r"|(?:works?|runs?|operates?|functions?) only (?:with|on|through|via)"
    r"|needs?|requires?|must (?:have|bring|be connected to|be used with)|relies on|rely on|depends? on) "
    r"(?!no |to |only |just |less |fewer |neither )(?:(?:an?|the|your|its|own) )*"
)
_NEEDED = re.compile(r"([\w-]+) (?:is|are) (?:required|needed|necessary|essential|compulsory|mandatory)\b")
_EXCEPT = re.compile(
    r"\b(?:unless|except(?: when| if| for)?"
    r"|(?:or |and )?(?:free|nothing|no charge|waived)(?: of charge)? (?:if|when|for))\b"
)
_REACH = 3  # words after "needs" among which the thing needed stands
_ENDS = listed(", ; . : ( ) and or but to for when if in on at")


def required_at(facts: AdFacts, stem: str) -> tuple[Passage, int] | None:
    """Where the ad says that a thing is needed: "calls only work with a paired phone nearby"."""
    if stem not in facts.places or stem in facts.known.product:
        return None
    for passage, denied in facts.denied:
        text = passage.folded.text
        for match in _NEEDS.finditer(text):
            at = next((n for n, w in enumerate(passage.words) if w.start >= match.end()), len(passage.words))
            for n in range(at, min(at + _REACH, len(passage.words))):
                word = passage.words[n]
                if word.text in _ENDS:
                    break
                if word.stem == stem and n not in denied:
                    return passage, n
        for match in _NEEDED.finditer(text):
            at = next((n for n, w in enumerate(passage.words) if w.end >= match.end(1)), -1)
            if at >= 0 and passage.words[at].stem == stem and at not in denied:
                return passage, at
    return None


def is_uncharged(reading: Reading, denial: Denial) -> bool:
    """Whether the title denies a charge that the ad does not make, or not in the case that the title speaks of."""
    inside = reading.words[denial.first : denial.last]
    if not any(w.text in _CHARGES for w in inside):
        return False
    said = content_stems(reading.words) - GENERIC
    own = {w.stem for w in inside}
    for clause in reading.facts.clauses:
        about = said - _CHARGED if not own <= _CHARGED or len(said - own) else said
        if clause.free and (clause.stems & about or any(_kin(s, o) for s in clause.stems for o in own)):
            return True
        found = clause.passage.words[clause.first : clause.last]
        text = clause.passage.folded.text[found[0].start : found[-1].end] if found else ""
        match = _EXCEPT.search(text) if any(is_money(q.units[0]) for q in clause.quantities) else None
        if match is not None:
            start = found[0].start + match.end()
            case = content_stems([w for w in found if w.start >= start]) - GENERIC
            if case and len(case & said) * 2 >= len(case):
                return True
    return False


def _kin(one: str, other: str) -> bool:
    """Whether two stems are one word and its like: "post" and "postage"."""
    short, long = sorted((one, other), key=len)
    return len(short) >= 4 and long.startswith(short)


def joined_stem(found: Sequence[Word], n: int) -> str:
    """The stem of a word with what a hyphen ties before it, as one: "e-book" as "ebook"."""
    if n >= 2 and found[n - 1].text == "-" and found[n - 1].end == found[n].start:
        return stem_of(found[n - 2].text + found[n].text)
    return ""

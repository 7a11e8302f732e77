"""Rules every title keeps whatever the ad says: a finished phrase, no hidden instructions, no hidden characters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from creator.core.records import FindingKind
from creator.facts.text import Word, listed
from creator.facts.vocabulary import vocabulary

LONGEST_TITLE = 150
TWICE = "the same phrase twice"
BREAKS_OFF = "the title breaks off"
UNFINISHED = listed(
    "a an and as at because but for from if into its nor of or our per plus than that the their to until via "
    "when which while who whose with without your & , : ; - ( [ / + |"
)
MAYBE_UNFINISHED = listed("on in by is")  # "Dive In", "Put the Kettle On"; but "Coupon on"
UNFINISHED_PART = listed("a an and & or nor the your our its")  # before a mark inside the title: "Salsa and?"
UNREADABLE = "\ufffd"  # what is left of a character that a decoder could not read
_MARKS = re.compile(r"(?:[!?]\s*){2,}$|[!?]{2,}|([,;:])\1|\.{4,}")
_SPACED = re.compile(r"(?<![a-z])(?:[a-z] ){4,}[a-z](?![a-z])")
_POINTED = listed("times twice half double triple beats beat know love imagine fancy try picture top see say need want")
MAY_REPEAT = listed("very so bye yum knock tick cha pad bora chop choo")


@dataclass(frozen=True, slots=True)
class PolicyFault:
    """A rule that a title breaks.

    Args:
        kind: channel or injection.
        span: folded [start, end) of the fault.
        message: the rule, for a person.
    """

    kind: FindingKind
    span: tuple[int, int]
    message: str


def quality_faults(title: str, folded: str, found: tuple[Word, ...]) -> list[PolicyFault]:
    """Whether a title reads as a finished phrase: at least two words, no loose end, no word twice in a row."""
    faults: list[PolicyFault] = []
    spoken = [w for w in found if w.kind != "sign"]
    if not found or len(spoken) < 2:
        return [PolicyFault(FindingKind.CHANNEL, (0, len(folded)), "a title has at least two words")]
    last = found[-2] if found[-1].text == "+" and found[-2].kind == "number" else found[-1]
    before = spoken[-2].text
    if (last.text in UNFINISHED and not (last.text == "that" and _points(before))) or (
        last.text in MAYBE_UNFINISHED and not _phrasal(before, spoken)
    ):
        faults.append(PolicyFault(FindingKind.CHANNEL, (last.start, last.end), BREAKS_OFF))
    for one, two in pairwise(spoken):
        if one.text == two.text and one.kind == "word" and one.text not in MAY_REPEAT:
            faults.append(PolicyFault(FindingKind.CHANNEL, (one.start, two.end), "the same word twice in a row"))
    faults += [
        PolicyFault(FindingKind.CHANNEL, (one.start, two.end), "a part of the title breaks off")
        for one, two in pairwise(found)
        if two.text in "?!:;" and one.text in UNFINISHED_PART
    ]
    faults += [
        PolicyFault(FindingKind.CHANNEL, (w.start, w.end), "an unreadable character")
        for w in found
        if w.text == UNREADABLE
    ]
    faults += [
        PolicyFault(FindingKind.CHANNEL, (a, b), TWICE) for a, b in _repeated(tuple(w for w in found if w.text != "-"))
    ]
    faults += [PolicyFault(FindingKind.CHANNEL, m.span(), "repeated punctuation") for m in _MARKS.finditer(folded)]
    faults += [PolicyFault(FindingKind.CHANNEL, m.span(), "letters set apart") for m in _SPACED.finditer(folded)]
    if len(folded) > LONGEST_TITLE:
        faults.append(
            PolicyFault(FindingKind.CHANNEL, (LONGEST_TITLE, len(folded)), f"more than {LONGEST_TITLE} characters")
        )
    return faults


def _repeated(found: tuple[Word, ...]) -> Iterator[tuple[int, int]]:
    """Folded spans of phrases that come again at once, or after "and" or a comma; a word alone only after "and"."""
    texts = [w.text for w in found]
    if len(set(texts)) == len(texts):
        return
    for first in range(len(texts) - 2):
        for size in range(1, min(6, (len(texts) - first) // 2) + 1):
            again = first + size
            joined = texts[again] in ("and", "&", ",", "or")
            again += joined
            phrase = texts[first : first + size]
            if texts[again : again + size] != phrase or not phrase[0].isalpha():
                continue
            if sum(t.isalpha() for t in phrase) > 1 or (joined and texts[again - 1] != "," and _names(phrase[0])):
                yield found[first].start, found[again + size - 1].end
                return


def _names(text: str) -> bool:
    """Whether a word that comes twice is a thing named twice, not "more and more" or "over and over"."""
    return text not in vocabulary().function and vocabulary().is_thing(text)


def _points(before: str) -> bool:
    """Whether a last "that" points at something: "A Wand for That", "Four Times That"; but "The Kettle That"."""
    return before in vocabulary().function or before in _POINTED


def _phrasal(before: str, spoken: list[Word]) -> bool:
    """Whether a last "on" or "in" belongs to a verb: "Dive In", "Put the Kettle On"."""
    particle = listed(
        "put keep turn switch leave have try bring get dive drop stop come "
        "tune log sign settle tuck snuggle pop built thrown set cut"
    )
    if before.endswith(("self", "selves")) or before in ("it", "them", "you", "us", "me"):
        return True
    return before in particle or before.endswith("ed") or any(w.text in particle for w in spoken[:2])


def injection_faults(folded: str) -> list[PolicyFault]:
    """Instructions to a machine, or markup, inside a text."""
    return [
        PolicyFault(FindingKind.INJECTION, match.span(), "an instruction or markup, not a title")
        for match in vocabulary().pattern("injection", "phrases").finditer(folded)
        if match.end() > match.start()
    ]

"""Statements about the reader: a title may not assert or imply health, age, creed, origin, orientation or finances.

Rule: https://transparency.meta.com/policies/ad-standards/objectionable-content/privacy-violations-personal-attributes/
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from creator.facts.segments import Segment, segment_at
from creator.facts.text import Word
from creator.facts.vocabulary import vocabulary

RULE = (
    "https://transparency.meta.com/policies/ad-standards/objectionable-content/privacy-violations-personal-attributes/"
)


_GROUP = re.compile(r"\b(?:over|under)[- ]?(?:the[- ])?\d\d'?s\b")
_LATELY = frozenset({"lately", "recently", "today", "tonight", "now", "right", "inside"})


def _frame() -> re.Pattern[str]:
    """What makes a term speak of the reader: "living with", "your", "as a"."""
    return vocabulary().pattern("reader", "frame")


@dataclass(frozen=True, slots=True)
class Attribution:
    """Words of a title that say something of its reader.

    Args:
        first: index of the first word.
        last: index of the last word.
        about: "health", "age", "religion", "ethnicity", "orientation", "finances", "name", "other".
    """

    first: int
    last: int
    about: str


def read_attributions(
    folded: str, found: Sequence[Word], segments: tuple[Segment, ...], stated: frozenset[str], told: str = ""
) -> list[Attribution]:
    """What a title says or implies of its reader.

    Args:
        folded: the folded title.
        found: its words.
        segments: its segments.
        stated: the ad's own words as written (folded); a term the ad uses of its product needs a frame to count.
        told: the ad's fields, folded; an age group that they name is the offer's condition.
    """
    seen: list[Attribution] = []
    for name, about in (("age", "age"), ("state", "health or finances"), ("greeted", "name")):
        for match in vocabulary().pattern("reader", name).finditer(folded):
            first, last = _words_in(found, match.start(), match.end())
            words = {w.text for w in found[first : last + 1]}
            framed = segment_at(segments, first).question or bool(_frame().search(folded))
            if name == "state" and words <= stated and not framed:
                continue
            if name == "age" and (group := _GROUP.search(match.group())) and group.group() in told:
                continue  # the ad's own condition: "under-26s pay £12"
            if name == "greeted" and vocabulary().plain.has(match.group(1)):
                continue
            seen.append(Attribution(first, last, about))
    terms, peoples = vocabulary().personal, vocabulary().meanings.peoples
    for n, word in enumerate(found):
        if word.kind != "word":
            continue
        text = word.text.removesuffix("'s")
        about = (
            terms.get(text)
            or terms.get(text.removesuffix("s"))
            or terms.get(_compound(found, n))
            or ("ethnicity" if text in peoples or text.removesuffix("s") in peoples else "")
        )
        if (
            about
            and not any(a.first <= n <= a.last for a in seen)
            and _applies(folded, found, segments, n, text, about, stated)
        ):
            seen.append(Attribution(n, n, about))
    return sorted(seen, key=lambda a: a.first)


def _applies(
    folded: str,
    found: Sequence[Word],
    segments: tuple[Segment, ...],
    n: int,
    text: str,
    about: str,
    stated: frozenset[str],
) -> bool:
    segment = segment_at(segments, n)
    start, end = found[segment.first].start, found[segment.last - 1].end
    before, whole = folded[start : found[n].start], folded[start:end]
    person = any(w.text in vocabulary().reader_people for w in found[n + 1 : min(n + 3, segment.last)])
    addressed = bool(
        re.search(
            r"\bas an? (?:\w+ )?$|\bfellow $|\byou(?:'re| are) (?:an? )?(?:\w+ )?$|\bproud (?:to be )?$"
            r"|\bbeing (?:an? )?$|\bmy $|\bcalling all (?:\w+ )?$",
            before,
        )
    )
    if about == "ethnicity" and text not in vocabulary().personal:
        plural = text.endswith("s") and text.removesuffix("s") in vocabulary().meanings.peoples
        return (
            addressed
            or (person and (text not in stated))
            or (plural and (segment.question or before in ("for ", "dear ", "hey ")))
        )
    if text in vocabulary().ambiguous:
        after = found[n + 1] if n + 1 < len(found) else None
        alone = after is None or after.kind == "sign" or after.text in vocabulary().function or after.text in _LATELY
        first = segment.question and (
            (n == segment.first and (alone or person))
            or found[n - 1].text in ("newly", "recently", "just", "feeling", "still")
        )
        return (
            first
            or addressed
            or person
            or (segment.question and bool(_frame().search(whole)))
            or (about == "age" and before.strip() in ("for", "calling all", "made for", "perfect for"))
        )
    if about in ("religion", "ethnicity", "orientation", "age", "other"):
        return text not in stated or addressed or person or segment.question
    return segment.question or addressed or bool(_frame().search(before)) or "like you" in whole or text not in stated


def _compound(found: Sequence[Word], n: int) -> str:
    if n + 2 < len(found) and found[n + 1].text == "-":
        return f"{found[n].text}-{found[n + 2].text}"
    return ""


def _words_in(found: Sequence[Word], start: int, end: int) -> tuple[int, int]:
    inside = [n for n, w in enumerate(found) if w.start < end and w.end > start]
    return (inside[0], inside[-1]) if inside else (0, 0)

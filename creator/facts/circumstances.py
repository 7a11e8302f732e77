"""Offers that an ad makes for some circumstances and a title for the opposite ones, for all hours or for every part.

"From £80 each, two sharing" is no price "even when you travel solo"; what costs 9p "from midnight to 5 am" does not
cost it "morning, noon and night"; and "frame 12 years, mattress 3" gives "frame and mattress" no 12 years.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from creator.core.records import Finding, FindingKind
from creator.facts.conditions import GENERIC, content_stems
from creator.facts.passages import Passage
from creator.facts.quantities import Quantity
from creator.facts.reading import Reading
from creator.facts.text import Word, listed
from creator.facts.units import COUNT, PERCENT, is_money
from creator.facts.vocabulary import vocabulary

_OPPOSED = (  # of one circumstance each: what the ad may say, and what a title may say against it
    (
        re.compile(
            r"\b(?:two|2|four|4|twin|double|couples?|both) (?:\w+ )?shar(?:e|es|ing)\b|\bsharing a\b|\bper couple\b"
        ),
        re.compile(
            r"\b(?:solo|alone|by yourself|on your own|single (?:travell?ers?|guests?|occupancy)|party of one)\b"
        ),
    ),
    (
        re.compile(r"\b(?:weekdays?|midweek|mid-week|monday to (?:thursday|friday))\b"),
        re.compile(r"\b(?:weekends?|saturdays?|sundays?)\b"),
    ),
    (
        re.compile(r"\b(?:weekends?|saturdays? and sundays?)\b"),
        re.compile(r"\b(?:weekdays?|midweek|mid-week)\b"),
    ),
    (
        re.compile(r"\b(?:child(?:ren)?|kids?|juniors?|under[- ]\d\d?s?)\b"),
        re.compile(r"\b(?:adults?|grown-?ups?)\b"),
    ),
    (re.compile(r"\b(?:adults?|grown-?ups?)\b"), re.compile(r"\b(?:child(?:ren)?|kids?|juniors?)\b")),
    (re.compile(r"\boff[- ]peak\b"), re.compile(r"(?<!off)(?<!off[- ])\b(?:peak|rush hour|high season)\b")),
    (re.compile(r"\bnew (?:customers?|members?|users?)\b"), re.compile(r"\b(?:existing|current|loyal) \w+\b")),
)
_ALL_HOURS = re.compile(
    r"\b(?:morning,? noon and night|(?:day (?:and|or|&) night|night (?:and|or|&) day)|(?:a)?round the clock|24/7"
    r"|24 hours a day|(?:all|any|every|whatever the) hours?|all day(?: long)?|any ?time(?: of (?:the )?(?:day|night))?"
    r"|dawn (?:to|till|until) dusk|from dawn to \w+|night or day|day in,? day out|whatever the time|every hour)\b"
)
_CIRCUMSTANCE = re.compile("|".join([*(against.pattern for _, against in _OPPOSED), _ALL_HOURS.pattern]))
_EVERY = listed("lot both all every everything whole entire alike throughout complete")
_CUTS = listed("and but while whereas , or")
_JOINED = listed("and & plus , or")


def circumstance_findings(reading: Reading) -> Iterator[Finding]:
    """Every amount that the title gives for circumstances, hours or parts that the ad does not give it for."""
    named = _CIRCUMSTANCE.search(reading.folded.text) is not None
    for claim in reading.quantities if named else ():
        if not (is_money(claim.units[0]) or claim.units[0] is PERCENT):
            continue
        for passage, first, last in _places(reading, claim):
            own = passage.words[first:last]
            at = _opposite(reading, claim, own) or _round_the_clock(reading, passage, first)
            if at is not None:
                yield reading.finding(FindingKind.SCOPE, *at, 0.85, passage.quote(first, last - 1, 0), passage.field)
                return
    yield from _shared_out(reading)


def _places(reading: Reading, claim: Quantity) -> list[tuple[Passage, int, int]]:
    """The parts of sentences in which the ad states an amount, as words of a field."""
    places: list[tuple[Passage, int, int]] = []
    for fact in reading.facts.facts:
        amount = fact.quantity
        same = amount.low == claim.low and amount.units[0].dimension == claim.units[0].dimension
        if same and not fact.derived and not fact.passage.field.startswith(("title", "category")):
            places.append((fact.passage, *_part(reading, fact.passage, amount)))
    return places


def _part(reading: Reading, passage: Passage, amount: Quantity) -> tuple[int, int]:
    """The part of a sentence that one of its amounts of a kind stands in: "adults £12" of "adults £12, children £8"."""
    first, last = passage.sentence_at(amount.first)
    rivals = [
        f.quantity
        for f in reading.facts.facts
        if f.passage is passage and not f.derived and f.quantity.units[0].dimension == amount.units[0].dimension
    ]
    before = max((q.last + 1 for q in rivals if first <= q.last < amount.first), default=-1)
    after = min((q.first for q in rivals if amount.last < q.first < last), default=-1)
    if before >= 0:
        first = next((n + 1 for n in range(before, amount.first) if passage.words[n].text in _CUTS), before)
    if after >= 0:
        last = next((n for n in range(after - 1, amount.last, -1) if passage.words[n].text in _CUTS), after)
    return first, last


def _opposite(reading: Reading, claim: Quantity, own: Sequence[Word]) -> tuple[int, int] | None:
    """The title's words for a circumstance opposed to the one that the ad gives an amount for."""
    text, part = reading.folded.text, " ".join(w.text for w in own).replace(" - ", "-")
    for given, against in _OPPOSED:
        match = against.search(text)
        if match and given.search(part) and not given.search(text) and not against.search(part):
            others = [q for q in reading.quantities if q is not claim and is_money(q.units[0])]
            return None if others else _span(reading.words, match)
    return None


def _round_the_clock(reading: Reading, passage: Passage, first: int) -> tuple[int, int] | None:
    """The title's words for all hours, of an amount that the ad gives between two times of day."""
    match = _ALL_HOURS.search(reading.folded.text)
    if match is None or reading.clocks or match.group() in reading.facts.stated:
        return None
    first, last = passage.sentence_at(first)
    timed = [c for c, p in reading.facts.clocks if p is passage and first <= c.first < last]
    return _span(reading.words, match) if len(timed) >= 2 else None


def _shared_out(reading: Reading) -> Iterator[Finding]:
    """ "Frame and mattress: 12 years" of what the ad has "the frame 12 years and the mattress 3"."""
    found = reading.words
    for claim in reading.quantities:
        if claim.units[0] in (COUNT, PERCENT) or is_money(claim.units[0]):
            continue
        for fact in reading.facts.facts:
            amount, passage = fact.quantity, fact.passage
            if fact.derived or amount.low != claim.low or amount.units[0].dimension != claim.units[0].dimension:
                continue
            first, last = passage.sentence_at(amount.first)
            ones, other, figure = _two_parts(passage.words[first:last], amount.first - first, amount.last - first)
            if not ones or not other or any(w.text == figure for w in found):
                continue
            said = [n for n, w in enumerate(found) if w.stem in other]
            joined = any(_joins(found, n, ones) for n in said)
            if joined and any(w.stem in ones for w in found):
                evidence = passage.quote(first, last - 1, 0)
                yield reading.finding(FindingKind.SCOPE, said[0], said[0], 0.85, evidence, passage.field)
                return


def _joins(found: Sequence[Word], n: int, ones: frozenset[str]) -> bool:
    """Whether a word stands in one list with the other thing, or a word for all of them follows it."""
    near = [w for w in found[max(0, n - 3) : n + 4] if w.kind == "word"]
    listed_with = any(
        (one.stem in ones and two.text in _JOINED) or (two.stem in ones and one.text in _JOINED)
        for one, two in pairwise(found[max(0, n - 3) : n + 4])
    )
    return listed_with and any(w.stem in ones or w.text in _EVERY for w in near)


def _two_parts(found: Sequence[Word], first: int, last: int) -> tuple[frozenset[str], frozenset[str], str]:
    """What an amount is said of, what another amount in the same sentence is said of, and that amount's figure."""
    cuts = [n for n, w in enumerate(found) if w.text in _CUTS]
    bounds = [0, *(n + 1 for n in cuts), len(found) + 1]
    parts = [found[a : b - 1] for a, b in pairwise(bounds)]
    own = next((k for k, (a, b) in enumerate(pairwise(bounds)) if a <= first and last < b), -1)
    function = vocabulary().function
    for k in (own - 1, own + 1):
        if own < 0 or not 0 <= k < len(parts):
            continue
        figure = next((w.text for w in parts[k] if w.kind == "number"), "")
        things = [w for w in parts[k] if w.kind == "word" and w.text not in function]
        ones = content_stems(parts[own]) - GENERIC
        if figure and 0 < len(things) <= 4:
            other = frozenset(w.stem for w in things if vocabulary().is_thing(w.text)) - ones
            here = [w for w in parts[own] if w.kind == "word" and vocabulary().is_thing(w.text)]
            return frozenset(w.stem for w in here) - other, other, figure
    return frozenset(), frozenset(), ""


def _span(found: Sequence[Word], match: re.Match[str]) -> tuple[int, int]:
    inside = [n for n, w in enumerate(found) if w.start < match.end() and w.end > match.start()]
    return inside[0], inside[-1]

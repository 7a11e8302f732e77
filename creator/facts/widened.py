"""Does a title give to all what the ad gives to some? "Undyed in every colour" where two of four colours are undyed.

A title's "any", "every" or "all" of a thing is held against each sentence of the ad that speaks of the same; when all
of these name one sort of the thing, one part of the offer's objects or one channel, the title says too much.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from creator.facts.conditions import GENERIC, Clause, content_stems
from creator.facts.evidence import AdFacts
from creator.facts.paraphrase import paraphrased_stems
from creator.facts.reading import Reading
from creator.facts.text import Word, listed, stem_of
from creator.facts.vocabulary import vocabulary

_UNIVERSAL = listed("any every each all whichever whatever whole entire no")
_OPEN = listed("any every each all your our everything anything whole entire it them this")
_BETWEEN = listed("of our the your single and every one single last")
_MATTER = re.compile(r"\b(?:no matter (?:which|what)|whichever|whatever)\b")
_CHANNELS = listed("online store stores shop shops branch phone app post person web website counter checkout")
_SHADES = frozenset(stem_of(w) for w in ("colour", "shade", "hue", "tone", "finish"))
_PARTS = re.compile(r",|;|/|\band\b|\bor\b|&")

Widened = tuple[int, int, Clause]  # the title's first and last word at fault, and the ad's narrower sentence


def widened(reading: Reading) -> Widened | None:
    """The first universal of a title that the ad's sentences on the same thing all narrow, if any."""
    topic = _topic(reading)
    for first, last, phrase in _universals(reading):
        stems = frozenset(w.stem for w in phrase)
        about = _about(reading.facts, topic - stems)
        if about and phrase:
            head = phrase[-1].stem
            if all(_of_some(reading, clause, head) for clause in about):
                return first, last, about[0]
        narrower = _object(reading, stems)
        if narrower is not None:
            return first, last, narrower
    return _channels(reading) or _joined(reading, topic)


def _topic(reading: Reading) -> frozenset[str]:
    """What the title speaks of beside the product itself."""
    return content_stems(reading.words) - GENERIC - reading.facts.known.product | paraphrased_stems(reading.folded.text)


def _universals(reading: Reading) -> Iterator[tuple[int, int, list[Word]]]:
    """Each "any", "every" or "all" of the title with the words of the thing that follows it."""
    found, function = reading.words, vocabulary().function
    for n, word in enumerate(found):
        if word.text not in _UNIVERSAL or (n + 1 < len(found) and found[n + 1].text == "-"):
            continue
        if word.text == "no" and not _MATTER.match(reading.folded.text, word.start):
            continue
        at = n + 1
        while at < len(found) and (found[at].text in _BETWEEN or found[at].text in ("matter", "which", "what")):
            at += 1
        phrase: list[Word] = []
        while at < len(found) and found[at].kind == "word" and found[at].text not in function and len(phrase) < 4:
            phrase.append(found[at])
            at += 1
        yield n, at - 1, phrase


def _about(facts: AdFacts, topic: frozenset[str]) -> list[Clause]:
    """The ad's sentences that share the most with what a title speaks of."""
    shared = [
        (len(c.stems & topic), c)
        for c in facts.clauses
        if c.passage.field != "title" and not c.passage.field.startswith(("attributes", "category"))
    ]
    most = max((n for n, _ in shared), default=0)
    return [c for n, c in shared if n == most] if most else []


def _of_some(reading: Reading, clause: Clause, head: str) -> bool:
    """Whether a sentence names some, not all, of the values that an attribute lists of the thing."""
    said = {w.stem for w in reading.words}
    for name, value in reading.facts.ad.attributes.items():
        key = stem_of(name.lower().split()[-1]) if name.split() else ""
        if key != head and not (key in _SHADES and head in _SHADES):
            continue
        values = [frozenset(stem_of(w) for w in part.lower().split()) for part in _PARTS.split(value)]
        values = [v for v in values if v]
        named = [v for v in values if v <= clause.stems]
        if len(values) > 1 and 0 < len(named) < len(values) and not any(v <= said for v in named):
            return True
    return False


def _object(reading: Reading, stems: frozenset[str]) -> Clause | None:
    """The ad's sentence that gives the title's cut on one thing: "18% off the three-bottle bundle"."""
    cuts = {(q.low, q.units[0].dimension) for q in reading.quantities if q.cut or q.units[0].dimension == "percent"}
    said = {w.stem for w in reading.words} | stems
    narrower: Clause | None = None
    for clause in reading.facts.clauses:
        own = [q for q in clause.quantities if (q.low, q.units[0].dimension) in cuts]
        if not own or clause.passage.field.startswith("attributes"):
            continue
        found = clause.passage.words[clause.first : clause.last]
        at = next((n for n in range(own[0].last, min(own[0].last + 3, len(found))) if found[n].text == "off"), None)
        if at is None or at + 1 >= len(found) or found[at + 1].text in _OPEN:
            return None
        thing = content_stems(found[at + 1 : at + 6]) - GENERIC - reading.facts.known.product
        if not thing or thing & said:
            return None
        narrower = clause
    return narrower


def _joined(reading: Reading, topic: frozenset[str]) -> Widened | None:
    """ "On Windows and Mac alike" of what the ad has "on Windows only": the one joined with another of its kind."""
    found = reading.words
    for clause in reading.facts.clauses:
        words = clause.passage.words[clause.first : clause.last]
        for at in (n for n, w in enumerate(words) if w.text == "only"):
            ones = content_stems(words[max(0, at - 2) : at]) or content_stems(words[at + 1 : at + 4])
            rest = clause.stems - ones - GENERIC - reading.facts.known.product
            if not ones or not rest & topic or any(w.text in _CHANNELS and w.stem in ones for w in words):
                continue
            for n, word in enumerate(found):
                other = _other_side(found, n) if word.stem in ones else None
                if other is not None and found[other].stem not in clause.stems:
                    return min(n, other), max(n, other), clause
    return None


def _other_side(found: tuple[Word, ...], n: int) -> int | None:
    """The word that "and" or "or" joins with one: the "Mac" of "Windows and Mac"."""
    for side in (n - 2, n + 2):
        if 0 <= side < len(found) and found[(n + side) // 2].text in ("and", "or", "&", "/", "plus"):
            word = found[side]
            if word.kind == "word" and word.text not in vocabulary().function:
                return side
    return None


def _channels(reading: Reading) -> Widened | None:
    """ "In store and online" of what the ad sells at that price online only."""
    said = [n for n, w in enumerate(reading.words) if w.text in _CHANNELS]
    priced = {(q.low, q.units[0].dimension) for q in reading.quantities if q.units[0].dimension != "count"}
    for clause in reading.facts.clauses if said and priced else ():
        only = {w for c in clause.conditions if c.kind == "only" for w in c.text.split()} & _CHANNELS
        if not only or not priced & {(q.low, q.units[0].dimension) for q in clause.quantities}:
            continue
        other = next((n for n in said if reading.words[n].text not in only), None)
        if other is not None and reading.words[other].text not in reading.facts.known.spoken:
            return other, other, clause
    return None

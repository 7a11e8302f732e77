"""A title cut into what it asserts and what only frames it: a question, "For weekend grillers:", an aside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from creator.facts.text import Word, listed
from creator.facts.vocabulary import vocabulary

_CUTS = frozenset("?!:;|.")
_CALLS = listed("for calling hey dear attention hello hi to got need want love ready new")


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a title between strong marks.

    Args:
        first: index of its first word.
        last: one past its last word.
        question: it ends with a question mark.
        frame: it addresses or sets a scene and asserts nothing of the thing.
        aside: a frame only because it has none of the ad's words.
    """

    first: int
    last: int
    question: bool
    frame: bool
    aside: bool


def read_segments(found: tuple[Word, ...], known: Callable[[Word], bool]) -> tuple[Segment, ...]:
    """Cut a title into segments.

    Args:
        found: the title's words.
        known: whether the ad has a word.
    """
    bounds: list[tuple[int, int, str]] = []
    first = 0
    for n, word in enumerate(found):
        if _cuts(found, n):
            if n > first:
                bounds.append((first, n, word.text))
            first = n + 1
    if first < len(found):
        bounds.append((first, len(found), ""))
    function = vocabulary().function
    said = [sum(known(w) for w in found[a:b] if w.kind != "sign" and w.text not in function) for a, b, _ in bounds]
    segments: list[Segment] = []
    for n, (a, b, mark) in enumerate(bounds):
        question = mark == "?"
        call = mark == ":" and found[a].text in _CALLS
        aside = not said[n] and any(said[:n] + said[n + 1 :])
        segments.append(Segment(a, b, question, question or call or aside, aside and not question and not call))
    return tuple(segments)


def _cuts(found: tuple[Word, ...], n: int) -> bool:
    word = found[n]
    if word.text == "-":
        before = found[n - 1].end < word.start if n else True
        return before and n + 1 < len(found) and found[n + 1].start > word.end
    if word.text == ".":
        return not (n + 1 < len(found) and found[n + 1].start == word.end) and not (
            n and found[n - 1].text in ("no", "incl", "vs", "fl")
        )
    return word.text in _CUTS


def segment_at(segments: tuple[Segment, ...], word: int) -> Segment:
    """The segment a word stands in; a mark between two belongs to the one before."""
    return next((s for s in reversed(segments) if s.first <= word), segments[0])

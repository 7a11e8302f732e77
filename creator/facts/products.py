"""What an ad offers and what it only mentions beside it: its noun phrases, each with the role its sentence gives it.

"Coupon on paper towels. Often bought with toilet paper" offers towels; toilet paper is a companion, and nobody who
sees a title may take it for the thing on offer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property
from itertools import pairwise

from creator.facts.negation import Denial, denied_words, read_denials
from creator.facts.passages import Passage
from creator.facts.text import Word, listed
from creator.facts.vocabulary import vocabulary

LIST_JOINS = listed("and & or / , plus a an the")
OFFERS = listed(
    "coupon coupons deal deals discount discounts voucher vouchers offer offers saving savings sale promo promos "
    "promotion promotions rebate rebates bargain bargains markdown markdowns"
)
_CUTTING = frozenset(',.;:?!()[]/|&+"')
_AIM_ENDS = listed("with from in by at on to until via while which that who and or")


class Role(Enum):
    """What a sentence does with a thing it names."""

    OFFERED = auto()  # the ad's own: its product, a part, a property
    BESIDE = auto()  # bought, served or used with it
    AIMED = auto()  # what it is for, like, unlike or instead of
    DENIED = auto()  # not included, not covered


@dataclass(frozen=True, slots=True)
class Phrase:
    """A run of words of meaning in an ad that neither grammar nor punctuation parts.

    Args:
        passage: the field.
        words: its words, hyphens and figures left out.
        first: index of the first of them in the passage.
        last: index of the last.
        role: what the ad does with it.
        sentence: which sentence of the ad it stands in.
        joined: only a comma or "and" parts it from the phrase before it.
    """

    passage: Passage
    words: tuple[Word, ...]
    first: int
    last: int
    role: Role
    sentence: int
    joined: bool

    def place_of(self, stem: str) -> int:
        """The place of a stem among the words, or -1."""
        return next((n for n, w in enumerate(self.words) if w.stem == stem), -1)


class Products:
    """An ad's noun phrases, read when a title first asks for them.

    Args:
        denied: the ad's fields, each with its denied words.
    """

    def __init__(self, denied: Sequence[tuple[Passage, dict[int, Denial]]]) -> None:
        self._denied = denied

    @classmethod
    def of(cls, passages: Sequence[Passage]) -> Products:
        """Read an ad's fields."""
        return cls(tuple((p, denied_words(p.words, read_denials(p.words))) for p in passages))

    @cached_property
    def phrases(self) -> tuple[Phrase, ...]:
        """Every phrase, in the ad's order."""
        found: list[Phrase] = []
        sentence = 0
        for passage, denied in self._denied:
            roles = _roles(passage, denied)
            for first, last in passage.sentences:
                sentence += 1
                for inside, joined in cut(passage.words, first, last):
                    words = tuple(passage.words[n] for n in inside)
                    role = roles.get(inside[-1], Role.OFFERED)
                    found.append(Phrase(passage, words, inside[0], inside[-1], role, sentence, joined))
        return tuple(found)

    @cached_property
    def places(self) -> dict[str, tuple[int, ...]]:
        """For each stem, the phrases that hold it, as indices."""
        found: dict[str, list[int]] = {}
        for n, phrase in enumerate(self.phrases):
            for stem in {w.stem for w in phrase.words}:
                found.setdefault(stem, []).append(n)
        return {stem: tuple(where) for stem, where in found.items()}

    @cached_property
    def offered_meanings(self) -> frozenset[int]:
        """What the words of the offered phrases mean or imply."""
        return vocabulary().meanings.implied_by(
            {w.text for p in self.phrases if p.role is Role.OFFERED for w in p.words}
        )

    def with_stem(self, stem: str, role: Role | None = None) -> list[Phrase]:
        """The phrases that hold a stem, of one role or of any."""
        return [p for n in self.places.get(stem, ()) if (p := self.phrases[n]).role is role or role is None]

    def heads(self, stem: str) -> bool:
        """Whether an offered phrase is about this very thing and does not only name something else by it.

        In "fruit pies" fruit only tells which pies; a word that no noun of a thing follows may be meant itself.
        """
        for phrase in self.with_stem(stem, Role.OFFERED):
            at = phrase.place_of(stem)
            if at == len(phrase.words) - 1 or not vocabulary().is_thing(phrase.words[at + 1].text):
                return True
        return False

    def goes_with(self, modifier: str, head: str, role: Role | None, said: frozenset[str]) -> bool:
        """Whether the ad lets one word describe another.

        Args:
            modifier: stem of the describing word; the ad has it.
            head: stem of the noun; the ad has it.
            role: the role the noun must have, or None.
            said: stems of all the words that stand with them.

        It does when both stand in one phrase, when a sentence ties their phrases by more than a comma or "and", when
        the first is a property, or when "turkey and chicken slices" shares the noun.
        """
        heads = [n for n in self.places.get(head, ()) if role is None or self.phrases[n].role is role]
        for n in self.places.get(modifier, ()):
            phrase = self.phrases[n]
            if n in heads or self._is_property(phrase):
                return True
            if any(self._tied(n, at) for at in heads) or self._shares(n, said, heads):
                return True
        return False

    def _tied(self, one: int, two: int) -> bool:
        first, last = sorted((one, two))
        a, b = self.phrases[first], self.phrases[last]
        if a.sentence != b.sentence or Role.BESIDE in (a.role, b.role):
            return False
        return not all(self.phrases[n].joined for n in range(first + 1, last + 1))

    def _shares(self, one: int, said: frozenset[str], heads: Sequence[int]) -> bool:
        """Whether the phrase's last word is said too and a list goes on from it to the noun."""
        if self.phrases[one].words[-1].stem not in said:
            return False
        at = one + 1
        while at < len(self.phrases) and self.phrases[at].joined:
            if at in heads:
                return True
            at += 1
        return False

    @staticmethod
    def _is_property(phrase: Phrase) -> bool:
        """Whether a phrase only describes: one word that does, "noise cancelling", "oak" of an attribute."""
        named, vocab = phrase.words[-1].text, vocabulary()
        if phrase.role is not Role.OFFERED:
            return False
        if len(phrase.words) == 1:
            return phrase.passage.field.startswith("attributes.") or not vocab.is_thing(named)
        return (
            vocab.list_cached("plain", "trade").has(named)
            or named in vocab.meanings.describing
            or (named.endswith(("ed", "ing")) and not vocab.is_thing(named))
        )


def cut(found: Sequence[Word], first: int, last: int) -> Iterator[tuple[list[int], bool]]:
    """Cut words first to last (exclusive) into phrases: the indices of their words, and whether a list joins them."""
    function = vocabulary().function
    inside: list[int] = []
    joined, opened = True, False
    for n in range(first, last):
        word = found[n]
        dash = word.text == "-" and n > first and found[n - 1].end < word.start
        if word.text in function or word.text in _CUTTING or dash:
            if inside:
                yield inside, joined and opened
                inside, joined, opened = [], True, True
            joined = joined and word.text in LIST_JOINS
        elif word.kind in ("word", "code"):
            inside.append(n)
    if inside:
        yield inside, joined and opened


def _roles(passage: Passage, denied: dict[int, Denial]) -> dict[int, Role]:
    """The role of every word of a field that is not simply offered."""
    roles: dict[int, Role] = {}
    text, found = passage.folded.text, passage.words
    for match in vocabulary().pattern("relation", "aimed").finditer(text):
        start = next((n for n, w in enumerate(found) if w.start >= match.end()), len(found))
        before = next((w.text for w in reversed(found) if w.end <= match.start()), "")
        if before in OFFERS:
            continue  # a voucher for two nights is one of these nights
        _, end = passage.sentence_at(min(start, len(found) - 1))
        for n in range(start, end):
            if n > start and (found[n].text in _AIM_ENDS or found[n].text in _CUTTING):
                break
            roles[n] = Role.AIMED
    for match in vocabulary().pattern("relation", "beside").finditer(text):
        start = next((n for n, w in enumerate(found) if w.start >= match.end()), len(found))
        _, end = passage.sentence_at(min(start, len(found) - 1))
        roles.update(dict.fromkeys(range(start, end), Role.BESIDE))
    roles.update(dict.fromkeys(denied, Role.DENIED))
    return roles


def compounds(found: Sequence[Word]) -> Iterator[tuple[int, int]]:
    """First and last index of every hyphenated word: "name-brand", "ready-to-serve"."""
    first = -1
    for n, (one, two) in enumerate(pairwise(found)):
        tight = one.end == two.start and ("-" in (one.text, two.text))
        if tight and first < 0 and one.text != "-":
            first = n
        if not tight and first >= 0:
            if found[n].text != "-" and n > first:
                yield first, n
            first = -1
    if first >= 0 and found[-1].text != "-":
        yield first, len(found) - 1

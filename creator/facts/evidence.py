"""An ad prepared for checking: its words, quantities, dates and names, read once and used for every title of the ad."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from creator.core.records import Ad
from creator.facts.algebra import Ledger
from creator.facts.clock import Clock, Days, read_clocks, read_days
from creator.facts.composed import composed_facts, multiples
from creator.facts.conditions import Clause, read_clauses
from creator.facts.dates import Date, read_dates
from creator.facts.entities import Known, Name, read_names
from creator.facts.negation import Denial, barred_pairs, denied_words, read_denials, without_prefix
from creator.facts.passages import Passage, passages_of
from creator.facts.products import Products, cut
from creator.facts.stated import Fact, read_facts
from creator.facts.text import Word, stem_of
from creator.facts.vocabulary import vocabulary


@dataclass(frozen=True, slots=True)
class AdFacts:
    """An ad's facts, ready for checking.

    Args:
        ad: the ad.
        passages: its fields.
        places: for each word stem of the ad, the first passage and the index of the word that carries it.
        facts: its quantities.
        ledger: its quantities, for reckoning with.
        dates: its dates, each with the passage.
        clocks: its times of day, each with the passage.
        days: its days of the week, each with the passage.
        meanings: what its words mean or imply (WordNet).
        numbered: for each stem of a name, the figures that directly follow it ("arc" -> {"2"}).
        known: its words, for what a title may take from it.
        clauses: its sentences with their conditions.
        denied: for each field, its denied words.
        names: its proper names with their roles.
        stated: every field folded, joined by line breaks.
        spoken: its words as written (folded).
        products: what it offers and what it only mentions beside that.
        barred: what it denies only of something ("no app for smart TVs"): where, the stems, first and last word.
        turned: for each of its words with a denying prefix, the stem without the prefix and the word's own stem.
    """

    ad: Ad
    passages: tuple[Passage, ...]
    places: dict[str, tuple[Passage, int]]
    facts: tuple[Fact, ...]
    ledger: Ledger
    dates: tuple[tuple[Date, Passage], ...]
    clocks: tuple[tuple[Clock, Passage], ...]
    days: tuple[tuple[Days, Passage], ...]
    meanings: frozenset[int]
    numbered: dict[str, frozenset[str]]
    known: Known
    clauses: tuple[Clause, ...]
    denied: tuple[tuple[Passage, dict[int, Denial]], ...]
    products: Products
    names: tuple[Name, ...]
    stated: str
    spoken: frozenset[str]
    turned: dict[str, str]
    barred: tuple[tuple[Passage, frozenset[str], int, int], ...]

    @classmethod
    def of(cls, ad: Ad) -> AdFacts:
        """Read an ad."""
        passages = passages_of(ad)
        places: dict[str, tuple[Passage, int]] = {}
        facts: list[Fact] = []
        dates: list[tuple[Date, Passage]] = []
        clocks: list[tuple[Clock, Passage]] = []
        numbered: dict[str, set[str]] = {}
        for passage in passages:
            for n, word in enumerate(passage.words):
                places.setdefault(word.stem, (passage, n))
                if word.kind == "number" and n and _is_name(passage, n - 1):
                    numbered.setdefault(passage.words[n - 1].stem, set()).add(word.text)
            found = read_dates(passage.words)
            dates += [(date, passage) for date in found]
            timed = [c for c in read_clocks(passage.words) if not date_words(found) & {c.first}]
            clocks += [(clock, passage) for clock in timed]
            own = read_facts(passage, date_words([*found, *(c for c in timed if not c.bare)]))
            facts += [*own, *composed_facts(passage, own)]
        facts += multiples(facts)
        spoken = frozenset(w.text for p in passages for w in p.words if w.kind != "sign")
        meanings = vocabulary().meanings.implied_by(spoken - vocabulary().function)
        product = frozenset(w.stem for p in passages if p.field == "title" for w in p.words if w.kind == "word")
        modifiers: dict[str, set[str]] = {noun: set() for noun in product}
        for one, two in (pair for p in passages for pair in pairwise(p.words)):
            if two.kind == "word" and one.kind == "word" and one.text not in vocabulary().function:
                modifiers.setdefault(two.stem, set()).add(one.stem)
        stated = "\n".join(p.folded.text for p in passages)
        denied = tuple((p, denied_words(p.words, read_denials(p.words))) for p in passages)
        return cls(
            ad,
            passages,
            places,
            tuple(facts),
            Ledger.of(facts, clocks),
            tuple(dates),
            tuple(clocks),
            tuple((days, p) for p in passages for days in read_days(p.words)),
            meanings,
            {stem: frozenset(figures) for stem, figures in numbered.items()},
            Known(
                frozenset(places),
                spoken,
                meanings,
                product,
                {noun: frozenset(own) for noun, own in modifiers.items()},
                bool(vocabulary().pattern("reader", "children").search(stated)),
                frozenset(
                    p.words[inside[-1]].text
                    for p in passages
                    if p.field == "title"
                    for inside, _ in cut(p.words, 0, len(p.words))
                ),
            ),
            tuple(c for p in passages for c in read_clauses(p)),
            denied,
            Products(denied),
            read_names(passages),
            stated,
            spoken,
            {stem_of(bare): stem_of(word) for word in sorted(spoken) if (bare := without_prefix(word))},
            tuple((p, *pair) for p, own in denied for pair in barred_pairs(p.words, own)),
        )


def _is_name(passage: Passage, n: int) -> bool:
    """Whether a word is written like a name, with a capital that no sentence's beginning explains."""
    word = passage.words[n]
    if word.kind != "word" or word.text in vocabulary().function:
        return False
    capital = passage.text[passage.folded.span(word.start, word.end)[0]].isupper()
    return capital and (passage.field == "title" or n > passage.sentence_at(n)[0])


def date_words(dates: Sequence[Date | Clock | Days]) -> frozenset[int]:
    """Indices of all words that belong to dates and times."""
    return frozenset(n for date in dates for n in range(date.first, date.last + 1))


def stems_of(found: tuple[Word, ...]) -> frozenset[str]:
    """The stems of the words (signs left out)."""
    return frozenset(w.stem for w in found if w.kind != "sign")

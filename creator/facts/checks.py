"""Every check on one title, each a generator of findings over one shared reading of it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from creator.core.records import Finding, FindingKind
from creator.facts import reader
from creator.facts.conditions import content_stems
from creator.facts.denials import denial_findings
from creator.facts.entities import opposites, swapped_names
from creator.facts.figures import figure_findings, figure_words
from creator.facts.han import denied_runs, unknown_runs
from creator.facts.kept import Title
from creator.facts.policy import BREAKS_OFF, TWICE, injection_faults, quality_faults
from creator.facts.ranks import Rank, read_ranks
from creator.facts.reading import Reading, quoted
from creator.facts.relations import relation_findings
from creator.facts.restricted import restricted_findings
from creator.facts.scope import dropped_conditions, unbounded, unoffered
from creator.facts.strangers import strangers
from creator.facts.widened import widened

_POLICY = "policy"


def findings_of(reading: Reading) -> Iterator[Finding]:
    """Everything to be said against a title."""
    yield from _policy(reading)
    if not reading.words:
        return
    taken: set[int] = set(figure_words(reading))
    for finding, first, last in (*_ranks(reading), *_reader(reading)):
        taken.update(range(first, last + 1))
        yield finding
    yield from figure_findings(reading, frozenset(taken))
    for quantity in reading.quantities:
        taken.update(range(quantity.first, quantity.last + 1))
    for finding, first, last in denial_findings(reading):
        taken.update(range(first, last + 1))
        yield finding
    yield from _conditions(reading)
    yield from restricted_findings(reading)
    yield from _strangers(reading, frozenset(taken))
    yield from relation_findings(reading)
    for start, end, score in unknown_runs(reading.folded.text, reading.facts.stated):
        first, last = reading.folded.span(start, end)
        yield Finding(FindingKind.UNSUPPORTED, (first, last), reading.title[first:last], "", "", score)
    for start, end, clause in denied_runs(reading.folded.text, reading.facts.stated):
        first, last = reading.folded.span(start, end)
        yield Finding(FindingKind.NEGATION, (first, last), reading.title[first:last], *reading.field_of(clause), 0.85)


def _policy(reading: Reading) -> Iterator[Finding]:
    text, title = reading.folded.text, reading.title
    if not reading.words:
        yield Finding(FindingKind.CHANNEL, (0, len(title)), title, "a title has at least two words", _POLICY, 1.0)
        return
    for fault in (*quality_faults(title, text, reading.words), *injection_faults(text)):
        if fault.message == TWICE and text[slice(*fault.span)] in reading.facts.stated:
            continue  # the ad's own: "dandruff shampoo and shampoo"
        if fault.message == BREAKS_OFF and _is_name(reading, fault.span):
            continue  # of plans: "on Core or Plus"
        start, end = reading.folded.span(*fault.span)
        yield Finding(fault.kind, (start, end), title[start:end], fault.message, _POLICY, 1.0)


def _is_name(reading: Reading, span: tuple[int, int]) -> bool:
    """Whether the title and the ad write a word as a name: with a capital inside a sentence."""
    word = reading.folded.text[slice(*span)]
    if not word.isalpha():
        return False
    name = re.compile(rf"(?<=[\w,] ){word.capitalize()}\b")
    return any(name.search(p.text) for p in reading.facts.passages if p.field == "description")


def _ranks(reading: Reading) -> Iterator[tuple[Finding, int, int]]:
    for rank in _ranks_of(reading):
        yield (
            reading.finding(
                FindingKind.SUPERLATIVE, rank.first, rank.last, 0.95, rank.rule, _POLICY if rank.rule else ""
            ),
            rank.first,
            rank.last,
        )


def _ranks_of(reading: Reading) -> list[Rank]:
    facts = reading.facts
    return read_ranks(reading.folded.text, reading.words, facts.stated, facts.spoken, facts.known.product)


def _reader(reading: Reading) -> Iterator[tuple[Finding, int, int]]:
    facts = reading.facts
    for said in reader.read_attributions(
        reading.folded.text, reading.words, reading.segments, facts.spoken, facts.stated
    ):
        yield (
            reading.finding(
                FindingKind.PERSONAL_ATTRIBUTE, said.first, said.last, 0.9, f"{said.about}: {reader.RULE}", _POLICY
            ),
            said.first,
            said.last,
        )


def _conditions(reading: Reading) -> Iterator[Finding]:
    title = Title(reading.folded.text, reading.words, content_stems(reading.words), reading.quantities)
    dropped = dropped_conditions(title, reading.facts.clauses, reading.facts.stated)
    if dropped is not None:
        passage = dropped.clause.passage
        yield reading.finding(
            FindingKind.SCOPE,
            dropped.first,
            dropped.last,
            0.85,
            passage.quote(dropped.condition.first, dropped.condition.last),
            passage.field,
        )
        return
    nouns = frozenset(
        f.words[n - 1].stem
        for f in reading.facts.passages
        for n, w in enumerate(f.words)
        if w.text == "-" and n and n + 1 < len(f.words) and f.words[n + 1].text == "free"
    )
    nouns |= {stem for p, denied in reading.facts.denied for n in denied for stem in (p.words[n].stem,)}
    free = unoffered(title, reading.facts.clauses, nouns)
    if free is not None:
        first, last, clause = free
        evidence = clause.passage.quote(clause.first, clause.last - 1, 0) if clause else ""
        priced = clause is not None and any(q.units[0].dimension.startswith("money") for q in clause.quantities)
        yield reading.finding(
            FindingKind.NEGATION if priced else FindingKind.UNSUPPORTED,
            first,
            last,
            0.8,
            evidence,
            clause.passage.field if clause else "",
        )
        return
    wide = widened(reading)
    if wide is not None:
        first, last, clause = wide
        evidence = clause.passage.quote(clause.first, clause.last - 1, 0)
        yield reading.finding(FindingKind.SCOPE, first, last, 0.8, evidence, clause.passage.field)
        return
    loose = unbounded(title, reading.facts.stated)
    if loose is not None:
        yield reading.finding(FindingKind.SCOPE, *loose, 0.8)


def _strangers(reading: Reading, taken: frozenset[int]) -> Iterator[Finding]:
    facts = reading.facts
    for first, last, other in swapped_names(reading.words, facts.names):
        where = facts.places.get(other.stems[0])
        yield reading.finding(FindingKind.ENTITY, first, last, 0.85, *quoted(where))
    for n, passage, at in opposites(reading.words, facts.passages, facts.known):
        yield reading.finding(FindingKind.WRONG_PRODUCT, n, n, 0.85, passage.quote(at, at), passage.field)
    for stranger in strangers(reading.words, reading.segments, facts.known, taken):
        yield reading.finding(stranger.kind, stranger.word, stranger.word, stranger.score)

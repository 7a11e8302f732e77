"""Does a title keep the conditions of what it promises? "Every order" where the ad says "your first order" does not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from creator.facts.conditions import GENERIC, Clause, Condition, content_stems
from creator.facts.kept import Title, keeps, noun_stems, reaches
from creator.facts.paraphrase import paraphrased_stems
from creator.facts.text import Word, listed, stem_of
from creator.facts.units import is_money
from creator.facts.vocabulary import vocabulary

_TIMES = listed(
    "day days morning evening night week weekday weekend month year season summer winter spring autumn hour "
    "minute monday tuesday "
    "wednesday thursday friday saturday sunday moment time meal bite sip step mile occasion corner room time "
    "stage turn detail "
    "breakfast lunch dinner supper evening afternoon the you your of in about things that good kinds sorts set ready"
)
_SOLD = listed("room meal trip night day stay step")  # "20% off every room" is no figure of speech
_AGAIN = re.compile(
    r"(?:each|every)(?: and every| single)? (?:time|visit|trip)|(\w+) after \1|as often as"
    r"|as many (?:\w+ )?as|whenever|always"
)
_SERVED = frozenset(
    stem_of(w)
    for w in (
        "deliver",
        "delivered",
        "ship",
        "shipping",
        "postage",
        "post",
        "send",
        "collect",
        "cover",
        "free",
        "sell",
        "available",
        "valid",
    )
)
_TIED = frozenset({"only", "plan", "audience"})
_TIERS = frozenset(
    stem_of(w) for w in ("plan", "tier", "package", "version", "edition", "ticket", "model", "membership")
)
_DAYS = re.compile(r"any ?time|(?:every|any|each) day|daily|seven days")
_FREE = re.compile(
    r"(?<!-)(?<!- )(?<!feel )(?<!set )(?<!break )(?<!roam )(?<!run )(?<!hands )\bfree\b"
    r"(?! (?:from|of|up|your|yourself|rein|spirits?|hands?|time)\b)(?!-)"
)
_GIVEN_FREE = re.compile(
    r"(?<!-)\bfree\b(?!\s+from|\s+of\b(?! charge))|\bgift\b|\bcomplimentary\b|\bbonus\b|\bincluded\b|\bfor nothing\b"
    r"|\bon (?:us|the house)\b|\bno (?:extra )?(?:charge|cost|fee)\b|\bnothing to pay\b|\bgratis\b|\bcosts? nothing\b"
)
_NTH = listed("first second third fourth fifth sixth seventh eighth ninth tenth last next")
_EACH = listed("each every all any both")
_WHEN = re.compile(
    r"whenever|always|any ?time|no matter|whatever|however|for everyone|as standard|forever|no end date|all year"
    r"|year-round"
)
_KEPT_OPEN = re.compile(r"\b(?:keep|keeps|leave|leaves|keeping) [^,:;?!]*\bfree\b")
_WHO = listed("audience age only after with first place")


@dataclass(frozen=True, slots=True)
class Dropped:
    """A condition that a title leaves out, with the title's words that promise too much."""

    condition: Condition
    clause: Clause
    first: int
    last: int


def dropped_conditions(title: Title, clauses: Sequence[Clause], stated: str) -> Dropped | None:
    """The first condition a title's offer or "every" leaves out, if it does.

    Args:
        title: the title.
        clauses: the ad's sentences.
        stated: the ad's fields, folded.

    A title keeps an offer's conditions when it keeps those of any one sentence of the ad that states the offer.
    """
    universals = [
        m for m in vocabulary().pattern("scope", "universal").finditer(title.text) if not _harmless(title, m, stated)
    ]
    name = frozenset[str]().union(*(c.stems for c in clauses if c.passage.field == "title"))
    title = replace(title, stems=title.stems | paraphrased_stems(title.text))
    priced = any(is_money(q.units[0]) for q in title.quantities)
    offered = vocabulary().pattern("scope", "offer").search(title.text) is not None
    for match in universals:
        topics = [(c, _shared(c, title, name)) for c in clauses if c.conditions]
        spread = match.group() == "each" and priced and not offered  # "each one £2"
        for clause, shared in sorted(topics, key=lambda pair: -pair[1]):
            if spread and not _prices(clause, title):
                continue
            broken = [
                c
                for c in clause.conditions
                if _limits(c, match.group(), title.text[match.end() : match.end() + 10])
                and (
                    c.kind != "date"
                    or offered
                    or (priced and match.group() in _EACH and _prices(clause, title))
                    or title.text[: match.start()].endswith("with ")
                    or _DAYS.fullmatch(match.group())
                    or _WHEN.match(match.group())
                )
                and not keeps(c, title, name, universal=True)
                and not reaches(c, title, clauses)
                and (c.kind != "place" or clause.stems & _SERVED)
            ]
            tier = shared and any(c.kind in _TIED for c in broken) and bool(noun_stems(title) & _TIERS)
            if (shared >= 2 or tier) and broken:
                return Dropped(broken[0], clause, *_words_in(title.words, match.start(), match.end()))
        season = next(
            (
                c
                for c in clauses
                for k in c.conditions
                if (k.kind == "date" and re.search(r"\b(?:from|between|open)\b|-", k.text)) or k.kind == "months"
            ),
            None,
        )
        if match.group() in ("all year", "year-round") and season is not None:
            limit = next(k for k in season.conditions if k.kind in ("date", "months"))
            return Dropped(limit, season, *_words_in(title.words, match.start(), match.end()))
        narrowed = _narrowed(title, match, clauses, name)
        if narrowed is not None:
            return narrowed
    offer = vocabulary().pattern("scope", "offer").search(title.text)
    if offer is None:
        return None
    stating = [c for c in clauses if not c.passage.field.startswith(("attributes", "category")) and _states(c, title)]
    broken_by = [
        (
            c,
            [
                k
                for k in c.conditions
                if k.kind not in ("bar", "age", "within", "weekday", "months", "frequency")
                and not keeps(k, title, name, universal=False)
                and not reaches(k, title, clauses)
            ],
        )
        for c in stating
    ]
    if broken_by and all(broken for _, broken in broken_by):
        clause, broken = min(broken_by, key=lambda pair: len(pair[1]))
        return Dropped(broken[0], clause, *_words_in(title.words, offer.start(), offer.end()))
    return None


def _prices(clause: Clause, title: Title) -> bool:
    """Whether a sentence states one of the title's prices: "each one £2" is no price of another sentence's offer."""
    own = {q.low for q in clause.quantities if is_money(q.units[0])}
    return any(is_money(q.units[0]) and q.low in own for q in title.quantities)


def _limits(condition: Condition, universal: str, after: str) -> bool:
    """Whether a condition speaks against a universal: days against "every day", everything else against the rest."""
    again = _AGAIN.fullmatch(universal) is not None
    if condition.kind == "frequency" or again:
        return again and condition.kind in ("frequency", "first", "weekday", "date", "within", "months")
    if condition.kind == "weekday" and after.startswith((" order", " purchase", " deliver")):
        return True
    return (condition.kind in ("weekday", "within", "months")) == bool(
        _DAYS.fullmatch(universal)
    ) or condition.kind == "date"


def unoffered(title: Title, clauses: Sequence[Clause], nouns: frozenset[str]) -> tuple[int, int, Clause | None] | None:
    """A "free" thing that the ad does not offer free: its first and last word, and the sentence that speaks of it.

    Args:
        title: the title.
        clauses: the ad's sentences.
        nouns: stems that follow the ad's own "free" compounds ("gluten-free"), where "Gluten Free" means absence.
    """
    kept_open = _KEPT_OPEN.search(title.text)
    for match in _FREE.finditer(title.text):
        if kept_open is not None and kept_open.end() == match.end():
            continue  # "keep the first Thursday free"
        first, last = _words_in(title.words, match.start(), match.end())
        if first and title.words[first - 1].stem in nouns:
            continue
        beside = content_stems(title.words[max(0, first - 3) : last + 4]) - {"fre"} - GENERIC
        speaking = [c for c in clauses if c.stems & beside]
        if not any(c.free for c in speaking) and not (not speaking and any(c.free for c in clauses)):
            return first, last, speaking[0] if speaking else None
    return None


def unbounded(title: Title, stated: str) -> tuple[int, int] | None:
    """A claim without bounds ("worldwide", "sitewide") that the ad does not make: its first and last word."""
    match = vocabulary().pattern("scope", "strong").search(title.text)
    if match is None or match.group() in stated or (match.group() == "for life" and "lifetime" in stated):
        return None
    return _words_in(title.words, match.start(), match.end())


def _shared(clause: Clause, title: Title, name: frozenset[str]) -> int:
    """How much a sentence and a title speak of the same: words count one, the product's name nothing, amounts two."""
    words = clause.stems & (title.stems - GENERIC)
    amounts = any(
        q.low == t.low and q.units[0].dimension == t.units[0].dimension and q.units[0].dimension != "count"
        for q in clause.quantities
        for t in title.quantities
    )
    free = clause.free and bool(re.search(r"\bfree\b", title.text))
    opening = 2 * ("clos" in clause.stems and "open" in title.stems)
    eligible = any(c.kind in _WHO and words - name - c.stems for c in clause.conditions)
    return len(words - name) + 2 * amounts + free + eligible + (free and bool(words & name)) + opening


def _narrowed(title: Title, match: re.Match[str], clauses: Sequence[Clause], name: frozenset[str]) -> Dropped | None:
    """Whether the title says "all sailings" of what the ad gives for "Tuesday sailings", or for one part of several."""
    if match.group() == "both":
        return None
    first, last = _words_in(title.words, match.start(), match.end())
    noun = next(
        (w for w in title.words[last + 1 : last + 4] if w.kind == "word" and w.stem in _stems_of(clauses)), None
    )
    amounts = {(q.low, q.units[0].dimension) for q in title.quantities if q.units[0].dimension != "count"}
    for clause in clauses:
        own = {(q.low, q.units[0].dimension) for q in clause.quantities}
        if not amounts & own or clause.passage.field.startswith("attributes"):
            continue
        found = clause.passage.words[clause.first : clause.last]
        if noun is not None:
            before = [
                found[n - 1]
                for n in range(1, len(found))
                if found[n].stem == noun.stem and (_nth(found[n - 1]) or not _eached(found, n))
            ]
            limits = [
                w
                for w in before
                if w.kind == "word" and w.text not in vocabulary().function and w.stem not in title.stems | name
            ]
            if before and len(limits) == len(before):
                at = clause.first + next(n for n in range(1, len(found)) if found[n].stem == noun.stem)
                return Dropped(Condition("only", "", frozenset(), frozenset(), (), at - 1, at), clause, first, last)
        shared = {d for _, d in amounts & own if d.startswith("money") or d == "percent"}
        rivals = {low for low, dimension in own if dimension in shared}
        if match.group() in ("whole", "entire", "every", "all") and len(rivals) > 1:
            return Dropped(
                Condition("only", "", frozenset(), frozenset(), (), clause.first, clause.last - 1), clause, first, last
            )
    return None


def _eached(found: Sequence[Word], n: int) -> bool:
    """Whether the ad itself says it of every one: "each pea-sized treat"."""
    return any(w.text in _EACH for w in found[max(0, n - 4) : n])


def _nth(word: Word) -> bool:
    return word.text in _NTH or bool(re.fullmatch(r"\d+(?:st|nd|rd|th)", word.text))


def _stems_of(clauses: Sequence[Clause]) -> frozenset[str]:
    return frozenset[str]().union(*(c.stems for c in clauses))


def _states(clause: Clause, title: Title) -> bool:
    """Whether the sentence states the offer the title makes."""
    percents = {str(q.low) for q in title.quantities if q.units[0].dimension == "percent"}
    if percents:
        return bool(percents & clause.figures)
    cuts = {(q.low, q.units[0].dimension) for q in title.quantities if q.cut}
    if cuts:
        return bool(cuts & {(q.low, q.units[0].dimension) for q in clause.quantities})
    if _GIVEN_FREE.search(title.text):
        return clause.free and len(clause.stems & (title.stems - GENERIC)) >= 1
    return False


def _said_of_all(title: Title, phrase: str, stated: str) -> bool:
    """Whether the ad says it of every one itself, in a sentence with the title's price or percentage if it has one."""
    figures = [
        title.words[q.figure].text
        for q in title.quantities
        if is_money(q.units[0]) or q.units[0].dimension == "percent"
    ]
    sentences = [s for s in re.split(r"[.;](?!\d)|\n", stated) if re.search(phrase, s)]
    return any(all(figure in s for figure in figures) for s in sentences)


def _harmless(title: Title, match: re.Match[str], stated: str) -> bool:
    """ "every morning", "all you need", "any two": nothing is claimed of all products, customers or orders."""
    _, at = _words_in(title.words, match.start(), match.end())
    if title.text[match.end() :].startswith("-") or title.text[: match.start()].endswith("-"):
        return True  # an "all-mountain" set
    if re.match(r" corner of (?:the |our )?\w", title.text[match.end() :]):
        return False
    if match.group() in ("each", "every", "all", "any", "never", "both", "whole", "entire"):
        after = title.words[at + 1] if at + 1 < len(title.words) else None
        if (
            after is None
            and match.group() in ("both", "all", "every", "any")
            and vocabulary().pattern("scope", "offer").search(title.text)
        ):
            return False
        cut = any(q.cut for q in title.quantities)
        if cut and after is not None and after.text in _SOLD:
            return False
        if after is None or after.text in _TIMES or after.text.removesuffix("s") in _TIMES or after.kind == "number":
            return True
        own = _said_of_all(title, rf"\b{match.group()} {re.escape(after.text)}\b", stated)
        return own or any(q.first <= at + 1 <= q.last for q in title.quantities)
    own = re.search(rf"\b{re.escape(match.group())}\b", stated) is not None
    return own or match.group() == "guaranteed" or (match.group() == "for life" and "lifetime" in stated)


def _words_in(found: Sequence[Word], start: int, end: int) -> tuple[int, int]:
    inside = [n for n, w in enumerate(found) if w.start < end and w.end > start]
    return (inside[0], inside[-1]) if inside else (0, 0)

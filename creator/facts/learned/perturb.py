"""Titles to learn from, made of a catalogue: true ones, and the same with one error put in.

The recipe is FactCC's and BUMP's (https://arxiv.org/abs/1910.12840, https://arxiv.org/abs/2212.09955): the error's kind
is known because we put it there. Figures, names, relations, denials, scope and invented benefits are perturbed.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from creator.core.records import Ad, FindingKind
from creator.facts.evidence import AdFacts
from creator.facts.learned.titles import LabelledTitle, cased
from creator.facts.products import OFFERS, Phrase, Role
from creator.facts.verifier import check
from creator.facts.vocabulary import vocabulary

MOST_WORDS = 16
_FIGURE = re.compile(r"\d+(?:[.,]\d+)?")
_CONDITION = re.compile(
    r"\s(?:on (?:your |the )?first|on (?:selected|orders|past)|for members|with code|when you|if you|until|before)\b",
    re.IGNORECASE,
)
_FRAMES = ("{0}", "{0} Today", "Discover {0}", "Looking for {0}?", "{0}, Right Here", "Say Hello to {0}")
_EVERY = ("{0} on Every Order", "{0} All Year Round", "{0} for Everyone", "{0}, Worldwide", "{0}, With No Conditions")
_DENIED = ("{0} Without {1}", "{0}, {1}-Free", "No {1}: {0}", "{0}, Free From {1}")
_OFFERS = ("Save on {0}", "{0}: Now With a Discount", "Ready for {0}? Save Today", "Deals on {0}")


def candidate_titles(facts: AdFacts) -> list[str]:
    """Titles that should follow from an ad: its own phrases and short sentences, alone, framed and paired."""
    ad = facts.ad
    points = [point for point in ad.selling_points if not vocabulary().pattern("relation", "beside").search(point)]
    sentences = re.split(r"(?<=[.!?])\s+", ad.description)
    framed = [frame.format(text) for text in (ad.title, *points) for frame in _FRAMES]
    paired = [f"{point}: {ad.title}" for point in ad.selling_points]
    offered = [f.format(_text(p)) for p in facts.products.phrases if _is_product(p) for f in _OFFERS]
    titles = dict.fromkeys(cased(t) for t in (*framed, *paired, *offered, *sentences) if t.strip())
    return [title for title in titles if 2 <= len(title.split()) <= MOST_WORDS]


def true_titles(facts: AdFacts, given: Sequence[str], most: int, draw: random.Random) -> list[str]:
    """Titles that follow from an ad, as far as the deterministic check can tell.

    Args:
        facts: the ad.
        given: titles known to be true; they make up half, where there are enough.
        most: how many at most.
        draw: source of chance.
    """
    titles = draw.sample(list(given), min(most // 2, len(given)))
    made = candidate_titles(facts)
    for title in draw.sample(made, len(made)):
        if len(titles) >= most:
            break
        if check(title, facts).publishable:
            titles.append(title)
    return titles


def wrong_titles(facts: AdFacts, title: str, other: AdFacts, draw: random.Random) -> Iterator[LabelledTitle]:
    """The title with one error put in, once for each way that applies.

    Args:
        facts: the ad of the title.
        title: a true title.
        other: another ad, to borrow from.
        draw: source of chance.
    """
    for kind, maker in _MAKERS:
        wrong = maker(facts, title, other, draw)
        if wrong and wrong.casefold() != title.casefold():
            yield LabelledTitle(facts.ad, cased(wrong), kind)


def labelled_titles(
    ads: Sequence[Ad], given: Mapping[str, Sequence[str]], per_ad: int, seed: int
) -> list[LabelledTitle]:
    """True and wrong titles of every ad, about as many of one as of the other.

    Args:
        ads: the catalogue.
        given: titles known to be true, by ad.
        per_ad: true titles of an ad at most.
        seed: the titles follow from it.
    """
    draw = random.Random(seed)
    read = [AdFacts.of(ad) for ad in ads]
    found: list[LabelledTitle] = []
    for facts in read:
        for title in true_titles(facts, given.get(facts.ad.ad_id, ()), per_ad, draw):
            found.append(LabelledTitle(facts.ad, title, None))
            wrong = list(wrong_titles(facts, title, draw.choice(read), draw))
            found += draw.sample(wrong, min(1, len(wrong)))
    draw.shuffle(found)
    return found


def _number(facts: AdFacts, title: str, other: AdFacts, draw: random.Random) -> str:
    figures = list(_FIGURE.finditer(title))
    if not figures:
        return ""
    match = draw.choice(figures)
    old = match.group()
    new = draw.choice([str(n) for n in (int(float(old.replace(",", ""))) + draw.choice((1, 2, 5, 10, 50)), 3, 7, 25)])
    return "" if new in facts.stated else title[: match.start()] + new + title[match.end() :]


def _swapped(facts: AdFacts, title: str, other: AdFacts, draw: random.Random) -> str:
    """One of the title's figures gives way to a figure that the ad has for something else."""
    figures = list(_FIGURE.finditer(title))
    own = {match.group() for match in figures}
    others = sorted({match for match in _FIGURE.findall(facts.stated) if len(match) < 7} - own)
    if not figures or not others:
        return ""
    match = draw.choice(figures)
    return title[: match.start()] + draw.choice(others) + title[match.end() :]


def _entity(facts: AdFacts, title: str, other: AdFacts, draw: random.Random) -> str:
    """A thing of the title gives way to a thing of another ad."""
    own = [text for p in facts.products.phrases if len(p.words) < 5 and (text := _text(p)).replace(" ", "").isalpha()]
    own = [text for text in own if re.search(rf"\b{re.escape(text)}\b", title, re.IGNORECASE)]
    foreign = [p for p in other.products.phrases if _is_product(p) and not _shared(p, facts)]
    if not own or not foreign:
        return ""
    thing = _text(draw.choice(foreign))
    return re.sub(rf"\b{re.escape(draw.choice(own))}\b", lambda _: thing, title, flags=re.IGNORECASE)


def _relation(facts: AdFacts, title: str, other: AdFacts, draw: random.Random) -> str:
    """A companion takes the offer's place, or two products become one."""
    phrases = [p for p in facts.products.phrases if not any(w.text in OFFERS for w in p.words)]
    phrases = draw.sample(phrases, min(12, len(phrases)))
    beside = [p for p in phrases if _is_product(p, Role.BESIDE) or _is_product(p, Role.AIMED)]
    beside = [p for p in beside if not facts.products.with_stem(p.words[-1].stem, Role.OFFERED)]
    blends = [
        f"{a.words[0].text} {b.words[-1].text}"
        for a in phrases
        for b in phrases
        if len(a.words) > 1
        and _is_product(b)
        and not facts.products.goes_with(a.words[0].stem, b.words[-1].stem, None, frozenset())
    ]
    wrong = [_text(p) for p in beside] + blends[:20]
    return draw.choice(_OFFERS).format(draw.choice(wrong)) if wrong else ""


def _denial(facts: AdFacts, title: str, other: AdFacts, draw: random.Random) -> str:
    own = [p for p in facts.products.phrases if len(p.words) < 4 and p.role is not Role.DENIED]
    return draw.choice(_DENIED).format(title, _text(draw.choice(own))) if own else ""


def _scope(facts: AdFacts, title: str, other: AdFacts, draw: random.Random) -> str:
    said = draw.choice(_EVERY).format(title)
    return said.replace("Selected ", "All ").replace("selected ", "all ")


def _unconditioned(facts: AdFacts, title: str, other: AdFacts, draw: random.Random) -> str:
    """What the ad grants on a condition, granted without."""
    kept = _CONDITION.split(title, maxsplit=1)
    return kept[0].rstrip(" ,:;-") if len(kept) == 2 and len(kept[0].split()) > 1 else ""


def _benefit(facts: AdFacts, title: str, other: AdFacts, draw: random.Random) -> str:
    claims = [w for w in sorted(vocabulary().benefits.exact) if w not in facts.stated]
    return draw.choice(("{0}, {1}", "{1} {0}")).format(title, draw.choice(claims)) if claims else ""


_MAKERS: tuple[tuple[FindingKind, Callable[[AdFacts, str, AdFacts, random.Random], str]], ...] = (
    (FindingKind.NUMBER, _number),
    (FindingKind.NUMBER, _swapped),
    (FindingKind.ENTITY, _entity),
    (FindingKind.WRONG_PRODUCT, _relation),
    (FindingKind.NEGATION, _denial),
    (FindingKind.SCOPE, _scope),
    (FindingKind.SCOPE, _unconditioned),
    (FindingKind.UNSUPPORTED, _benefit),
)


def _is_product(phrase: Phrase, role: Role = Role.OFFERED) -> bool:
    return (
        phrase.role is role
        and len(phrase.words) < 5
        and vocabulary().is_thing(phrase.words[len(phrase.words) - 1].text)
        and not any(w.text in OFFERS for w in phrase.words)
        and not vocabulary().list_cached("plain", "trade").has(phrase.words[len(phrase.words) - 1].text)
    )


def _shared(phrase: Phrase, facts: AdFacts) -> bool:
    return any(w.stem in facts.known.stems for w in phrase.words)


def _text(phrase: Phrase) -> str:
    """The phrase as the ad writes it."""
    words = phrase.passage.words
    start, _ = phrase.passage.folded.span(words[phrase.first].start, words[phrase.first].end)
    _, end = phrase.passage.folded.span(words[phrase.last].start, words[phrase.last].end)
    return phrase.passage.text[start:end]

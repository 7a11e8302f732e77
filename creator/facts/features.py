"""What can be seen of a title's word that the ad does not carry: what it means, where it stands, what stands beside it.

Each feature is a short name ("topic:weather", "by:with&made"); `weighing` adds up what each counts for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from creator.facts.entities import Known
from creator.facts.places import JOINS, PREPOSITIONS, Place, governor, in_audience, is_made
from creator.facts.segments import Segment
from creator.facts.sorts import invites, listed_thing, other_activity, other_season, replaces, sister
from creator.facts.text import Word, listed, stem_of
from creator.facts.vocabulary import base_forms, vocabulary

_ENDINGS = ("less", "free", "proof", "able", "ible", "ness", "ful", "ly", "ing", "ed", "er", "or", "est", "ist", "ion")
_LISTS = ("action", "praise", "setting", "trade")
_THINGS = listed("made eaten matter living")
FRAMING = listed("hours weather scenes people feelings telling doing chatter looks")
_OWNERS = listed("your my our his her their whose")
_ARTICLES = listed("a an the this that these those every each all any no some one both")
_SELVES = listed("you i we us me it they them")
_GROUPS = {
    "05": "living", "06": "made", "08": "body", "13": "eaten", "17": "matter", "18": "person", "20": "living",
    "27": "matter", "28": "time",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Whole:
    """What is seen of a title as a whole.

    Args:
        taken: words that belong to amounts, dates and other things checked apart.
        share: the part of its words of meaning that the ad carries.
        strangers: how many words the ad does not carry.
        headless: it names none of the things the ad's title says the product is.
        foreign: it has small words of a foreign language.
    """

    taken: frozenset[int]
    share: float
    strangers: int
    headless: bool
    foreign: bool


_PREFIXES = ("over", "out", "un", "re", "mis", "pre", "non", "under", "fore", "up")
_SUFFIXES = ("ies", "ie", "y", "ish", "like", "wise", "ers", "er", "less", "ster", "sters", "able", "ness")


@lru_cache(maxsize=65536)
def bare_of(text: str) -> str:
    """A word of the dictionary that one the dictionary lacks is made of: "walk" of "walkies", "draw" of "drew"."""
    meanings = vocabulary().meanings
    if meanings.field_of(text):
        return text
    if meanings.field_of(stem_of(text)):
        return stem_of(text)
    for prefix in _PREFIXES:
        if text.startswith(prefix) and len(text) - len(prefix) >= 3 and meanings.field_of(text[len(prefix) :]):
            return text[len(prefix) :]
    for suffix in _SUFFIXES:
        for added in ("", "e"):
            base = text.removesuffix(suffix) + added
            if text.endswith(suffix) and len(base) >= 3 and meanings.field_of(base):
                return base
    return text


@lru_cache(maxsize=65536)
def is_small(text: str) -> bool:
    """Whether the word is a small word of a foreign language and no English one."""
    vocab = vocabulary()
    return "small" in vocab.topics_of(text) and text not in vocab.function and not vocab.meanings.knows(text)


def field_of(text: str) -> str:
    """The fields and parts of speech of a word or of what it is made of."""
    return vocabulary().meanings.field_of(bare_of(text))


@lru_cache(maxsize=65536)
def sort_of(text: str) -> str:
    """The sort of word, roughly: a verb, a describing word, or what kind of thing it names."""
    field = field_of(text)
    if is_product(text):
        return "made"
    if not field:
        return "unknown"
    fields, parts = field.split(":")
    if parts[0] == "n":
        return next((_GROUPS.get(code[1:], "abstract") for code in fields.split(",") if code[0] == "n"), "abstract")
    return {"v": "verb", "a": "quality", "r": "manner"}[parts[0]]


def is_product(text: str) -> bool:
    """Whether the word is one of the listed kinds of product."""
    products = vocabulary().list_cached("things", "products").exact
    return any(form in products for form in base_forms(text)[:4])


@lru_cache(maxsize=65536)
def meaning_features(text: str) -> tuple[str, ...]:
    """What the word itself shows."""
    vocab = vocabulary()
    found = [f"sort:{sort_of(text)}"]
    if vocab.claiming.has(text):
        found.append("claim" if text in vocab.claiming.exact else "claim~")
    if vocab.benefits.has(text):
        found.append("benefit")
    for name in _LISTS:
        words = vocab.list_cached("plain", name)
        if words.has(text):
            found.append(f"plain:{name}" if text in words.exact else f"plain~{name}")
    topics = vocab.topics_of(text) or vocab.topics_of(bare_of(text))
    found += [f"topic:{name}" for name in sorted(topics)]
    sides = {"framing" if name in FRAMING else "claiming" for name in topics}
    found.append("&".join(sorted(sides)) or "no topic")
    if any(vocab.list_cached("plain", name).has(text) for name in _LISTS):
        found.append("plain")
        if "claiming" not in sides:
            found.append("only plain")
    field = field_of(text)
    if field:
        fields, parts = field.split(":")
        found += [code for code in fields.split(",") if code]
        found += [f"is:{parts[0]}", *(f"can:{part}" for part in parts[1:])]
    ending = next((e for e in _ENDINGS if text.endswith(e) and len(text) > len(e) + 2), "")
    if ending:
        found.append(f"-{ending}")
    if text.endswith("s") and not text.endswith("ss"):
        found.append("-s")
    if text in vocab.meanings.places:
        found.append("land")
    if text in vocab.meanings.peoples or text.removesuffix("s") in vocab.meanings.peoples:
        found.append("people")
    if text in vocab.list_cached("things", "colours").exact:
        found.append("colour")
    if is_product(text):
        found.append("product")
    if text in vocab.meanings.describing:
        found.append("describes")
    return tuple(found)


def place_features(
    found: Sequence[Word],
    segment: Segment,
    n: int,
    known: Known,
    place: Place,
    title: Whole,
) -> list[str]:
    """What is seen of word n where it stands; what it means comes from `meaning_features`.

    Args:
        found: the title's words.
        segment: the segment it stands in.
        n: its index.
        known: what the ad covers.
        place: where it stands.
        title: what is seen of the title as a whole.
    """
    text = found[n].text.removesuffix("'s")
    sort = sort_of(text)
    seen = ["bias"]
    if found[n].kind == "code":
        seen.append("code")
    where = _where(found, segment, n, place)
    seen += [f"at:{where}", f"at:{where}&{sort}"]
    if place is Place.FRAME:
        seen += ["framed", "framed&thing" if sort in _THINGS else "framed&no thing"]
    by = governor(found, segment, n)
    if by:
        seen += [f"by:{by}", f"by:{by}&{sort}"]
    before = _side(found, n - 1, segment, known, title.taken)
    after = _side(found, n + 1, segment, known, title.taken)
    seen += [f"<{before}", f">{after}", f"<{before}>{after}"]
    seen += [f"<{before}&{sort}", f">{after}&{sort}"]
    if n == segment.first:
        seen += ["opens", f"opens&{sort}"]
    if n == segment.last - 1:
        seen += ["closes"]
    opener = found[segment.first].text
    if n > segment.first and _can_be_called(opener):
        seen += ["called", f"called&{sort}"]
    if any(w.text in _SELVES or w.text in _OWNERS for w in found[segment.first : segment.last]):
        seen += ["talks", f"talks&{sort}"]
    first = found[segment.first]
    if n > segment.first and first.stem in known.product and not _can_be_called(first.text):
        seen += ["label", f"label&{sort}"]
    seen += _around(found, segment, n, sort)
    if title.headless:
        seen += ["headless", f"headless&{sort}", f"headless&{where}"]
    if title.foreign:
        seen += ["foreign", f"foreign&{sort}"]
    seen += [f"share:{min(3, int(4 * title.share))}", f"strangers:{min(3, title.strangers)}"]
    return [*seen, *_likeness(found, segment, n, known, place)]


def _where(found: Sequence[Word], segment: Segment, n: int, place: Place) -> str:
    if place is not Place.FRAME:
        return place.name.lower()
    if segment.question:
        return "question"
    return "aside" if segment.aside else "call" if segment.frame else "audience"


_DENIALS = listed(
    "no not without minus skip forget ditch never zero nothing hold stop sans nor neither goodbye bye less"
)
_OFFERS = listed(
    "included includes include including free comes plus bonus extra gift complimentary featuring features"
)


def _around(found: Sequence[Word], segment: Segment, n: int, sort: str) -> Iterator[str]:
    """What a word's phrase and segment make of it: denied, somebody's own, offered, an address."""
    for at in range(n - 1, max(segment.first, n - 4) - 1, -1):
        text = found[at].text
        if text in _DENIALS:
            yield "denied"
            yield f"denied&{sort}"
            break
        if text in _OWNERS:
            yield "owned"
            yield f"owned&{sort}"
            break
        if text in PREPOSITIONS or text == ",":
            break
    if any(found[at].text in _OFFERS for at in range(segment.first, segment.last) if at != n):
        yield "offered"
        yield f"offered&{sort}"
    comma = next((at for at in range(n + 1, segment.last) if found[at].text == ","), None)
    if comma is not None and comma + 1 < segment.last and n - segment.first <= 3:
        after = found[comma + 1].text
        if _can_be_called(after) and sort_of(after) == "verb":
            yield "addressed"
    pairs = vocabulary().meanings.person_pairs
    for at in (n - 1, n):
        if segment.first <= at and at + 1 < segment.last:
            pair = f"{found[at].text} {found[at + 1].text}"
            if pair in pairs or pair.removesuffix("s") in pairs:
                yield "person pair"


def _can_be_called(text: str) -> bool:
    """Whether a segment that opens with the word may be telling the reader to do something."""
    field = vocabulary().meanings.fields.get(text, "")
    return "v" in field.partition(":")[2][:2] and text in vocabulary().meanings.verbs


def _side(found: Sequence[Word], n: int, segment: Segment, known: Known, taken: frozenset[int]) -> str:
    """What a neighbour is."""
    if not segment.first <= n < segment.last:
        return "edge"
    word = found[n]
    text = word.text
    if text in JOINS:
        return "join"
    if text == "-":
        return "hyphen"
    if text in _OWNERS:
        return "own"
    if text in _ARTICLES:
        return "article"
    if text in _SELVES:
        return "self"
    if word.kind == "number" or n in taken:
        return "number"
    if text in vocabulary().function:
        return "grammar"
    if word.kind == "sign":
        return "sign"
    if word.stem in known.stems:
        return "product" if word.stem in known.product else "ad"
    return "stranger"


def _likeness(found: Sequence[Word], segment: Segment, n: int, known: Known, place: Place) -> Iterator[str]:
    """How the word is related to what the ad says."""
    text = found[n].text.removesuffix("'s")
    meanings = vocabulary().meanings
    if known.implies(text):
        yield "implied"
    elif known.has(found[n]):
        yield "had"
    else:
        senses = meanings.senses_of(text)[:1]
        above = {meanings.parents[s] for s in senses} - {-1}
        if above & known.meanings:
            yield "sibling"
        elif ({meanings.parents[s] for s in above} - {-1}) & known.meanings:
            yield "cousin"
    near, far = _kin(frozenset((text,)))
    close, distant = _kin(known.heads)
    if near & close:
        yield "like head"
        yield f"like head&{place.name.lower()}"
    elif far & distant:
        yield "rather like head"
    if known.ends(text):
        yield "ends"
    if invites(text) and listed_thing(found, segment, n, known):
        yield "listed"
    if place is Place.MODIFIER:
        if other_season(found, n, known):
            yield "season"
        if other_activity(found, n, known):
            yield "activity"
    if place is not Place.FRAME and sister(found, n, known):
        yield "sister"
    if place in (Place.MODIFIER, Place.HEAD) and replaces(found, segment, n, known):
        yield "replaces"
    if place in (Place.HEAD, Place.MODIFIER, Place.FEATURE) and is_made(text):
        yield f"made:{place.name.lower()}"
    if in_audience(found, segment, n):
        yield "audience"
    if in_list(found, n, known):
        yield "in list"


@lru_cache(maxsize=65536)
def _kin(words: frozenset[str]) -> tuple[frozenset[int], frozenset[int]]:
    """What the words mean, with what is one step more general, and with what is two."""
    meanings = vocabulary().meanings
    own = {sense for word in words for sense in meanings.senses_of(word)[:2]}
    up = {meanings.parents[sense] for sense in own} - {-1}
    further = {meanings.parents[sense] for sense in up} - {-1}
    return frozenset(own | up), frozenset(own | up | further)


@lru_cache(maxsize=4096)
def _stems_of(words: frozenset[str]) -> frozenset[str]:
    return frozenset(stem_of(word) for word in words)


def is_headless(found: Sequence[Word], known: Known) -> bool:
    """Whether the title names none of the things the ad's title says the product is."""
    heads = _stems_of(known.heads)
    return bool(heads) and not any(word.stem in heads for word in found)


def in_list(found: Sequence[Word], n: int, known: Known) -> bool:
    """Whether the word is one of a list whose neighbour is the ad's: "coral, teal and | navy"."""
    before = n >= 2 and found[n - 1].text in JOINS and found[n - 2].kind == "word" and found[n - 2].stem in known.stems
    after = (
        n + 2 < len(found)
        and found[n + 1].text in JOINS
        and found[n + 2].kind == "word"
        and found[n + 2].stem in known.stems
    )
    return before or after

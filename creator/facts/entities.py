"""Words of a title that its ad does not carry: named things, other products, invented properties, or mere framing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from creator.core.records import FindingKind
from creator.facts.passages import Passage
from creator.facts.segments import Segment, segment_at
from creator.facts.text import Word, listed, stem_of
from creator.facts.units import unit_forms
from creator.facts.vocabulary import Vocabulary, base_forms, vocabulary

_PREPOSITIONS = listed("with for from in by to of on at under without per as")
_ING = frozenset(("ing", "ed"))


@dataclass(frozen=True, slots=True)
class Stranger:
    """A word of the title that does not come from the ad.

    Args:
        word: its index.
        kind: what kind of error it would be.
        score: how sure; below 0.5 it is only unverifiable.
    """

    word: int
    kind: FindingKind
    score: float


@dataclass(frozen=True, slots=True)
class Known:
    """What an ad's words cover.

    Args:
        stems: stems of its words.
        spoken: its words as written (folded).
        meanings: what they mean or imply.
        product: stems of the nouns in its title.
        modifiers: for each noun of its title, the stems that stand right before it anywhere in the ad.
    """

    stems: frozenset[str]
    spoken: frozenset[str]
    meanings: frozenset[int]
    product: frozenset[str]
    modifiers: dict[str, frozenset[str]]

    def has(self, word: Word) -> bool:
        """Whether the ad carries the word, an inflection, a synonym or something that implies it."""
        return word.stem in self.stems or self.implies(word.text) or self._compound(word.text) or self._people(word.text)

    def implies(self, text: str) -> bool:
        """Whether one of the word's two most usual meanings follows from the ad's words."""
        return any(sense in self.meanings for sense in vocabulary().meanings.senses_of(text)[:2])

    def _people(self, text: str) -> bool:
        """"Cumbrian" of "Cumbria": the adjective of a place the ad names."""
        roots = [text[: -len(e)] for e in ("n", "an", "ian", "ese", "ish") if text.endswith(e) and len(text) - len(e) >= 4]
        return any(spoken.startswith(root) and len(spoken) - len(root) <= 2 for root in roots for spoken in self.spoken)

    def _compound(self, text: str) -> bool:
        """"handpicked" of "picked by hand": both halves are the ad's own."""
        return len(text) > 6 and any(stem_of(text[:n]) in self.stems and stem_of(text[n:]) in self.stems
                                     for n in range(3, len(text) - 2))


def strangers(found: Sequence[Word], segments: tuple[Segment, ...], known: Known, taken: frozenset[int]) -> Iterator[Stranger]:
    """Every word of meaning that the ad neither carries nor implies.

    Args:
        found: the title's words.
        segments: its segments.
        known: what the ad covers.
        taken: indices that another check has dealt with (amounts, dates, ranks, statements about the reader).
    """
    vocab = vocabulary()
    for n, word in enumerate(found):
        if n in taken or word.kind not in ("word", "code") or word.text in vocab.function or word.stem in known.stems:
            continue
        if n and found[n - 1].text in ("/", "per", "a") and word.text in unit_forms():
            continue
        if len(word.text) < 2 or (word.text.endswith("'s") and stem_of(word.text[:-2]) in known.stems):
            continue
        frame = segment_at(segments, n).frame
        if vocab.claiming.has(word.text) and not _only_plain(vocab, word.text):
            yield Stranger(n, FindingKind.UNSUPPORTED, 0.9)
        elif vocab.plain.has(word.text):
            if not frame and _is_product(vocab, word.text) and (
                    _is_head(found, segments, n, known) or _kind_of(found, segments, n, known)):
                yield Stranger(n, FindingKind.WRONG_PRODUCT, 0.7)
        elif _is_call(vocab, found, segments, n):
            yield Stranger(n, FindingKind.UNSUPPORTED, 0.2)
        elif not known.has(word):
            yield _judge(vocab, found, segments, n, known, frame=frame)


def _only_plain(vocab: Vocabulary, text: str) -> bool:
    """Whether the word or its base is listed as plain, and only an inflection of it as a claim."""
    return text not in vocab.claiming.exact and any(form in vocab.plain.exact for form in base_forms(text))


def _is_call(vocab: Vocabulary, found: Sequence[Word], segments: tuple[Segment, ...], n: int) -> bool:
    """Whether the word tells the reader to do something: a verb that opens its segment, alone or in a list of such."""
    segment = segment_at(segments, n)
    before = found[n - 1] if n > segment.first else None
    opens = before is None or (before.text in (",", "and", "&") and all(
        w.text in vocab.meanings.verbs or w.text in (",", "and", "&") for w in found[segment.first:n]))
    return opens and found[n].text in vocab.meanings.verbs and not vocab.meanings.class_of(found[n].text)


def _judge(vocab: Vocabulary, found: Sequence[Word], segments: tuple[Segment, ...], n: int, known: Known, *, frame: bool) -> Stranger:
    text = found[n].text.removesuffix("'s")
    meanings = vocab.meanings
    if not frame and meanings.class_of(text) in ("", "artifact") and _replaces(found, segments, n, known):
        return Stranger(n, FindingKind.WRONG_PRODUCT, 0.85)
    if text in meanings.places or text in meanings.peoples or text.removesuffix("s") in meanings.peoples:
        return Stranger(n, FindingKind.ENTITY, 0.9)
    kind = meanings.class_of(text)
    if not frame and kind != "artifact" and _in_list(found, n, known):
        return Stranger(n, FindingKind.ENTITY, 0.85)
    product = _is_product(vocab, text)
    if product or kind == "artifact":
        if _before(found, n) in ("from", "of") or (_in_list(found, n, known) and not frame):
            return Stranger(n, FindingKind.ENTITY, 0.3 if frame else 0.85)
        head = _is_head(found, segments, n, known) or not _after_preposition(found, segments, n)
        mild = frame and not (product and segment_at(segments, n).aside)
        return Stranger(n, FindingKind.WRONG_PRODUCT if head else FindingKind.UNSUPPORTED, 0.3 if mild else 0.85)
    if kind == "animal" and not _after_preposition(found, segments, n):
        return Stranger(n, FindingKind.WRONG_PRODUCT, 0.85)
    if found[n].kind == "code" or not meanings.knows(text):
        derived = found[n].kind == "word" and text.endswith(("ed", "ing", "ly", "able", "ible", "ness", "ful", "less"))
        return Stranger(n, FindingKind.UNSUPPORTED if derived else FindingKind.ENTITY, 0.3 if derived and frame else 0.8)
    if kind in ("food", "plant", "substance", "animal"):
        framed = frame and kind != "animal" and not _after(found, segments, n, "with")
        head = kind == "food" and _is_head(found, segments, n, known)
        return Stranger(n, FindingKind.WRONG_PRODUCT if head else FindingKind.ENTITY, 0.3 if framed else 0.85)
    manner = text.endswith("ly") and meanings.knows(text)
    return Stranger(n, FindingKind.UNSUPPORTED, 0.3 if frame or manner else 0.75)


def _in_list(found: Sequence[Word], n: int, known: Known) -> bool:
    """Whether the word is one of a list whose neighbour is the ad's: "coral, teal and | navy"."""
    joins = (",", "and", "&", "or", "/")
    before = n >= 2 and found[n - 1].text in joins and found[n - 2].kind == "word" and found[n - 2].stem in known.stems
    after = n + 2 < len(found) and found[n + 1].text in joins and found[n + 2].kind == "word" and found[n + 2].stem in known.stems
    return (before or after) and found[n].kind == "word" and bool(vocabulary().meanings.class_of(found[n].text)
                                                                 or not vocabulary().meanings.knows(found[n].text))


def _before(found: Sequence[Word], n: int) -> str:
    return next((w.text for w in reversed(found[:n]) if w.kind == "word" and w.text not in ("the", "pure", "finest")), "")


def _is_product(vocab: Vocabulary, text: str) -> bool:
    products = vocab.list_cached("things", "products")
    return any(form in products.exact for form in base_forms(text)) or vocab.meanings.class_of(text) == "artifact"


def _is_head(found: Sequence[Word], segments: tuple[Segment, ...], n: int, known: Known) -> bool:
    """Whether the word ends the segment's first noun phrase and the words before it are the ad's: "Rose | Cleanser"."""
    segment = segment_at(segments, n)
    if _after_preposition(found, segments, n):
        return False
    after = found[n + 1] if n + 1 < segment.last else None
    ends = after is None or after.text in _PREPOSITIONS or after.text in (",", "-", "(", "that", "and", "&")
    before = found[n - 1] if n > segment.first else None
    return ends and before is not None and before.kind in ("word", "code", "number") and (
        before.stem in known.stems and before.text not in vocabulary().function)


def _kind_of(found: Sequence[Word], segments: tuple[Segment, ...], n: int, known: Known) -> bool:
    """Whether the word makes the ad's product another kind of product: "Floor | Lamp" where the ad sells a lamp."""
    segment = segment_at(segments, n)
    after = found[n + 1] if n + 1 < segment.last else None
    return (after is not None and after.stem in known.product and not _after_preposition(found, segments, n)
            and vocabulary().meanings.class_of(found[n].text) == "artifact")


def _replaces(found: Sequence[Word], segments: tuple[Segment, ...], n: int, known: Known) -> bool:
    """Whether the word stands where the ad's own modifier of its product stands: "Pressure | Cooker" for a slow cooker."""
    segment = segment_at(segments, n)
    after = found[n + 1] if n + 1 < segment.last else None
    own = known.modifiers.get(after.stem) if after is not None else None
    return (own is not None and not own & {w.stem for w in found} and not _after_preposition(found, segments, n)
            and vocabulary().meanings.knows(found[n].text) and not found[n].text.endswith(("ed", "ing")))


def _after_preposition(found: Sequence[Word], segments: tuple[Segment, ...], n: int) -> bool:
    segment = segment_at(segments, n)
    return any(w.text in _PREPOSITIONS for w in found[segment.first:n])


def _after(found: Sequence[Word], segments: tuple[Segment, ...], n: int, preposition: str) -> bool:
    segment = segment_at(segments, n)
    return any(w.text == preposition for w in found[segment.first:n])


def opposites(found: Sequence[Word], passages: Sequence[Passage], known: Known) -> Iterator[tuple[int, Passage, int]]:
    """Words of the title whose opposite the ad uses of the same thing: "wet food" where the ad has "dry food"."""
    table = vocabulary().opposites
    for n, word in enumerate(found[:-1]):
        others = table.get(word.text.removesuffix("'s"))
        if not others or word.stem in known.stems:
            continue
        nouns = {w.stem for w in found[n + 1:n + 3] if w.kind == "word"}
        for passage in passages:
            for at in range(len(passage.words) - 1):
                one = passage.words[at]
                near = {w.stem for w in passage.words[at + 1:at + 4] if w.kind == "word"}
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
            inside = [n for n, w in enumerate(passage.words) if passage.folded.span(w.start, w.end)[0] >= match.start()
                      and passage.folded.span(w.start, w.end)[1] <= match.end()]
            if len(inside) < 2:
                continue
            first, last = inside[0], inside[-1]
            beside = {w.stem for w in (*passage.words[max(0, first - 3):first], *passage.words[last + 1:last + 3])
                      if w.kind == "word" and w.text not in vocabulary().function}
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
            if tuple(title[at:at + size]) != name.stems:
                continue
            before = [w.stem for w in found[max(0, at - 1):at] if w.kind == "word" and w.text not in vocabulary().function]
            for role in before:
                other = next((m for m in names if m is not name and role in m.roles and not set(m.stems) & set(name.stems)), None)
                if role not in name.roles and role not in name.stems and other is not None:
                    yield at, at + size - 1, other

"""Does a title offer what its ad offers? What an offer is on, what goes with it, and names blended of two products.

Each word of "Save on Store-Brand Toilet Paper" stands in an ad for paper towels that are "often bought with toilet
paper", and yet the title is untrue: the relation between offer and thing is not the ad's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from creator.core.records import Finding, FindingKind
from creator.facts.paraphrase import paraphrased_stems
from creator.facts.products import LIST_JOINS, OFFERS, Phrase, Products, Role, compounds, cut
from creator.facts.reading import Reading
from creator.facts.slots import Named, Slot, read_slots
from creator.facts.text import Word, listed
from creator.facts.units import unit_forms
from creator.facts.vocabulary import vocabulary

SURE, LIKELY = 0.9, 0.8
_GENERIC = listed("kind kinds type types sort sorts variety varieties range selection choice brand brands line lines")
_COUNTED = listed("first second third fourth fifth next last other another half double")
_AFTER_PHRASE = listed("and or with for now today at in more")
_READY = listed("ready easy quick simple safe made hard good fit")
_PROOF = listed("safe proof resistant friendly tested approved certified grade rated compatible repellent neutral")
_AGENT = re.compile(r"^(?:made|built|grown|\w{3,}ed)$")  # "chef-cooked" tells who or what did it
_DEGREES = listed(
    "well much long far newly old ready self over under un re pre co mid half so best laid wide deep high low full "
    "sun kiss red blue green two three four five six one multi single double"
)
_LOVE = listed("go love enjoy please wow impress treat party celebrate relax")


def relation_findings(reading: Reading) -> Iterator[Finding]:
    """Things that the title offers and the ad does not, companions it invents, product names that no field has."""
    yield from _compound_findings(reading)
    for named in read_slots(reading.folded.text, reading.words, reading.segments):
        yield from _named_findings(reading, named)
        if named.slot is Slot.OFFER:
            yield from _more_findings(reading, named)


def _named_findings(reading: Reading, named: Named) -> Iterator[Finding]:
    found, known = reading.words, reading.facts.known
    counted = {n for q in reading.quantities for n in range(q.first, q.last + 1)}
    for inside, _ in cut(found, named.first, named.last):
        words = [n for n in inside if n not in counted and found[n].text not in OFFERS | _COUNTED]
        while words and _says_nothing(found[words[-1]], known.stems):
            words.pop()
        after = found[inside[-1] + 1].text if inside[-1] + 1 < len(found) else ""
        if not words or after == "of":
            continue
        if named.slot is Slot.OFFER and _breaks_off(reading, words[-1]):
            yield reading.finding(
                FindingKind.CHANNEL, words[0], words[-1], SURE, "the title names no product", "policy"
            )
            continue
        if found[words[-1]].text in _GENERIC:
            continue
        wrong = _head_finding(reading, named.slot, words)
        if wrong is not None:
            yield wrong
            continue
        yield from _blends(reading, named.slot, words)


def _more_findings(reading: Reading, named: Named) -> Iterator[Finding]:
    """ "and more" after all that the ad offers, where the ad itself promises no more."""
    found = reading.words
    at = next((n for n in range(named.first + 2, named.last) if found[n].text == "more"), None)
    if at is None or found[at - 1].text not in ("and", "&", "plus") or "more" in reading.facts.known.spoken:
        return
    title = [p for p in reading.facts.products.phrases if p.passage.field == "title"]
    own = {w.stem for p in title for w in p.words}
    things = {p.words[-1].stem for p in title if p.words[-1].text not in OFFERS | _GENERIC}
    said = {w.stem for w in found[named.first : at - 1] if w.kind == "word" and w.text not in LIST_JOINS}
    if things and things <= said <= own:
        yield reading.finding(FindingKind.SCOPE, at - 1, at, LIKELY, title[0].passage.text, "title")


def _says_nothing(word: Word, stems: frozenset[str]) -> bool:
    """Whether a word at the end of a phrase names nothing: "your next order", "an easy dinner"."""
    if word.stem in stems:
        return False
    return word.text in unit_forms() or (vocabulary().plain.has(word.text) and not vocabulary().is_thing(word.text))


def _head_finding(reading: Reading, slot: Slot, words: Sequence[int]) -> Finding | None:
    """Whether the noun of a phrase is something the ad lets the title say of it."""
    found, facts = reading.words, reading.facts
    head, products = found[words[-1]], facts.products
    first, last = words[0], words[-1]
    if head.stem not in facts.known.stems:
        borrowed = any(found[n].stem in facts.known.stems for n in words[:-1])
        if slot is Slot.FRAME and not borrowed:
            return None
        if not vocabulary().is_thing(head.text) or _implied(head.text, products) or facts.known.ends(head.text):
            return None
        return reading.finding(FindingKind.WRONG_PRODUCT, first, last, LIKELY)
    if slot is Slot.FRAME:
        return None
    if slot is Slot.BESIDE:
        if products.with_stem(head.stem, Role.BESIDE) or products.with_stem(head.stem, Role.AIMED):
            return None
        return reading.finding(FindingKind.UNSUPPORTED, first, last, LIKELY, *_evidence(reading, words, head.stem))
    lost = _drops(reading, words)
    if lost is not None:
        return reading.finding(
            FindingKind.SCOPE, first, last, LIKELY, lost.passage.quote(lost.first, lost.last), lost.passage.field
        )
    if not products.with_stem(head.stem, Role.OFFERED):
        return reading.finding(FindingKind.WRONG_PRODUCT, first, last, SURE, *_evidence(reading, words, head.stem))
    numbered = last + 1 < len(found) and found[last + 1].kind in ("number", "code")
    name = any(not vocabulary().meanings.knows(found[n].text) for n in words)
    if not products.heads(head.stem) and not numbered and not name and vocabulary().is_thing(head.text):
        return reading.finding(FindingKind.WRONG_PRODUCT, first, last, LIKELY, *_evidence(reading, words, head.stem))
    return None


def _blends(reading: Reading, slot: Slot, words: Sequence[int]) -> Iterator[Finding]:
    """Words of two products joined into a third, or a word that takes the place of the ad's own."""
    found, facts = reading.words, reading.facts
    head = found[words[-1]]
    if head.stem not in facts.known.stems:
        return
    role = {Slot.OFFER: Role.OFFERED, Slot.BESIDE: Role.BESIDE, Slot.FRAME: None}[slot]
    if role is Role.BESIDE and not facts.products.with_stem(head.stem, role):
        role = None
    said = frozenset(found[n].stem for n in words)
    for n in words[:-1]:
        word = found[n]
        if slot is not Slot.BESIDE and not (n == words[0] and _calls(word)) and _other_sort(reading, word):
            yield reading.finding(
                FindingKind.WRONG_PRODUCT, n, words[-1], LIKELY, *_evidence(reading, words, head.stem)
            )
            return
        if word.stem in facts.known.stems:
            if not facts.products.goes_with(word.stem, head.stem, role, said):
                yield reading.finding(
                    FindingKind.WRONG_PRODUCT, n, words[-1], LIKELY, *_evidence(reading, words, word.stem)
                )
                return
        elif slot is Slot.OFFER and _displaces(word, head, facts.products):
            yield reading.finding(FindingKind.WRONG_PRODUCT, n, words[-1], LIKELY)
            return


def _calls(word: Word) -> bool:
    """Whether a word before a thing tells the reader to do something with it: "add name-brand soup"."""
    return word.text in vocabulary().list_cached("plain", "action").exact and word.text in vocabulary().meanings.verbs


def _other_sort(reading: Reading, word: Word) -> bool:
    """Whether a question's word for a thing of the ad makes it another: "buying cooked vegetables?" of frozen ones."""
    vocab = vocabulary()
    if reading.facts.known.has(word) or word.kind != "word" or not vocab.meanings.knows(word.text):
        return False
    return not any(word.text in vocab.list_cached("plain", name).exact for name in ("praise", "setting", "trade"))


def _drops(reading: Reading, words: Sequence[int]) -> Phrase | None:
    """The ad's phrase for a thing, if the title leaves out what makes it a thing of its own: single-use, decaf, dog."""
    head = reading.words[words[-1]].stem
    said = {w.stem for w in reading.words} | paraphrased_stems(reading.folded.text)
    lost: Phrase | None = None
    phrases = reading.facts.products.with_stem(head, Role.OFFERED)
    for phrase in [p for p in phrases if p.passage.field == "title"] or phrases:
        own = [
            w
            for w in phrase.words[: phrase.place_of(head)]
            if w.text in vocabulary().list_cached("things", "kinds").exact
        ]
        if not own or any(w.stem in said for w in own):
            return None
        lost = lost or phrase
    return lost


def _displaces(word: Word, head: Word, products: Products) -> bool:
    """Whether a word is the sister of one that the ad has before the noun: "dinner" for "breakfast sausage"."""
    meanings = vocabulary().meanings
    kinds = {meanings.parents[s] for s in meanings.senses_of(word.text)[:1]} - {-1}
    own = (w for p in products.with_stem(head.stem) for w in p.words[: p.place_of(head.stem)])
    return bool(kinds) and any(
        meanings.parents[s] in kinds for w in own if w.stem != word.stem for s in meanings.senses_of(w.text)[:1]
    )


def _implied(text: str, products: Products) -> bool:
    return any(s in products.offered_meanings for s in vocabulary().meanings.senses_of(text)[:2])


def _breaks_off(reading: Reading, last: int) -> bool:
    """Whether a phrase ends in a hyphenated word that in the ad always describes a noun: "Save on Name-Brand"."""
    joined = next(((a, b) for a, b in compounds(reading.words) if b == last), None)
    if joined is None:
        return False
    after = reading.words[last + 1] if last + 1 < len(reading.words) else None
    if after is not None and after.kind != "sign" and after.text not in _AFTER_PHRASE:
        return False
    same = _in_ad(reading, *joined)
    return bool(same) and all(follows for _, hyphen, follows in same if hyphen) and any(h for _, h, _ in same)


def _compound_findings(reading: Reading) -> Iterator[Finding]:
    """Hyphenated words that the ad has in another form, or does not have and that claim something."""
    found = reading.words
    for first, last in compounds(found):
        parts = [w for w in found[first : last + 1] if w.text != "-"]
        if any(p.kind == "number" for p in parts):
            continue
        same = _in_ad(reading, first, last)
        end = parts[-1].text
        if same:
            forms = {form for form, _, _ in same}
            if any(end in (f + "ed", f + "d", f + "ing") for f in forms) and end not in forms:
                yield reading.finding(FindingKind.UNSUPPORTED, first, last, LIKELY)
            continue
        text = "-".join(p.text for p in parts)
        if vocabulary().list_cached("claims", "compounds").has(text) or _promises(reading, parts, last):
            yield reading.finding(FindingKind.UNSUPPORTED, first, last, LIKELY)


def _promises(reading: Reading, parts: Sequence[Word], last: int) -> bool:
    """Whether a compound claims a property of the noun after it: "ready-to-bake", or is none: "extra-in"."""
    found, known = reading.words, reading.facts.known
    after = found[last + 1] if last + 1 < len(found) else None
    own = all(p.stem in known.stems for p in parts)  # "oak-smoked" of what is smoked over oak
    texts = [p.text for p in parts]
    if len(texts) == 2 and (texts[1] in _PROOF or (not own and _AGENT.search(texts[1]) and not _praising(texts[0]))):
        return True
    if after is None or after.kind != "word" or after.text in vocabulary().function:
        return False
    if len(texts) >= 3 and texts[0] in _READY and texts[1] == "to":
        return texts[2] not in _LOVE
    return len(texts) == 2 and texts[1] in ("in", "on", "up", "to") and texts[0] not in vocabulary().meanings.verbs


def _praising(text: str) -> bool:
    vocab = vocabulary()
    return text in _DEGREES or text in vocab.function or text in vocab.praise.exact


def _in_ad(reading: Reading, first: int, last: int) -> list[tuple[str, bool, bool]]:
    """Where the ad has a compound's words in a row: the last as written, whether hyphenated, whether a word follows."""
    stems = [w.stem for w in reading.words[first : last + 1] if w.text != "-"]
    hits: list[tuple[str, bool, bool]] = []
    for passage in reading.facts.passages:
        words = passage.words
        for n, word in enumerate(words):
            if word.stem != stems[0]:
                continue
            at, hyphen, met = n, False, 0
            while at < len(words) and met < len(stems):
                if words[at].text == "-":
                    hyphen = True
                elif words[at].stem == stems[met]:
                    met += 1
                else:
                    break
                at += 1
            if met == len(stems):
                follows = at < len(words) and words[at].kind == "word"
                hits.append((words[at - 1].text, hyphen, follows))
    return hits


def _evidence(reading: Reading, words: Sequence[int], stem: str) -> tuple[str, str]:
    """What the ad says of a thing instead: the phrase with most of the words in question, and its field, if any."""
    said = {stem, *(reading.words[n].stem for n in words[-2:])}
    phrases = reading.facts.products.with_stem(stem)
    if not phrases:
        return "", ""
    phrase = max(phrases, key=lambda p: (len(said & {w.stem for w in p.words}), p.role is not Role.OFFERED))
    return phrase.passage.quote(phrase.first, phrase.last), phrase.passage.field

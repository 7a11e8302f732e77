"""Denials in a title that the ad does not make, and statements that the ad denies."""

from __future__ import annotations

from collections.abc import Container, Iterator
from itertools import pairwise

from creator.core.records import Finding, FindingKind
from creator.facts.conditions import GENERIC, GIVEN, content_stems
from creator.facts.evidence import AdFacts
from creator.facts.needs import is_uncharged, joined_stem, required_at
from creator.facts.negation import IDIOMS, Denial, denied_words, read_denials, without_prefix
from creator.facts.paraphrase import paraphrased
from creator.facts.passages import Passage
from creator.facts.reading import Reading, quoted
from creator.facts.segments import segment_at
from creator.facts.text import Word, listed, stem_of
from creator.facts.units import PERCENT, is_money
from creator.facts.vocabulary import base_forms, vocabulary

_VERSIONS = listed("version edition model option kind variant format type size plan included available support")
_VERSIONS_SAID = listed("planned offered made exists sold needed required copy issue release provided given")
_OUTRIGHT = frozenset(stem_of(w) for w in (*_VERSIONS, *_VERSIONS_SAID))  # a denial without any "of what"
_SELF = listed("its itself automatically self themselves")
_ANOTHER = listed("second third fourth other another extra spare next more")
_NEVER = listed(
    "lose miss forget worry wonder settle stop skip run guess mind fear wait hunt search let look leave give "
    "underestimate far out too late go be get feel know had have been a an"
)
_ANSWERS = listed("no not none never neither sorry nope")
_FULL = listed("excluded excepted full")
_BESIDE = 3  # words between a thing and the words that it is in the price
_LATER = listed(
    "afterwards after later required needed necessary involved attached included inside anywhere today ever yet"
)
_SOME = listed(
    "added artificial refined synthetic extra harsh mineral animal free hidden monthly annual early late upfront "
    "joining "
    "booking setup set-up long minimum fixed heavy single-use virgin toxic strong natural colour joining cancellation"
)
_TIES = listed("a and by in of off on out the to up")
_OPENS = listed("still got have you've ever so and but")
_BEFOREHAND = listed("fully already pre ready factory arrives comes delivered supplied ships")
_ADDS = listed("add adds adding extra optional separate separately buy")


def denial_findings(reading: Reading) -> Iterator[tuple[Finding, int, int]]:
    """Denials the ad does not make, and statements that it denies."""
    found, facts = reading.words, reading.facts
    denied = denied_words(found, read_denials(found, title=True))
    counted = {n for q in reading.quantities for n in range(q.first, q.last + 1)}
    for n, denial in denied.items():
        word = found[n]
        if (denial.waved or denial.absent) and (needed := required_at(facts, word.stem)) is not None:
            yield reading.finding(FindingKind.NEGATION, min(n, denial.negator), n, 0.85, *quoted(needed)), n, n
            continue
        if denial.waved:
            yield reading.finding(FindingKind.NEGATION, n, n, 0.0), n, n  # it is a figure of speech
            continue
        if n in counted or _playful(reading, n, denial) or _asks(reading, denial):
            continue
        if n + 1 in denied and found[n + 1].kind == "word" and found[n + 1].text not in _LATER:
            continue  # it only narrows the next word: "no artificial colours"
        if word.text in _LATER and n - 1 in denied:
            continue
        where = _where(facts, word.stem, denied=True) or _part_denied(facts, word.text)
        if _left_out(facts, word.stem) or (denial.absent and is_uncharged(reading, denial)):
            yield reading.finding(FindingKind.NEGATION, n, n, 0.0), n, n
            continue
        if denial.absent and _done_before(facts, word.stem):
            yield reading.finding(FindingKind.NEGATION, n, n, 0.0), n, n
            continue
        if where is not None and _wider(facts, found, n):
            where = None
        elif where is None and f"{word.text.removesuffix('s')}less" in facts.known.spoken:
            yield reading.finding(FindingKind.NEGATION, n, n, 0.0), n, n
            continue
        if where is None and turned_place(facts, word.text) is None:
            against = _where(facts, word.stem, denied=False)
            evidence, field = quoted(against)
            playful = found[denial.negator].text in ("minus", "sans") and found[denial.negator + 1].text == "the"
            if against is None and playful and vocabulary().meanings.class_of(word.text) not in ("food", "substance"):
                yield reading.finding(FindingKind.NEGATION, n, n, 0.0), n, n  # "minus the ducks"
                continue
            if against is None and denial.absent and _no_part(word):
                yield reading.finding(FindingKind.NEGATION, n, n, 0.3), n, n  # "without the groaning"
                continue
            if (
                against is None
                and not denial.absent
                and not any(w.text in ("that", "which") for w in found[: denial.negator])
            ):
                yield reading.finding(FindingKind.NEGATION, n, n, 0.0), n, n  # "never hurried": colour in the telling
                continue
            score = 0.9 if against is not None or denial.absent else 0.7
            yield (
                reading.finding(
                    FindingKind.NEGATION, min(n, denial.negator), max(n, denial.negator), score, evidence, field
                ),
                n,
                n,
            )
    said = frozenset(w.stem for n, w in enumerate(found) if n not in denied)
    yield from _barred(reading, said, denied)
    yield from _in_other_words(reading, said, denied)
    yield from _by_itself(reading)
    for n, word in enumerate(found):
        if word.kind not in ("word", "code") or n in denied or word.text in vocabulary().function or n in counted:
            continue
        against = _where(facts, word.stem, denied=True, said=said)
        if against is not None and (_where(facts, word.stem, denied=False) is None or _thrown_in(reading, n, against)):
            if _priced_apart(reading, n, against) or _answered(reading, n):
                continue
            yield reading.finding(FindingKind.NEGATION, n, n, 0.9, *quoted(against)), n, n
        elif word.stem not in facts.known.stems and not (
            word.text.startswith("un") and word.text in vocabulary().meanings.verbs
        ):
            turned = turned_place(facts, word.text)
            if turned is not None:
                yield reading.finding(FindingKind.NEGATION, n, n, 0.9, *quoted(turned)), n, n


def _playful(reading: Reading, n: int, denial: Denial) -> bool:
    """Whether a denial is a turn of speech: "no early nights", "never lose a sock again", "no nap left undone"."""
    found, first = reading.words, reading.words[denial.first]
    if found[n].text in IDIOMS or first.text in IDIOMS or first.text in _ANOTHER:
        return True
    if denial.absent and vocabulary().meanings.field_of(found[n].text).startswith("n28"):
        return True  # nights, weekends
    span = found[denial.first : denial.last]
    if found[denial.negator].text == "never" and (first.text in _NEVER or any(w.text == "again" for w in span)):
        return True
    return any(w.text == "left" for w in span) and span[-1].text.startswith("un")


def _no_part(word: Word) -> bool:
    """Whether a word that the ad lacks names nothing a thing could be without: a feeling, a crowd, a doing of persons.

    The fields are WordNet's: verbs of the body (29), of thought, speech, feeling, sight and company, and nouns alike,
    also events (11), groups (14), places (15) and natural objects (17).
    """
    meanings = vocabulary().meanings
    if word.text.endswith("ing"):
        bases = [meanings.fields.get(base, "") for base in base_forms(word.text)[1:]]
        return any(f in field for field in bases for f in ("v29", "v31", "v32", "v37", "v39", "v41"))
    field = meanings.field_of(word.text)
    return field.startswith(("n06", "n09", "n11", "n12", "n14", "n15", "n16", "n17", "n18", "n28"))


def _asks(reading: Reading, denial: Denial) -> bool:
    """Whether a question opens with the denial and asks after the reader: "No Tripod?", "Never steered a boat?"."""
    segment = segment_at(reading.segments, denial.negator)
    opening = reading.words[segment.first : denial.negator]
    return segment.question and all(w.text in _OPENS or w.kind == "sign" for w in opening)


def _part_denied(facts: AdFacts, text: str) -> tuple[Passage, int] | None:
    """Where the ad denies a word that is written together with this one: "no underwire" for "wire-free"."""
    if len(text) < 4:
        return None
    for passage, denied in facts.denied:
        for n in denied:
            own = passage.words[n].text.removesuffix("s")
            if own != text and own.endswith(text.removesuffix("s")):
                return passage, n
    return None


def _done_before(facts: AdFacts, stem: str) -> bool:
    """Whether the ad says that it is done already: "no assembly" of what "arrives fully assembled"."""
    for passage, denied in facts.denied:
        for n, word in enumerate(passage.words):
            same = word.stem == stem or (len(stem) > 5 and word.stem[:6] == stem[:6])
            done = same and n not in denied and word.text.endswith(("ed", "en", "up", "made"))
            if done and any(w.text in _BEFOREHAND for w in passage.words[max(0, n - 3) : n]):
                return True
    return False


def _answered(reading: Reading, n: int) -> bool:
    """Whether a question asks after the thing and a denial answers it: "Loops? Chains? None Here"."""
    asked = [s for s in reading.segments if s.question]
    rest = next((s for s in reading.segments if not s.question and s.first > n), None)
    if rest is None or not any(s.first <= n < s.last for s in asked):
        return False
    return any(w.text in _ANSWERS for w in reading.words[rest.first : rest.first + 3])


def _thrown_in(reading: Reading, n: int, where: tuple[Passage, int]) -> bool:
    """Whether the title says beside a word that the thing is in the price, and the ad that it is not."""
    passage, at = where
    denial = next((d[at] for p, d in reading.facts.denied if p is passage and at in d), None)
    match = GIVEN.search(reading.folded.text)
    if denial is None or not denial.apart:
        return False
    if passage.words[denial.negator].text in _FULL and any(q.cut or q.units[0] is PERCENT for q in reading.quantities):
        return True
    if match is None:
        return False
    inside = [k for k, w in enumerate(reading.words) if w.start < match.end() and w.end > match.start()]
    return bool(inside) and min(abs(k - n) for k in inside) <= _BESIDE


def _priced_apart(reading: Reading, n: int, where: tuple[Passage, int]) -> bool:
    """Whether the title adds, at a price of its own, what the ad sells apart: "Rug and Underlay Together: $377"."""
    passage, at = where
    denial = next((d[at] for p, d in reading.facts.denied if p is passage and at in d), None)
    if denial is None or not denial.apart:
        return False
    found = reading.words
    if any(w.text in _ADDS for w in found[max(0, n - 4) : n]):
        return True
    priced = [q for q in reading.quantities if is_money(q.units[0])]
    own = {f.quantity.low for f in reading.facts.facts if is_money(f.quantity.units[0])}
    beside = {
        f.quantity.low
        for f in reading.facts.facts
        if is_money(f.quantity.units[0]) and found[n].stem in f.around and f.passage.field != "title"
    }
    return any(q.low not in own or q.low in beside for q in priced)


def _wider(facts: AdFacts, found: tuple[Word, ...], n: int) -> bool:
    """Whether the title denies more than the ad: "no sugar" where the ad has "no refined sugar"."""
    own = found[n - 1].stem if n else ""
    contents = vocabulary().meanings.class_of(found[n].text) in ("food", "substance", "plant")
    narrow: list[bool] = []
    for passage, words_denied in facts.denied:
        for at, word in enumerate(passage.words):
            if word.stem == found[n].stem and at in words_denied:
                narrow.append(
                    at - 1 in words_denied
                    and passage.words[at - 1].kind == "word"
                    and (contents or passage.words[at - 1].text in _SOME)
                    and passage.words[at - 1].stem != own
                )
    return bool(narrow) and all(narrow)


def turned_place(facts: AdFacts, text: str) -> tuple[Passage, int] | None:
    """Where the ad has the word with a denying prefix added or taken away ("unfiltered" for "filtered")."""
    bare = without_prefix(text)
    if bare and stem_of(bare) in facts.known.stems:
        return _where(facts, stem_of(bare), denied=False)
    turned = facts.turned.get(stem_of(text))
    return _where(facts, turned, denied=False) if turned is not None else None


def _only_describes(word: Word, after: Word) -> bool:
    """Whether a denied word says which of the next is denied: "no added sugar" does not deny adding."""
    describes = word.text.endswith(("ed", "ing")) or word.text in vocabulary().meanings.describing
    return after.kind == "word" and describes and after.text.removesuffix("s") not in _VERSIONS


def _barred(reading: Reading, said: frozenset[str], denied: Container[int]) -> Iterator[tuple[Finding, int, int]]:
    """What the title joins and the ad denies together: "the app on your smart TV" with "no app for smart TVs"."""
    for passage, stems, first, last in reading.facts.barred:
        if stems <= said:
            at = [n for n, w in enumerate(reading.words) if w.stem in stems and n not in denied]
            evidence = passage.quote(first, last)
            yield reading.finding(FindingKind.NEGATION, at[0], at[-1], 0.85, evidence, passage.field), at[0], at[-1]


def _in_other_words(
    reading: Reading, said: frozenset[str], negated: Container[int]
) -> Iterator[tuple[Finding, int, int]]:
    """What the ad denies and the title affirms in other words, of the same thing: "lift the battery out"."""
    text = reading.folded.text
    for stems, start, end in paraphrased(text):
        inside = [n for n, w in enumerate(reading.words) if w.start < end and w.end > start]
        if not inside or any(n in negated for n in inside):
            continue
        for passage, denied in reading.facts.denied:
            for n, denial in denied.items():
                word = passage.words[n]
                joined = joined_stem(passage.words, n) in stems
                if not (joined or word.stem in stems) or word.stem in said or denial.apart:
                    continue
                if not joined and _where(reading.facts, word.stem, denied=False) is not None:
                    continue
                first, last = passage.sentence_at(n)
                others = content_stems(passage.words[first:last]) - stems - GENERIC
                if others & said or (denial.absent and others <= _OUTRIGHT):
                    where = (FindingKind.NEGATION, inside[0], inside[-1], 0.85, *quoted((passage, n)))
                    yield reading.finding(*where), inside[0], inside[-1]
                    return


def _by_itself(reading: Reading) -> Iterator[tuple[Finding, int, int]]:
    """ "Empties its own box" of what "is emptied by hand", "folds itself" of what has no self-folding frame."""
    found = reading.words
    for n, word in enumerate(found):
        if word.text not in _SELF or not n:
            continue
        for at in (m for m in (n - 1, n - 2, n + 2) if 0 <= m < len(found) and found[m].kind == "word"):
            where = _by_hand(reading.facts, found[at].stem)
            if where is not None and found[at].text not in vocabulary().function:
                yield reading.finding(FindingKind.NEGATION, min(at, n), max(at, n), 0.9, *quoted(where)), at, n


def _by_hand(facts: AdFacts, stem: str) -> tuple[Passage, int] | None:
    """Where the ad says that a person does it."""
    for passage, denied in facts.denied:
        for n, word in enumerate(passage.words):
            if word.stem != stem:
                continue
            after = [w.text for w in passage.words[n + 1 : n + 6]]
            own = n >= 2 and passage.words[n - 2].text == "self" and n in denied
            if own or "manually" in after or any(pair == ("by", "hand") for pair in pairwise(after)):
                return passage, n
    return None


def _left_out(facts: AdFacts, stem: str) -> bool:
    """Whether the ad also sells without the thing: "£19 with a contract, or £25 without"."""
    for passage in facts.passages:
        for first, last in passage.sentences:
            found = passage.words[first:last]
            for n, word in enumerate(found):
                after = found[n + 1].text if n + 1 < len(found) else ""
                if word.text == "without" and (not after or after in ",;)") and any(w.stem == stem for w in found[:n]):
                    return True
    return False


def _where(
    facts: AdFacts, stem: str, *, denied: bool, said: frozenset[str] | None = None
) -> tuple[Passage, int] | None:
    """Where the ad has a word, denied or not; with `said`, not where it only narrows a denied word outside these."""
    if stem not in facts.places:
        return None
    for passage, words_denied in facts.denied:
        for n, word in enumerate(passage.words):
            if word.stem != stem or (n in words_denied) != denied:
                continue
            after = passage.words[n + 1] if n + 1 in words_denied else None
            if said is not None and not _whole_said(passage.words, n, words_denied, said):
                continue
            if said is None or after is None or after.stem in said or not _only_describes(word, after):
                return passage, n
    return None


def _whole_said(found: tuple[Word, ...], n: int, denied: Container[int], said: frozenset[str]) -> bool:
    """Whether a title says all of the hyphenated word that a denied one belongs to, and what it describes.

    "Do not advise on buy-to-let mortgages" denies no buying, and "no built-in apps" no built-in speakers.
    """
    first = last = n
    while first >= 2 and found[first - 1].text == "-" and found[first - 1].end == found[first].start:
        first -= 2
    while last + 2 < len(found) and found[last + 1].text == "-" and found[last + 1].start == found[last].end:
        last += 2
    if first == last:
        return True
    own = {w.stem for w in found[first : last + 1] if w.kind == "word" and w.text not in _TIES}
    thing = found[last + 1] if last + 1 in denied and found[last + 1].kind == "word" else None
    return own <= said and (thing is None or len(own) > 1 or thing.stem in said)

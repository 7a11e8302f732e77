"""Statements about the reader: a title may not assert or imply health, age, creed, origin, orientation or finances.

Rule: https://transparency.meta.com/policies/ad-standards/objectionable-content/privacy-violations-personal-attributes/
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from creator.facts.segments import Segment, segment_at
from creator.facts.text import Word, listed
from creator.facts.vocabulary import vocabulary

RULE = "https://transparency.meta.com/policies/ad-standards/objectionable-content/privacy-violations-personal-attributes/"

_AGE_FRAMES = re.compile(
    r"\b(?:in|into|hit|hitting|reached|entering|enjoying|past) (?:your|their) (?:late |early |mid[- ]?)?"
    r"(?:\d0'?s|teens|twenties|thirties|forties|fifties|sixties|seventies|eighties|nineties|golden years)"
    r"|\b(?:over|past|turning|turned|nearing|approaching|aged?|at) (?:\d\d|forty|fifty|sixty|seventy|thirty|eighty)\b(?: ?\?|,| and (?!a )|'s|s\b)"
    r"|\b(?:for|calling|all) (?:the )?(?:over|under)[- ]?(?:the[- ])?\d\d'?s\b|\b\d\d ?\+ ?\?|\byour age\b|\bat your age\b"
    r"|\b(?:turning|just turned) (?:\d\d|forty|fifty|sixty|seventy|thirty|eighty)\b|\byou(?:'re| are) (?:over |under )?\d\d\b"
    r"|\b\d\d[- ]year[- ]olds?\b.{0,20}(?:like you|\?)|\bborn in (?:19|20)\d\d\b|\bas you (?:get|grow) older\b|\bageing\?|\baging\?|\btoo (?:old|young)\b")
_STATES = re.compile(
    r"\b(?:bad|poor|low|no) credit\b|\blow[- ]income\b|\bcredit score\b|\bpaycheck to paycheck\b|\bcan(?:'t|not) afford\b|\bon benefits\b"
    r"|\bout of work\b|\bbetween jobs\b|\blost your job\b|\bmoney (?:worries|troubles|problems)\b|\bbehind on (?:your )?(?:bills|rent)"
    r"|\bshort on cash\b|\bstrapped for cash\b|\btight on money\b|\bmoney'?s? tight\b|\bstruggling (?:to pay|financially)\b|\bbills piling\b"
    r"|\bsingle (?:mum|mom|mother|dad|father|parent)s?\b|\bnewly (?:single|divorced|widowed)\b|\bgoing through a divorce\b"
    r"|\bsingle again\b|\bjust (?:divorced|widowed|dumped)\b|\btoo (?:fat|thin|heavy|short|poor|broke|sick|ill|frail)\b|\bplus[- ]size\b.{0,12}\?"
    r"|\bhigh blood pressure\b|\bhair loss\b|\bhearing loss\b|\bmemory loss\b|\berectile dysfunction\b|\bmental health\b|\bpanic attacks?\b"
    r"|\b(?:back|joint|knee|neck|chronic|hip|shoulder|period|nerve) pain\b|\b(?:bad|poor|failing|weak|aching|sore|stiff|swollen) (?:eyesight|vision|hearing|back|knees?|joints?|hips?|feet|heart|teeth|skin|memory|bladder)\b"
    r"|\btrouble sleeping\b|\bcan't sleep\b|\bsleepless nights?\b"
    r"|\blose weight\b|\bweight[- ]loss\b|\bover ?weight\b|\bextra pounds\b|\bbelly fat\b|\btrying to conceive\b|\bhot flushes\b|\bhot flashes\b"
    r"|\bsensitive (?:stomach|bladder)\b.{0,12}\?|\byour (?:faith|religion|ethnicity|race|sexuality|sexual orientation|disability|diagnosis"
    r"|condition|illness|debts?|weight|medication|symptoms|skin colou?r|heritage|caste|criminal record)\b"
    r"|\b(?:nut|peanut|pollen|dairy|milk|egg|shellfish|wheat|gluten|lactose) (?:allerg\w+|intoleran\w+)\b")
_FRAMES = re.compile(
    r"\b(?:living|struggling|suffering|coping|dealing|diagnosed|battling|fighting|born|recovering|stuck|burdened|cursed|blessed)"
    r" (?:with|from|against)?|\byou(?:r|'re| are)\b|\bas an? \b|\bfellow\b|\blike you\b|\bbeing\b|\btired of\b|\bfed up\b|\bworried about\b"
    r"|\bproud\b|\bare you\b|\bsuffer(?:er|ers|s)?\b|\bmanag(?:e|ing)\b|\bcalling all\b|\bhelp for\b|\brelief for\b|\bmade for\b|\bdesigned for\b"
    r"|^for \b|\bfor (?:\w+ )?$|\bprone\b|\bbattling\b|\bgot\b|\bhave\b|\bhaving\b|\bbecause you\b|\bsince you\b|\bwe know\b|\bjust for\b")
_PEOPLE = listed("woman women man men person people mum mums mom moms dad dads mother mothers father fathers parent parents girl girls "
                    "boy boys lady ladies guy guys gentleman gentlemen adult adults family families couple couples friend friends wife "
                    "husband brother brothers sister sisters folk folks household households community communities owner owners shopper "
                    "shoppers customer customers sufferer sufferers patient patients entrepreneur professional student students cook cooks "
                    "home homes grandparents grandmother grandfather bride groom citizen citizens citizens believers driver drivers")
_GREETED = re.compile(r"^(?:hi|hey|hello|dear|good (?:morning|evening|afternoon)) (?!there|you|all|every|friend|folks|world|summer|winter|spring"
                      r"|autumn|to\b|again|ladies|gents|team|new|happy|my\b|the\b|and\b)([a-z]+) ?[,!:]")


@dataclass(frozen=True, slots=True)
class Attribution:
    """Words of a title that say something of its reader.

    Args:
        first: index of the first word.
        last: index of the last word.
        about: "health", "age", "religion", "ethnicity", "orientation", "finances", "name", "other".
    """

    first: int
    last: int
    about: str


def read_attributions(folded: str, found: Sequence[Word], segments: tuple[Segment, ...], stated: frozenset[str]) -> list[Attribution]:
    """What a title says or implies of its reader.

    Args:
        folded: the folded title.
        found: its words.
        segments: its segments.
        stated: the ad's own words as written (folded); a term the ad uses of its product needs a frame to count.
    """
    seen: list[Attribution] = []
    for pattern, about in ((_AGE_FRAMES, "age"), (_STATES, "health or finances"), (_GREETED, "name")):
        for match in pattern.finditer(folded):
            first, last = _words_in(found, match.start(), match.end())
            words = {w.text for w in found[first:last + 1]}
            framed = segment_at(segments, first).question or bool(_FRAMES.search(folded))
            if pattern is _STATES and words <= stated and not framed:
                continue
            if pattern is _GREETED and vocabulary().plain.has(match.group(1)):
                continue
            seen.append(Attribution(first, last, about))
    terms, peoples = vocabulary().personal, vocabulary().meanings.peoples
    for n, word in enumerate(found):
        if word.kind != "word":
            continue
        text = word.text.removesuffix("'s")
        about = terms.get(text) or terms.get(text.removesuffix("s")) or terms.get(_compound(found, n)) or (
            "ethnicity" if text in peoples or text.removesuffix("s") in peoples else "")
        if about and not any(a.first <= n <= a.last for a in seen) and _applies(folded, found, segments, n, text, about, stated):
            seen.append(Attribution(n, n, about))
    return sorted(seen, key=lambda a: a.first)


def _applies(folded: str, found: Sequence[Word], segments: tuple[Segment, ...], n: int, text: str, about: str,
             stated: frozenset[str]) -> bool:
    segment = segment_at(segments, n)
    start, end = found[segment.first].start, found[segment.last - 1].end
    before, whole = folded[start:found[n].start], folded[start:end]
    person = any(w.text in _PEOPLE for w in found[n + 1:min(n + 3, segment.last)])
    addressed = bool(re.search(r"\bas an? (?:\w+ )?$|\bfellow $|\byou(?:'re| are) (?:an? )?(?:\w+ )?$|\bproud (?:to be )?$|\bbeing (?:an? )?$"
                               r"|\bmy $|\bcalling all (?:\w+ )?$", before))
    if about == "ethnicity" and text not in vocabulary().personal:
        plural = text.endswith("s") and text.removesuffix("s") in vocabulary().meanings.peoples
        return addressed or (person and (text not in stated)) or (plural and (segment.question or before in ("for ", "dear ", "hey ")))
    if text in vocabulary().ambiguous:
        first = segment.question and (n == segment.first or found[n - 1].text in ("newly", "recently", "just", "feeling", "still"))
        return first or addressed or person or (segment.question and bool(_FRAMES.search(whole))) or (
            about == "age" and before.strip() in ("for", "calling all", "made for", "perfect for"))
    if about in ("religion", "ethnicity", "orientation", "age", "other"):
        return text not in stated or addressed or person or segment.question
    return segment.question or addressed or bool(_FRAMES.search(before)) or "like you" in whole or text not in stated


def _compound(found: Sequence[Word], n: int) -> str:
    if n + 2 < len(found) and found[n + 1].text == "-":
        return f"{found[n].text}-{found[n + 2].text}"
    return ""


def _words_in(found: Sequence[Word], start: int, end: int) -> tuple[int, int]:
    inside = [n for n, w in enumerate(found) if w.start < end and w.end > start]
    return (inside[0], inside[-1]) if inside else (0, 0)

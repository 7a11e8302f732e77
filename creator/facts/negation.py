"""What a text denies: "free from X", "not suitable for Y", "without Z", "Z is excluded", "un-Z"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from creator.facts.text import Word, listed
from creator.facts.vocabulary import vocabulary

_ABSENCE = listed("no without zero minus sans nil lacks lacking")
_DENIAL = listed(
    "not never cannot can't don't doesn't didn't won't isn't aren't wasn't weren't couldn't shouldn't neither nor "
    "excludes excluding exclude except avoid unsuitable"
)
_HARD_STOPS = frozenset(".;:?!()|")
_ABSENCE_STOPS = listed(
    "in on at when while with for that which who by but just only plus then to is are if because so than this our "
    "the your made from under per until once unless after before whenever"
) - {"the", "your", "to"}
_SUBJECTS = listed("your you our we it its they their i my the this that here all")
_DENIAL_STOPS = listed("but because so unless though although while however and")
_BACKWARD = listed(
    "excluded supported included available covered allowed suitable needed required recommended sold provided "
    "refundable eligible compatible contain carried accepted permitted admitted stocked offered served shipped "
    "supplied welcome "
    "possible catered"
)
_PLACED = listed("out ready here there offered made stocked yet in on at part")
_IS = listed("is are was were come comes isn't aren't wasn't weren't")
_EMPTY = listed(
    "need needed necessary required requires requiring want worry wait miss hesitate forget let use make do be go "
    "goes put get gets take takes keep place come "
    "include contain require other more any all some made "
    "certain alone lose losing only just yes sold"
)
_LINKS = listed("which that is are was were it they and has be to being sold")
_DETERMINERS = listed("a an the one its your takes needs with has comes , but")
IDIOMS = listed(
    "fuss nonsense mess hassle stress worry worries limit limits compromise compromises time rush need wonder excuse "
    "excuses doubt more problem matter better longer one way idea guesswork faff drama bother regrets strings brainer "
    "secret surprise surprises surprised question frills catch gimmicks other less regret guilt trouble fiddling "
    "faffing "
    "fussing messing guessing wondering worrying waiting queuing queueing hunting rummaging wrestling juggling "
    "scrambling "
    "squinting hanging dithering arguing arguments boredom chance joke jokes kidding wonder pretence apologies "
    "nerves dull "
    "digging sifting searching scrolling trawling lost wasted missed forgotten tangled awkward fiddly soggy "
    "boring small ordinary average mean chaos clutter headaches "
    "headache hurry pressure tantrums tears shortcuts corners"
)
_REMAINS = listed("stay stays remain remains are is at keep keeps")
_BITS = listed(
    "drop scrap trace hint speck shred whiff sign lick spot bit ounce grain pinch dash touch shadow glimpse drip"
)
_OF_WHAT = listed("for on in with at to during")
_WAVED = listed("skip hold ditch forget lose drop scrap dodge dump banish leave swap goodbye farewell")
_SOLD = listed("sold bought ordered priced charged available ticketed billed hired")
_HARM = listed(
    "affect affects harm harms hurt hurts damage damages touch touches change changes impact impacts disturb disturbs "
    "upset mark marks stain stains scratch scratches irritate irritates clog clogs interfere interferes compromise "
    "compromises spoil spoils ruin ruins disrupt disrupts weaken weakens hinder hinders wake block blocks"
)


@dataclass(frozen=True, slots=True)
class Denial:
    """Words that a text denies.

    Args:
        absent: it says the thing is not there ("no", "without", "-free"), not merely that something is not so.
        negator: index of the denying word.
        first: index of the first denied word.
        last: one past the last.
        apart: the thing exists, only not in the price ("sold separately", "not included").
        waved: a title's figure of speech that claims nothing ("skip the gym", "nothing to dial in").
    """

    absent: bool
    negator: int
    first: int
    last: int
    apart: bool = False
    waved: bool = False


def read_denials(found: Sequence[Word], *, title: bool = False) -> list[Denial]:
    """Everything the words deny, in order; of a title also what it waves away ("skip the gym")."""
    denials = _waved(found) if title else []
    for n, word in enumerate(found):
        text = word.text
        after = found[n + 1].text if n + 1 < len(found) else ""
        if text in ("non", "un") and after == "-" and found[n + 1].start == word.end:
            denials.append(Denial(False, n, n + 2, min(n + 3, len(found))))
        elif text == "free" and after in ("from", "of"):
            denials.append(Denial(True, n, n + 2, _absence_end(found, n + 2)))
        elif text == "free" and n and found[n - 1].text == "-":
            denials.append(Denial(True, n, _compound_start(found, n), n - 1))
        elif text == "free" and n and after not in ("",) and _is_compound(found, n):
            denials.append(Denial(True, n, n - 1, n))
        elif text in _ABSENCE or (
            word.text in ("0", "零", "无", "無")
            and after
            and found[n + 1].kind in ("word", "han")
            and found[n + 1].text not in ("%", "ml", "g", "kg", "mg")
        ):
            if after == "need":  # "no need to rinse"
                denials.append(Denial(True, n, n + 3, _absence_end(found, n + 3), waved=title))
                continue
            if after in IDIOMS or (n and found[n - 1].text in ("yes", "say", "or")):
                if title and text == "without":
                    denials.append(
                        Denial(True, n, n + 1, min(n + 2, len(found)), waved=True)
                    )  # "without limit" affirms no limit
                continue
            denials.append(Denial(True, n, n + 1, _absence_end(found, n + 1, han=word.kind == "han")))
        elif text == "nowhere" and n and (not after or after in _HARD_STOPS or after in ("to", "in", ",")):
            denials.append(Denial(True, n, _last_part(found, n), n))  # "dark chocolate outside, palm oil nowhere"
        elif text in _DENIAL:
            if (after in ("only", "just", "your", "to") and text == "not") or after in ("more", "less", "fewer"):
                continue
            if after in _PLACED and (text != "not" or (n and found[n - 1].text in _IS)) and text in ("not", *_IS):
                denials.append(Denial(False, n, _clause_start(found, n), n))  # "salt and oil are not in the box"
                continue
            if text == "not" and (not after or after in (".", ",", ";", "!")):
                denials.append(Denial(False, n, _clause_start(found, n), n))  # "the pot is washable; the base is not"
                continue
            contains = any(w.text in ("contain", "contains", "containing") for w in found[n + 1 : n + 3])
            end = _denial_end(found, n + 1)
            if after in _HARM:
                end = n + 2  # "does not affect your credit score" denies no score
            denials.append(Denial(contains, n, n + 1, end))
            if after in _BACKWARD:
                apart = after in ("included", "supplied", "provided", "part")
                denials.append(Denial(False, n, _clause_start(found, n), n, apart))
        elif text == "separately" and after in ("sold", "available", "priced"):
            denials.append(Denial(False, n, n + 2, _denial_end(found, n + 2), apart=True))
        elif text == "full" and after == "price" and n and (title or _remains(found, n)):
            end = n - 1 if _remains(found, n) else n
            denials.append(Denial(False, n, _clause_start(found, end), end, apart=True))
        elif text in ("excluded", "excepted") or (text == "separately" and n and found[n - 1].text in _SOLD):
            end = n - 1 if text == "separately" else n
            denials.append(Denial(False, n, _clause_start(found, end), end, apart=True))
    return [d for d in denials if d.last > d.first]


def _remains(found: Sequence[Word], n: int) -> bool:
    return any(w.text in _REMAINS for w in found[max(0, n - 2) : n])


def _waved(found: Sequence[Word]) -> list[Denial]:
    """Figures of speech that do without something: "Hold the Dyes", "Nothing to Dial In", "Minus the Ducks"."""
    waved: list[Denial] = []
    for n, word in enumerate(found[:-1]):
        before, after = found[n - 1] if n else None, found[n + 1].text
        opens = before is None or before.kind == "sign" or before.text in ("and", "to", "can", "just", "then")
        calls = word.text in _WAVED and after in ("the", "your", "that", "those", "all") and opens
        calls = calls or (word.text in ("goodbye", "farewell") and after == "to")
        if word.text == "none" and found[n + 1].kind == "word" and after not in ("of", "other", "but"):
            waved.append(Denial(False, n, n + 1, _denial_end(found, n + 1), waved=True))
        elif calls or (word.text == "nothing" and after == "to"):
            waved.append(Denial(False, n, n + 2, _absence_end(found, n + 2), waved=True))
    return waved


def _absence_end(found: Sequence[Word], start: int, *, han: bool = False) -> int:
    """Where a list of absent things ends: "alcohol, dyes and silicones | , but"."""
    at, closed = start, False
    while at < len(found):
        text = found[at].text
        if han and found[at].kind in ("word", "code"):
            return at  # what a Chinese word denies is Chinese
        if text in _HARD_STOPS or text in ("but", "means", "mean") or (closed and text == "and"):
            return at
        closed = closed or (text == "and" and at > start)
        if text == "from" and found[at - 1].text in ("and", "or", ","):
            at += 1
            continue
        if text in _ABSENCE_STOPS and at > start and not _joined(found, at):
            return at - (found[at - 1].text in ("and", "or", ","))
        if text == "," and not _list_goes_on(found, at + 1):
            return at
        if (
            text in ("and", "&", "plus")
            and at + 1 < len(found)
            and (found[at + 1].text in _ABSENCE | _SUBJECTS or found[at + 1].kind == "number")
        ):
            return at
        at += 1
    return at


def _joined(found: Sequence[Word], at: int) -> bool:
    """Whether a hyphen ties a word to the one before: the "in" of "built-in"."""
    return at > 1 and found[at - 1].text == "-" and found[at - 1].end == found[at].start


def _list_goes_on(found: Sequence[Word], at: int) -> bool:
    """Whether after a comma a list closes with "or"/"and" before anything else happens."""
    joined = at + 1 < len(found) and found[at].text in ("and", "but", "so")
    if joined and (found[at + 1].text in _SUBJECTS or found[at + 1].text in ("the", "a")):
        return False
    for word in found[at : at + 8]:
        if word.text in _ABSENCE:
            return False
        if word.text in ("or", "and", "nor"):
            return True
        if word.text in _HARD_STOPS or word.text in _ABSENCE_STOPS or word.text in ("but", "just", "contains"):
            return False
    return False


def _denial_end(found: Sequence[Word], start: int) -> int:
    for at in range(start, len(found)):
        text = found[at].text
        if text in _HARD_STOPS or text in _DENIAL_STOPS or text == ",":
            return at
    return len(found)


def _clause_start(found: Sequence[Word], at: int) -> int:
    """Where the subject of "X is not included" begins; of ", (which is) not included" it stands before the comma."""
    n = at - 1
    while (
        n >= 0
        and found[n].text not in _HARD_STOPS
        and (found[n].text not in (",", "but") or _in_short_list(found, n, at))
    ):
        n -= 1
    if any(w.text not in _LINKS for w in found[n + 1 : at]):
        return n + 1
    if n < 0 or found[n].text not in (",", "("):
        return at
    n -= 1
    while n >= 0 and found[n].text not in _HARD_STOPS and found[n].text not in _DETERMINERS:
        n -= 1
    return n + 1


def _last_part(found: Sequence[Word], at: int) -> int:
    """Where the words before `at` begin, after the last sign or "and"."""
    n = at - 1
    while n >= 0 and (found[n].kind != "sign" or found[n].text == "-") and found[n].text not in ("and", "but", "with"):
        n -= 1
    return n + 1


def _in_short_list(found: Sequence[Word], comma: int, at: int) -> bool:
    """Whether a comma parts single things of the subject: "oil, salt and pepper are not in the box"."""
    after = [w.text for w in found[comma + 1 : comma + 4]]
    before = comma and (comma < 2 or found[comma - 2].text in (*_HARD_STOPS, ",", "the", "a"))
    closes = any(w.text in ("and", "or") for w in found[comma + 1 : at])
    return bool(before and closes and (after[1:2] in (["and"], ["or"], [","])))


def _compound_start(found: Sequence[Word], free: int) -> int:
    """Where "refined-sugar-free" or "sugar-free" begins."""
    at = free - 2
    while at >= 2 and found[at - 1].text == "-" and found[at - 1].start == found[at - 2].end:
        at -= 2
    return max(at, 0)


def _is_compound(found: Sequence[Word], n: int) -> bool:
    """ "Gluten Free Oats": a noun of content before "free", which no thing free of charge follows."""
    before = found[n - 1]
    after = found[n + 1].text if n + 1 < len(found) else ""
    return (
        before.kind == "word"
        and before.text
        in (
            "gluten",
            "dairy",
            "sugar",
            "nut",
            "lactose",
            "alcohol",
            "fragrance",
            "paraben",
            "sulphate",
            "sulfate",
            "cruelty",
            "grain",
            "caffeine",
            "fat",
            "oil",
            "bpa",
            "plastic",
            "chemical",
            "silicone",
            "dye",
            "egg",
            "soy",
            "wheat",
            "meat",
            "salt",
        )
        and after not in ("with", "for", "when", "on")
    )


def denied_words(found: Sequence[Word], denials: Sequence[Denial]) -> dict[int, Denial]:
    """For each denied content word's index, the denial; a word denied within a denial is not denied."""
    function = vocabulary().function
    denied: dict[int, Denial] = {}
    for denial in denials:
        for n in range(denial.first, denial.last):
            word = found[n]
            if word.text in _BITS and n + 1 < len(found) and found[n + 1].text == "of":
                continue
            if word.kind in ("word", "han", "code") and word.text not in function and word.text not in _EMPTY:
                other = denied.get(n)
                if (
                    other is not None
                    and other.negator != denial.negator
                    and (denial.first <= other.negator < denial.last or other.first <= denial.negator < other.last)
                ):
                    del denied[n]
                else:
                    denied[n] = denial
    return denied


def barred_pairs(found: Sequence[Word], denied: dict[int, Denial]) -> list[tuple[frozenset[str], int, int]]:
    """What is denied only of something: "no app for smart TVs" as the stems of both and the words they span."""
    function = vocabulary().function
    pairs: list[tuple[frozenset[str], int, int]] = []
    for denial in set(denied.values()):
        at = denial.last
        if not denial.absent or at + 1 >= len(found) or found[at].text not in _OF_WHAT:
            continue
        end = next((n for n in range(at + 1, len(found)) if found[n].kind == "sign" or found[n].text in function), -1)
        end = len(found) if end < 0 else end
        stems = {w.stem for w in found[at + 1 : end] if w.kind in ("word", "code")}
        heads = {found[n].stem for n, d in denied.items() if d is denial}
        if stems and heads:
            pairs.append((frozenset(stems | heads), denial.first, end - 1))
    return pairs


def without_prefix(word: str) -> str:
    """What a word denies by its prefix ("unfiltered" -> "filtered"), or "": what is left must be a word of its own."""
    for prefix in ("un", "non", "dis", "in", "de"):
        bare = word.removeprefix(prefix)
        if bare != word and len(bare) >= 4 and vocabulary().meanings.knows(bare):
            return bare
    return ""

"""Claims that nothing else comes near: "No Other Speaker Sounds This Good", "Nobody Knits a Warmer Jumper".

The grammar of such a claim is a word that denies all others and a degree: a comparative, "this good", "as much".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from creator.facts.text import Word, listed
from creator.facts.vocabulary import vocabulary

_NOBODY = listed("nobody none nothing no-one nowhere never noone")
_OTHERS = listed("other rival rivals competitor competitors brand brands maker makers competition alternative")
_DEGREES = listed("more better less fewer further farther worse")
_EQUALS = listed(
    "compares compare rivals matches match equals equal beats beat touches touch tops top surpasses betters outshines "
    "outperforms outlasts outdoes measures stacks"
)
_MILD = listed(  # "nothing could be simpler" says nothing of rivals
    "simpler easier matter corner order water paper number other never offer cover under over after letter butter "
    "dinner supper summer winter later sooner either another together rather older"
)
_DESCRIBING = listed(  # words that describe and also name or do something
    "warm slow cool light dark fast long soft smooth clean clear dry thin tough quiet calm cheap deep fine firm "
    "flat fresh "
    "hot cold kind large loud mild neat plain quick rich rough sharp short smart steady strong sweet tidy tight "
    "wide wild "
    "young old new hard safe sound tasty comfy sturdy handy easy tall small big bright close near low high gentle "
    "simple "
    "lean green crisp dense full snug sleek slim good well much little long far early late often thick stout bold fair "
    "true pure fierce brave nice grand great keen lively roomy silky creamy crunchy juicy zesty tangy fluffy cosy cozy"
)
_COUNTING = listed("a an one two three four five six seven eight nine ten eleven twelve half twenty thirty forty fifty")
_BREAKS = frozenset(".;:?!|(),")
_MEANS = listed("means mean makes make leaves leave brings keeps")
_COMPARED = re.compile(  # with all others
    r"\b(?:more [a-z]+|[a-z]+er|less [a-z]+|better|more|fewer|further|longer) than "
    r"(?:any(?!where)|all|every|each|most|the rest|others?|(?:our |its |the )?(?:rivals?|competitors?|competition)"
    r"|anyone|anything|anybody|everyone|everything|the next|(?:the )?leading|ordinary|regular|conventional"
    r"|traditional|standard|typical)\b"
)
_FINDING = r"(?:find|buy|get|taste|see|hear|meet|read|own|wear|drive)"
_BETTER = r"(?:an? |anything |any )?(?:better|[a-z]{2,}er\b|more [a-z]+)"
_RANKED = re.compile(
    r"\b(?:ranked|rated|voted|named|judged|crowned|placed|came|comes|scored) (?:\w+ ){0,3}?"
    r"(?:first|1st|top|best|highest|number one|no\.? ?1|winner|favou?rite)\b"
    r"|\bleads? the (?:field|market|pack|way|world|industry)\b"
    r"|\bahead of (?:the (?:field|pack|rest|competition)|every|all|any)\b"
    r"|\b(?:puts?|leaves?|knocks?) (?:all |every |the )?(?:others?|rest|rivals|competition|competitors)\b"
    r"|\bin a (?:class|league) of (?:its|their) own\b"
    rf"|\b(?:won't|can't|cannot|never|not|hard to) {_FINDING} {_BETTER}"
    r"|\b(?:gold standard|the one to beat|beyond compare|without (?:equal|rival|peer)|money can buy"
    r"|ha(?:s|ve) no (?:equal|rival|peer)s?)\b"
    r"|\b(?:loves?|trusts?|uses?|chooses?|prefers?|recommends?|wants?|buys?) (?:the )?most(?=$|[.,:;!?])"
)


def rival_claims(folded: str, found: Sequence[Word], product: frozenset[str]) -> Iterator[tuple[int, int]]:
    """Folded [start, end) of every claim that nothing else comes near.

    Args:
        folded: the folded title.
        found: its words.
        product: stems of the product's name; "no speaker sounds better" speaks of rivals, "no salt tastes better" not.
    """
    for pattern in (_COMPARED, _RANKED):
        for match in pattern.finditer(folded):
            if not match.group().startswith(("other than", "rather than")):
                yield match.span()
    for n, word in enumerate(found):
        if word.text != "no" and word.text not in _NOBODY:
            continue
        rest = found[n + 1 : _end(found, n)]
        if word.text == "no" and rest:
            other = any(w.text in _OTHERS for w in rest[:3])
            one = rest[0].text == "one" and len(rest) > 1 and rest[1].text not in ("size",)
            alike = one or other or any(w.stem in product for w in rest[:4])
            at = 0 if one or other else 1
        else:
            other = one = False
            alike, at = word.text != "no", 0
        if not alike or not rest or (word.text == "never" and n and found[n - 1].text not in _BREAKS):
            continue
        degree = next((w for k, w in enumerate(rest) if k >= at and _degree(rest, k)), None)
        means = word.text == "no" and not other and not one and any(w.text in _MEANS for w in rest[:4])
        if degree is not None and not means:
            yield word.start, degree.end


def _degree(rest: Sequence[Word], k: int) -> bool:
    """Whether a word compares: "warmer", "this good", "so light", "compares"."""
    text = rest[k].text
    than = rest[k + 2] if k + 2 < len(rest) and rest[k + 1].text == "than" else None
    counts = than is not None and (than.kind == "number" or than.text in _COUNTING)  # "never more than a dozen"
    if text in _MILD or (counts and text in _DEGREES):
        return False
    if text in _EQUALS:
        return k > 0 or len(rest) > 1
    if text in ("this", "that", "so", "as", "quite", "half", "nearly"):
        return k + 1 < len(rest) and _describes(rest[k + 1].text)
    return text in _DEGREES or (text.endswith("er") and any(_describes(base) for base in _plain_forms(text)))


def _plain_forms(text: str) -> tuple[str, ...]:
    """What a word in -er may be the comparative of: "nicer", "bigger", "easier"."""
    stem = text[:-2]
    forms = [stem, stem + "e"]
    if len(stem) > 2 and stem[-1] == stem[-2]:
        forms.append(stem[:-1])
    if stem.endswith("i"):
        forms.append(stem[:-1] + "y")
    return tuple(forms)


def _describes(text: str) -> bool:
    return text in _DESCRIBING or text in vocabulary().meanings.describing or (len(text) > 4 and text.endswith("ly"))


def _end(found: Sequence[Word], n: int) -> int:
    return next((k for k in range(n + 1, len(found)) if found[k].text in _BREAKS), len(found))

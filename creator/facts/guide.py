"""Brand guides: what an advertiser asks of every title beyond its truth, checked like a fact and told to the writer.

The hook for whoever writes or checks titles is `with_guides`: it turns the fact check into one that also holds the
advertiser's guide, with the same signature, so that it can stand wherever `check_title` stands. `instructions` are
the same rules as sentences for a prompt. `read_guides` reads the JSON file that the console's settings page offers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import pairwise

from creator.core.errors import InputError
from creator.core.records import Ad, Check, Finding, FindingKind, Verdict
from creator.facts.text import fold

EVERYBODY = ""
"""The advertiser name of the guide that holds where an advertiser has none of its own."""

TOKEN = re.compile(r"\{[^{}]*\}")
_BRACE = re.compile(r"[{}]")
_SPOKEN = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_SMALL_UP_TO = 3  # letters of a word that title case may leave small


class Capitalisation(StrEnum):
    """How a title is to be capitalised."""

    ANY = "any"
    SENTENCE = "sentence"  # the first word, and what the ad itself writes with a capital
    TITLE = "title"  # every word of four letters or more


@dataclass(frozen=True, slots=True)
class BrandGuide:
    """One advertiser's rules.

    Args:
        advertiser: whose; `EVERYBODY` for those without a guide.
        tone: how titles should sound, for the writer only.
        required: words or phrases, each of which every title must have.
        banned: words or phrases that no title may have.
        capitalisation: how titles are capitalised.
        tokens: keyword-insertion tokens and dynamic word packs ("{KeyWord:Ropes}") that a title may hold beside
            those of the ad's original title. Any other brace is a fault: a token that was altered no longer works.
    """

    advertiser: str
    tone: str = ""
    required: tuple[str, ...] = ()
    banned: tuple[str, ...] = ()
    capitalisation: Capitalisation = Capitalisation.ANY
    tokens: tuple[str, ...] = ()


def advertiser_of(ad: Ad) -> str:
    """Who advertises: the ad's attribute "advertiser", else its "brand", else nobody named."""
    return ad.attributes.get("advertiser") or ad.attributes.get("brand") or EVERYBODY


def guide_for(ad: Ad, guides: Mapping[str, BrandGuide]) -> BrandGuide | None:
    """The guide an ad's titles are held to: its advertiser's, else everybody's, else none."""
    return guides.get(advertiser_of(ad)) or guides.get(EVERYBODY)


def with_guides(check: Callable[[str, Ad], Check], guides: Mapping[str, BrandGuide]) -> Callable[[str, Ad], Check]:
    """The same check, which also holds the advertiser's guide. With no guides it is the check itself."""
    if not guides:
        return check

    def guarded(title: str, ad: Ad) -> Check:
        found, guide = check(title, ad), guide_for(ad, guides)
        faults = () if guide is None else tuple(guide_findings(title, ad, guide))
        if not faults:
            return found
        return Check(Verdict.UNSUPPORTED, False, tuple(sorted((*found.findings, *faults), key=lambda f: f.span)))

    return guarded


def guide_findings(title: str, ad: Ad, guide: BrandGuide) -> Iterator[Finding]:
    """What of a title breaks its advertiser's guide; `source_field` names the rule, `evidence` its words."""
    for phrase in guide.banned:
        for span in _spans(phrase, title):
            yield _finding(title, span, phrase, "guide.banned")
    for phrase in guide.required:
        if not any(_spans(phrase, title)):
            yield _finding(title, (0, len(title)), phrase, "guide.required")
    yield from (_finding(title, span, "", "guide.tokens") for span in _broken_tokens(title, ad, guide))
    for span in _small_or_large(title, ad, guide):
        yield _finding(title, span, f"{guide.capitalisation} case", "guide.capitalisation")


def instructions(guide: BrandGuide) -> list[str]:
    """The guide as sentences for a writer's prompt, in a fixed order; [] when it asks for nothing."""
    lines = [f"Tone: {guide.tone}."] if guide.tone else []
    if guide.required:
        lines.append(f"Every title has: {'; '.join(guide.required)}.")
    if guide.banned:
        lines.append(f"No title has: {'; '.join(guide.banned)}.")
    if guide.capitalisation is not Capitalisation.ANY:
        lines.append(f"Titles are in {guide.capitalisation} case.")
    if guide.tokens:
        lines.append(f"These tokens may be used, letter by letter as they are: {' '.join(guide.tokens)}")
    return lines


def as_json(guide: BrandGuide) -> str:
    """A guide as JSON text."""
    return json.dumps(asdict(guide), ensure_ascii=False, sort_keys=True)


def from_json(text: str) -> BrandGuide:
    """A guide from what `as_json` wrote.

    Raises:
        InputError: the text is no guide.
    """
    try:
        return _guide(json.loads(text))
    except (TypeError, ValueError, KeyError, AttributeError):
        raise InputError("a brand guide cannot be read", cure="write it again on the console's settings page") from None


def read_guides(text: str) -> dict[str, BrandGuide]:
    """Guides by advertiser, from a JSON list of them (the file that the settings page offers).

    Raises:
        InputError: the text is no such list; every bad entry is counted.
    """
    cure = "download the file again from the console's settings page"
    try:
        entries = json.loads(text)
    except ValueError:
        raise InputError("the brand guides are not JSON", cure=cure) from None
    if not isinstance(entries, list):
        raise InputError("the brand guides are not a list", cure=cure)
    found: dict[str, BrandGuide] = {}
    bad: list[int] = []
    for number, entry in enumerate(entries):
        try:
            guide = _guide(entry)
            found[guide.advertiser] = guide
        except (TypeError, ValueError, KeyError, AttributeError):
            bad.append(number)
    if bad:
        raise InputError("brand guides cannot be read", got=f"entries {', '.join(map(str, bad))}", cure=cure)
    return found


def _guide(entry: Mapping[str, object]) -> BrandGuide:
    texts = {name: entry.get(name, "") for name in ("advertiser", "tone")}
    lists = {name: entry.get(name, []) for name in ("required", "banned", "tokens")}
    if not all(isinstance(t, str) for t in texts.values()):
        raise TypeError
    if not all(isinstance(many, list) and all(isinstance(t, str) for t in many) for many in lists.values()):
        raise TypeError
    return BrandGuide(
        str(texts["advertiser"]),
        str(texts["tone"]),
        capitalisation=Capitalisation(str(entry.get("capitalisation", "any"))),
        **{name: tuple(many) for name, many in lists.items()},  # pyright: ignore[reportArgumentType]
    )


def _finding(title: str, span: tuple[int, int], evidence: str, rule: str) -> Finding:
    return Finding(FindingKind.CHANNEL, span, title[slice(*span)], evidence, rule, 1.0)


def _spans(phrase: str, title: str) -> Iterator[tuple[int, int]]:
    """Where a phrase stands in a title as whole words; case, width and accents do not count."""
    wanted, folded = " ".join(fold(phrase).text.split()), fold(title)
    if not wanted:
        return
    pattern = re.escape(wanted).replace(r"\ ", r"\s+")
    if not _UNSPACED.search(wanted):
        pattern = rf"(?<!\w){pattern}(?!\w)"
    yield from (folded.span(*match.span()) for match in re.finditer(pattern, folded.text))


def _broken_tokens(title: str, ad: Ad, guide: BrandGuide) -> Iterator[tuple[int, int]]:
    allowed = {*guide.tokens, *TOKEN.findall(ad.title)}
    whole = [match.span() for match in TOKEN.finditer(title)]
    yield from (span for span in whole if title[slice(*span)] not in allowed)
    for match in _BRACE.finditer(title):
        if not any(start <= match.start() < end for start, end in whole):
            yield match.span()


def _small_or_large(title: str, ad: Ad, guide: BrandGuide) -> Iterator[tuple[int, int]]:
    """Words whose first letter is not as the guide wants it; tokens are left alone."""
    if guide.capitalisation is Capitalisation.ANY:
        return
    tokens = [match.span() for match in TOKEN.finditer(title)]
    spoken = [m for m in _SPOKEN.finditer(title) if not any(a <= m.start() < b for a, b in tokens)]
    spoken = [m for m in spoken if m.group()[0].lower() != m.group()[0].upper()]  # digits and Han have no case
    texts = (ad.title, ad.description, *ad.selling_points, *ad.attributes.values(), *guide.required)
    own = {w for text in texts for w in _SPOKEN.findall(text)}
    for before, match in pairwise((None, *spoken)):
        word = match.group() if match else ""
        capital = word[:1].isupper()
        if guide.capitalisation is Capitalisation.TITLE:
            wrong = not capital and len(word) > _SMALL_UP_TO and word not in own - {word.lower()}
        else:
            wrong = not capital if before is None else capital and word not in own
        if wrong and match:
            yield match.span()

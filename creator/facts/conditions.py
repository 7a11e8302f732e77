"""Conditions of an ad's offers (first order, code, selected, dates, thresholds) and whether a title keeps them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from creator.facts.dates import read_dates
from creator.facts.passages import Passage
from creator.facts.quantities import Quantity, read_quantities
from creator.facts.text import Word, listed, stem_of
from creator.facts.vocabulary import vocabulary

_ORDERS = r"orders?|purchases?|months?|box|boxes|bookings?|visits?|deliver(?:y|ies)|bags?|years?|shops?|class|lesson|session|refill|bottle|case|trip|ride|stay|night|bill|invoice|payment|shipment|transfer|renewal|subscription"
_PEOPLE = r"customers?|members?|users?|subscribers?|students?|clients?|shoppers?|guests?|accounts?|residents?|households?|patients?|teachers?|parents?|patrons?|cardholders?|savers?|borrowers?|drivers?|riders?|businesses|teams?|sellers?|readers?|adults?|visitors?|travell?ers?|learners?|applicants?|buyers?|pupils?|pensioners?|homeowners?|employees?"
# kind of condition, its pattern, and words any of which in the title keep it besides the condition's own
_PATTERNS: tuple[tuple[str, re.Pattern[str], frozenset[str]], ...] = tuple((kind, re.compile(pattern), frozenset(keep.split())) for kind, pattern, keep in (
    ("code", r"\b(?:promo |discount |voucher |coupon )?code:? ([a-z]+\d[a-z0-9]*|[a-z]{4,}\b(?<!selected))", "code promo voucher"),
    ("first", rf"\b(?:first|1st|next|second|2nd|third|repeat|subsequent|introductory) (?:\w+ )?(?:{_ORDERS})\b", "new first 1st intro introductory repeat repeats"),
    ("audience", rf"\b(?:new|existing|returning|registered|loyalty|club|business|student|trade|prime|plus|premium|annual|uk|us|eu|irish|british|eligible|verified|first-time) (?:{_PEOPLE})\b", ""),
    ("audience", rf"^(?:{_PEOPLE}) (?=get|gets|save|saves|pay|pays|enjoy|receive|earn|have|can)", ""),
    ("audience", rf"\b(?:for|to|only) (?:{_PEOPLE})\b(?= only|,? (?:aged|living|based|with)|$|[.;])|\b(?:{_PEOPLE}) only\b", ""),
    ("age", r"\b(?:aged|over|under) (?:\d\d|eighteen|sixteen|twenty-one)s?\b(?: (?:or|and) (?:over|above|under|older))?", "over under aged"),
    ("selection", r"\b(?:selected|select|participating|eligible|certain|chosen|marked|qualifying|specified|specially marked) (?!with)\w+", "selected select some chosen certain participating eligible qualifying"),
    ("threshold", r"\b(?:orders?|baskets?|purchases?|spend(?:s|ing)?|bookings?|bills?|balances?|deposits?|groups?|parties) (?:of |is |are )?(?:over|above|of|from|worth|at least|or more|more than|exceeding|totall?ing)\b[^.;,]*", "minimum min"),
    ("threshold", r"\b(?:when you|if you|by) (?:buy|spend|order|purchase|book|bring|refer|sign|pay|subscribe|take|trade|switch|buying|spending|ordering)\b[^.;,]*|\bspend (?:over |at least )?[$€£¥]?\d[^.;,]*|\bbuy (?:any )?(?:two|three|four|five|six|2|3|4|5|6)\b[^.;,]*|\bfrom (?:two|three|four|five|six|\d+) \w+\b(?! to)", ""),
    ("threshold", r"\b(?:over|above|from|of at least|worth) [$€£¥]\d[\d.,]*(?: or more)?", "minimum min"),
    ("threshold", r"\boff (?:any |when you buy )?(?:two|three|four|five|six|[2-9]|\d\d)(?: or more)? \w+", "minimum"),
    ("within", r"\bwithin (?:the first )?(?:\w+|\d+)[ -](?:days?|weeks?|months?|years?|hours?)\b", "within"),
    ("stocks", r"\bwhile (?:stocks?|suppl(?:y|ies)) lasts?\b|\bsubject to availability\b|\blimited (?:time|stock|places|availability|edition)\b", "while limited last lasts until"),
    ("only", r"(?:\bon |\bthe )?((?:\w+ ){1,3})only\b(?! with| contains)", ""),
    ("plan", r"\bon (?:the |our |all )?(\w+(?: \w+)?) (?:plans?|packages?|tiers?|subscriptions?|memberships?|tickets?|tariffs?|models?|editions?|versions?|bundles?|accounts?)\b", ""),
    ("place", r"\b(?:in|within|to|across|throughout|for) (?:the )?(?:mainland )?(uk|us|usa|eu|[a-z]+ireland|ireland|britain|england|scotland|wales|france|germany|spain|italy|portugal|netherlands|belgium|austria|switzerland|denmark|sweden|norway|finland|poland|canada|australia|japan|china|india|brazil|mexico|europe|london|paris|berlin|dublin|new zealand|united kingdom|united states)\b|\b(uk|us|eu|uk mainland)[- ](?:only|based|residents|delivery|shipping|returns)\b", "uk us eu"),
    ("with", r"\bwith (?:a |an |any |the |our |your |every |each )?((?:\w+ )?(?:subscriptions?|memberships?|billing|trade-in|pre-orders?|autopay|direct debit|contract|deposit|plan|pass|purchase|order|booking|stay|ticket|account|app|card|newsletter|sign-?up|registration|referral|prescription|warranty|autoship|kettle|machine|finance)s?)\b", ""),
    ("after", r"^(?:completing|finishing|passing|attending|booking|ordering|subscribing|paying|joining|registering|returning|buying|spending|signing|referring|renewing|upgrading|collecting)\b[^.;,]*?(?= earns?| gets?| gives?| saves?| unlocks?| adds?| means| brings| entitles| qualif)|^(?:once|after|if|when|provided|as long as|unless) [^.;,]*", ""),
    ("after", r"^(?:or )?(?:subscribe|join|sign up|register|pay|trade in|switch|refer|renew|upgrade|download|book|bring|order|spend|return|recycle|buy|add|take out)\b[^.;]*?(?= (?:and|to) (?:we'll |you'll )?(?:save|get|receive|earn|take|claim|enjoy|unlock))", ""),
    ("weekday", r"\b(?:on|every|each) (?:mondays?|tuesdays?|wednesdays?|thursdays?|fridays?|saturdays?|sundays?|weekdays?|weekends?)\b|\boff-?peak\b|\bbefore (?:\d+|noon|midday)(?: ?[ap]m)?\b(?! (?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))", "weekday weekend"),
    ("subject", r"^((?:annual|yearly|monthly|online|advance|early|group|bulk|paperless|student|app|direct|click and collect) ?\w*) (?:saves?|earns?|gets?|gives?|takes?|cuts?|adds?|unlocks?)\b", ""),
    ("bar", r"\b(?:excluding|excludes|except|does not (?:apply|cover|include)|not (?:valid|available|included) (?:on|in|with|for)|is excluded|are excluded|cannot be combined)\b[^.;,]*", "excluding except excl excludes"),
))
_OFFER = re.compile(r"\b(?:off|free|save|saves|saving|savings|discount|discounted|gift|bonus|half price|cheaper|complimentary|included|cashback|reduction"
                    r"|reduced|less|earns?|extra|trial|voucher|reward|rebate)\b|%")
_UNIVERSAL = re.compile(
    r"\b(?:any ?time|(?:every|any|each) day|daily|seven days|every|all|any|each|everyone|everybody|anyone|anybody|everything|anything|always|everywhere|anywhere|whenever|no matter"
    r"|worldwide|sitewide|site-wide|storewide|unlimited|forever|for life|permanently|entire|whole|across the (?:range|board)|full range|year-round"
    r"|all year|no (?:minimum|limit|limits|conditions|exclusions|exceptions|code|end date|restrictions|cap)|no strings|without (?:conditions|exception|limits)"
    r"|never|wherever|universal|unrestricted|automatically|guaranteed|both)\b")
_TIMES = listed("day days morning evening night week weekday weekend month year season summer winter spring autumn hour minute monday tuesday "
                   "wednesday thursday friday saturday sunday moment time meal bite sip step mile occasion corner room time stage turn detail "
                   "breakfast lunch dinner supper evening afternoon the you your of in about things that good kinds sorts set ready")
_STRONG = re.compile(r"\b(?:worldwide|sitewide|site-wide|storewide|unlimited|for life|permanently|no exclusions|no conditions|no exceptions|no minimum)\b")
_NEWCOMERS = listed("new newcomer newcomers first join joining joiners welcome switch switching")
_WHO = listed("audience age only after with first place")
_GENERIC = frozenset(stem_of(w) for w in (
    "get save free off buy new use shop order try code discount offer comes include with your now order orders price product products").split())


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition that an ad sets.

    Args:
        kind: what sort of condition it is.
        text: the folded words that set it.
        stems: content stems of those words.
        keep: words any of which in a title also keep it.
        quantities: the amounts it names, any of which keeps it.
        first: index of its first word.
        last: index of its last word.
    """

    kind: str
    text: str
    stems: frozenset[str]
    keep: frozenset[str]
    quantities: tuple[Quantity, ...]
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Clause:
    """A sentence of an ad with its conditions.

    Args:
        passage: where it stands.
        first: index of its first word.
        last: one past its last.
        stems: its content stems.
        figures: percentages and fractions in it, for matching offers.
        quantities: all amounts in it.
        free: it offers something free or as a gift.
        conditions: what it makes the statement depend on.
    """

    passage: Passage
    first: int
    last: int
    stems: frozenset[str]
    figures: frozenset[str]
    quantities: tuple[Quantity, ...]
    free: bool
    conditions: tuple[Condition, ...]


def content_stems(found: Sequence[Word]) -> frozenset[str]:
    """Stems of the words that carry meaning."""
    function = vocabulary().function
    return frozenset(w.stem for w in found if w.kind in ("word", "code", "han") and w.text not in function)


def read_clauses(passage: Passage) -> list[Clause]:
    """Every sentence of a field with its conditions. Attributes state bare values and set none."""
    clauses: list[Clause] = []
    for first, last in passage.sentences:
        found = passage.words[first:last]
        start = found[0].start
        text = passage.folded.text[start:found[-1].end]
        conditions = [] if passage.field.startswith(("attributes", "category")) else _conditions(found, text, first)
        amounts = tuple(read_quantities(found))
        figures = frozenset(str(q.low) for q in amounts if q.units[0].dimension == "percent")
        clauses.append(Clause(passage, first, last, content_stems(found), figures, amounts,
                              bool(re.search(r"(?<!-)\bfree\b(?!\s+from|\s+of\b|-)|\bcomplimentary\b|\b(?:gift|bonus) (?:with|when|for)\b|\binclu(?:des?|ded|ding)\b"
                                     r"|\bcomes? with\b|\b(?:at )?no (?:extra )?(?:cost|charge|fee)\b|\bbonus\b", text)), tuple(conditions)))
    return clauses


def _conditions(found: tuple[Word, ...], text: str, offset: int) -> list[Condition]:
    conditions: list[Condition] = []
    start = found[0].start
    for kind, pattern, keep in _PATTERNS:
        for match in pattern.finditer(text):
            inside = [n for n, w in enumerate(found) if w.start < start + match.end() and w.end > start + match.start()]
            if not inside:
                continue
            words = found[inside[0]:inside[-1] + 1]
            quantities = tuple(read_quantities(words, _dated(words))) if kind in ("threshold", "age", "after") else ()
            conditions.append(Condition(kind, match.group(), content_stems(words) - _GENERIC, keep, quantities,
                                        offset + inside[0], offset + inside[-1]))
    dates = read_dates(found)
    if dates and re.search(r"\b(?:until|till|before|by|from|between|to|ends?|valid|book|order|orders|placed|offer)\b|-", text):
        first, last = dates[0].first, dates[-1].last
        conditions.append(Condition("date", text[found[first].start - start:found[last].end - start],
                                    content_stems(found[first:last + 1]), frozenset(), (), offset + first, offset + last))
    return conditions


def _dated(found: Sequence[Word]) -> frozenset[int]:
    return frozenset(n for date in read_dates(found) for n in range(date.first, date.last + 1))


@dataclass(frozen=True, slots=True)
class Title:
    """What the check of conditions needs of a title.

    Args:
        text: folded.
        words: its words.
        stems: content stems.
        quantities: its amounts.
    """

    text: str
    words: tuple[Word, ...]
    stems: frozenset[str]
    quantities: tuple[Quantity, ...]


@dataclass(frozen=True, slots=True)
class Dropped:
    """A condition that a title leaves out, with the title's words that promise too much."""

    condition: Condition
    clause: Clause
    first: int
    last: int


def dropped_conditions(title: Title, clauses: Sequence[Clause], stated: frozenset[str]) -> Dropped | None:
    """The first condition a title's offer or "every" leaves out, if it does.

    Args:
        title: the title.
        clauses: the ad's sentences.
        stated: the ad's words as written (folded).

    A title keeps an offer's conditions when it keeps those of any one sentence of the ad that states the offer.
    """
    universals = [m for m in _UNIVERSAL.finditer(title.text) if not _harmless(title, m, stated)]
    for match in universals:
        name = frozenset[str]().union(*(c.stems for c in clauses if c.passage.field == "title"))
        topics = [(c, _shared(c, title, name)) for c in clauses if c.conditions]
        for clause, shared in sorted(topics, key=lambda pair: -pair[1]):
            broken = [c for c in clause.conditions if _limits(c, match.group(), title.text[match.end():match.end() + 10]) and not _kept(c, title, universal=True)]
            if shared >= 2 and broken:
                return Dropped(broken[0], clause, *_words_in(title.words, match.start(), match.end()))
    offer = _OFFER.search(title.text)
    if offer is None:
        return None
    stating = [c for c in clauses if not c.passage.field.startswith(("attributes", "category")) and _states(c, title)]
    broken_by = [(c, [k for k in c.conditions if k.kind not in ("bar", "age", "within", "weekday") and not _kept(k, title, universal=False)]) for c in stating]
    if broken_by and all(broken for _, broken in broken_by):
        clause, broken = min(broken_by, key=lambda pair: len(pair[1]))
        return Dropped(broken[0], clause, *_words_in(title.words, offer.start(), offer.end()))
    return None


_DAYS = re.compile(r"any ?time|(?:every|any|each) day|daily|seven days")
_FREE = re.compile(r"(?<!-)(?<!- )\bfree\b(?! (?:from|of)\b)(?!-)")


def _limits(condition: Condition, universal: str, after: str) -> bool:
    """Whether a condition speaks against a universal: days and delays against "every day", everything else against the rest."""
    if condition.kind == "weekday" and after.startswith((" order", " purchase", " deliver")):
        return True
    return (condition.kind in ("weekday", "within")) == bool(_DAYS.fullmatch(universal)) or condition.kind == "date"


def unoffered(title: Title, clauses: Sequence[Clause], nouns: frozenset[str]) -> tuple[int, int, Clause | None] | None:
    """A "free" thing that the ad does not offer free: its first and last word, and the sentence that speaks of the thing.

    Args:
        title: the title.
        clauses: the ad's sentences.
        nouns: stems that follow the ad's own "free" compounds ("gluten-free"), where "Gluten Free" means absence.
    """
    for match in _FREE.finditer(title.text):
        first, last = _words_in(title.words, match.start(), match.end())
        if first and title.words[first - 1].stem in nouns:
            continue
        beside = content_stems(title.words[max(0, first - 3):last + 4]) - {"fre"} - _GENERIC
        speaking = [c for c in clauses if c.stems & beside]
        if not any(c.free for c in speaking) and not (not speaking and any(c.free for c in clauses)):
            return first, last, speaking[0] if speaking else None
    return None


def unbounded(title: Title, stated: str) -> tuple[int, int] | None:
    """A claim without bounds ("worldwide", "sitewide") that the ad does not make: its first and last word."""
    match = _STRONG.search(title.text)
    if match is None or match.group() in stated or (match.group() == "for life" and "lifetime" in stated):
        return None
    return _words_in(title.words, match.start(), match.end())


def _shared(clause: Clause, title: Title, name: frozenset[str]) -> int:
    """How much a sentence and a title speak of the same: words count one, the product's own name nothing, amounts two."""
    words = clause.stems & (title.stems - _GENERIC)
    amounts = any(q.low == t.low and q.units[0].dimension == t.units[0].dimension and q.units[0].dimension != "count"
                  for q in clause.quantities for t in title.quantities)
    free = clause.free and bool(re.search(r"\bfree\b", title.text))
    opening = 2 * ("clos" in clause.stems and "open" in title.stems)
    eligible = any(c.kind in _WHO for c in clause.conditions)
    return len(words - name) + 2 * amounts + free + (eligible and bool(words - name)) + (free and bool(words & name)) + opening


def _states(clause: Clause, title: Title) -> bool:
    """Whether the sentence states the offer the title makes."""
    percents = {str(q.low) for q in title.quantities if q.units[0].dimension == "percent"}
    if percents:
        return bool(percents & clause.figures)
    cuts = {(q.low, q.units[0].dimension) for q in title.quantities if q.cut}
    if cuts:
        return bool(cuts & {(q.low, q.units[0].dimension) for q in clause.quantities})
    if re.search(r"(?<!-)\bfree\b(?!\s+from|\s+of\b)|\bgift\b|\bcomplimentary\b|\bbonus\b|\bincluded\b", title.text):
        return clause.free and len(clause.stems & (title.stems - _GENERIC)) >= 1
    return False


def _kept(condition: Condition, title: Title, *, universal: bool) -> bool:
    spoken = {w.text for w in title.words}
    if condition.quantities:
        return any(q.low in (t.low, t.high) for q in condition.quantities for t in title.quantities)
    if condition.kind in ("threshold", "after") and not condition.quantities:
        return len(condition.stems & title.stems) * 2 >= len(condition.stems)
    if condition.kind == "audience":
        if re.search(r"\b(?:new|first-time)\b", condition.text):
            return bool(spoken & _NEWCOMERS)
        return condition.stems <= title.stems
    if condition.kind == "only":
        return bool(condition.stems & title.stems) and (not universal or len(condition.stems & title.stems) >= len(condition.stems))
    if condition.kind == "date":
        dates = read_dates(title.words)
        return bool(dates) or bool(spoken & {"limited", "until"})
    if condition.kind == "first" and universal:
        return "first" in spoken or "new" in spoken
    if condition.keep & spoken:
        return True
    return bool(condition.stems & title.stems) and not (universal and condition.kind in ("selection", "plan"))


def _harmless(title: Title, match: re.Match[str], stated: frozenset[str]) -> bool:
    """ "every morning", "all you need", "any two": nothing is claimed of all products, customers or orders."""
    _, at = _words_in(title.words, match.start(), match.end())
    if match.group() in ("each", "every", "all", "any", "never", "both", "whole", "entire"):
        after = title.words[at + 1] if at + 1 < len(title.words) else None
        if after is None or after.text in _TIMES or after.text.removesuffix("s") in _TIMES or after.kind == "number":
            return True
        return any(q.first <= at + 1 <= q.last for q in title.quantities)
    return match.group() in ("guaranteed",) or match.group() in stated or (match.group() == "for life" and "lifetime" in stated)


def _words_in(found: Sequence[Word], start: int, end: int) -> tuple[int, int]:
    inside = [n for n, w in enumerate(found) if w.start < end and w.end > start]
    return (inside[0], inside[-1]) if inside else (0, 0)

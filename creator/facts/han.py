"""Chinese and Japanese runs of a title: is what they say in the ad's own text, and do they deny what it denies?

Words are not parted by spaces here, so pairs of neighbouring characters stand for words. Hiragana carries grammar.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from creator.facts.units import unit_forms
from creator.facts.vocabulary import vocabulary

_RUN = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")
_HIRAGANA = re.compile("[\u3040-\u309f]+")
_KATAKANA = re.compile("[\u30a0-\u30ff]{3,}")
_COUNTERS = "个個瓶袋盒支片只款种種件条条双本台位人次合色倍折年月日号元円厘点层層档口岁歳歩步"
_CLAIMS = re.compile(
    "[防抗免疗治祛菌赠認认医瘦效効耐除杀補补]|有机|有機|专利|特許|内置|内蔵|智能|自动|自動|保湿|监测|搭载|搭載|无料|無料|进口|国产|国産|天然"
    "|手工|手作|净化|增强|提升|减|付き|対応|支持|配备|配送|包邮|满|送料|限定|快充|材质|产地|製"
)
SHARE_KNOWN = 0.6  # of a run's pairs of characters that the ad must have
_FRAMED_FROM = 3  # pairs of the ad's that a title must have elsewhere to set a scene with words of its own

_CLAUSE = re.compile("[^.,;!?\n\\s]+")
_NOT = re.compile(
    "不支持|不含|不适合|不適合|不适用|不可以?|不能|不包含?|不提供|不附|不带|不帶|不添加|没有|沒有|无添加|無添加|无|無|未|非|勿"
)
_WITHOUT = re.compile("不含|无添加|無添加|不添加|没有|沒有|不使用|零")
_LIST = re.compile("[和或及与與跟、/]")
_JA_NOT = re.compile("(?:ません|できない|しない|ない|なし|不可|非対応|別売)")
_JA_TOPIC = re.compile("([\u30a0-\u30ff\u3400-\u9fff]{2,})(?:に|で|を|が|の)?(?:は|も)")


@lru_cache(maxsize=1)
def _amounts() -> re.Pattern[str]:
    units = sorted((f for f in unit_forms() if _RUN.fullmatch(f)), key=len, reverse=True)
    numerals = "[零一二三四五六七八九十百千万两兩半]"
    return re.compile(f"{numerals}+[{_COUNTERS}]?|{'|'.join(map(re.escape, units))}|[{_COUNTERS}](?![\u3400-\u9fff])")


def unknown_runs(folded: str, stated: str) -> Iterator[tuple[int, int, float]]:
    """Folded spans of runs whose pairs of characters the ad mostly lacks, each with how surely that is an error.

    Puffery and amounts are set aside. A run that shares nothing with the ad, claims nothing and stands apart beside a
    title that says enough of the ad's own only sets the scene.
    """
    runs = [(match.span(), *_pairs(match.group(), stated)) for match in _RUN.finditer(folded)]
    known = [sum(pair in stated for pair in pairs) for _, pairs, _ in runs]
    for n, ((start, end), pairs, rest) in enumerate(runs):
        if not pairs or known[n] >= SHARE_KNOWN * len(pairs):
            continue
        apart = (not start or not folded[start - 1].isdigit()) and not folded[end : end + 1].isdigit()
        elsewhere = sum(known) - known[n]
        framed = not known[n] and apart and elsewhere >= _FRAMED_FROM
        claims = _CLAIMS.search(rest) or _KATAKANA.search(rest)
        yield start, end, 0.3 if framed and not claims else 0.7


def _pairs(run: str, stated: str) -> tuple[list[str], str]:
    """A run's pairs of characters without puffery, amounts and grammar, and what is left of the run."""
    rest = _amounts().sub(" ", run)
    for term in (*vocabulary().han("puffery"), *vocabulary().han("superlatives"), *vocabulary().han("particles")):
        if term not in stated or len(term) == 1:
            rest = rest.replace(term, " ")
    rest = _HIRAGANA.sub(" ", rest)
    parts = rest.split()
    pairs = [part[n : n + 2] for part in parts for n in range(len(part) - 1)]
    return pairs or [p for p in parts if len(run) == 1], rest


def denied_runs(folded: str, stated: str) -> Iterator[tuple[int, int, str]]:
    """Folded spans of what a title affirms and the ad denies, or denies and the ad does not, with the ad's words."""
    if not _RUN.search(folded):
        return
    denied = list(_denied(stated))
    for thing, clause in denied:
        for match in re.finditer(re.escape(thing), folded):
            before, after = folded[max(0, match.start() - 5) : match.start()], folded[match.end() : match.end() + 8]
            if not _NOT.search(before) and not _JA_NOT.search(after) and not after.startswith(("フリー", "不使用")):
                yield match.start(), match.end(), clause
    for match in _WITHOUT.finditer(folded):
        rest = _CLAUSE.match(folded, match.end())
        if rest is None:
            continue
        for thing in _LIST.split(_WITHOUT.split(rest.group().split("的")[0])[0]):
            if len(thing) >= 2 and _RUN.fullmatch(thing) and not any(thing in d or d in thing for d, _ in denied):
                yield match.start(), match.end() + len(thing), ""


def _denied(stated: str) -> Iterator[tuple[str, str]]:
    """What the ad denies, each with the clause that does."""
    for clause in _CLAUSE.findall(stated):
        if not _RUN.search(clause):
            continue
        match = _NOT.search(clause)
        if match is not None and not _JA_NOT.search(clause):
            yield from ((thing, clause) for thing in _LIST.split(clause[match.end() :]) if len(thing) >= 2)
        topic = _JA_TOPIC.search(clause)
        if topic is not None and _JA_NOT.search(clause, topic.end()):
            yield topic.group(1), clause

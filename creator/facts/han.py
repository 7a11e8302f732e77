"""Chinese and Japanese runs of a title: is what they say in the ad's own text?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from creator.facts.vocabulary import vocabulary

_RUN = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")
_NUMERALS = re.compile(
    "[零一二三四五六七八九十百千万两半]+[个瓶袋盒支片只款种]?|毫升|升|克|千克|公斤|小时|分钟|天|周|月|年|元|円|折"
)
SHARE_KNOWN = 0.6  # of a run's pairs of characters that the ad must have


def unknown_runs(folded: str, stated: str) -> Iterator[tuple[int, int]]:
    """Folded spans of runs whose pairs of characters the ad mostly lacks, after puffery and amounts are set aside.

    Words are not parted by spaces here, so pairs of neighbouring characters stand for words.
    """
    for match in _RUN.finditer(folded):
        rest = _NUMERALS.sub(" ", match.group())
        for term in (*vocabulary().han("puffery"), *vocabulary().han("superlatives")):
            rest = rest.replace(term, " ")
        pairs = [part[n : n + 2] for part in rest.split() for n in range(len(part) - 1)] or [
            p for p in rest.split() if p
        ]
        if pairs and sum(pair in stated for pair in pairs) < SHARE_KNOWN * len(pairs):
            yield match.span()

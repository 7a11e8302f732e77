"""Texts of ads and histories as data in a prompt: cleaned, cut, escaped and fenced, never instructions.

Inside the fence stands JSON in which `<`, `>` and `&` are escaped: no text can close the fence, open another, or spell
a chat template's special token. The fence's name ends in a digest of its content, which its content cannot know.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from typing import cast

from creator.core.records import Ad

LONGEST_TEXT = 600
LONGEST_DESCRIPTION = 3000
MOST_POINTS = 24
MOST_LINES = 100

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": " ", "\u2029": " "})


def fence(name: str, value: object) -> str:
    """A value as fenced JSON.

    Args:
        name: what it is, in lower case ("ad").
        value: texts, numbers, lists and mappings.
    """
    text = escaped(value)
    tag = f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    return f"<{tag}>\n{text}\n</{tag}>"


def escaped(value: object) -> str:
    """A value as JSON that holds no mark of a fence, a template or a markup."""
    return json.dumps(_clean(value), ensure_ascii=False).translate(_ESCAPES)


def clean(text: str, longest: int = LONGEST_TEXT) -> str:
    """A text without invisible characters, on one line, cut to a length."""
    shown = "".join(" " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c) not in _INVISIBLE)
    line = " ".join(shown.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def _clean(value: object) -> object:
    if isinstance(value, str):
        return clean(value, LONGEST_DESCRIPTION)
    if isinstance(value, Mapping):
        return {clean(str(key)): _clean(inner) for key, inner in cast(Mapping[object, object], value).items()}
    if isinstance(value, list | tuple):
        return [_clean(inner) for inner in cast(Sequence[object], value)]
    return value


def ad_data(ad: Ad) -> dict[str, object]:
    """An ad as a prompt shows it: its selling points by number from 1."""
    return {
        "title": clean(ad.title),
        "description": clean(ad.description, LONGEST_DESCRIPTION),
        "selling_points": {n: clean(p) for n, p in enumerate(ad.selling_points[:MOST_POINTS], start=1)},
        "attributes": {clean(k): clean(v) for k, v in sorted(ad.attributes.items())},
        "category": clean(ad.category),
        "language": clean(ad.locale),
    }


def history_lines(titles: Sequence[str]) -> list[dict[str, object]]:
    """A history as numbered lines, the newest kind last; the same item several times is one line.

    Args:
        titles: item titles, oldest first.
    """
    recent_from = len(titles) - max(1, round(len(titles) * 0.2))
    times: dict[str, int] = {}
    last: dict[str, int] = {}
    for place, title in enumerate(titles):
        shown = clean(title)
        times[shown] = times.get(shown, 0) + 1
        last[shown] = place
    ordered = sorted(times, key=last.__getitem__)[-MOST_LINES:]
    return [
        {"line": n, "item": item, "times": times[item], "recent": last[item] >= recent_from}
        for n, item in enumerate(ordered, start=1)
    ]

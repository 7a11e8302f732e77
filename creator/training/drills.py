"""Drills: ads whose phrases are exchanged for others', and the titles that follow.

A few hundred ads are soon known by heart, and then a new ad's words are garbled. A drill cannot be remembered: every
phrase that a selling point names is replaced by a random one, in the ad and its titles alike, and the soft token is the
one that a perfect reader of users would send: the words of the leading point among those of other interests, which the
ad does not serve. What is left to learn is the skill itself: hear the soft token, find the point in the ad, write it
down letter for letter. Ours.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from creator.core.records import Ad

FRAME_SHARE = 0.02
"""Words that begin at least this share of all points, and at least FRAME_LEAST, say how the point relates to the ad."""
FRAME_LEAST = 10
FRAME_WORDS = 4
COMMON_SHARE = 0.1
"""A phrase that more than this share of the ads name is a property ("store brand"), not a thing to exchange."""
MOST_WORDS = 6
SMALL = frozenset(["a", "an", "and", "at", "by", "for", "from", "in", "of", "on", "or", "the", "to", "with"])

_FIGURE = re.compile(r"\d")
_WORD = re.compile(r"\w+", re.UNICODE)


@dataclass(frozen=True, slots=True)
class Drill:
    """An ad and its titles under other names.

    Args:
        ad: the ad; its id, items and attributes are the old ones.
        titles: as given, renamed.
        leads: the point each leads with, renamed.
    """

    ad: Ad
    titles: list[str]
    leads: list[str]


class Drills:
    """Makes drills of the ads that are trained on.

    Args:
        ads: those ads.
        phrases: further phrases to name things by, such as those of profiles.
    """

    def __init__(self, ads: Sequence[Ad], phrases: Iterable[str] = ()) -> None:
        points = dict.fromkeys(point for ad in ads for point in ad.selling_points)
        starts = Counter(
            " ".join(words[:length])
            for words in (point.split() for point in points)
            for length in range(2, min(FRAME_WORDS, len(words) - 1) + 1)
        )
        least = max(FRAME_LEAST, FRAME_SHARE * len(points))
        self._frames = sorted((start for start, count in starts.items() if count >= least), key=len, reverse=True)
        naming = Counter(thing for ad in ads for thing in {self._thing(point) for point in ad.selling_points})
        most = max(COMMON_SHARE * len(ads), 2)
        self._things = {thing for thing, count in naming.items() if count <= most and _is_name(thing)}
        self._pool = sorted(self._things | {phrase.lower() for phrase in phrases if _is_name(phrase)})

    def __len__(self) -> int:
        """How many things may be renamed."""
        return len(self._things)

    def draw(self, ad: Ad, titles: Sequence[str], leads: Sequence[str], random: np.random.Generator) -> Drill | None:
        """Rename every thing that the ad's points name, the same way everywhere; None when they name none, or a title
        leads with none of the points."""
        things = sorted({self._thing(point) for point in ad.selling_points} & self._things, key=len, reverse=True)
        if not things or not set(leads) <= set(ad.selling_points):
            return None
        drawn = random.choice(len(self._pool), size=len(things), replace=len(things) > len(self._pool))
        names = {thing.lower(): self._pool[n] for thing, n in zip(things, drawn, strict=True)}
        found = re.compile(r"(?<!\w)(?:" + "|".join(re.escape(thing) for thing in things) + r")(?!\w)", re.IGNORECASE)

        def rename(text: str) -> str:
            return found.sub(lambda match: _cased(names[match[0].lower()], match[0]), text)

        renamed = replace(
            ad,
            title=rename(ad.title),
            description=rename(ad.description),
            selling_points=tuple(rename(point) for point in ad.selling_points),
        )
        return Drill(renamed, [rename(title) for title in titles], [rename(lead) for lead in leads])

    def company(self, count: int, random: np.random.Generator) -> list[str]:
        """Names at random: what else a user may be interested in."""
        return [self._pool[n] for n in random.integers(0, len(self._pool), count)]

    def _thing(self, point: str) -> str:
        return next((point[len(frame) + 1 :] for frame in self._frames if point.startswith(frame + " ")), point)


def profile_phrases(profiles: Iterable[str]) -> set[str]:
    """Every interest that profiles (JSON objects of lists of phrases) name; other texts name none."""
    found: set[str] = set()
    for profile in set(profiles):
        try:
            parts: object = json.loads(profile)
        except ValueError:
            continue
        if isinstance(parts, dict):
            lists = cast(dict[str, object], parts).values()
            found.update(
                p for part in lists if isinstance(part, list) for p in cast(list[object], part) if isinstance(p, str)
            )
    return found


def _is_name(phrase: str) -> bool:
    return 0 < len(phrase.split()) <= MOST_WORDS and not _FIGURE.search(phrase)


def _cased(name: str, like: str) -> str:
    """A name in the manner of the words it replaces: a title's capitals, or as it is."""
    if not like[:1].isupper():
        return name
    cased = _WORD.sub(lambda word: word[0] if word[0] in SMALL else word[0][:1].upper() + word[0][1:], name)
    return cased[:1].upper() + cased[1:]

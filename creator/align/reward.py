"""A reward that can be verified: true, within the channel's length, meant for this reader, unlike the others' titles.

A title that fails the fact or policy check earns nothing, whatever else it does; so nothing is to be gained by being
personal and wrong. Ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from creator.core.records import Ad
from creator.facts.channels import Channel, fits
from creator.facts.text import split
from creator.facts.verifier import check_title


@dataclass(frozen=True, slots=True)
class RewardWeights:
    """What each part is worth beside the 1 of a title that may be published.

    Args:
        length: it fits the channel.
        personal: up to this for a title that this reader's soft token makes likelier than the mean reader's.
        apart: up to this for sharing no word with the titles of the same ad for other readers.
    """

    length: float = 0.25
    personal: float = 0.5
    apart: float = 0.25


@dataclass(frozen=True, slots=True)
class Written:
    """A title to judge.

    Args:
        title: its text.
        ad: the ad.
        reader: whom it is for.
        personal: log p(title | reader, ad) - log p(title | mean reader, ad) under the model as it was, nats.
        finished: whether it ended by itself.
    """

    title: str
    ad: Ad
    reader: int
    personal: float = 0.0
    finished: bool = True


def publishable(written: Written) -> bool:
    """Whether a title may go live: it ended, and the fact and policy check passes."""
    return written.finished and check_title(written.title.strip(), written.ad).publishable


def rewards(titles: Sequence[Written], channel: Channel, weights: RewardWeights | None = None) -> list[float]:
    """The reward of each title; those of one ad are compared with each other.

    Args:
        titles: a batch.
        channel: whose length counts.
        weights: what the parts are worth.
    """
    weights = weights or RewardWeights()
    words = [frozenset(word.stem for word in split(title.title)) for title in titles]
    out: list[float] = []
    for n, one in enumerate(titles):
        if not publishable(one):
            out.append(0.0)
            continue
        overlaps = [
            len(words[n] & words[m]) / max(1, len(words[n] | words[m]))
            for m, other in enumerate(titles)
            if other.ad.ad_id == one.ad.ad_id and other.reader != one.reader
        ]
        # half of the worth at no difference, all of it from 4 nats on
        personal = float(np.clip(0.5 + one.personal / 8, 0, 1))
        out.append(
            1.0
            + weights.length * fits(one.title.strip(), channel)
            + weights.personal * personal
            + weights.apart * (1 - max(overlaps, default=0.0))
        )
    return out

"""Titles that say a thing twice: "Buying Paper Towels? Save on Paper Towels". True and poor, for whoever ranks them."""

from __future__ import annotations

from creator.facts.products import OFFERS
from creator.facts.segments import read_segments
from creator.facts.text import split
from creator.facts.vocabulary import vocabulary


def names_twice(title: str) -> bool:
    """Whether one part of a title, between strong marks, names only things that another part names too.

    Words of grammar, offers and invitations ("buying", "today") name nothing. It reads the title alone, so that it
    costs little and can be asked of titles that the fact check has passed.
    """
    found = split(title)
    vocab = vocabulary()
    named: list[frozenset[str]] = []
    for segment in read_segments(found, lambda _: False):
        words = [w for w in found[segment.first : segment.last] if w.kind in ("word", "code", "han")]
        things = frozenset(
            w.stem
            for w in words
            if w.text not in vocab.function
            and w.text not in OFFERS
            and not vocab.list_cached("plain", "action").has(w.text)
            and not vocab.list_cached("plain", "trade").has(w.text)
        ) - {"list", "todai", "readi", "tonight", "now", "fanci", "ador"}
        named.append(things)
    return any(one and one <= two for n, one in enumerate(named) for m, two in enumerate(named) if n != m)

"""Times, names and numbers as pages write them: the templates' filters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from serving.console.marks import Source


def moment(epoch_s: float | None) -> str:
    """A time for people, in UTC."""
    return "" if epoch_s is None else datetime.fromtimestamp(epoch_s, UTC).strftime("%-d %b %Y, %H:%M UTC")


def iso(epoch_s: float) -> str:
    """A time for machines."""
    return datetime.fromtimestamp(epoch_s, UTC).isoformat(timespec="seconds")


def person(who: str) -> str:
    """The name of somebody in the history, without the key that vouches for it."""
    return who.rpartition(" [")[0] or who


def key_of(who: str) -> str:
    """The id of the key that vouches for somebody, or ""."""
    return who.rpartition(" [")[2].removesuffix("]") if " [" in who else ""


def shows(what: str) -> str:
    """What a variation shows, in words (`serving.experiments.assignment.SHOWS`)."""
    kind, _, number = what.partition(":")
    if kind == "release":
        return f"the titles of release {number}"
    if kind == "original":
        return "the original titles"
    return f"the titles of cluster {number}" if number else "their own cluster’s titles"


def by_label(sources: Iterable[Source]) -> list[tuple[str, list[Source]]]:
    """Fields of an ad that stand next to each other under one name, such as all its selling points."""
    return [(label, list(fields)) for label, fields in groupby(sources, key=lambda source: source.label)]


def count(number: int) -> str:
    """A count with its thousands apart."""
    return f"{number:,}"


FILTERS: Mapping[str, Callable[..., Any]] = {
    "moment": moment,
    "iso": iso,
    "count": count,
    "person": person,
    "key_of": key_of,
    "shows": shows,
    "by_label": by_label,
}

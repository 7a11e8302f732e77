"""`release list`, `release diff` and `release rollback`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from creator.core.errors import StoreError
from serving.commands import DiffOptions, ListOptions, RollbackOptions
from serving.rows import StoredTitle
from serving.store import Store

DIFF_LINES = 20


def list_releases(options: ListOptions) -> dict[str, object]:
    """Print every release, the newest first."""
    with Store(options.store) as store:
        releases, live = store.releases(), store.current()
    for each in releases:
        mark = "live" if live is not None and each.release == live.release else each.status
        made = time.strftime("%Y-%m-%d %H:%M", time.gmtime(each.created_at))
        held = f"{each.counts['titles']:>8,} titles  {each.counts['ads']:>6,} ads  {each.counts['users']:>10,} users"
        print(f"{each.release:>4}  {made} UTC  {mark:<9}  {held}")
    return {"current": live.release if live else None, "releases": [r.release for r in releases]}


@dataclass(frozen=True, slots=True)
class Change:
    """What differs for one ad and cluster.

    Args:
        ad_id, cluster_id: for which pair.
        before, after: the titles; None where the release has none.
    """

    ad_id: str
    cluster_id: int
    before: str | None
    after: str | None

    @property
    def mark(self) -> str:
        """ "~" for other words, "+" for a new title, "-" for one that goes."""
        return "+" if self.before is None else "-" if self.after is None else "~"


@dataclass(frozen=True, slots=True)
class Difference:
    """What changes between two releases.

    Args:
        changes: pairs whose titles read differently, then those that come, then those that go.
        same: how many pairs have the same words in both.
    """

    changes: tuple[Change, ...]
    same: int

    def count(self, mark: str) -> int:
        """How many changes have this mark."""
        return sum(change.mark == mark for change in self.changes)


def compare(store: Store, before: int, after: int) -> Difference:
    """Compare the titles of two releases, by ad and cluster.

    Raises:
        StoreError: there is no such release.
    """
    known = [r.release for r in store.releases()]
    absent = [n for n in (before, after) if n not in known]
    if absent:
        raise StoreError(f"there is no release {absent[0]}", expected=f"one of {', '.join(map(str, known))}")
    old, new = _by_pair(store.titles(before)), _by_pair(store.titles(after))
    changes = [Change(*pair, old.get(pair), new.get(pair)) for pair in sorted(old.keys() | new.keys())]
    differing = [change for change in changes if change.before != change.after]
    ordered = sorted(differing, key=lambda change: "~+-".index(change.mark))
    return Difference(tuple(ordered), len(changes) - len(differing))


def diff(options: DiffOptions) -> dict[str, object]:
    """Print what changes between two releases: titles that come, go, or read differently, by ad and cluster."""
    with Store(options.store) as store:
        found = compare(store, options.before, options.after)
    for change in found.changes[:DIFF_LINES]:
        text = "  ->  ".join(title for title in (change.before, change.after) if title is not None)
        print(f"{change.mark} ad {change.ad_id} cluster {change.cluster_id}: {text}")
    if len(found.changes) > DIFF_LINES:
        print(f"... and {len(found.changes) - DIFF_LINES:,} more")
    changed, added, removed = (found.count(mark) for mark in "~+-")
    print(f"{changed:,} changed, {added:,} added, {removed:,} removed, {found.same:,} the same")
    return {
        "before": options.before,
        "after": options.after,
        "changed": changed,
        "added": added,
        "removed": removed,
        "same": found.same,
    }


def roll_back(options: RollbackOptions) -> dict[str, object]:
    """Make another release live."""
    with Store(options.store, wait_s=options.wait_s) as store:
        was, now = store.roll_back(options.to)
    print(f"release {now} is live" + (" already" if was == now else f"; it was release {was}"))
    return {"was": was, "current": now}


def _by_pair(titles: list[StoredTitle]) -> Mapping[tuple[str, int], str]:
    return {(t.ad_id, t.cluster_id): t.title for t in titles}

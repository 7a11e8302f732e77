"""`release list`, `release diff` and `release rollback`."""

from __future__ import annotations

import time
from collections.abc import Mapping

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


def diff(options: DiffOptions) -> dict[str, object]:
    """Print what changes between two releases: titles that come, go, or read differently, by ad and cluster."""
    with Store(options.store) as store:
        known = [r.release for r in store.releases()]
        absent = [n for n in (options.before, options.after) if n not in known]
        if absent:
            raise StoreError(f"there is no release {absent[0]}", expected=f"one of {', '.join(map(str, known))}")
        before, after = _by_pair(store.titles(options.before)), _by_pair(store.titles(options.after))
    added, removed = sorted(after.keys() - before.keys()), sorted(before.keys() - after.keys())
    changed = sorted(pair for pair in before.keys() & after.keys() if before[pair] != after[pair])
    lines = (
        [("~", pair, f"{before[pair]}  ->  {after[pair]}") for pair in changed]
        + [("+", pair, after[pair]) for pair in added]
        + [("-", pair, before[pair]) for pair in removed]
    )
    for mark, (ad_id, cluster), text in lines[:DIFF_LINES]:
        print(f"{mark} ad {ad_id} cluster {cluster}: {text}")
    if len(lines) > DIFF_LINES:
        print(f"... and {len(lines) - DIFF_LINES:,} more")
    same = len(before.keys() & after.keys()) - len(changed)
    print(f"{len(changed):,} changed, {len(added):,} added, {len(removed):,} removed, {same:,} the same")
    return {
        "before": options.before,
        "after": options.after,
        "changed": len(changed),
        "added": len(added),
        "removed": len(removed),
        "same": same,
    }


def roll_back(options: RollbackOptions) -> dict[str, object]:
    """Make another release live."""
    with Store(options.store, wait_s=options.wait_s) as store:
        was, now = store.roll_back(options.to)
    print(f"release {now} is live" + (" already" if was == now else f"; it was release {was}"))
    return {"was": was, "current": now}


def _by_pair(titles: list[StoredTitle]) -> Mapping[tuple[str, int], str]:
    return {(t.ad_id, t.cluster_id): t.title for t in titles}

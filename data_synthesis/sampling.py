"""Which windows of whose history, and which ads, become examples. Everything follows from the seed.

Letters: W windows, A ads, P distinct selling points, C candidates (a window and an ad that its evidence decides).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from creator.core.data import Histories
from data_synthesis.evidence import Evidence

DECISIONS = ("window", "ad", "lead", "events", "score", "second", "second_events", "second_score")
"""The columns of a decision: rows of the windows, ads and points, with what each point's evidence amounts to."""

BLOCK_CELLS = 2**22
"""Windows times points measured at once: bounds memory."""


@dataclass(frozen=True, slots=True)
class Window:
    """One moment in one user's history.

    Args:
        user: row of the user in `Histories`.
        as_of: the history ends before this time, seconds.
        items: item rows, oldest first.
    """

    user: int
    as_of: float
    items: npt.NDArray[np.int32]


@dataclass(frozen=True)
class Decision:
    """How clear a history must be before it decides what an ad should lead with.

    Args:
        min_events: events that match the leading point, at least.
        margin: the leading point's score over the runner-up's, at least.
    """

    min_events: int
    margin: float


@dataclass
class Candidates:
    """Windows and ads whose evidence decides a lead, and why the others fell out.

    Args:
        frame: window, ad, lead and second (columns of `Evidence.points`; second -1 for none), and of both the events
            that match and the score.
        dropped: pairs without a decision, by reason.
    """

    frame: pd.DataFrame
    dropped: dict[str, int]


def spread_windows(
    histories: Histories, until: float, per_user: int, length: int, least: int, seed: int
) -> Iterator[Window]:
    """Windows at several dates of each user, spread evenly over the events before a time, each jittered by the seed.

    Args:
        histories: every user's events.
        until: no window ends after it, seconds.
        per_user: windows a user, at most.
        length: events a window holds, at most.
        least: events a window holds, at least; users with fewer have none.
        seed: moves each date within its stretch.
    """
    draw = np.random.default_rng(seed)
    jitter = draw.random((len(histories.user_ids), per_user))
    for user in range(len(histories.user_ids)):
        start, end = int(histories.offsets[user]), int(histories.offsets[user + 1])
        stamps = histories.timestamps[start:end]
        known = int(np.searchsorted(stamps, until, side="left"))
        if known < least:
            continue
        stretch = (known - least) / per_user
        seen: set[float] = set()
        for stop in sorted({least + int(stretch * (n + jitter[user, n])) for n in range(per_user)} | {known}):
            # the event after the window is where it ends: what happened at that very second is not read
            as_of = float(stamps[stop]) if stop < known else until
            items = histories.window(user, as_of, length)
            if len(items) >= least and as_of not in seen:
                seen.add(as_of)
                yield Window(user, as_of, items)


def live_windows(histories: Histories, at: float, length: int, least: int) -> Iterator[Window]:
    """One window a user, ending at the moment titles are written for."""
    for user in range(len(histories.user_ids)):
        items = histories.window(user, at, length)
        if len(items) >= least:
            yield Window(user, at, items)


def decide_leads(
    evidence: Evidence, windows: Sequence[Window], leads: Sequence[Sequence[str]], rule: Decision
) -> Candidates:
    """For every window and ad, the selling point with clearly the most evidence.

    Args:
        evidence: measures points.
        windows: the histories.
        leads: the selling points that each ad's titles may lead with.
        rule: what clear means.
    """
    column_of = {point: column for column, point in enumerate(evidence.points)}
    columns = [np.asarray([column_of[p] for p in dict.fromkeys(points)], dtype=np.int64) for points in leads]
    size = max(1, BLOCK_CELLS // max(1, len(evidence.points)))
    dropped = {
        "the ad has no selling point to lead with": 0,
        "no evidence in the history": 0,
        "evidence too thin": 0,
        "no clear lead": 0,
    }
    pieces: list[pd.DataFrame] = []
    for start in range(0, len(windows), size):
        block = windows[start : start + size]
        scores, counts = evidence.measure([window.items for window in block])
        for ad, points in enumerate(columns):
            if len(points) == 0:
                dropped["the ad has no selling point to lead with"] += len(block)
                continue
            decided = _decide(scores[:, points], counts[:, points], points, rule, dropped)
            decided["window"] += start
            pieces.append(decided.assign(ad=ad))
    none = pd.DataFrame({name: np.empty(0, dtype=np.int64) for name in DECISIONS})
    return Candidates(pd.concat(pieces, ignore_index=True) if pieces else none, dropped)


def _decide(
    scores: npt.NDArray[np.float32],
    counts: npt.NDArray[np.int32],
    points: npt.NDArray[np.int64],
    rule: Decision,
    dropped: dict[str, int],
) -> pd.DataFrame:
    rows = np.arange(len(scores))
    best = scores.argmax(axis=1)
    top, events = scores[rows, best], counts[rows, best]
    others = scores.copy()
    others[rows, best] = 0
    runner = others.argmax(axis=1)
    second = others[rows, runner]
    none = top <= 0
    thin = ~none & (events < rule.min_events)
    unclear = ~none & ~thin & (top < rule.margin * second)
    for reason, mask in (("no evidence in the history", none), ("evidence too thin", thin), ("no clear lead", unclear)):
        dropped[reason] += int(mask.sum())
    kept = np.flatnonzero(~(none | thin | unclear))
    return pd.DataFrame(
        {
            "window": kept,
            "lead": points[best[kept]],
            "events": events[kept],
            "score": top[kept],
            "second": np.where(second[kept] > 0, points[runner[kept]], -1),
            "second_events": np.where(second[kept] > 0, counts[rows, runner][kept], 0),
            "second_score": second[kept],
        }
    )


def balance(candidates: pd.DataFrame, limit: int, per_window: int, seed: int) -> pd.DataFrame:
    """Choose candidates so that ads, and the leads within an ad, come up about equally often.

    A weighted draw without replacement (Efraimidis and Spirakis, 2006: the largest u^(1/w) first): each ad's weight is
    shared among its leads, each lead's among its candidates by their events; an ad that only ever leads with one point
    teaches little about people and weighs half.

    Args:
        candidates: window, ad, lead, events.
        limit: how many to choose, at most.
        per_window: how many of one window, at most.
        seed: decides the draw.
    """
    if candidates.empty:
        return candidates
    events = candidates["events"].to_numpy(dtype=np.float64)
    share = events / candidates.groupby(["ad", "lead"])["events"].transform("sum").to_numpy(dtype=np.float64)
    leads = candidates.groupby("ad")["lead"].transform("nunique").to_numpy(dtype=np.float64)
    by_point = candidates.groupby("lead")["ad"].transform("nunique").to_numpy(dtype=np.float64)
    weight = np.minimum(leads, 2.0) / 2 / leads * share / np.sqrt(by_point)
    draw = np.random.default_rng(seed).random(len(candidates))
    keyed = candidates.assign(_key=np.log(draw) / weight).sort_values("_key", ascending=False, kind="stable")
    keyed = keyed[keyed.groupby("window").cumcount() < per_window]
    return keyed.head(limit).drop(columns="_key").sort_values(["window", "ad"]).reset_index(drop=True)


def in_holdout(user_id: str) -> bool:
    """Whether a user belongs to the stable tenth whose examples are never trained on."""
    return hashlib.sha256(user_id.encode()).digest()[0] * 10 < 256

"""How long an experiment must run, from what users did in the past."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from creator.core.errors import InputError
from creator.statistics.power import Wanted, detectable
from creator.statistics.ratio import Arm, arm
from eval.experiments.users import count, spans

LONGEST_DAYS = 365
FEWEST_CLICKS = 100


@dataclass(frozen=True, slots=True)
class Duration:
    """An experiment of so many days: users it reaches, and the smallest lifts it finds."""

    days: int
    users: float
    detectable: float
    sequential: float
    extrapolated: bool


def durations(events: pd.DataFrame, wanted: Wanted) -> tuple[list[Duration], Arm]:
    """What experiments of growing length would find, had they run over the past events.

    Beyond the past's length users go on coming, and the smallest lift goes on falling with a power of the days, as in
    its second half, though never faster than with their square root.

    Args:
        events: from `read_events`.
        wanted: effect, levels and shares.

    Returns:
        a row a length, in days; and all past users.

    Raises:
        InputError: there are too few clicks to tell a variance.
    """
    codes, names = pd.factorize(events["user_id"])
    events = events.assign(user=codes)
    start, end = float(events["timestamp"].iloc[0]), float(events["timestamp"].iloc[-1])
    whole = _totals(events, len(names))
    if float(whole.total_clicks) < FEWEST_CLICKS or not float(whole.user_variance) > 0:
        got, cure = int(whole.total_clicks), "give events of a longer time"
        raise InputError("too few clicks to plan from", got=got, expected=f"{FEWEST_CLICKS} or more", cure=cure)
    rows: list[Duration] = []
    for moment in spans(start, end):
        past = _totals(events[events["timestamp"] < moment], len(names))
        if float(past.total_clicks) >= FEWEST_CLICKS:
            rows.append(_row(round((moment - start) / 86_400), past, float(past.users), wanted))
    return [*rows, *_beyond(rows, wanted)], whole


def _beyond(rows: Sequence[Duration], wanted: Wanted) -> list[Duration]:
    """Longer experiments than the past, until one finds the effect."""
    last = rows[-1]
    middle = min(rows, key=lambda row: abs(row.days - last.days / 2))
    if middle.days == last.days or not last.detectable > wanted.effect:
        return []
    daily = (last.users - middle.users) / (last.days - middle.days)
    slope = float(np.log(last.detectable / middle.detectable) / np.log(last.days / middle.days))
    found: list[Duration] = []
    while last.days < LONGEST_DAYS and (not found or found[-1].detectable > wanted.effect):
        days = min(LONGEST_DAYS, max((found or [last])[-1].days + 1, round((found or [last])[-1].days * 1.1)))
        shrunk = (days / last.days) ** min(0.0, max(-0.5, slope))
        users = last.users + daily * (days - last.days)
        found.append(Duration(days, users, last.detectable * shrunk, last.sequential * shrunk, extrapolated=True))
        if days == LONGEST_DAYS:
            break
    return found


def _row(days: int, past: Arm, users: float, wanted: Wanted) -> Duration:
    users *= wanted.traffic
    fixed, free = (detectable(past, users, wanted, sequential=sequential) for sequential in (False, True))
    return Duration(days, users, fixed, free, extrapolated=False)


def _totals(events: pd.DataFrame, users: int) -> Arm:
    clicks, exposures = count(events, "click", users), count(events, "exposure", users)
    return arm(clicks[exposures > 0], exposures[exposures > 0])


def recommend(rows: Sequence[Duration], effect: float) -> Duration | None:
    """The shortest length that finds the effect; None when none of them does."""
    return next((row for row in rows if row.detectable <= effect), None)


@dataclass(frozen=True, slots=True)
class ClusterReach:
    """What an experiment finds in one cluster alone, and when all clusters are asked at once (Bonferroni)."""

    cluster: int
    users: int
    rate: float
    detectable: float
    together: float


def by_cluster(events: pd.DataFrame, wanted: Wanted, scale: float) -> tuple[list[ClusterReach], int]:
    """The smallest lift for each cluster over the recommended length.

    Args:
        events: the past, with clusters.
        wanted: effect, levels and shares.
        scale: the smallest lift of the experiment over that of the past's length, both for everybody.

    Returns:
        a row a cluster with clicks enough, and how many have too few.
    """
    found: list[tuple[int, Arm]] = []
    groups = events[events["cluster_id"].notna()].groupby("cluster_id", sort=True)
    for cluster, rows in groups:
        codes, names = pd.factorize(rows["user_id"])
        past = _totals(rows.assign(user=codes), len(names))
        if float(past.total_clicks) >= FEWEST_CLICKS:
            found.append((int(float(str(cluster))), past))
    strict = Wanted(wanted.effect, wanted.alpha / max(1, len(found)), wanted.power, wanted.traffic, wanted.treated)

    def row(cluster: int, past: Arm) -> ClusterReach:
        users = float(past.users) * wanted.traffic
        alone, together = detectable(past, users, wanted), detectable(past, users, strict)
        return ClusterReach(cluster, int(past.users), float(past.ratio), alone * scale, together * scale)

    return [row(cluster, past) for cluster, past in found], len(groups) - len(found)

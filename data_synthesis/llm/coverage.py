"""Which readers an LLM teacher writes for: those whose history decides a lead, then others, so that every selling point
of an ad is planned to lead some of its titles.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from data_synthesis.sampling import DECISIONS
from data_synthesis.teacher import Written


def fill_plan(
    chosen: pd.DataFrame, windows: int, leads: Sequence[Sequence[int]], limit: int, per_window: int, seed: int
) -> pd.DataFrame:
    """Add pairs that no history decides, ads in turn, each leading with the point that is planned least for its ad.

    Args:
        chosen: pairs already decided, in the columns of `DECISIONS`.
        windows: how many histories there are.
        leads: for each ad, the columns of its selling points.
        limit: pairs in all, at most.
        per_window: pairs of one history, at most.
        seed: decides whose turn it is.

    Returns:
        the pairs, ordered by history and ad; an added pair has 0 events.
    """
    planned = [Counter[int]() for _ in leads]
    used: Counter[int] = Counter()
    taken: set[tuple[int, int]] = set()
    for window, ad, lead in zip(chosen["window"], chosen["ad"], chosen["lead"], strict=True):
        planned[ad][lead] += 1
        used[window] += 1
        taken.add((window, ad))
    draw = np.random.default_rng(seed)
    turns = {ad: iter(draw.permutation(windows).tolist()) for ad, points in enumerate(leads) if points}
    added: list[dict[str, int]] = []
    while turns and len(taken) < limit:
        for ad in sorted(turns, key=lambda ad: (planned[ad].total(), ad)):
            window = next((w for w in turns[ad] if used[w] < per_window and (w, ad) not in taken), None)
            if window is None:
                del turns[ad]
                continue
            lead = min(leads[ad], key=lambda point: (planned[ad][point], leads[ad].index(point)))
            planned[ad][lead] += 1
            used[window] += 1
            taken.add((window, ad))
            row: dict[str, int] = dict.fromkeys(DECISIONS, 0)
            added.append(row | {"window": window, "ad": ad, "lead": lead, "second": -1})
            if len(taken) >= limit:
                break
    whole = pd.concat([chosen, pd.DataFrame(added, columns=pd.Index(DECISIONS))]) if added else chosen
    return whole.astype({"window": int, "ad": int, "lead": int}).sort_values(["window", "ad"]).reset_index(drop=True)


@dataclass(frozen=True, slots=True)
class PointCoverage:
    """How often one selling point was to lead its ad's titles, and did.

    Args:
        ad_id: the ad.
        selling_point: the point.
        planned: titles it was planned to lead.
        kept: titles kept that it leads.
    """

    ad_id: str
    selling_point: str
    planned: int
    kept: int


def covered(answers: Iterable[Written]) -> list[PointCoverage]:
    """Coverage of every selling point of every ad that titles were asked for, in the order of the ads."""
    planned: Counter[tuple[str, str]] = Counter()
    kept: Counter[tuple[str, str]] = Counter()
    points: dict[str, tuple[str, ...]] = {}
    for answer in answers:
        ad = answer.task.ad
        points[ad.ad_id] = tuple(dict.fromkeys(ad.selling_points))
        planned[ad.ad_id, answer.task.lead.point] += 1
        if not answer.reason and answer.selling_points:
            kept[ad.ad_id, answer.selling_points[0]] += 1
    return [
        PointCoverage(ad_id, point, planned[ad_id, point], kept[ad_id, point])
        for ad_id in sorted(points)
        for point in points[ad_id]
    ]

"""Which titles are to be written: histories, ads and leading points of both splits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from creator.core.data import Data
from creator.core.progress import say
from creator.core.records import Ad, UserId
from data_synthesis.commands import SynthesizeOptions
from data_synthesis.evidence import Evidence, build_evidence
from data_synthesis.llm.coverage import fill_plan
from data_synthesis.profile import Interests, find_interests
from data_synthesis.rewrite import leading_points
from data_synthesis.sampling import (
    DECISIONS,
    Candidates,
    Decision,
    Window,
    balance,
    decide_leads,
    in_holdout,
    live_windows,
    spread_windows,
)
from data_synthesis.teacher import PointEvidence, Task

WINDOWS_PER_USER = 8


@dataclass(frozen=True)
class Plan:
    """The tasks of one split and where the other pairs went.

    Args:
        tasks: the titles to write.
        windows: the histories weighed.
        dropped: pairs of a history and an ad that became no task, by reason.
    """

    tasks: list[Task]
    windows: int
    dropped: dict[str, int]


def plan(data: Data, options: SynthesizeOptions) -> dict[str, Plan]:
    """Choose the windows, the ads and the leading points of both splits."""
    frame = data.ads_frame
    ads = list(data.ads.values())
    live, trainable = frame["live"].to_numpy(dtype=bool), frame["trainable"].to_numpy(dtype=bool)
    unseen = bool((live & ~trainable).any())
    heldout_ads = [ad for ad, use in zip(ads, live & ~trainable if unseen else live, strict=True) if use]
    train_ads = [ad for ad, use in zip(ads, trainable, strict=True) if use]
    histories = data.histories
    held = (np.ones if unseen else np.zeros)(len(histories.user_ids), dtype=bool)
    if not unseen:
        held = np.asarray([in_holdout(str(user)) for user in histories.user_ids], dtype=bool)
    early = histories.items[histories.timestamps < data.train_until]
    events_by_item = np.bincount(early, minlength=len(histories.item_ids)).astype(np.int64)
    points = [point for ad in train_ads + heldout_ads for point in ad.selling_points]
    say(f"matching {len(set(points)):,} selling points with {len(data.items):,} items")
    evidence = build_evidence(data.items, events_by_item, points)
    interests = find_interests(data.items, events_by_item)
    per_user = options.windows_per_user or (1 if options.teacher == "openai" else WINDOWS_PER_USER)
    shape = (options.history, options.min_history)
    spread = (
        live_windows(histories, data.train_until, *shape)
        if per_user == 1
        else spread_windows(histories, data.train_until, per_user, *shape, options.seed)
    )
    train = [w for w in spread if unseen or not held[w.user]]
    heldout = [w for w in live_windows(histories, data.live_at, options.history, options.min_history) if held[w.user]]
    grounded = options.teacher == "grounded"  # needs a wording for every lead; a chat model finds its own
    may_lead = {
        ad.ad_id: leading_points(ad) if grounded else list(dict.fromkeys(ad.selling_points))
        for ad in train_ads + heldout_ads
    }
    titles = [str(title) for title in data.items["title"]]
    rule = Decision(options.min_events, options.margin)
    made: dict[str, Plan] = {}
    for split, windows, offered, limit in (
        ("train", train, train_ads, options.limit),
        ("heldout", heldout, heldout_ads, options.heldout),
    ):
        say(f"weighing {len(windows):,} histories against {len(offered):,} ads ({split})")
        candidates = decide_leads(evidence, windows, [may_lead[ad.ad_id] for ad in offered], rule)
        chosen = balance(candidates.frame, limit, options.ads_per_window, options.seed)
        left = _left(candidates, chosen)
        if not grounded:
            columns = {point: column for column, point in enumerate(evidence.points)}
            leads = [[columns[point] for point in may_lead[ad.ad_id]] for ad in offered]
            chosen = fill_plan(chosen, len(windows), leads, limit, options.ads_per_window, options.seed)
            left = {"not drawn": len(windows) * len(offered) - len(chosen)}
        tasks = _tasks(chosen, split, windows, offered, histories.user_ids, evidence, interests, titles)
        made[split] = Plan(tasks, len(windows), left)
    return made


def _left(candidates: Candidates, chosen: pd.DataFrame) -> dict[str, int]:
    return {**candidates.dropped, "decided but not drawn": len(candidates.frame) - len(chosen)}


def _tasks(
    chosen: pd.DataFrame,
    split: str,
    windows: Sequence[Window],
    ads: Sequence[Ad],
    user_ids: npt.NDArray[np.object_],
    evidence: Evidence,
    interests: Interests,
    titles: list[str],
) -> list[Task]:
    used = sorted(set(chosen["window"]))
    read = {n: tuple(titles[item] for item in windows[n].items) for n in used}
    profiles = dict(zip(used, interests.profiles([windows[n].items for n in used]), strict=True))
    points = evidence.points
    return [
        Task(
            UserId(str(user_ids[windows[n].user])),
            ads[ad],
            windows[n].as_of,
            split,
            len(windows[n].items),
            profiles[n],
            PointEvidence(points[lead], events, round(score, 2)),
            PointEvidence(points[second], second_events, round(second_score, 2)) if second >= 0 else None,
            read[n],
        )
        for n, ad, lead, events, score, second, second_events, second_score in zip(
            *(chosen[name].tolist() for name in DECISIONS), strict=True
        )
    ]

"""The `synthesize` command: example titles for training, and held-out ones to judge by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from creator.core.artefacts import write_artefact
from creator.core.data import EXAMPLES, Data, open_data, write_table
from creator.core.errors import InputError
from creator.core.progress import say, track
from creator.core.records import Ad, UserId
from data_synthesis.commands import SynthesizeOptions
from data_synthesis.evidence import Evidence, build_evidence
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
from data_synthesis.screen import Screen, findings_json
from data_synthesis.teacher import GroundedTeacher, PointEvidence, Task, Teacher, Written

REJECTED = EXAMPLES.append(pa.field("reason", pa.string()))


@dataclass(frozen=True)
class _Plan:
    """The tasks of one split and where the other pairs went."""

    tasks: list[Task]
    windows: int
    dropped: dict[str, int]


def synthesize(options: SynthesizeOptions) -> dict[str, object]:
    """Run `hllm-creator synthesize`; returns the summary."""
    data = open_data(options.data)
    config = {name: value for name, value in asdict(options).items() if name not in ("data", "out")}
    with write_artefact(options.out, "examples", config=config, inputs={"data": data.artefact}) as draft:
        plans = plan(data, options)
        teacher = GroundedTeacher(Screen(), options.seed, options.wordings)
        tasks = [task for split in plans.values() for task in split.tasks]
        answers = list(teacher.write(track(tasks, "titles", "titles")))
        kept = [answer for answer in answers if not answer.reason]
        rejected = [answer for answer in answers if answer.reason]
        if len(answers) != len(tasks):
            raise RuntimeError(f"{len(tasks)} tasks came back as {len(answers)} answers")
        if not kept:
            pointed = sum(bool(ad.selling_points) for ad in data.ads.values())
            raise InputError(
                "no history decides a title for any ad",
                got=f"{sum(made.windows for made in plans.values()):,} histories; {pointed:,} of {len(data.ads):,} ads "
                "have selling points",
                cure="lower --min-history, --min-events or --margin"
                if pointed
                else "give the ads selling_points: short phrases in the words of the catalogue",
            )
        draft.rows = {
            "examples": write_table(draft.path / "examples.parquet", table(kept, teacher), EXAMPLES),
            "rejected": write_table(draft.path / "rejected.parquet", table(rejected, teacher), REJECTED),
        }
        draft.facts = {**_figures(kept), "funnel": _funnel(plans, answers)}
    for line in _report(draft.facts):
        print(line)
    return {
        "out": str(options.out),
        **draft.rows,
        **{name: value for name, value in draft.facts.items() if name != "funnel"},
    }


def plan(data: Data, options: SynthesizeOptions) -> dict[str, _Plan]:
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
    train = [
        w
        for w in spread_windows(
            histories, data.train_until, options.windows_per_user, options.history, options.min_history, options.seed
        )
        if unseen or not held[w.user]
    ]
    heldout = [w for w in live_windows(histories, data.live_at, options.history, options.min_history) if held[w.user]]
    may_lead = {ad.ad_id: leading_points(ad) for ad in train_ads + heldout_ads}
    rule = Decision(options.min_events, options.margin)
    made: dict[str, _Plan] = {}
    for split, windows, offered, limit in (
        ("train", train, train_ads, options.limit),
        ("heldout", heldout, heldout_ads, options.heldout),
    ):
        say(f"weighing {len(windows):,} histories against {len(offered):,} ads ({split})")
        candidates = decide_leads(evidence, windows, [may_lead[ad.ad_id] for ad in offered], rule)
        chosen = balance(candidates.frame, limit, options.ads_per_window, options.seed)
        tasks = _tasks(chosen, split, windows, offered, histories.user_ids, evidence, interests)
        made[split] = _Plan(tasks, len(windows), _left(candidates, chosen))
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
) -> list[Task]:
    used = sorted(set(chosen["window"]))
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
        )
        for n, ad, lead, events, score, second, second_events, second_score in zip(
            *(chosen[name].tolist() for name in DECISIONS), strict=True
        )
    ]


def table(answers: Iterable[Written], teacher: Teacher) -> pd.DataFrame:
    """Answers as the rows of examples.parquet; rejected.parquet has `reason` besides."""
    rows = [
        {
            "user_id": a.task.user_id,
            "ad_id": a.task.ad.ad_id,
            "as_of": a.task.as_of,
            "split": a.task.split,
            "profile": a.profile,
            "reasoning": list(a.reasoning),
            "title": a.title,
            "selling_points": list(a.selling_points),
            "facts": list(a.facts),
            "verdict": str(a.check.verdict) if a.check else None,
            "findings": findings_json(a.check) if a.check else "[]",
            "teacher": teacher.name,
            "prompt_version": teacher.prompt_version,
            "cost_usd": a.cost_usd,
            "reason": a.reason,
        }
        for a in answers
    ]
    return pd.DataFrame(rows, columns=pd.Index(REJECTED.names))


def _figures(kept: Sequence[Written]) -> dict[str, object]:
    leads: dict[str, set[str]] = {}
    for answer in kept:
        leads.setdefault(answer.task.ad.ad_id, set()).add(answer.task.lead.point)
    words = [len(answer.title.split()) for answer in kept]
    splits = Counter(answer.task.split for answer in kept)
    return {
        "train": splits["train"],
        "heldout": splits["heldout"],
        "users": len({answer.task.user_id for answer in kept}),
        "ads": len(leads),
        "distinct_titles": len({(answer.task.ad.ad_id, answer.title) for answer in kept}),
        "leads_per_ad": round(sum(map(len, leads.values())) / len(leads), 2),
        "share_of_ads_with_two_leads": round(sum(len(found) > 1 for found in leads.values()) / len(leads), 3),
        "mean_words": round(sum(words) / len(words), 1),
        "mean_characters": round(sum(len(answer.title) for answer in kept) / len(kept), 1),
    }


def _funnel(plans: dict[str, _Plan], answers: Sequence[Written]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for split, made in plans.items():
        reasons = Counter(a.reason for a in answers if a.reason and a.task.split == split)
        asked = len(made.tasks)
        found[split] = {
            "histories": made.windows,
            "pairs weighed": asked + sum(made.dropped.values()),
            **{f"not: {reason}": count for reason, count in made.dropped.items() if count},
            "titles asked for": asked,
            **{f"rejected: {reason}": count for reason, count in reasons.most_common()},
            "examples": asked - sum(reasons.values()),
        }
    return found


def _report(facts: dict[str, object]) -> Iterator[str]:
    funnel: dict[str, dict[str, int]] = facts["funnel"]  # pyright: ignore[reportAssignmentType]
    for split, steps in funnel.items():
        yield f"{split}:"
        yield from (f"  {name:<40} {count:>12,}" for name, count in steps.items())
    yield from (f"{name.replace('_', ' '):<42} {value:>12}" for name, value in facts.items() if name != "funnel")

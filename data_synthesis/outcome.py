"""What became of the tasks: the rows of the tables, the figures, the funnel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import pandas as pd
import pyarrow as pa

from creator.core.data import EXAMPLES
from data_synthesis.planning import Plan
from data_synthesis.screen import findings_json
from data_synthesis.teacher import Teacher, Written

REJECTED = EXAMPLES.append(pa.field("reason", pa.string()))


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


def figures(kept: Sequence[Written]) -> dict[str, object]:
    """What the kept titles amount to, for the manifest and the person at the terminal."""
    if not kept:
        return {"train": 0, "heldout": 0}
    leads: dict[str, set[str]] = {}
    for answer in kept:
        leads.setdefault(answer.task.ad.ad_id, set()).add(answer.selling_points[0])
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


def funnel(plans: Mapping[str, Plan], answers: Sequence[Written]) -> dict[str, dict[str, int]]:
    """Where the pairs of a history and an ad went, for each split, from those weighed to the examples."""
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


def told(facts: dict[str, object]) -> Iterator[str]:
    """The figures and the funnel as lines for a person."""
    funnel: dict[str, dict[str, int]] = facts["funnel"]  # pyright: ignore[reportAssignmentType]
    for split, steps in funnel.items():
        yield f"{split}:"
        yield from (f"  {name:<40} {count:>12,}" for name, count in steps.items())
    yield from (f"{name.replace('_', ' '):<42} {value:>12}" for name, value in facts.items() if name != "funnel")

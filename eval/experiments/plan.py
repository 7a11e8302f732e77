"""The command `experiment design`: users, days and the smallest effects, as JSON and as one page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from creator.core.artefacts import Artefact, open_artefact, write_artefact, write_text
from creator.statistics.power import Wanted, binomial_variance, detectable, needed_users
from eval.charts import Line, curve
from eval.experiments.design import Duration, by_cluster, durations, recommend
from eval.experiments.events import read_events
from eval.experiments.options import DesignOptions
from eval.figures import finite
from eval.page import write_page


def design(options: DesignOptions) -> dict[str, object]:
    """Plan an experiment from past events and write the report.

    Raises:
        InputError: the events cannot be used, or hold too few clicks.
        StoreError: the store cannot be read.
    """
    inputs: dict[str, Artefact | Path] = {}
    if options.clusters is not None:
        inputs["clusters"] = open_artefact(options.clusters, "clusters")
    if options.events is not None:
        inputs["events"] = options.events
    events, left_out = read_events(options.events, options.store, options.clusters)
    wanted = Wanted(options.effect, options.alpha, options.power, options.traffic, options.treated)
    rows, past = durations(events, wanted)
    chosen = recommend(rows, options.effect)
    end = chosen or rows[-1]
    clusters, small = by_cluster(
        events, wanted, end.detectable / detectable(past, float(past.users) * options.traffic, wanted)
    )
    plan: dict[str, object] = {
        "of": "design", "effect": options.effect, "alpha": options.alpha, "power": options.power,
        "traffic": options.traffic, "treated": options.treated, "left_out": left_out,
        "past": {"users": int(past.users), "clicks": int(past.total_clicks), "rate": float(past.ratio),
                 "exposures_per_user": float(past.exposures),
                 "variance_over_binomial": float(past.user_variance) / binomial_variance(past)},
        "users": round(needed_users(past, wanted)),
        "users_sequential": round(needed_users(past, wanted, sequential=True)),
        "days": None if chosen is None else chosen.days, "extrapolated": chosen is not None and chosen.extrapolated,
        "end": asdict(end), "durations": [asdict(row) for row in rows], "clusters": [asdict(row) for row in clusters],
        "clusters_too_small": small,
    }  # fmt: skip
    config = {"of": "design", **asdict(wanted)}
    with write_artefact(options.out, "evaluation", config=config, inputs=inputs) as draft:
        write_text(draft.path / "summary.json", json.dumps(finite(plan), indent=1, ensure_ascii=False))
        write_page(draft.path / "report.html", "design.html.jinja", chart=_chart(rows, options.effect), **plan)
        draft.rows = {"users": int(past.users), "left_out": sum(left_out.values())}
        draft.facts = {"users": plan["users"], "days": plan["days"]}
    when = "no length up to a year finds it" if chosen is None else f"{chosen.days} days with those who come"
    note = " (longer than the past: extrapolated)" if plan["extrapolated"] else ""
    print(f"a lift of {options.effect:.1%} at power {options.power:.0%}: {when}{note}")
    print(f"that is {plan['users']:,} users, each watched as long as the past")
    print(f"to be free to look: {plan['users_sequential']:,}")
    return {"out": str(options.out), **{name: plan[name] for name in ("users", "users_sequential", "days")}}


def _chart(rows: Sequence[Duration], effect: float) -> str:
    days = [row.days for row in rows]
    return curve(
        [Line("fixed end, %", "first", days, [100 * row.detectable for row in rows]),
         Line("free to look, %", "second", days, [100 * row.sequential for row in rows]),
         Line("wanted, %", "even", days, [100 * effect for _ in rows])],
        "Smallest lift that is found, in percent, by length in days",
    )  # fmt: skip

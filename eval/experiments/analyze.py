"""The command `experiment analyze`: is it sound, what did it show, as JSON and as one page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from creator.core.artefacts import Artefact, open_artefact, write_artefact, write_text
from creator.core.errors import InputError
from creator.core.progress import say
from eval.charts import Line, curve
from eval.experiments.analysis import Comparison, Levels, Look, by_cluster, by_strata, by_title, looks, overall
from eval.experiments.checks import check, worst
from eval.experiments.events import read_events
from eval.experiments.options import AnalyzeOptions, read_split
from eval.experiments.pictures import Whisker, forest
from eval.experiments.users import Trial, gather
from eval.experiments.weighted import check_drawn, effects, gather_drawn, has_propensities
from eval.figures import finite
from eval.page import write_page

USUAL_CONTROLS = ("control", "original")
ROWS_SHOWN = 40


def analyze(options: AnalyzeOptions) -> dict[str, object]:
    """Analyse one experiment and write the report.

    Raises:
        InputError: the events cannot be used, or do not name the experiment.
        StoreError: the store cannot be read.
    """
    inputs: dict[str, Artefact | Path] = {}
    if options.clusters is not None:
        inputs["clusters"] = open_artefact(options.clusters, "clusters")
    events, left_out = read_events(options.events, options.store, options.clusters)
    if options.events is not None:
        inputs["events"] = options.events
    config = {"of": "experiment", **{name: getattr(options, name) for name in (
        "experiment", "control", "split", "effect", "alpha", "planned_users", "delivery")}}  # fmt: skip
    levels = Levels.of(options.alpha, options.effect)
    platform = options.delivery == "platform"
    if has_propensities(events, options.experiment):
        drawn = gather_drawn(events, options.experiment)
        control, shares = _arms(sorted(set(drawn.shown["variation"])), options)
        checks = check_drawn(drawn, list(shares), platform=platform)
        shown = [] if worst(checks) == "refused" else effects(drawn, control, list(shares), levels)
        users = drawn.users
    else:
        trial = gather(events, options.experiment)
        control, shares = _arms(sorted(set(trial.users["variation"])), options)
        checks = check(trial, shares, platform=platform, planned_users=options.planned_users)
        treatments = [] if worst(checks) == "refused" else [name for name in shares if name != control]
        shown = [_of(trial, control, name, levels) for name in treatments]
        users = len(trial.users)
    verdict = worst(checks)
    with write_artefact(options.out, "evaluation", config=config, inputs=inputs) as draft:
        content: dict[str, object] = {
            "of": "experiment", "experiment": options.experiment, "verdict": verdict, "control": control,
            "alpha": options.alpha, "left_out": left_out, "checks": [asdict(one) for one in checks], "effects": shown,
        }  # fmt: skip
        write_text(draft.path / "summary.json", _as_json(content))
        pictures = [_pictures(found) for found in shown]
        write_page(draft.path / "report.html", "experiment.html.jinja", **content, pictures=pictures, rows=ROWS_SHOWN)
        draft.rows = {"users": users, "events": len(events), "left_out": sum(left_out.values())}
        draft.facts = {"verdict": verdict}
    for one in checks:
        if one.level != "sound":
            say(f"{one.level}: {one.text}")
    for found in shown:
        _print(found)
    first = asdict(_best(shown[0])) if shown else {}
    names = ("lift", "low", "high", "p", "always_low", "always_high", "always_p")
    return {"out": str(options.out), "verdict": verdict, "users": users, **{n: first.get(n) for n in names}}


def _as_json(content: dict[str, object]) -> str:
    plain = json.loads(json.dumps(content, default=asdict))
    return json.dumps(finite(plain), indent=1, ensure_ascii=False, allow_nan=False)


def _arms(seen: Sequence[str], options: AnalyzeOptions) -> tuple[str, dict[str, float]]:
    shares = read_split(options.split) or dict.fromkeys(seen, 1 / max(1, len(seen)))
    control = options.control or next((name for name in USUAL_CONTROLS if name in shares), None)
    if control not in shares:
        raise InputError("which variation is the control?", got=control, expected=f"one of {', '.join(shares)}",
                         cure="--control NAME")  # fmt: skip
    if len(shares) < 2:
        raise InputError("the experiment has one variation alone", got=", ".join(shares), expected="two or more",
                         cure="--split NAME=SHARE NAME=SHARE, if the other one lost all its users")  # fmt: skip
    return control, shares


def _of(trial: Trial, control: str, treatment: str, levels: Levels) -> dict[str, object]:
    plain, better, gone = overall(trial, control, treatment, levels)
    clusters, small_clusters = by_cluster(trial, control, treatment, levels)
    titles, small_titles = by_title(trial, control, treatment, levels)
    return {"treatment": treatment, "plain": plain, "adjusted": better, "variance_removed": gone,
            "stratified": by_strata(trial, control, treatment, levels), "unweighted": None,
            "looks": looks(trial, control, treatment, levels), "clusters": clusters, "titles": titles,
            "too_small": {"clusters": small_clusters, "titles": small_titles}}  # fmt: skip


def _best(found: dict[str, object]) -> Comparison:
    best = found["adjusted"] or found["plain"]
    assert isinstance(best, Comparison)
    return best


def _pictures(found: dict[str, object]) -> dict[str, str]:
    path: Sequence[Look] = found["looks"]  # pyright: ignore[reportAssignmentType]
    days = [look.day for look in path]
    lines = [Line("lift, %", "first", days, [100 * look.lift for look in path])]
    for name in ("always_low", "always_high"):
        lines.append(Line(f"sequential interval, {name[7:]}", "second", days, [100 * getattr(k, name) for k in path]))
    for name in ("low", "high"):
        lines.append(Line(f"fixed interval, {name}", "even", days, [100 * getattr(look, name) for look in path]))
    made = {"looks": curve(lines, "Lift in percent and its intervals after each day") if len(path) > 1 else ""}
    for kind in ("clusters", "titles"):
        rows: Sequence[Comparison] = found[kind]  # pyright: ignore[reportAssignmentType]
        marks = [Whisker(r.name, r.lift, *(r.simultaneous or (r.low, r.high))) for r in rows[:ROWS_SHOWN]]
        made[kind] = forest(marks, f"Lift of each of the {kind} with simultaneous intervals")
    return made


def _print(found: dict[str, object]) -> None:
    best = _best(found)
    print(f"{best.treatment}: lift {best.lift:+.2%} ({best.method})")
    print(f"  looking once: {best.low:+.2%} to {best.high:+.2%}, p = {best.p:.4f}")
    print(f"  looking often: {best.always_low:+.2%} to {best.always_high:+.2%}, p = {best.always_p:.4f}")

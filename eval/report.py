"""The command `report`: one page on a whole run, its summary, and what to try next."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict
from urllib.parse import urlencode

from creator.core.artefacts import write_text
from eval.figures import Figure, write_summary
from eval.funnel import Funnel, funnel
from eval.matching import Bin
from eval.matching_report import chart_of
from eval.options import ReportOptions
from eval.page import render
from eval.report_parts import (
    AdBlock,
    ClusterCard,
    Household,
    Told,
    ad_blocks,
    audit_figure,
    cluster_cards,
    live_ads,
    someone,
    stage_rows,
    token_figure,
    training_curves,
    users_picture,
)
from eval.run_folder import RunFolder, open_run

SHOWN_IN_TERMINAL = 12
HEADLINES = (
    "conditioning",
    "own_cluster_preference",
    "distinct_titles",
    "distinct_leads",
    "matching_auc",
    "matching_auc_baseline",
    "audit_passed",
    "prompt_tokens_computed_share",
)
"""The figures that stand first, large; the others follow in a table."""


def report(options: ReportOptions) -> dict[str, object]:
    """Write RUN/report.html and RUN/summary.json from whatever the run has finished, and print the essentials."""
    run = open_run(options.run)
    blocks, counted = ad_blocks(run), funnel(run)
    cards, stages = cluster_cards(run, blocks), stage_rows(run)
    figures, asked = all_figures(run, counted), someone(run, blocks)
    page = render(
        "report.html.jinja",
        **about(run),
        **matching_part(run),
        headlines=headlines(figures),
        all_true=any(figure.key == "audit_passed" and figure.value == 1.0 for figure in figures),
        others=[figure for figure in figures if figure.key not in HEADLINES],
        funnel=counted,
        blocks=blocks,
        told=sum(len(told.clusters) for block in blocks for told in block.titles),
        cards=cards,
        names={card.cluster_id: card.name for card in cards},
        users_map=users_picture(run),
        curves=training_curves(run),
        stages=stages,
        commands=service_lines(run, asked),
        asked=asked,
    )
    write_text(run.path / "report.html", page)
    details = {
        "funnel": counted.record(),
        "clusters": len(cards),
        "ads_with_titles": len(blocks),
        "stages": [asdict(stage) for stage in stages],
        "audit": run.document("audit", "summary.json"),
    }
    write_summary(run.path / "summary.json", figures, details)
    _show(run, blocks, cards, figures, counted, asked)
    counts = {step.name: step.count for step in counted.steps}
    return {"report": str(run.path / "report.html"), **counts, **{figure.key: figure.value for figure in figures}}


def about(run: RunFolder) -> dict[str, object]:
    """What the head of the page says of the run."""
    data = run.data()
    facts = data.artefact.facts if data is not None else {}
    return {
        "name": run.path.resolve().name,
        "source": str(facts.get("source", "")),
        "users": facts.get("users", 0),
        "live_ads": live_ads(data),
        "created": max(int(str(a.manifest.get("created_unix_s") or 0)) for a in run.artefacts.values()),
        "lengths": (run.document("evaluation_titles", "summary.json") or {}).get("lengths", {}),
    }


def matching_part(run: RunFolder) -> dict[str, object]:
    """The table of campaigns and the calibration, from the matching evaluation."""
    found = run.document("evaluation_matching", "summary.json") or {}
    bins = [Bin(**entry) for entry in found.get("calibration", [])]
    return {
        "campaigns": found.get("campaigns", []),
        "note": found.get("note", ""),
        "bins": bins,
        "chart": chart_of(bins),
    }


def all_figures(run: RunFolder, counted: Funnel) -> list[Figure]:
    """Every figure of the run's evaluations, the audit's and the prefix cache's."""
    own = (audit_figure(run), token_figure(counted.prompt_tokens))
    evaluated = [*run.figures("evaluation_titles"), *run.figures("evaluation_matching")]
    return [*evaluated, *(figure for figure in own if figure is not None)]


def headlines(figures: Sequence[Figure]) -> list[Figure]:
    """The figures that stand first, in their order."""
    by_key = {figure.key: figure for figure in figures}
    return [by_key[key] for key in HEADLINES if key in by_key]


def service_lines(run: RunFolder, asked: Household | None) -> list[str]:
    """The commands that start the service and ask it for a title."""
    if run.release() is None:
        return []
    lines = [f".venv/bin/hllm-creator serve --store {shlex.quote(f'sqlite:///{run.path}/store.db')}"]
    if asked is not None:
        query = urlencode({"user_id": asked.user_id, "ad_id": asked.ad_id})
        lines.append(f"curl {shlex.quote(f'http://127.0.0.1:8080/v1/title?{query}')}")
    return lines


def examples_to_print(blocks: Sequence[AdBlock]) -> list[tuple[AdBlock, Told]]:
    """A dozen titles that show the spread: two different ones of an ad where there are two."""
    several = [block for block in blocks if len(block.titles) >= 2]
    chosen = several or list(blocks)
    wanted = SHOWN_IN_TERMINAL // 2 if several else SHOWN_IN_TERMINAL
    step = max(1, len(chosen) // wanted)
    return [(block, told) for block in chosen[::step][:wanted] for told in block.titles[:2]]


def _show(
    run: RunFolder,
    blocks: Sequence[AdBlock],
    cards: Sequence[ClusterCard],
    figures: Sequence[Figure],
    counted: Funnel,
    asked: Household | None,
) -> None:
    names = {card.cluster_id: card.name for card in cards}
    last = ""
    for block, told in examples_to_print(blocks):
        if block.ad_id != last:
            print(f"\n{block.original}    [{block.ad_id}]")
            last = block.ad_id
        group = f"{told.clusters[0]} {names.get(told.clusters[0], '')}".strip()
        print(f"  {group:<30.30}  {told.title}")
    if counted.steps:
        print("\n" + " → ".join(f"{step.name} {step.count:,}" for step in counted.steps))
    for reason, count in counted.rejected[:6]:
        print(f"  rejected {count:>7,}  {reason}")
    if figures:
        print()
    for figure in figures:
        span = f"  ({figure.interval})" if figure.interval else ""
        goal = f"  goal {figure.written(figure.goal)}" if figure.goal is not None else ""
        print(f"{figure.label:<34}{figure.written(figure.value):>8}{span}{goal}")
    print(f"\nreport: {run.path / 'report.html'}")
    if lines := service_lines(run, asked):
        print("serve the titles, then ask for one of a real user:")
        print("\n".join(f"  {line}" for line in lines))

"""What `evaluate ranking` shows: figures, the picture, the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from eval.charts import ticks
from eval.figures import Figure
from eval.ranking_metrics import Measure, Scores

REFERENCE = "hllm"
HELD_OUT = "Each user's latest purchases after training ended; ranked among all products."
WIDTH, ROW, LEFT, RIGHT, FOOT = 560, 26, 170, 16, 24
PARTS = {"all": "all targets", "seen": "products seen in training", "cold": "cold products, whole catalogue",
         "cold apart": "cold products, among cold ones"}  # fmt: skip


def figures_of(scores: Sequence[Scores], facts: Mapping[str, object]) -> list[Figure]:
    """HLLM's NDCG@10, its lead over each other model, and how it does where nothing was ever bought."""
    own = next((found for found in scores if found.model == REFERENCE), None)
    if own is None:
        return []
    others = [found for found in scores if not found.model.startswith(REFERENCE)]
    best = max((found.measures["all"]["ndcg@10"].value or 0.0 for found in others), default=None)
    whole, cold = own.measures["all"]["ndcg@10"], own.measures["cold apart"]["recall@10"]
    figures = [
        Figure("ranking_ndcg10", "NDCG@10 of HLLM", whole.value, own.n["all"], "targets",
               "How high the product that was bought stands among the first ten, the mean over targets.", HELD_OUT,
               whole.low, whole.high, goal=best),
    ]  # fmt: skip
    for found in others:
        lead = found.lead["all"] or Measure(None, None, None)
        figures.append(
            Figure(f"ranking_lead_{found.model}", f"HLLM above {found.model}", lead.value, found.n["all"], "targets",
                   f"NDCG@10 of HLLM minus that of {found.model}, on the same resamples of users.", HELD_OUT, lead.low,
                   lead.high, goal=0.0, style="number")
        )  # fmt: skip
    chance = facts["chance_cold_apart@10"]
    figures.append(
        Figure("ranking_cold_recall10", "Cold Recall@10 of HLLM", cold.value, own.n["cold"], "targets",
               "Share of products without any event in training that stand among the first ten of all such products.",
               HELD_OUT, cold.low, cold.high, chance=chance if isinstance(chance, float) else None)
    )  # fmt: skip
    return figures


def chart(scores: Sequence[Scores]) -> str:
    """NDCG@10 of every model with its interval, as SVG."""
    rows = [(found.model, found.measures["all"]["ndcg@10"]) for found in scores]
    high = max((m.high or m.value or 0.0 for _, m in rows), default=0.0) or 1.0
    height = ROW * len(rows) + FOOT

    def across(value: float) -> str:
        return f"{LEFT + value / high * (WIDTH - LEFT - RIGHT):.1f}"

    parts: list[str] = [
        f'<line class="grid" x1="{across(tick)}" x2="{across(tick)}" y1="4" y2="{height - FOOT}"/>'
        f'<text x="{across(tick)}" y="{height - 8}" text-anchor="middle">{100 * tick:g}%</text>'
        for tick in ticks(0.0, high)
    ]
    for n, (name, found) in enumerate(rows):
        y = f"{ROW * (n + 0.5):.1f}"
        parts.append(f'<text x="{LEFT - 10}" y="{y}" dy="0.32em" text-anchor="end">{escape(name)}</text>')
        if found.low is not None and found.high is not None:
            parts.append(
                f'<line class="whisker" x1="{across(found.low)}" x2="{across(found.high)}" y1="{y}" y2="{y}"/>'
            )
        if found.value is not None:
            parts.append(f'<circle class="dot" cx="{across(found.value)}" cy="{y}" r="4"/>')
    inside = "".join(parts)
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="NDCG@10 of every model">{inside}</svg>'


def draw(folder: Path, scores: Sequence[Scores]) -> None:
    """ranking.png: NDCG@10 of every model, on all targets and on products seen in training."""
    from matplotlib.figure import Figure as Picture

    picture = Picture(figsize=(7, 0.5 * len(scores) + 1.4), dpi=150, layout="constrained")
    axes = picture.subplots()
    for shift, (part, colour) in zip((-0.12, 0.12), (("all", "#1f5f6b"), ("seen", "#c2571a")), strict=True):
        kept = [(n, found.measures[part]["ndcg@10"]) for n, found in enumerate(scores)]
        drawn = [(n, m.value, m.low, m.high) for n, m in kept if m.value is not None]
        spans = [[v - (v if low is None else low) for _, v, low, _ in drawn],
                 [(v if high is None else high) - v for _, v, _, high in drawn]]  # fmt: skip
        axes.errorbar([v for _, v, _, _ in drawn], [n + shift for n, *_ in drawn], xerr=spans, fmt="o", color=colour,
                      capsize=2, label=PARTS[part])  # fmt: skip
    axes.set(yticks=range(len(scores)), yticklabels=[found.model for found in scores], xlabel="NDCG@10", xlim=(0, None))
    axes.invert_yaxis()
    axes.legend(fontsize=8, loc="best")
    picture.savefig(folder / "ranking.png", metadata={"Software": None})


def show(scores: Sequence[Scores], facts: Mapping[str, object]) -> None:
    """Print the table, one part after another."""
    print(f"{facts['targets']:,} targets, {facts['cold_targets']:,} of them cold; {facts['products']:,} products")
    for part, title in PARTS.items():
        n = scores[0].n[part]
        if not n:
            continue
        print(f"\n{title} ({n:,})\n{'':<26}{'NDCG@10':<24}{'@50':>7}{'@200':>7}{'Recall@10':>11}{'@50':>7}{'@200':>7}"
              + (f"{'coverage@10':>13}{'seconds':>9}" if part == "all" else ""))  # fmt: skip
        for found in scores:
            of = found.measures[part]
            rest = [_plain(of[name]) for name in ("ndcg@50", "ndcg@200", "recall@10", "recall@50", "recall@200")]
            numbers = "".join(f"{value:>{width}}" for value, width in zip(rest, (7, 7, 11, 7, 7), strict=True))
            tail = f"{found.coverage['coverage@10']:>13.1%}{found.took_s:>9,.0f}" if part == "all" else ""
            print(f"{found.model:<26.25}{_span(of['ndcg@10']):<24}{numbers}{tail}")


def _plain(found: Measure) -> str:
    return "–" if found.value is None else f"{found.value:.2%}"


def _span(found: Measure) -> str:
    return _plain(found) + ("" if found.low is None or found.high is None else f" ({found.low:.2%}–{found.high:.2%})")

"""The command `evaluate matching`: figures, table, calibration, page and picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from creator.core.artefacts import Artefact, open_artefact, write_artefact
from creator.core.data import Data, open_data
from creator.core.progress import say
from eval.auc import Area
from eval.charts import Mark, calibration_chart
from eval.figures import write_summary
from eval.heldout import HeldOut, held_out_impressions, past_purchases
from eval.inputs import Floats, item_vectors
from eval.matching import Bin, Row, calibration, compare, match_scores, matching_figures
from eval.options import MatchingOptions
from eval.page import write_page


def evaluate_matching(options: MatchingOptions) -> dict[str, object]:
    """Compare the match head with the purchase count on held-out impressions, and write the report."""
    data = open_data(options.data, "items", "events", "ads_frame", "impressions")
    inputs: dict[str, Artefact | Path] = {"data": data.artefact}
    if options.model is not None:
        inputs["model"] = open_artefact(options.model, "model")
    if options.embeddings is not None:
        inputs["embeddings"] = open_artefact(options.embeddings, "embeddings")
    config = {"of": "matching", "resamples": options.resamples, "seed": options.seed}
    with write_artefact(options.out, "evaluation", config=config, inputs=inputs) as draft:
        held = held_out_impressions(data)
        say(f"{len(held):,} impressions of {len(np.unique(held.ads)):,} held-out ads")
        rows, bins = _measure(options, data, held)
        figures = matching_figures(rows, len(held)) if rows else []
        table = [_flat(row) for row in rows]
        _draw(draft.path, bins)
        write_summary(draft.path / "summary.json", figures, {
            "of": "matching", "campaigns": table, "calibration": [asdict(b) for b in bins],
            "left_out": {"impressions of users without any event": held.without_history},
            "note": "" if rows else _why_nothing(data, held)})  # fmt: skip
        write_page(draft.path / "report.html", "matching.html.jinja", figures=figures, campaigns=table,
                   note="" if rows else _why_nothing(data, held), bins=bins, chart=chart_of(bins))  # fmt: skip
        draft.rows = {"impressions": len(held), "left_out": held.without_history}
        draft.facts = {figure.key: figure.value for figure in figures}
    _show(rows, "" if rows else _why_nothing(data, held))
    return {"out": str(options.out), "impressions": len(held), **{figure.key: figure.value for figure in figures}}


def chart_of(bins: Sequence[Bin]) -> str:
    """The calibration picture as SVG, or ""."""
    marks = [Mark(b.predicted, b.observed, b.low, b.high, _said(b)) for b in bins]
    return calibration_chart(marks, "Match probability against the share of impressions that were clicked")


def _said(found: Bin) -> str:
    return f"{found.n:,} impressions: {found.predicted:.2%} predicted, {found.observed:.2%} clicked"


def _measure(options: MatchingOptions, data: Data, held: HeldOut) -> tuple[list[Row], list[Bin]]:
    if not len(held) or held.clicked.all() or not held.clicked.any():
        return [], []
    plain = np.log1p(past_purchases(data, held).astype(np.float64))
    scores = None
    if options.model is not None:
        from creator.models.checkpoint import load_model

        items: Floats | None = None
        if options.embeddings is not None:
            items = item_vectors(open_artefact(options.embeddings, "embeddings"), data)
        model = load_model(options.model)
        scores = match_scores(model, data, held, history=model.config.history, items=items)
    rows = compare(held, plain, scores, resample_count=options.resamples, seed=options.seed)
    return rows, calibration(scores, held.clicked) if scores is not None else []


def _why_nothing(data: Data, held: HeldOut) -> str:
    if not len(data.impressions):
        return "Nothing to measure: DATA has no impressions."
    if not len(held):
        return "Nothing to measure: every ad with impressions was running while the model could train."
    return "Nothing to measure: the held-out impressions were all clicked, or none was."


def _flat(row: Row) -> dict[str, object]:
    def area(name: str, found: Area | None) -> dict[str, object]:
        if found is None:
            return {name: None, f"{name}_low": None, f"{name}_high": None}
        return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}

    return {"campaign": row.campaign, "impressions": row.impressions, "clicks": row.clicks, "users": row.users,
            "ads": row.ads, **area("model", row.model), **area("baseline", row.baseline), "gain": row.gain[0],
            "gain_low": row.gain[1], "gain_high": row.gain[2]}  # fmt: skip


def _draw(folder: Path, bins: Sequence[Bin]) -> None:
    """calibration.png, for documents that cannot take SVG."""
    if not bins:
        return
    from matplotlib.figure import Figure as Picture

    picture = Picture(figsize=(5, 4), dpi=150, layout="constrained")
    axes = picture.subplots()
    floor = min([b.predicted for b in bins if b.predicted > 0] + [b.observed for b in bins if b.observed > 0])
    across, up = [max(b.predicted, floor) for b in bins], [max(b.observed, floor) for b in bins]
    spans = [[u - max(b.low, floor / 3) for u, b in zip(up, bins, strict=True)],
             [max(b.high - u, 0.0) for u, b in zip(up, bins, strict=True)]]  # fmt: skip
    axes.plot([floor, max(across + up)], [floor, max(across + up)], color="0.6", linewidth=1, linestyle="--")
    axes.errorbar(across, up, yerr=[[max(s, 0.0) for s in spans[0]], spans[1]], fmt="o", color="#1f5f6b", capsize=2)
    axes.set(xscale="log", yscale="log", xlabel="match probability", ylabel="share clicked", title="Calibration")
    picture.savefig(folder / "calibration.png", metadata={"Software": None})


def _show(rows: Sequence[Row], note: str) -> None:
    if note:
        print(note)
        return
    print(f"{'campaign':<16}{'impressions':>12}{'clicks':>8}{'users':>7}{'ads':>6}   {'match head':<22}purchase count")
    for row in rows:
        print(f"{row.campaign:<16.15}{row.impressions:>12,}{row.clicks:>8,}{row.users:>7,}{row.ads:>6,}   "
              f"{_written(row.model):<22}{_written(row.baseline)}")  # fmt: skip


def _written(found: Area | None) -> str:
    if found is None or found.value is None:
        return "–"
    span = f" ({found.low:.3f}–{found.high:.3f})" if found.low is not None and found.high is not None else ""
    return f"{found.value:.3f}{span}"

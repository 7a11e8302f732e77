"""What `evaluate ablations` shows: the table and its picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from eval.figures import Figure

COLUMNS = {
    "conditioning": "conditioning",
    "perplexity_own": "perplexity, own user",
    "perplexity_mean": "perplexity, mean user",
    "reconstruction_own": "profile regained",
    "reconstruction_gain": "above the mean user",
    "matching_auc": "matching AUC",
}
"""The figures that are shown, by key."""

Rows = Sequence[tuple[str, Mapping[str, Figure]]]


def draw(folder: Path, rows: Rows) -> None:
    """ablations.png: conditioning and the share of the profile regained, with intervals."""
    from matplotlib.figure import Figure as Picture

    picture = Picture(figsize=(9, 0.45 * len(rows) + 1.2), dpi=150, layout="constrained")
    panels = picture.subplots(1, 2, sharey=True)
    for axes, key, colour in zip(panels, ("conditioning", "reconstruction_own"), ("#1f5f6b", "#c2571a"), strict=True):
        kept = [(n, figures[key]) for n, (_, figures) in enumerate(rows) if key in figures]
        for n, figure in kept:
            if figure.value is None:
                continue
            low = figure.value if figure.low is None else figure.low
            high = figure.value if figure.high is None else figure.high
            axes.errorbar([figure.value], [n], xerr=[[max(0.0, figure.value - low)], [max(0.0, high - figure.value)]],
                          fmt="o", color=colour, capsize=2)  # fmt: skip
        axes.set(xlabel=COLUMNS[key], yticks=range(len(rows)), yticklabels=[label for label, _ in rows])
    panels[0].axvline(0.5, color="0.6", linestyle="--", linewidth=1)
    panels[0].invert_yaxis()
    picture.savefig(folder / "ablations.png", metadata={"Software": None})


def show(rows: Sequence[tuple[str, Mapping[str, Figure], float]]) -> None:
    """Print the table."""
    print(f"{'':<38}" + "".join(f"{title:>24}" for title in COLUMNS.values()) + f"{'seconds':>9}")
    for label, figures, took_s in rows:
        cells = [_cell(figures.get(key)) for key in COLUMNS]
        print(f"{label:<38}" + "".join(f"{cell:>24}" for cell in cells) + (f"{took_s:>9,.0f}" if took_s else ""))


def _cell(figure: Figure | None) -> str:
    if figure is None or figure.value is None:
        return "–"
    return figure.written(figure.value) + (f" ({figure.interval})" if figure.interval else "")

"""Training curves as a picture."""

from __future__ import annotations

import json
from pathlib import Path

HISTORIES = {"history_drills.jsonl": "drills", "history_users.jsonl": "users", "history.jsonl": ""}
"""The logs of a MODEL folder by what was trained, in order."""
SHOWN = ("creative", "reconstruction", "alignment", "matching", "choice", "next_item", "acts", "clicks", "early")


def read_history(path: Path) -> list[dict[str, float]]:
    """The logged steps, in order; empty when nothing was trained."""
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def draw_curves(folder: Path) -> None:
    """Draw curves.png in a MODEL folder: each loss over the steps of each phase, training and validation in one panel;
    nothing when nothing was trained."""
    phases = [(phase, read_history(folder / name)) for name, phase in HISTORIES.items()]
    panels = [(phase, name, rows) for phase, rows in phases for name in SHOWN if any(name in row for row in rows)]
    if not panels:
        return
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.6 * len(panels), 3.0), layout="constrained")
    for n, (phase, name, rows) in enumerate(panels, start=1):
        axes = figure.add_subplot(1, len(panels), n)
        for key, label, alpha, marker in ((name, "training", 0.7, ""), (f"valid_{name}", "validation", 1.0, "o")):
            points = [(row["step"], row[key]) for row in rows if key in row]
            if points:
                steps, values = zip(*points, strict=True)
                axes.plot(steps, values, label=label, linewidth=1.2, alpha=alpha, marker=marker, markersize=3)
        axes.set_title(f"{phase}: {name}" if phase else name)
        axes.set_xlabel("step")
        axes.grid(alpha=0.2)
        axes.legend(frameon=False, fontsize=8)
    figure.savefig(folder / "curves.png", dpi=110)

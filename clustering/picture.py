"""The 2-D picture of where users lie, and the chart of the clusters' sizes, as inline SVG and PNG."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from matplotlib.figure import Figure

from clustering.guardrails import ORIGINAL
from clustering.vectors import Floats, Integers

POINTS = 5_000
LEAST_POINTS = 50
"""Fewer users than this do not span the plane alone; the centroids join them."""


@dataclass(frozen=True, slots=True)
class Points:
    """A sample of users on the two directions in which users differ most. No ids.

    Args:
        xy: [N, 2].
        cluster_id: [N], or -1.
        centroids: [K, 2], the centroids on the same plane.
        explained: share of all users' variance along each of the two directions.
    """

    xy: Floats
    cluster_id: Integers
    centroids: Floats
    explained: tuple[float, float]

    def record(self) -> dict[str, object]:
        """What points.json holds."""
        return {
            "x": self.xy[:, 0].round(5).tolist(),
            "y": self.xy[:, 1].round(5).tolist(),
            "cluster_id": self.cluster_id.tolist(),
            "centroids": self.centroids.round(5).tolist(),
            "explained_variance": list(self.explained),
        }


def project(rows: Floats, cluster_id: Integers, centroids: Floats, *, seed: int) -> Points:
    """Principal components of a seeded sample of users; the same input gives the same picture, signs included.

    Args:
        rows: [B, D].
        cluster_id: [B], or -1.
        centroids: [K, D].
        seed: of the sample, where there are more than POINTS users.
    """
    chosen = np.arange(len(rows))
    if len(chosen) > POINTS:
        chosen = np.sort(np.random.default_rng(seed).choice(len(chosen), POINTS, replace=False))
    sample = np.asarray(rows[chosen], dtype=np.float64)
    spread = sample if len(sample) >= LEAST_POINTS else np.concatenate([sample, centroids])
    middle = spread.mean(axis=0)
    _, strengths, axes = np.linalg.svd(spread - middle, full_matrices=False)
    plane = np.zeros((2, rows.shape[1]))
    plane[: min(2, len(axes))] = axes[:2]
    plane *= np.where(plane[np.arange(2), np.abs(plane).argmax(axis=1)] < 0, -1, 1)[:, None]
    total = float((strengths**2).sum())
    explained = [float(s**2) / total if total else 0.0 for s in strengths[:2]] + [0.0, 0.0]
    return Points(
        ((sample - middle) @ plane.T).astype(np.float32),
        cluster_id[chosen],
        ((centroids - middle) @ plane.T).astype(np.float32),
        (explained[0], explained[1]),
    )


def draw_points(points: Points) -> str:
    """The picture as a data URI of a PNG: users coloured by cluster, centroids numbered."""
    figure = Figure(figsize=(7.5, 5.5), dpi=110, layout="constrained")
    axes = figure.subplots()
    outside = points.cluster_id == ORIGINAL
    axes.scatter(*points.xy[outside].T, s=8, c="#bbbbbb", linewidths=0)
    axes.scatter(
        *points.xy[~outside].T, s=8, c=points.cluster_id[~outside] % 20, cmap="tab20", vmin=0, vmax=19, linewidths=0
    )
    numbers = np.unique(points.cluster_id[~outside])
    axes.scatter(*points.centroids[numbers].T, alpha=0)  # the axes reach to the numbers, too
    for number in numbers.tolist():
        x, y = points.centroids[number]
        axes.text(
            x,
            y,
            str(number),
            ha="center",
            va="center",
            fontsize=9,
            fontweight="bold",
            bbox={"boxstyle": "circle,pad=0.15", "facecolor": "white", "alpha": 0.8, "linewidth": 0.5},
        )
    axes.set_xlabel(f"first direction ({points.explained[0]:.0%} of the variance)")
    axes.set_ylabel(f"second direction ({points.explained[1]:.0%})")
    return _uri(figure)


def draw_sizes(sizes: Integers) -> str:
    """A bar for each cluster's number of users, as a data URI of a PNG."""
    figure = Figure(figsize=(7.5, 2.6), dpi=110, layout="constrained")
    axes = figure.subplots()
    axes.bar(np.arange(len(sizes)), sizes, color=[f"C{k % 10}" for k in range(len(sizes))])
    axes.set_xlabel("cluster")
    axes.set_ylabel("users")
    axes.set_xlim(-0.6, len(sizes) - 0.4)
    return _uri(figure)


def _uri(figure: Figure) -> str:
    stream = BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()

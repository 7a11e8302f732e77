"""K-means side by side: ours, faiss's defaults, scikit-learn's MiniBatchKMeans and, if asked for, its KMeans.

    python bench/kmeans.py --rows 50000 --width 64 -k 64
    python bench/kmeans.py --rows 1000000 --width 576 -k 256 --methods ours faiss minibatch kmeans

One process, the same rows, one after the other, for each seed. Time is that of the centroids alone, as wall and as CPU
seconds; the inertia is summed over all rows by one routine for everybody. Two kinds of rows: "groups", Zipf-sized and
four times as many as clusters, and "plane", no groups at all, a 16-dimensional cloud with noise. KMeans on a million
rows takes the better part of an hour to its end: `--kmeans-iterations 10` bounds it, and the table says so.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import faiss
import numpy as np
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.exceptions import ConvergenceWarning

from clustering.kmeans import default_iterations, default_restarts, fit, useful_rows
from clustering.vectors import Floats, blocks, draw_rows


@dataclass(frozen=True, slots=True)
class Measured:
    """One fit of one method."""

    wall_s: float
    cpu_s: float
    inertia: float


def make_rows(kind: str, count: int, width: int, k: int, seed: int) -> Floats:
    """Rows [count, width] float32 of the kind."""
    draw = np.random.default_rng(seed)
    rows = np.empty((count, width), np.float32)
    groups = 4 * k
    middles = draw.normal(size=(groups, width)).astype(np.float32)
    sizes = 1 / np.arange(1, groups + 1)
    axes = draw.normal(size=(16, width)).astype(np.float32)
    for part in blocks(count, width):
        n = part.stop - part.start
        noise = draw.standard_normal((n, width), dtype=np.float32)
        if kind == "groups":
            rows[part] = middles[draw.choice(groups, size=n, p=sizes / sizes.sum())] + 0.7 * noise
        else:
            rows[part] = draw.standard_normal((n, 16), dtype=np.float32) @ axes + 0.3 * noise
    return rows


def fit_ours(rows: Floats, k: int, seed: int) -> Floats:
    """What the command `cluster` does with its defaults."""
    sample = draw_rows(rows, min(262_144, useful_rows(k)), seed)
    settings = {"restarts": default_restarts(k), "iterations": default_iterations(len(sample))}
    return fit(sample, k, metric="euclidean", seed=seed, **settings).centroids


def fit_faiss(rows: Floats, k: int, seed: int) -> Floats:
    """faiss.Kmeans as it comes: random seeds, 25 iterations, 256 rows for each cluster."""
    means = faiss.Kmeans(rows.shape[1], k, seed=seed + 1)
    means.train(rows)
    return means.centroids


def fit_minibatch(rows: Floats, k: int, seed: int) -> Floats:
    """MiniBatchKMeans as it comes, without the labels of all rows."""
    return MiniBatchKMeans(k, random_state=seed, compute_labels=False).fit(rows).cluster_centers_


def fit_kmeans(rows: Floats, k: int, seed: int, iterations: int = 300) -> Floats:
    """KMeans as it comes, or bounded in its iterations."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # that it was bounded is said in the table
        return KMeans(k, random_state=seed, max_iter=iterations, copy_x=False).fit(rows).cluster_centers_


METHODS: dict[str, tuple[str, Callable[[Floats, int, int], Floats]]] = {
    "ours": ("ours", fit_ours),
    "faiss": ("faiss.Kmeans, defaults", fit_faiss),
    "minibatch": ("scikit-learn MiniBatchKMeans", fit_minibatch),
    "kmeans": ("scikit-learn KMeans", fit_kmeans),
}


def inertia_of(rows: Floats, centroids: Floats) -> float:
    """Sum of squared distances of all rows to the nearest centroid."""
    centroids = np.ascontiguousarray(centroids, np.float32)
    return sum(float(faiss.knn(rows[part], centroids, 1)[0].sum(dtype=np.float64)) for part in blocks(*rows.shape))


def measure(rows: Floats, k: int, seed: int, method: Callable[[Floats, int, int], Floats]) -> Measured:
    """Fit once."""
    wall_s, cpu_s = time.monotonic(), time.process_time()
    centroids = method(rows, k, seed)
    wall_s, cpu_s = time.monotonic() - wall_s, time.process_time() - cpu_s
    return Measured(wall_s, cpu_s, inertia_of(rows, centroids))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("-k", type=int, default=64)
    parser.add_argument("--seeds", type=int, default=3, help="fits of each method; the table shows medians")
    parser.add_argument("--kinds", nargs="+", choices=("groups", "plane"), default=["groups", "plane"])
    parser.add_argument("--methods", nargs="+", choices=tuple(METHODS), default=["ours", "faiss", "minibatch"])
    parser.add_argument("--kmeans-iterations", type=int, default=300, help="most iterations of scikit-learn's KMeans")
    parser.add_argument("--json", action="store_true", help="print one machine-readable line last")
    options = parser.parse_args()

    methods = dict(METHODS)
    if options.kmeans_iterations < 300:
        bounded = f"scikit-learn KMeans, {options.kmeans_iterations} iterations"
        methods["kmeans"] = (bounded, partial(fit_kmeans, iterations=options.kmeans_iterations))
    summary: dict[str, object] = {}
    for kind in options.kinds:
        rows = make_rows(kind, options.rows, options.width, options.k, seed=0)
        found: dict[str, list[Measured]] = {name: [] for name in options.methods}
        for seed in range(options.seeds):
            for name in options.methods:
                found[name].append(measure(rows, options.k, seed, methods[name][1]))
                print(f"# {kind} {name} {found[name][-1]}", flush=True)
        print(
            f"{kind}: {options.rows:,} x {options.width} into {options.k}, medians of {options.seeds} seeds, "
            f"{faiss.omp_get_max_threads()} threads"
        )
        print(f"  {'':<36}{'wall s':>9}{'CPU s':>9}{'inertia':>13}{'ours is':>9}")
        mine = statistics.median(m.inertia for m in found[options.methods[0]])
        for name, fits in found.items():
            wall_s, cpu_s, inertia = (
                statistics.median(getattr(m, what) for m in fits) for what in ("wall_s", "cpu_s", "inertia")
            )
            against = f"{mine / inertia - 1:+.2%}"
            print(f"  {methods[name][0]:<36}{wall_s:>9.2f}{cpu_s:>9.2f}{inertia:>13,.5g}{against:>9}")
            summary[f"{kind}_{name}"] = {"wall_s": wall_s, "cpu_s": cpu_s, "inertia": inertia}
    if options.json:
        print(json.dumps(summary))


if __name__ == "__main__":
    main()

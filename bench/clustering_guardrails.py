"""Guardrails side by side: k-means with a floor and clusters of their own kind, beside greedy set cover.

    python bench/clustering_guardrails.py --embeddings EMBEDDINGS --floor 0.3 -k 24
    python bench/clustering_guardrails.py --rows 20000 --width 32 --floor 0.6 -k 64

Set cover takes the centroids of a mini-batch k-means (--micro of them) as candidates and, greedily, those whose
similarity balls cover most users not yet covered (OpenReview 4eqA2quXbQ); users go to the nearest centre taken. Every
method keeps the same floor and the same least size. Without embeddings the rows are drawn: Zipf-sized groups.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from sklearn.cluster import MiniBatchKMeans

from clustering.cover import cover
from clustering.guardrails import Guarded, Rules, add_own_kind, guard
from clustering.kmeans import default_iterations, default_restarts, fit, polish, prepare
from clustering.vectors import Floats, find_faults


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one method leads to."""

    name: str
    clusters: int
    floor_met: float
    similarity_median: float
    smallest: int
    cpu_s: float


def draw_groups(count: int, width: int, seed: int) -> Floats:
    """Rows [count, width] in 200 groups of Zipf sizes, with noise."""
    draw = np.random.default_rng(seed)
    sizes = 1 / np.arange(1, 201)
    middles = draw.normal(size=(200, width))
    rows = middles[draw.choice(200, size=count, p=sizes / sizes.sum())] + 0.9 * draw.normal(size=(count, width))
    return rows.astype(np.float32)


def told(name: str, guarded: Guarded, cpu_s: float) -> Outcome:
    """Figures of guarded clusters."""
    inside = guarded.cluster_id >= 0
    similarity = guarded.placement.similarity
    sizes = np.bincount(guarded.cluster_id[inside])
    return Outcome(name, len(sizes), float(inside.mean()), float(np.median(similarity)), int(sizes.min()), cpu_s)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--embeddings", type=Path, help="EMBEDDINGS folder")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--floor", type=float, default=0.6)
    parser.add_argument("--min-size", type=int, default=20)
    parser.add_argument("-k", type=int, default=64)
    parser.add_argument("--micro", type=int, help="candidates of the set cover (default: users / 20, at most 1,024)")
    parser.add_argument("--json", action="store_true", help="print one machine-readable line last")
    options = parser.parse_args()
    if options.embeddings:
        rows = np.load(options.embeddings / "users.npy")
        broken, zero = find_faults(rows)
        rows = rows[~(broken | zero)]
    else:
        rows = draw_groups(options.rows, options.width, 0)
    ready = prepare(rows, "cosine")

    def refit(left: Floats) -> Floats:
        return polish(ready, left, metric="cosine", iterations=default_iterations(len(ready)))

    rules = Rules("cosine", options.floor, options.min_size, refit)
    found: list[Outcome] = []
    start = time.process_time()
    fitted = fit(ready, options.k, metric="cosine", seed=0, restarts=default_restarts(options.k),
                 iterations=default_iterations(len(ready)))  # fmt: skip
    guarded = guard(ready, fitted.centroids, rules)
    spent = time.process_time() - start
    found.append(told(f"k-means, K = {options.k}", guarded, spent))
    start = time.process_time()
    own = add_own_kind(ready, guarded, rules, seed=0)
    found.append(told("  and clusters of their own kind", own, spent + time.process_time() - start))
    start = time.process_time()
    micro = options.micro or min(1_024, max(1, len(ready) // 20))
    candidates = MiniBatchKMeans(micro, random_state=0, compute_labels=False).fit(ready).cluster_centers_
    candidates = np.ascontiguousarray(candidates, np.float32)
    taken = cover(ready, candidates, floor=options.floor, least=options.min_size)
    still = Rules("cosine", options.floor, options.min_size, lambda left: left)
    covered = guard(ready, candidates[taken], still)
    found.append(told(f"greedy set cover of {micro:,} balls", covered, time.process_time() - start))
    print(f"{len(rows):,} x {rows.shape[1]}, floor {options.floor:g}, least size {options.min_size}")
    print(f"  {'':<36}{'clusters':>9}{'floor met':>10}{'cosine, median':>15}{'smallest':>9}{'CPU s':>8}")
    for row in found:
        print(f"  {row.name:<36}{row.clusters:>9}{row.floor_met:>10.1%}{row.similarity_median:>15.3f}"
              f"{row.smallest:>9}{row.cpu_s:>8.2f}")  # fmt: skip
    if options.json:
        print(json.dumps([asdict(row) for row in found]))


if __name__ == "__main__":
    main()

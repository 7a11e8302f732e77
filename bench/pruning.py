"""Pruning at scale: clusters x ads decided on, explained and written, in bounded memory.

    python bench/pruning.py --clusters 1000 --ads 100000
    python bench/pruning.py --clusters 10000 --ads 100000 --slice 5000
    python bench/pruning.py --clusters 1000 --ads 100000 --slice 2000 --model MODEL

Match probabilities are drawn (log-normal, as real ones are: most pairs are worth next to nothing), block by block, and
go through the very code of `prune`: the cut of a budget, or each ad's coverage, the reasons, the file. With --model its
match head answers instead, for Gaussian centroids and ads, and for one row of counts a cluster. --slice stops after so
many ads; pairs a second are those of the slice, and memory does not grow with the ads (but for a budget's kept pairs).
The work runs in a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from clustering_assignment import memory_mib

from clustering.vectors import Floats


def draw_blocks(clusters: int, ads: int, block_pairs: int) -> Iterator[tuple[int, Floats]]:
    """Blocks of match probabilities [K, ads]."""
    draw = np.random.default_rng(0)
    step = max(1, block_pairs // clusters)
    for first in range(0, ads, step):
        here = min(step, ads - first)
        match = np.exp(draw.standard_normal((here, clusters), dtype=np.float32) * 1.5 - 6)
        yield first, np.minimum(match, 1).T


def answer_blocks(folder: Path, clusters: int, ads: int, block_pairs: int) -> Iterator[tuple[int, Floats]]:
    """The same from a model's match head."""
    from clustering.match import score_blocks
    from creator.core.acts import LogCounts
    from creator.models.checkpoint import load_model

    model: Any = load_model(folder)
    draw = np.random.default_rng(0)
    texts = [""] * ads
    width = model.item.width
    centroids = draw.standard_normal((clusters, model.user.width), dtype=np.float32)

    class Counts:
        clusters = np.arange(len(centroids))

        def __call__(self, part: slice) -> LogCounts:
            shape = (len(centroids), part.stop - part.start)
            own = draw.exponential(0.1, shape).astype(np.float32)
            return LogCounts(own, np.full(shape[1], 5, np.float32), np.full(shape[0], 6, np.float32))

    model.encode_texts = lambda some: draw.standard_normal((len(some), width), dtype=np.float32)
    counts = Counts() if model.reads_counts else None
    for part, match in score_blocks(model, centroids, texts, block_pairs=block_pairs, counts=counts):
        yield part.start, match


def measure(options: argparse.Namespace, folder: Path) -> dict[str, float]:
    """Prune once."""
    from clustering.prune_stage import Tally, write_pairs

    peak, done = [memory_mib("RssAnon")], threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            peak[0] = max(peak[0], memory_mib("RssAnon"))

    ads = options.slice or options.ads
    sizes = np.random.default_rng(1).integers(20, 2_000, options.clusters)
    shape = (options.clusters, ads, options.block_pairs)
    blocks = answer_blocks(options.model, *shape) if options.model else draw_blocks(*shape)
    names = [f"ad{n}" for n in range(ads)]
    budget = None if options.coverage else round(options.keep * options.clusters * ads)
    tally = Tally()
    watcher = threading.Thread(target=watch)
    watcher.start()
    wall_s, cpu_s = time.monotonic(), time.process_time()
    write_pairs(folder, blocks, sizes, names, tally, coverage=options.coverage, budget=budget, most=None,
                block_pairs=options.block_pairs)  # fmt: skip
    wall_s, cpu_s = time.monotonic() - wall_s, time.process_time() - cpu_s
    done.set()
    watcher.join()
    return {
        "pairs": tally.pairs,
        "kept": tally.kept,
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "pairs_per_s": tally.pairs / wall_s,
        "pairs_per_cpu_s": tally.pairs / cpu_s,
        "peak_anonymous_mib": peak[0],
        "peak_resident_mib": memory_mib("VmHWM"),
        "file_mib": (folder / "pairs.parquet").stat().st_size / 2**20,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clusters", type=int, default=1_000)
    parser.add_argument("--ads", type=int, default=10_000)
    parser.add_argument("--slice", type=int, help="stop after so many ads")
    parser.add_argument("--coverage", type=float, help="keep this share of each ad's reach instead of a budget")
    parser.add_argument("--keep", type=float, default=0.1, help="share of the pairs that the budget keeps")
    parser.add_argument("--block-pairs", type=int, default=1_000_000)
    parser.add_argument("--model", type=Path, help="MODEL folder whose match head answers")
    parser.add_argument("--folder", type=Path, help="where to write (default: a temporary folder)")
    parser.add_argument("--json", action="store_true", help="print one machine-readable line last")
    options = parser.parse_args()
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder, spawn.Pool(1) as pool:
        found = pool.apply(measure, (options, Path(folder)))
    goal = f"coverage {options.coverage}" if options.coverage else f"a budget of {options.keep:.0%} of the pairs"
    part = f", the first {options.slice:,} ads" if options.slice else ""
    print(f"{options.clusters:,} clusters x {options.ads:,} ads{part}: {found['pairs']:,} pairs, {goal}")
    print(f"  {found['wall_s']:,.1f} s wall, {found['cpu_s']:,.1f} s CPU: {found['pairs_per_s']:,.0f} pairs a second, "
          f"{found['pairs_per_cpu_s']:,.0f} a CPU second")  # fmt: skip
    print(f"  peak memory {found['peak_resident_mib']:,.0f} MiB resident, {found['peak_anonymous_mib']:,.0f} MiB of it "
          f"no page of a file; pairs.parquet {found['file_mib']:,.0f} MiB")  # fmt: skip
    if options.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()

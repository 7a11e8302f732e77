"""Assignment of many users to standing centroids, streamed from disk: time, and memory beyond the start's.

    python bench/clustering_assignment.py --rows 1000000 --width 128 -k 1024

Rows are written to a memory-mapped file first (--folder), block by block. The assignment runs in a process of its own,
so that its peak memory is its own; memory that is no page of the file is told apart.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import re
import tempfile
import threading
import time
from pathlib import Path

import numpy as np


def write_rows(path: Path, count: int, width: int, block: int = 65_536) -> None:
    """A float32 matrix of Gaussian rows [count, width] on disk."""
    draw = np.random.default_rng(0)
    rows = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(count, width))
    for start in range(0, count, block):
        stop = min(start + block, count)
        rows[start:stop] = draw.standard_normal((stop - start, width), dtype=np.float32)
    rows.flush()


def memory_mib(field: str) -> float:
    """A field of this process's memory: RssAnon is what is no file's page, VmHWM the highest resident so far."""
    status = Path("/proc/self/status").read_text()
    return int(re.findall(rf"{field}:\s+(\d+)", status)[0]) / 1024


def measure(path: Path, k: int) -> dict[str, float]:
    """Assign every row of the file to the nearest of k Gaussian centroids."""
    from clustering.kmeans import assign

    rows = np.load(path, mmap_mode="r")
    centroids = np.random.default_rng(1).standard_normal((k, rows.shape[1]), dtype=np.float32)
    peak, done = [memory_mib("RssAnon")], threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            peak[0] = max(peak[0], memory_mib("RssAnon"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    wall_s, cpu_s = time.monotonic(), time.process_time()
    placed = assign(rows, centroids, metric="euclidean")
    wall_s, cpu_s = time.monotonic() - wall_s, time.process_time() - cpu_s
    done.set()
    watcher.join()
    return {
        "rows": len(placed.cluster_id),
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "rows_per_cpu_s": len(rows) / cpu_s,
        "peak_anonymous_mib": peak[0],
        "peak_resident_mib": memory_mib("VmHWM"),
        "file_mib": path.stat().st_size / 2**20,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("-k", type=int, default=1_024)
    parser.add_argument("--folder", type=Path, help="where to write the rows (default: a temporary folder)")
    parser.add_argument("--json", action="store_true", help="print one machine-readable line last")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path = Path(folder) / "rows.npy"
        write_rows(path, options.rows, options.width)
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            found = pool.apply(measure, (path, options.k))
    print(f"{options.rows:,} x {options.width} ({found['file_mib']:,.0f} MiB on disk) to {options.k:,} centroids")
    pace = f"{found['rows_per_cpu_s']:,.0f} rows a CPU second"
    print(f"  {found['wall_s']:,.1f} s wall, {found['cpu_s']:,.1f} s CPU, {pace}")
    print(
        f"  peak memory {found['peak_resident_mib']:,.0f} MiB resident, "
        f"{found['peak_anonymous_mib']:,.0f} MiB of it no page of a file"
    )
    if options.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()

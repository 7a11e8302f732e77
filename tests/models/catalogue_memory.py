"""Prints how many queries were answered and the peak of memory beyond the start, MiB: QUERIES ITEMS LIMIT_MIB."""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from creator.models.catalogue import best_items


def anonymous_kib() -> int:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


def main(queries_count: int, items_count: int, limit_mib: int) -> None:
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "items.npy", random.normal(size=(items_count, 32)).astype(np.float32))
        items = np.load(Path(folder) / "items.npy", mmap_mode="r")
    queries = random.normal(size=(queries_count, 32)).astype(np.float32)
    for _ in best_items(queries[:50], items, 50, memory_mib=limit_mib):  # whatever a first call sets up stays
        pass
    peak, done, start = [0], threading.Event(), anonymous_kib()

    def watch() -> None:
        while not done.is_set():
            peak[0] = max(peak[0], anonymous_kib() - start)
            time.sleep(0.002)

    thread = threading.Thread(target=watch)
    thread.start()
    count = sum(len(best.rows) for best in best_items(queries, items, 50, memory_mib=limit_mib))
    done.set()
    thread.join()
    print(count, peak[0] / 1024)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

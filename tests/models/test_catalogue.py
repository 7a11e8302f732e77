from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from creator.models import catalogue
from creator.models.catalogue import Excluded, best_items


def cosines(queries, items):
    return (queries / np.linalg.norm(queries, axis=1, keepdims=True)) @ (
        items / np.linalg.norm(items, axis=1, keepdims=True)
    ).T


@pytest.mark.parametrize("at_once", [7, 8192])
@pytest.mark.parametrize("memory_mib", [1, 64])
def test_the_best_items_are_those_of_a_full_sort(at_once, memory_mib, monkeypatch):
    monkeypatch.setattr(catalogue, "ITEMS_AT_ONCE", at_once)
    random = np.random.default_rng(0)
    queries, items = random.normal(size=(900, 16)).astype(np.float32), random.normal(size=(40, 16)).astype(np.float32)
    scores = cosines(queries, items)
    seen = [np.sort(random.choice(40, random.integers(0, 35), replace=False)) for _ in queries]
    excluded = Excluded(np.cumsum([0, *map(len, seen)]), np.concatenate(seen))
    for q, rows in enumerate(seen):
        scores[q, rows] = -np.inf
    parts = list(best_items(queries, items, 10, excluded=excluded, memory_mib=memory_mib))
    assert [part.start for part in parts] == np.cumsum([0, *(len(p.rows) for p in parts)])[:-1].tolist()
    found, values = np.concatenate([p.rows for p in parts]), np.concatenate([p.cosines for p in parts])
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :10]
    allowed = np.take_along_axis(scores, expected, axis=1) > -np.inf
    np.testing.assert_array_equal(found, np.where(allowed, expected, -1))
    np.testing.assert_allclose(values[allowed], np.take_along_axis(scores, expected, axis=1)[allowed], atol=1e-5)
    assert not allowed.all()  # some users have bought nearly everything


def test_a_catalogue_smaller_than_what_is_asked_for_is_given_whole():
    found = next(best_items(np.eye(3, dtype=np.float32)[:2], np.eye(3, dtype=np.float32)[:2], 10))
    assert found.rows.tolist() == [[0, 1], [1, 0]]


def test_memory_stays_within_its_bound(tmp_path):
    """3,000 x 30,000 scores are 343 MiB; 48 MiB are allowed."""
    random = np.random.default_rng(0)
    np.save(tmp_path / "items.npy", random.normal(size=(30_000, 32)).astype(np.float32))
    queries = random.normal(size=(3_000, 32)).astype(np.float32)
    items = np.load(tmp_path / "items.npy", mmap_mode="r")
    for _ in best_items(queries[:50], items, 50, memory_mib=48):  # whatever a first call sets up stays
        pass
    peak, done, start = [0], threading.Event(), anonymous_kib()

    def watch():
        while not done.is_set():
            peak[0] = max(peak[0], anonymous_kib() - start)
            time.sleep(0.002)

    thread = threading.Thread(target=watch)
    thread.start()
    count = sum(len(best.rows) for best in best_items(queries, items, 50, memory_mib=48))
    done.set()
    thread.join()
    assert count == 3_000
    assert peak[0] / 1024 < 48


def anonymous_kib() -> int:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))

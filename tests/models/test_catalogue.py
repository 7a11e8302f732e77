from __future__ import annotations

import subprocess
import sys

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


def test_memory_stays_within_its_bound():
    """3,000 x 30,000 scores are 343 MiB; 48 MiB are allowed. In a process without other tests' threads."""
    call = [sys.executable, "-m", "tests.models.catalogue_memory", "3000", "30000", "48"]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    count, peak_mib = done.stdout.split()
    assert int(count) == 3_000
    assert 1 < float(peak_mib) < 48

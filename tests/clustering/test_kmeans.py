from __future__ import annotations

import re
from pathlib import Path

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.cluster import KMeans, MiniBatchKMeans

from clustering.kmeans import assign, at_members_length, default_k, fit, polish
from creator.core.errors import InputError

NUMBERS = st.floats(-100, 100, width=32)


def blobs(users: int, centres: int, width: int, seed: int = 0, spread: float = 0.5) -> np.ndarray:
    draw = np.random.default_rng(seed)
    middle = draw.normal(size=(centres, width)) * 4
    return (middle[draw.integers(centres, size=users)] + draw.normal(size=(users, width)) * spread).astype(np.float32)


def run(rows, k, metric="euclidean", seed=0, restarts=5):
    return fit(rows, k, metric=metric, seed=seed, restarts=restarts, iterations=100)


def distances(rows, centroids, metric):
    rows, centroids = rows.astype(np.float64), centroids.astype(np.float64)
    if metric == "cosine":
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        centroids = centroids / np.linalg.norm(centroids, axis=1, keepdims=True)
    return ((rows[:, None, :] - centroids[None]) ** 2).sum(axis=2)


def inertia(rows, centroids):
    return distances(rows, centroids, "euclidean").min(axis=1).sum()


@pytest.mark.parametrize(
    ("rows", "k"),
    [
        (blobs(1_500, 12, 16), 12),
        (blobs(1_500, 40, 16, spread=2.0), 20),
        (np.random.default_rng(1).normal(size=(1_200, 24)).astype(np.float32), 16),
        (np.random.default_rng(2).uniform(size=(2_000, 3)).astype(np.float32), 25),
    ],
    ids=["blobs", "overlapping blobs", "gaussian", "uniform"],
)
def test_inertia_is_within_one_percent_of_scikit_learn(rows, k):
    theirs = KMeans(k, n_init=3, random_state=0).fit(rows).inertia_
    assert inertia(rows, run(rows, k).centroids) <= 1.01 * theirs


@pytest.mark.parametrize("seed", [0, 1])
def test_inertia_is_within_one_percent_of_the_better_of_faiss_and_minibatch_kmeans(seed):
    # many small groups beside few large ones: where plain random seeds go wrong
    draw = np.random.default_rng(seed)
    sizes = 1 / np.arange(1, 161)
    middles = draw.normal(size=(160, 16))
    rows = middles[draw.choice(160, size=12_000, p=sizes / sizes.sum())] + draw.normal(size=(12_000, 16)) * 0.5
    rows = rows.astype(np.float32)
    batches = MiniBatchKMeans(40, random_state=seed).fit(rows)
    plain = faiss.Kmeans(16, 40, seed=seed + 1)
    plain.train(rows)
    better = min(inertia(rows, batches.cluster_centers_), inertia(rows, plain.centroids))
    found = fit(rows, 40, metric="euclidean", seed=seed, restarts=1, iterations=2)
    assert inertia(rows, found.centroids) <= 1.01 * better


def test_separated_blobs_are_found_exactly():
    draw = np.random.default_rng(3)
    labels = np.repeat(np.arange(4), 30)
    rows = (np.eye(4, 6)[labels] * 50 + draw.normal(size=(120, 6)) * 0.1).astype(np.float32)
    placed = assign(rows, run(rows, 4).centroids, metric="euclidean").cluster_id
    assert len({(a, b) for a, b in zip(labels, placed, strict=True)}) == 4


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_the_same_seed_gives_the_same_centroids_and_another_seed_need_not(metric):
    rows = np.random.default_rng(4).normal(size=(400, 8)).astype(np.float32)
    first, again, other = run(rows, 9, metric), run(rows, 9, metric), run(rows, 9, metric, seed=100)
    np.testing.assert_array_equal(first.centroids, again.centroids)
    assert first.trials == again.trials
    assert first.trials != other.trials


@settings(max_examples=60, deadline=None)
@given(data=st.data(), metric=st.sampled_from(["euclidean", "cosine"]), width=st.integers(1, 6))
def test_every_row_is_placed_once_at_a_nearest_centroid_of_the_metric(data, metric, width):
    rows = data.draw(arrays(np.float32, (data.draw(st.integers(1, 40)), width), elements=NUMBERS))
    centroids = data.draw(arrays(np.float32, (data.draw(st.integers(1, 8)), width), elements=NUMBERS))
    if metric == "cosine":
        rows, centroids = rows[np.linalg.norm(rows, axis=1) > 1e-3], centroids[np.linalg.norm(centroids, axis=1) > 1e-3]
        if not len(rows) or not len(centroids):
            return
    placed = assign(rows, centroids, metric=metric)
    exact = distances(rows, centroids, metric)
    assert len(placed.cluster_id) == len(rows)
    scale = 1.0 if metric == "cosine" else float(np.abs(centroids).max() ** 2 + np.abs(rows).max() ** 2) * width
    np.testing.assert_allclose(
        exact[np.arange(len(rows)), placed.cluster_id], exact.min(axis=1), atol=1e-5 * scale + 1e-9
    )
    np.testing.assert_allclose(placed.distance, exact.min(axis=1), atol=1e-5 * scale + 1e-9)


def test_nearest_by_dot_product_is_not_mistaken_for_nearest():
    # (1, 0) lies at (1.1, 0), though its dot product with the long (9, 9) is larger
    placed = assign(np.array([[1, 0]], np.float32), np.array([[1.1, 0], [9, 9]], np.float32), metric="euclidean")
    assert placed.cluster_id.tolist() == [0]
    assert placed.distance[0] == pytest.approx(0.01, rel=1e-5)


def test_the_two_metrics_part_where_length_and_direction_disagree():
    row, centroids = np.array([[1, 1]], np.float32), np.array([[9, 9], [1, 0]], np.float32)
    assert assign(row, centroids, metric="cosine").cluster_id.tolist() == [0]
    assert assign(row, centroids, metric="euclidean").cluster_id.tolist() == [1]


def test_similarity_is_the_cosine_whatever_the_metric():
    rows, centroids = np.array([[3, 4]], np.float32), np.array([[2, 0]], np.float32)
    for metric in ("euclidean", "cosine"):
        assert assign(rows, centroids, metric=metric).similarity[0] == pytest.approx(0.6)


def test_vectors_that_lie_very_close_together_are_still_told_apart():
    # fresh embeddings: cosines above 0.9999; in plain float32 ||x||² - 2 x·c + ||c||² is all rounding here
    draw = np.random.default_rng(5)
    centroids = (1_000 + draw.normal(size=(5, 32)) * 0.05).astype(np.float32)
    true = draw.integers(5, size=200)
    rows = (centroids[true] + draw.normal(size=(200, 32)) * 0.002).astype(np.float32)
    assert (assign(rows, centroids, metric="euclidean").cluster_id == true).all()


def test_blocks_do_not_change_the_answer(monkeypatch):
    rows, centroids = blobs(500, 6, 8), blobs(6, 6, 8, seed=9)
    whole = assign(rows, centroids, metric="euclidean")
    monkeypatch.setattr("clustering.vectors.BLOCK_BYTES", 37 * 8 * 4)
    told: list[int] = []
    parts = assign(rows, centroids, metric="euclidean", told=told.append)
    assert sum(told) == 500
    assert len(told) == 14
    np.testing.assert_array_equal(whole.cluster_id, parts.cluster_id)
    np.testing.assert_allclose(whole.distance, parts.distance, atol=1e-4)


def test_more_clusters_than_users_is_an_error_that_says_both_numbers():
    with pytest.raises(InputError, match=r"k = 5, users to cluster: 3.*smaller -k"):
        run(np.eye(3, 4, dtype=np.float32), 5)


def test_duplicate_rows_give_as_many_clusters_as_there_are_different_rows():
    rows = np.repeat(np.array([[1, 0], [0, 1], [5, 5]], np.float32), 10, axis=0)
    found = run(rows, 8)
    assert {tuple(c) for c in found.centroids.tolist()} == {(1, 0), (0, 1), (5, 5)}


def test_one_user_is_a_cluster_of_itself():
    found = run(np.array([[2, 3]], np.float32), 1)
    assert found.centroids.tolist() == [[2, 3]]


def test_as_many_clusters_as_users_puts_each_in_its_own():
    rows = blobs(9, 3, 4)
    found = run(rows, 9)
    assert sorted(assign(rows, found.centroids, metric="euclidean").cluster_id.tolist()) == list(range(9))


def test_spherical_centroids_have_length_one_and_ignore_the_rows_lengths():
    draw = np.random.default_rng(6)
    rows = blobs(200, 4, 5)
    stretched = rows * draw.uniform(0.1, 10, size=(200, 1)).astype(np.float32)
    first, second = run(rows, 4, "cosine"), run(stretched, 4, "cosine")
    np.testing.assert_allclose(np.linalg.norm(first.centroids, axis=1), 1, atol=1e-5)
    assert distances(rows, first.centroids, "cosine").min(axis=1).sum() == pytest.approx(
        distances(rows, second.centroids, "cosine").min(axis=1).sum(), rel=1e-3
    )


def test_polishing_ends_where_scikit_learn_ends_from_the_same_start():
    rows = blobs(400, 8, 6, seed=7, spread=0.2)
    start = rows[:8]
    theirs = KMeans(8, init=start, n_init=1, max_iter=200, tol=0).fit(rows)
    ours = polish(rows, start, metric="euclidean", iterations=200)
    assert inertia(rows, ours) <= 1.01 * theirs.inertia_


def test_unit_centroids_are_stretched_to_their_members_mean_length():
    rows = np.array([[2, 0], [4, 0], [0, 10], [7, 7]], np.float32)
    longer = at_members_length(np.eye(2, dtype=np.float32), rows, np.array([0, 0, 1, -1]))
    np.testing.assert_allclose(longer, [[3, 0], [0, 10]])


@pytest.mark.parametrize(
    ("users", "min_size", "k"), [(2_469, 20, 25), (10_000, 20, 50), (100, 20, 2), (1, 20, 1), (60, 5, 4)]
)
def test_default_k_grows_with_the_root_of_the_users_and_leaves_room_for_the_least_size(users, min_size, k):
    assert default_k(users, min_size) == k


def test_rows_streamed_from_a_file_are_placed_as_in_memory_and_their_pages_let_go(tmp_path, monkeypatch):
    rows, centroids = blobs(4_000, 6, 64), blobs(6, 6, 64, seed=9)
    np.save(tmp_path / "rows.npy", rows)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    monkeypatch.setattr("clustering.vectors.BLOCK_BYTES", 500 * 64 * 4)

    def resident():
        found = re.findall(r"rows\.npy\n(?:.*\n)*?Rss:\s+(\d+) kB", Path("/proc/self/smaps").read_text())
        return sum(map(int, found))

    most: list[int] = []
    placed = assign(mapped, centroids, metric="euclidean", told=lambda _: most.append(resident()))
    np.testing.assert_array_equal(placed.cluster_id, assign(rows, centroids, metric="euclidean").cluster_id)
    assert len(most) == 8
    assert max(most) < 500  # the file has 1,000 KiB

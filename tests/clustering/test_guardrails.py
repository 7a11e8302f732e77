from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clustering.guardrails import ORIGINAL, Rules, add_own_kind, guard
from clustering.kmeans import assign, fit, polish
from creator.core.errors import InputError


def run(rows, centroids, *, floor=None, min_size=1, metric="euclidean"):
    return guard(rows, centroids, rules(rows, floor, min_size, metric))


def rules(rows, floor, min_size, metric="euclidean"):
    return Rules(metric, floor, min_size, lambda left: polish(rows, left, metric=metric, iterations=20))


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    k=st.integers(1, 12),
    min_size=st.integers(1, 25),
    floor=st.none() | st.floats(-1, 0.9),
    metric=st.sampled_from(["euclidean", "cosine"]),
)
def test_whatever_is_merged_every_cluster_is_large_enough_and_every_member_nearest_and_above_the_floor(
    seed, k, min_size, floor, metric
):
    rows = np.random.default_rng(seed).normal(size=(90, 3)).astype(np.float32)
    found = fit(rows, k, metric=metric, seed=seed, restarts=1, iterations=10)
    try:
        guarded = run(rows, found.centroids, floor=floor, min_size=min_size, metric=metric)
    except InputError:
        # only where even all users together cannot make one cluster
        placed = assign(rows, found.centroids, metric=metric)
        assert floor is not None
        assert (placed.similarity >= floor).sum() < 90
        return
    inside = guarded.cluster_id >= 0
    sizes = np.bincount(guarded.cluster_id[inside], minlength=len(guarded.centroids))
    assert sizes.min() >= min_size
    assert (np.diff(sizes) <= 0).all()
    assert len(guarded.cluster_id) == 90
    nearest = assign(rows, guarded.centroids, metric=metric)
    np.testing.assert_array_equal(guarded.cluster_id[inside], nearest.cluster_id[inside])
    above = np.ones(90, bool) if floor is None else nearest.similarity >= floor
    np.testing.assert_array_equal(inside, above)
    assert len(guarded.centroids) + guarded.dissolved == len(found.centroids)


def test_a_small_cluster_goes_to_its_nearest_neighbour():
    rows = np.concatenate([np.tile([[0, 0]], (30, 1)), np.tile([[10, 0]], (30, 1)), np.tile([[11, 0]], (3, 1))]).astype(
        np.float32
    )
    guarded = run(rows, np.array([[0, 0], [10, 0], [11, 0]], np.float32), min_size=5)
    assert guarded.dissolved == 1
    assert np.bincount(guarded.cluster_id).tolist() == [33, 30]
    # the new centroid is the mean of 30 users at 10 and 3 at 11
    assert guarded.centroids[0].tolist() == pytest.approx([10 + 3 / 33, 0], abs=1e-5)


def test_members_below_the_floor_keep_the_original_title():
    rows = np.array([[1, 0], [1, 0.1], [1, -0.1], [0.2, 1]], np.float32)
    guarded = run(rows, np.array([[1, 0]], np.float32), floor=0.9)
    assert guarded.cluster_id.tolist() == [0, 0, 0, ORIGINAL]
    assert guarded.placement.similarity[3] == pytest.approx(0.2 / np.hypot(0.2, 1), rel=1e-5)


def test_two_clusters_that_are_too_small_alone_may_stand_together():
    rows = np.concatenate(
        [np.tile([[10, 0]], (4, 1)), np.tile([[10, 1]], (4, 1)), np.tile([[-50, 0]], (20, 1))]
    ).astype(np.float32)
    guarded = run(rows, np.array([[10, 0], [10, 1], [-50, 0]], np.float32), min_size=6)
    assert np.bincount(guarded.cluster_id).tolist() == [20, 8]


def test_clusters_that_lose_their_members_to_the_floor_count_as_small():
    # five users share a cluster, but only one of them is close to its centroid's direction
    rows = np.array([[1, 0]] * 8 + [[0, 1], [0.9, -0.9], [0.9, -0.9], [0.9, -0.9]], np.float32)
    guarded = run(rows, np.array([[1, 0], [0.3, -0.1]], np.float32), floor=0.95, min_size=4)
    assert all(size >= 4 for size in np.bincount(guarded.cluster_id[guarded.cluster_id >= 0]))


@pytest.mark.parametrize(("floor", "cure"), [(None, "a lower --min-size$"), (0.5, "or a lower --floor$")])
def test_too_few_users_for_one_cluster_is_an_error_with_its_cure(floor, cure):
    with pytest.raises(InputError, match=rf"no cluster is large enough; got: 1 of 1 users.*at least 20.*{cure}"):
        run(np.array([[1, 2]], np.float32), np.array([[1, 2]], np.float32), floor=floor, min_size=20)


def test_users_below_the_floor_who_are_alike_get_a_cluster_of_their_own_kind():
    # 60 users point right; 25 point up but share the one centroid; 3 point left and are too few
    draw = np.random.default_rng(0)
    far = np.repeat([[1, 0], [0, 1], [-1, 0]], [60, 25, 3], axis=0) + draw.normal(size=(88, 2)) * 0.01
    rows = far.astype(np.float32)
    for metric in ("euclidean", "cosine"):
        held = rules(rows, 0.9, 20, metric)
        guarded = guard(rows, np.array([[1, 0]], np.float32), held)
        assert (guarded.cluster_id >= 0).sum() == 60
        own = add_own_kind(rows, guarded, held, seed=0)
        assert np.bincount(own.cluster_id + 1).tolist() == [3, 60, 25]
        assert (own.placement.similarity[own.cluster_id >= 0] >= 0.9).all()

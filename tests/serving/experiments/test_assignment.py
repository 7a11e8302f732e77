"""Assignment: GrowthBook's public vectors, and what a ramp, a namespace, a holdout and stickiness promise."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from serving.experiments.assignment import Experiment, Variation, Why, assign, is_held_out
from serving.experiments.hashing import bucket, bucket_ranges, choose, equal_weights, fnv1a32, in_namespace

CASES = Path(__file__).parents[4] / "shared" / "peers" / "growthbook_cases.json"
ARMS = (Variation("control", 0.5, "original"), Variation("personal", 0.5, "cluster"))
TRIAL = Experiment("titles", ARMS)


@pytest.fixture(scope="module")
def cases() -> dict[str, list[Any]]:
    if not CASES.is_file():
        pytest.skip(f"GrowthBook's cases.json is not at {CASES}")
    return json.loads(CASES.read_text())


# published by the hash's authors: isthe.com/chongo/src/fnv/test_fnv.c
@pytest.mark.parametrize(
    ("text", "value"), [("", 0x811C9DC5), ("a", 0xE40C292C), ("b", 0xE70C2DE5), ("foobar", 0xBF9CF968)]
)
def test_fnv1a32_is_the_published_hash(text: str, value: int) -> None:
    assert fnv1a32(text) == value


def test_hash_vectors(cases: dict[str, list[Any]]) -> None:
    assert len(cases["hash"]) == 15
    for seed, value, version, expected in cases["hash"]:
        assert bucket(seed, value, version) == expected, (seed, value, version)


def test_range_vectors(cases: dict[str, list[Any]]) -> None:
    assert len(cases["getBucketRange"]) == 13
    for name, (count, coverage, weights), expected in cases["getBucketRange"]:
        found = bucket_ranges(count, coverage, weights)
        assert found == [pytest.approx(part) for part in expected], name


def test_choice_namespace_and_weight_vectors(cases: dict[str, list[Any]]) -> None:
    assert [len(cases[name]) for name in ("chooseVariation", "inNamespace", "getEqualWeights")] == [13, 16, 6]
    for name, place, ranges, expected in cases["chooseVariation"]:
        assert choose(place, ranges) == expected, name
    for name, user, (space, start, end), expected in cases["inNamespace"]:
        assert in_namespace(user, space, (start, end)) is expected, name
    for count, expected in cases["getEqualWeights"]:
        assert equal_weights(count) == pytest.approx(expected)


RUN_SETTINGS = {"key", "variations", "weights", "coverage", "hashVersion", "seed", "namespace", "ranges", "active",
                "hashAttribute", "meta", "bucketVersion", "minBucketVersion", "phase", "fallbackAttribute", "condition",
                "disableStickyBucketing"}  # fmt: skip


def as_experiment(trial: dict[str, Any]) -> Experiment:
    count = len(trial["variations"])
    weights = trial.get("weights") or equal_weights(count)
    space = trial.get("namespace")
    return Experiment(
        key=trial["key"],
        variations=tuple(Variation(str(n), weight, "cluster") for n, weight in zip(range(count), weights, strict=True)),
        coverage=trial.get("coverage", 1.0),
        seed=trial.get("seed", ""),
        hash_version=trial.get("hashVersion", 1),
        namespace=(space[0], (space[1], space[2])) if space else None,
        ranges=tuple((a, b) for a, b in trial["ranges"]) if "ranges" in trial else None,
        bucket_version=trial.get("bucketVersion", 0),
        min_bucket_version=trial.get("minBucketVersion", 0),
        sticky=not trial.get("disableStickyBucketing", False),
        running=trial.get("active", True),
    )


def test_run_vectors_without_targeting(cases: dict[str, list[Any]]) -> None:
    """Those of the 73 that are about hashing; the others are about conditions, URLs, features and forcing."""
    swept = 0
    for name, context, trial, value, taken, hashed in cases["run"]:
        settings = set(trial)
        if settings - (RUN_SETTINGS - {"condition"}) or set(context) - {"attributes"} or len(trial["variations"]) < 2:
            continue
        user = context.get("attributes", {}).get(trial.get("hashAttribute", "id")) or ""
        found = assign(as_experiment(trial), user)
        assert (found.variation is not None) == taken == hashed, name
        assert trial["variations"][int(found.variation or 0)] == value, name
        swept += 1
    assert swept == 54


def test_sticky_vectors(cases: dict[str, list[Any]]) -> None:
    """The user's documents are merged as the specification says: the hash attribute's over the fallback's."""
    swept = 0
    for name, context, documents, feature, expected, _ in cases["stickyBucket"]:
        rule = context["features"][feature]["rules"][0]
        trial = {"key": feature} | rule
        attributes = context["attributes"]
        own, spare = (trial.get(part) for part in ("hashAttribute", "fallbackAttribute"))
        held: dict[str, str] = {}
        for attribute in (spare, own):
            for document in documents:
                if (document["attributeName"], document["attributeValue"]) == (attribute, attributes.get(attribute)):
                    held |= document["assignments"]
        found = assign(as_experiment(trial), attributes.get(own) or attributes.get(spare) or "", held)
        if expected is None:
            assert found.variation is None, name
            assert found.why is Why.BLOCKED
        else:
            assert found.variation == expected["key"], name
            assert (found.why is Why.STICKY) == expected["stickyBucketUsed"], name
            if found.place is not None:
                assert found.place == expected["bucket"]
        swept += 1
    assert swept == 9


@given(st.text(min_size=1), st.floats(0, 1), st.floats(0, 1))
def test_a_ramp_moves_nobody_from_one_variation_to_another(user: str, one: float, other: float) -> None:
    low, high = sorted((one, other))
    early, late = (assign(replace(TRIAL, coverage=share), user).variation for share in (low, high))
    assert early is None or early == late


@given(st.text(), st.text())
def test_a_bucket_lies_on_the_line_for_any_text(seed: str, value: str) -> None:
    assert all(0 <= (bucket(seed, value, version) or 0) < 1 for version in (1, 2))


def test_users_are_spread_by_the_weights_and_independently_between_experiments() -> None:
    arms = (Variation("a", 0.2, "original"), Variation("b", 0.3, "cluster"), Variation("c", 0.5, "cluster"))
    first = [assign(Experiment("one", arms), f"user {n}").variation for n in range(20_000)]
    second = [assign(Experiment("two", arms), f"user {n}").variation for n in range(20_000)]
    counts = [first.count(key) for key in "abc"]
    assert chisquare(counts, [4_000, 6_000, 10_000]).pvalue > 0.001
    both = [sum(x == a and y == b for x, y in zip(first, second, strict=True)) for a in "abc" for b in "abc"]
    assert chisquare(both, [20_000 * x * y for x in (0.2, 0.3, 0.5) for y in (0.2, 0.3, 0.5)]).pvalue > 0.001


def test_parts_of_a_namespace_share_no_user() -> None:
    one = replace(TRIAL, key="one", namespace=("page", (0.0, 0.5)))
    two = replace(TRIAL, key="two", namespace=("page", (0.5, 1.0)))
    taken = [(assign(one, f"u{n}").variation is None, assign(two, f"u{n}").variation is None) for n in range(2_000)]
    assert all(first != second for first, second in taken)


def test_the_same_people_are_held_out_whatever_the_experiment_and_more_of_them_under_a_larger_share() -> None:
    held = {user for user in map("u{}".format, range(5_000)) if is_held_out(user, 0.1)}
    assert 400 < len(held) < 600
    assert held < {user for user in map("u{}".format, range(5_000)) if is_held_out(user, 0.2)}
    assert not any(is_held_out(user, 0.0) for user in held)
    assert not is_held_out("", 1.0)


def test_sticky_users_stay_when_the_weights_change_and_new_ones_follow_the_new_weights() -> None:
    users = [f"u{n}" for n in range(500)]
    before = {user: assign(TRIAL, user) for user in users}
    arms = (replace(ARMS[0], weight=0.1), replace(ARMS[1], weight=0.9))
    after = replace(TRIAL, variations=arms)
    for user in users:
        kept = assign(after, user, {TRIAL.sticky_key: before[user].variation or ""})
        assert (kept.variation, kept.why) == (before[user].variation, Why.STICKY)
    assert sum(assign(after, user).variation == "control" for user in users) < 100


def test_all_faults_of_a_definition_are_told_at_once() -> None:
    arms = (Variation("a", 0.9, "original"), Variation("a", 0.9, "release:0"))
    bad = Experiment("", arms, coverage=1.5, hash_version=3, ranges=((0.5, 0.2),))
    text = " | ".join(bad.faults())
    parts = ("stands twice", "shows: expected", "key: expected", "sum of 1.8", "coverage: got 1.5", "hash_version")
    for part in (*parts, "start <= end", "one for each of 2"):
        assert part in text
    assert TRIAL.faults() == []

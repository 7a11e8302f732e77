from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creator.core.records import Verdict
from creator.generation.rank import Candidate, rank_candidates

GOOD, VAGUE = Verdict.SUPPORTED, Verdict.UNVERIFIABLE


def order(ranked):
    return {cluster: [c.title for c in found] for cluster, found in ranked.items()}


def test_true_comes_before_merely_harmless_then_the_more_personal():
    ranked = rank_candidates({
        7: [
            Candidate("Wonderful days", VAGUE, -1.0, 9.0),
            Candidate("Chalk bag sale", GOOD, -8.0, 1.0),  # 1 - 0.25 x 8 = -1
            Candidate("Fly box deal", GOOD, -4.0, 1.0),  # 1 - 0.25 x 4 = 0
            Candidate("Camp stove offer", GOOD, -20.0, 5.5),  # 5.5 - 0.25 x 20 = 0.5
        ]
    })  # fmt: skip
    assert order(ranked) == {7: ["Camp stove offer", "Fly box deal", "Chalk bag sale", "Wonderful days"]}
    assert [c.rank for c in ranked[7]] == [1, 2, 3, 4]


def test_the_cluster_with_the_most_personal_candidate_chooses_first_and_the_next_avoids_its_words():
    both = ("chalk bag", "reel case")
    ranked = rank_candidates({
        # merits 2.0 and 1.0: next in turn; "chalk bag" is taken then and costs 6
        0: [Candidate(both[0], GOOD, 0.0, 2.0), Candidate(both[1], GOOD, 0.0, 1.0)],
        1: [Candidate(both[0], GOOD, 0.0, 3.0), Candidate(both[1], GOOD, 0.0, 0.0)],
    })  # fmt: skip
    assert order(ranked) == {1: ["chalk bag", "reel case"], 0: ["reel case", "chalk bag"]}
    assert list(ranked) == [1, 0]


@pytest.mark.parametrize(("personal", "first"), [(1.4, "reel"), (1.6, "chalk bag sale")])
def test_sharing_words_costs_by_the_square_of_the_share(personal, first):
    # two of four words in common with the taken title: 6 x (2 / 4)^2 = 1.5
    ranked = rank_candidates({
        0: [Candidate("chalk bag offer", GOOD, 0.0, 10.0)],
        1: [Candidate("chalk bag sale", GOOD, 0.0, personal), Candidate("reel", GOOD, 0.0, 0.0)],
    })  # fmt: skip
    assert order(ranked)[1][0] == first


def test_a_title_that_names_a_thing_twice_is_left_to_those_who_have_no_other():
    twice = Candidate("Buying Paper Towels? Save on Paper Towels", GOOD, 0.0, 6.5)
    other = Candidate("Buying Dish Soap? Save on Paper Towels", GOOD, 0.0, 0.6)  # 6.5 - 6 = 0.5 is less
    assert order(rank_candidates({0: [twice, other]})) == {0: [other.title, twice.title]}
    assert order(rank_candidates({0: [twice]})) == {0: [twice.title]}


def test_equal_clusters_and_candidates_have_one_order():
    same = [Candidate("b", GOOD, 0.0, 0.0), Candidate("a", GOOD, 0.0, 0.0)]
    assert list(rank_candidates({2: same, 1: same})) == [1, 2]
    assert order(rank_candidates({1: same})) == {1: ["a", "b"]}


def test_a_cluster_without_candidates_is_left_out():
    assert rank_candidates({1: [], 2: [Candidate("a", VAGUE, 0.0, 0.0)]}).keys() == {2}
    assert rank_candidates({}) == {}


candidates = st.builds(
    Candidate,
    st.sampled_from(["chalk bag", "chalk bag sale", "reel case", "fly box", "sale"]),
    st.sampled_from([GOOD, VAGUE]),
    st.floats(-50, 0),
    st.floats(-5, 5),
)


@given(st.dictionaries(st.integers(0, 5), st.lists(candidates, max_size=4, unique_by=lambda c: c.title)))
def test_ranking_keeps_every_candidate_and_numbers_them_from_one_with_the_true_ones_first(by_cluster):
    ranked = rank_candidates(by_cluster)
    assert ranked.keys() == {cluster for cluster, found in by_cluster.items() if found}
    for cluster, found in ranked.items():
        assert {(c.title, c.logprob) for c in found} == {(c.title, c.logprob) for c in by_cluster[cluster]}
        assert [c.rank for c in found] == list(range(1, len(found) + 1))
        assert sorted(c.verdict != GOOD for c in found) == [c.verdict != GOOD for c in found]

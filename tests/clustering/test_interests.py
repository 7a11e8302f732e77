from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse, stats

from clustering.interests import Line, group_titles, measure, one_of_each, spell_out, stand_out, tell_apart, withhold


def test_phrases_are_runs_of_telling_words_that_two_titles_share():
    titles = ["Trail shoes for running, 2 lb", "Trail shoes", "Running vest", "Sling of rope"]
    by_phrase, phrases = spell_out(titles)
    # "for" and "lb" tell nothing, "vest" and "rope" stand in one title only
    assert phrases == ["running", "shoes", "trail", "trail shoes"]
    np.testing.assert_array_equal(by_phrase.toarray(), [[1, 1, 1, 1], [0, 1, 1, 1], [1, 0, 0, 0], [0, 0, 0, 0]])


def test_phrases_end_at_punctuation():
    assert "tent camp" not in spell_out(["Tent, camp", "Tent, camp"])[1]


def test_words_of_other_scripts_are_words():
    phrases = spell_out(["登山 绳", "登山 包", "Żółta lina", "Żółta lina"])[1]
    assert set(phrases) == {"登山", "lina", "żółta", "żółta lina"}


def test_titles_without_words_have_no_phrases():
    by_phrase, phrases = spell_out(["", "1234", "!!"])
    assert (by_phrase.shape, phrases) == ((3, 0), [])


def test_items_of_one_title_count_as_one():
    by_title, titles = group_titles(["Rope", "Bag", "Rope"])
    assert titles == ["Bag", "Rope"]
    np.testing.assert_array_equal(by_title.toarray(), [[0, 1], [1, 0], [0, 1]])


def test_what_stands_out_has_scipys_z_and_enough_members():
    draw = np.random.default_rng(0)
    figures = draw.random((200, 4)) * (draw.random((200, 4)) < 0.5)
    figures[:20, 1] += 1.0  # clearly more than average
    figures[:, 2] = 0
    figures[:4, 2] = 9.0  # only four members
    lines = stand_out(measure(sparse.csr_array(figures)), np.arange(20))
    assert [line.column for line in lines] == [1]
    assert lines[0].members == 20
    expected = (figures[:20, 1].mean() - figures[:, 1].mean()) / (
        stats.tstd(figures[:, 1]) * (199 / 200) ** 0.5 / 20**0.5
    )
    assert lines[0].z == pytest.approx(expected, rel=1e-9)


def test_the_average_user_stands_out_in_nothing():
    figures = sparse.csr_array(np.random.default_rng(1).random((50, 6)))
    assert stand_out(measure(figures), np.arange(50)) == []


def line(column: int, own: float, z: float) -> Line:
    return Line(column, own, own / 4, z, 30)


def test_a_word_gives_way_to_the_phrase_that_is_most_of_it_and_its_other_words_are_not_repeated():
    titles = ["Trail shoes", "Trail shoes", "Camp stove", "Camp lamp"]
    by_phrase, phrases = spell_out([*titles, "Camp stove", "Camp lamp"])
    column = {phrase: n for n, phrase in enumerate(phrases)}
    events = np.array([5, 5, 3, 3, 0, 0], float)
    found = [
        line(column["trail"], 0.3, 9),
        line(column["shoes"], 0.3, 8.9),
        line(column["trail shoes"], 0.3, 8.8),
        line(column["camp"], 0.2, 7),
        line(column["camp stove"], 0.1, 6),
        line(column["camp lamp"], 0.1, 5),
    ]
    chosen = tell_apart(found, phrases, events, sparse.csc_array(by_phrase), 8)
    # "camp stove" is only half of "camp": the word stays, and covers both
    assert [phrases[c.column] for c in chosen] == ["trail shoes", "camp"]


def test_no_more_interests_are_taken_than_wanted():
    by_phrase, phrases = spell_out([f"{w} {w}" for w in ("alpha", "beta", "gamma") for _ in range(2)])
    found = [line(n, 0.1, 9 - n) for n, p in enumerate(phrases) if " " not in p]
    assert len(tell_apart(found, phrases, np.ones(6), sparse.csc_array(by_phrase), 2)) == 2


def test_variants_after_a_comma_are_shown_once():
    found = [line(n, 0.5, 9 - n) for n in range(3)]
    assert one_of_each(found, ["Rope, 5 m", "Rope, 10 m", "Bag"]) == [found[0], found[2]]


def test_lines_that_would_speak_of_a_person_are_withheld():
    found = [line(n, 0.5, 9 - n) for n in range(3)]
    kept = withhold(found, ["Senior shoes", "Shoes", "For PENSIONERS, 2 pairs"], frozenset(["senior", "pensioners"]))
    assert kept == [found[1]]


def test_a_tenth_of_the_members_must_back_it():
    figures = np.zeros((1_000, 2))
    figures[:9, 0] = figures[:11, 1] = 1.0
    assert [found.column for found in stand_out(measure(sparse.csr_array(figures)), np.arange(100))] == [1]

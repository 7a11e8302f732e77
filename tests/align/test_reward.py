from __future__ import annotations

import pytest

from creator.align.asked import Asked
from creator.align.draws import Drawn
from creator.align.preferences import prefer
from creator.align.reward import RewardWeights, Written, rewards
from creator.facts.channels import Channel
from tests.models.tiny import AD, OTHER_AD

TRUE, ALSO_TRUE, FALSE = "Landing Net for Fishing", "Chalk Bag for Climbing", "50% off Tents and Stoves"
WEIGHTS = RewardWeights(length=0.25, personal=0.5, apart=0.25)


def judged(*titles, channel=Channel.GOOGLE_ADS):
    return rewards(titles, channel, WEIGHTS)


def test_an_untrue_or_unfinished_title_earns_nothing_however_personal():
    assert judged(Written(FALSE, AD, 0, personal=40.0), Written(TRUE, AD, 1, personal=40.0, finished=False)) == [0, 0]


@pytest.mark.parametrize(
    ("personal", "share"), [(-9.0, 0.0), (-4.0, 0.0), (0.0, 0.5), (2.0, 0.75), (4.0, 1.0), (9.0, 1.0)]
)
def test_the_parts_of_a_true_title_s_reward_by_hand(personal, share):
    assert judged(Written(TRUE, AD, 0, personal)) == [pytest.approx(1 + 0.25 + 0.5 * share + 0.25)]


def test_a_title_too_long_for_the_channel_loses_its_length_part():
    long = "Landing Net for Fishing and Chalk Bag for Climbing"
    short, too_long = judged(Written(TRUE, AD, 0))[0], judged(Written(long, AD, 0))[0]
    assert len(long) > 30 >= len(TRUE)
    assert short - too_long == pytest.approx(0.25)


def test_titles_of_one_ad_for_different_readers_should_differ():
    same = judged(Written(TRUE, AD, 0), Written(TRUE, AD, 1))
    apart = judged(Written(TRUE, AD, 0), Written(ALSO_TRUE, AD, 1))
    alone = judged(Written(TRUE, AD, 0), Written(TRUE, AD, 0), Written("Running socks and a belt", OTHER_AD, 1))
    assert same[0] == pytest.approx(alone[0] - 0.25)  # all words shared
    assert same[0] < apart[0] < alone[0]  # "for" is shared


def drawn(*texts):
    return [Drawn([n, 99], text, finished=True) for n, text in enumerate(texts)]


def test_true_titles_are_preferred_to_untrue_ones_the_most_personal_first():
    asked = Asked(AD, 0, TRUE)
    found = prefer(asked, drawn(FALSE, TRUE, ALSO_TRUE), [5.0, 0.0, 3.0], [7, 99])
    assert [(p.chosen[0], p.rejected[0], p.reason) for p in found] == [(2, 0, "fact")]


def test_where_no_title_is_true_the_teacher_s_is_preferred_if_it_is():
    assert [(p.chosen[0], p.rejected[0]) for p in prefer(Asked(AD, 0, TRUE), drawn(FALSE), [0.0], [7, 99])] == [(7, 0)]
    assert prefer(Asked(AD, 0, FALSE), drawn(FALSE), [0.0], [7, 99]) == []


def test_among_true_titles_the_personal_one_wins_when_the_gap_is_clear():
    asked = Asked(AD, 0, TRUE)
    assert prefer(asked, drawn(TRUE, ALSO_TRUE), [1.0, 0.5], [7, 99]) == []
    clear = prefer(asked, drawn(TRUE, ALSO_TRUE), [-1.0, 3.0], [7, 99])
    assert [(p.chosen[0], p.rejected[0], p.reason) for p in clear] == [(1, 0, "personal")]

import numpy as np
import pandas as pd

from creator.core.data import Histories
from data_synthesis.evidence import build_evidence
from data_synthesis.sampling import Decision, Window, balance, decide_leads, in_holdout, live_windows, spread_windows

ITEMS = pd.DataFrame({"item_id": ["a", "b"], "title": ["chalk bag", "bike pump"], "description": ["", ""]})


def histories(events: int = 50) -> Histories:
    frame = pd.DataFrame(
        [(user, "ab"[n % 2], 1000.0 * (n // 2)) for user in ("u1", "u2") for n in range(events)],
        columns=pd.Index(["user_id", "item_id", "timestamp"]),
    )
    return Histories.of(frame, ITEMS)


def test_windows_are_spread_and_hold_only_events_before_their_end() -> None:
    found = list(spread_windows(histories(), 20_000.0, per_user=5, length=30, least=4, seed=1))
    assert {window.user for window in found} == {0, 1}
    for window in found:
        before = int(np.ceil(window.as_of / 1000.0)) * 2
        assert window.as_of <= 20_000.0
        assert len(window.items) == min(30, before)
    ends = sorted(window.as_of for window in found if window.user == 0)
    assert len(ends) == len(set(ends)) > 3
    assert ends[0] < 8_000.0 < ends[-1] == 20_000.0


def test_users_with_too_few_events_have_no_window() -> None:
    assert list(spread_windows(histories(3), 1e9, per_user=5, length=30, least=4, seed=1)) == []
    assert list(live_windows(histories(3), 1e9, 30, 4)) == []


def windows(*rows: list[int]) -> list[Window]:
    return [Window(0, 0.0, np.array(items, dtype=np.int32)) for items in rows]


def test_the_lead_needs_enough_events_and_a_margin_and_every_pair_is_accounted_for() -> None:
    evidence = build_evidence(ITEMS, np.array([10, 10]), ["chalk bag", "bike pump"])
    found = decide_leads(
        evidence,
        windows([0, 0, 0, 0, 1], [0, 0, 0, 1, 1, 1, 1], [0], []),
        [["chalk bag", "bike pump"], []],
        Decision(min_events=2, margin=3.0),
    )
    assert found.frame[["window", "ad", "events"]].values.tolist() == [[0, 0, 4], [1, 0, 4]]
    assert [evidence.points[lead] for lead in found.frame["lead"]] == ["chalk bag", "bike pump"]
    assert found.dropped == {
        "the ad has no selling point to lead with": 4,
        "no evidence in the history": 1,
        "evidence too thin": 1,
        "no clear lead": 0,
    }


def candidates() -> pd.DataFrame:
    rows = [(window, ad, 0 if window % 10 else 1, 3) for window in range(400) for ad in range(3)]
    return pd.DataFrame(rows, columns=pd.Index(["window", "ad", "lead", "events"]))


def test_a_draw_keeps_its_limits_and_follows_from_the_seed() -> None:
    chosen = balance(candidates(), limit=90, per_window=2, seed=5)
    assert len(chosen) == 90
    assert chosen.groupby("window").size().max() <= 2
    pd.testing.assert_frame_equal(chosen, balance(candidates(), limit=90, per_window=2, seed=5))
    assert not chosen.equals(balance(candidates(), limit=90, per_window=2, seed=6))


def test_a_rare_lead_comes_up_about_as_often_as_a_common_one() -> None:
    chosen = balance(candidates(), limit=90, per_window=3, seed=5)
    share = (chosen["lead"] == 1).mean()  # one window in ten leads so
    assert 0.35 < share < 0.6


def test_about_a_tenth_of_the_users_is_held_out_and_always_the_same() -> None:
    held = [in_holdout(f"user-{n}") for n in range(4_000)]
    assert 0.085 < np.mean(held) < 0.12
    assert held == [in_holdout(f"user-{n}") for n in range(4_000)]

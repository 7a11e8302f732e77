"""Ramps go on and are halted by themselves, once however many servers look; bandits learn and note their shares."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from serving.experiments.assignment import Experiment, Variation
from serving.experiments.bandit import read_counts, shares
from serving.experiments.ramp import Ramp, Stage
from serving.experiments.registry import begin, read_trial, read_trials
from serving.experiments.tend import Tended, tend
from serving.experiments.trial import Status, Trial
from serving.publish import publish
from serving.rows import Event
from serving.store import Store
from tests.serving.artefacts import ORIGINALS, write_folders
from tests.serving.service import serve, until

ARMS = (Variation("control", 0.5, "original"), Variation("personal", 0.5, "cluster"))
HOUR = 3_600.0


def events(rates: dict[str, float], users: int = 400, each: int = 5, experiment: str = "titles") -> Iterable[Event]:
    """Users in turn in each variation, all with as many exposures; clicks as even as the rate allows."""
    for number, (variation, rate) in enumerate(rates.items()):
        clicked = 0
        for n in range(users):
            for turn in range(each):
                base = (f"{variation}-{n}", "a1", None, 1_700_000_000.0 + turn, 1, experiment, variation)
                name = f"{experiment}-{number}-{n}-{turn}"
                yield Event(name, "exposure", *base, cluster_id=n % 2, propensity=None)
                due = int(rate * (n * each + turn + 1) + 0.37 * (n % 3))
                if due > clicked:
                    clicked = due
                    yield Event(f"{name}-c", "click", *base, cluster_id=n % 2)


def ramp(store: Store) -> Trial:
    return begin(store, Trial(Experiment("titles", ARMS), Ramp((Stage(0.1), Stage(0.5), Stage(1.0))), "control"), "x")


def standing(store: Store, key: str = "titles") -> Trial:
    with store.reading() as connection:
        return read_trial(connection, key)


def test_a_ramp_without_harm_goes_up_a_stage_each_day_and_stays_at_the_top(store: Store) -> None:
    began = ramp(store).stage_at
    assert [one.action for one in tend(store, now=began + 30 * HOUR)] == ["hold"]  # nobody has been seen yet
    assert "harm could not be seen" in str(standing(store).decision["reason"])
    store.add_events(list(events({"control": 0.1, "personal": 0.1})))
    assert tend(store, now=began + 23 * HOUR)[0].action == "hold"
    assert tend(store, now=began + 25 * HOUR)[0].action == "advance"
    assert (standing(store).stage, standing(store).at_stage().coverage) == (1, 0.5)
    assert tend(store, now=standing(store).stage_at + 1 * HOUR)[0].action == "hold"
    assert tend(store, now=standing(store).stage_at + 25 * HOUR)[0].action == "advance"
    assert tend(store, now=standing(store).stage_at + 25 * HOUR)[0].action == "done"
    assert (standing(store).stage, standing(store).status) == (2, Status.RUNNING)


def test_harm_halts_it_at_once_and_one_history_entry_says_why(store: Store) -> None:
    began = ramp(store).stage_at
    store.add_events(list(events({"control": 0.1, "personal": 0.02})))
    found: list[Tended] = []

    def look() -> None:
        found.extend(tend(store, now=began + HOUR))

    looking = [threading.Thread(target=look) for _ in range(4)]  # four servers at once
    [thread.start() for thread in looking]
    [thread.join() for thread in looking]
    stopped = [one for one in found if one.action == "stop"]
    assert sum(one.done for one in stopped) == 1
    assert standing(store).status is Status.HALTED
    with store.reading() as connection:
        rows = connection.exec_driver_sql("SELECT action, reason, after FROM history WHERE action = 'halted'").all()
    assert len(rows) == 1
    assert "harm" in json.loads(rows[0][2])["reason"]
    assert tend(store, now=began + 99 * HOUR) == []


def test_of_two_treatments_the_worse_one_halts_both(store: Store) -> None:
    arms = (Variation("control", 0.4, "original"), *(Variation(k, 0.3, "cluster:0") for k in ("good", "bad")))
    begin(store, Trial(Experiment("three", arms), Ramp((Stage(1.0),)), "control"), "x")
    store.add_events(list(events({"control": 0.1, "good": 0.12}, 400, experiment="three")))
    assert tend(store)[0].action == "stop"  # 400 and 400 users, meant 4 to 3: users were lost
    with store.reading() as connection:
        assert "sample ratio" in str(read_trials(connection)[0].decision["reason"])


def test_a_service_halts_a_harmful_rollout_by_itself(store: Store, store_url: str, tmp_path: Path) -> None:
    publish(store, write_folders(tmp_path / "shop").inputs())
    ramp(store)
    store.add_events(list(events({"control": 0.1, "personal": 0.02})))
    with serve(store_url, tend_s=0.1) as service:
        until(lambda: standing(store).status is Status.HALTED)
        until(lambda: service.title("u-climber", "a1")["reason"] == "rollout")
        assert service.title("u-climber", "a1")["title"] == ORIGINALS["a1"]


def test_shares_are_how_likely_each_variation_is_the_best() -> None:
    """Two Beta posteriors: the probability that one is above the other by numerical integration with scipy."""
    counts = {("a", 0): [(200, 20), (200, 30)], ("b", 0): [(0, 0), (0, 0)]}
    rate = 51 / 402
    found = {pair[:2]: pair[2] for pair in shares(counts, 0.05, np.random.default_rng(1))}
    line = np.linspace(0, 1, 20_001)
    low, high = (stats.beta(1 + c, (1 - rate) / rate + e - c) for e, c in counts["a", 0])
    best = np.trapezoid(high.pdf(line[1:-1]) * low.cdf(line[1:-1]), line[1:-1])
    assert found["a", 0][1] == pytest.approx(0.05 + 0.9 * best, abs=0.03)
    assert found["b", 0] == pytest.approx([0.5, 0.5], abs=0.05)
    assert all(sum(one) == pytest.approx(1, abs=1e-5) and min(one) >= 0.05 for one in found.values())
    sure = shares({("a", 0): [(5_000, 1_000), (5_000, 100), (5_000, 100)]}, 0.05, np.random.default_rng(1))
    assert sure[0][2] == pytest.approx([0.9, 0.05, 0.05])
    assert shares({}, 0.05, np.random.default_rng(1)) == []


def test_a_bandit_learns_by_epochs_and_look_ups_tell_the_probability_they_drew_with(
    store: Store, store_url: str, tmp_path: Path
) -> None:
    users = {f"u{n}": 0 for n in range(900)}
    publish(store, write_folders(tmp_path / "shop", users=users).inputs())
    began = begin(store, Trial(Experiment("bandit", ARMS), allocation="thompson"), "x").created_at
    pairs = {"pairs": [{"user_id": user, "ad_id": "a1"} for user in users]}
    with serve(store_url) as service:
        until(lambda: service.title("u0", "a1")["propensity"] == 0.5)
        first = service.http.post("/v1/titles", json=pairs).json()["titles"]
        assert {a["propensity"] for a in first} == {0.5}
        assert tend(store, now=began + 1)[0].action == "kept"  # nothing came back
        sent = [
            Event(f"e{n}", "exposure", user, "a1", a["title_id"], began, 1, "bandit", a["variation"], cluster_id=0,
                  propensity=a["propensity"])
            for n, (user, a) in enumerate(zip(users, first, strict=True))
        ]  # fmt: skip
        liked = [e for e in sent if e.variation == "personal"][:120]
        store.add_events([*sent, *(Event(f"{e.event_id}-c", "click", *_same(e)) for e in liked)])
        with store.reading() as connection:
            counts = read_counts(connection, "bandit", ["control", "personal"])
        shown = [sum(a["variation"] == arm for a in first) for arm in ("control", "personal")]
        assert counts == {("a1", 0): [(shown[0], 0), (shown[1], 120)]}
        learnt = tend(store, now=began + 2)
        assert [(one.action, one.done) for one in learnt] == [("learnt", True)]
        assert tend(store, now=began + 3)[0].action == "kept"  # an epoch stands for a while
        until(lambda: service.title("u0", "a1")["propensity"] != 0.5)
        second = service.http.post("/v1/titles", json=pairs).json()["titles"]
    assert {(a["variation"], a["propensity"]) for a in second} == {("personal", 0.95), ("control", 0.05)}
    count = sum(a["variation"] == "control" for a in second)
    assert stats.binomtest(count, len(second), 0.05).pvalue > 0.001
    # a draw of its own: who saw the control before is not who sees it now
    both = sum(a["variation"] == b["variation"] == "control" for a, b in zip(first, second, strict=True))
    assert stats.binomtest(both, shown[0], 0.05).pvalue > 0.001


def _same(event: Event) -> tuple[object, ...]:
    return (event.user_id, event.ad_id, event.title_id, event.timestamp + 1, event.release, event.experiment,
            event.variation, event.received_at, event.cluster_id, event.propensity)  # fmt: skip

"""Ramps: they go up step by step, stop for harm and for lost users, and seldom for nothing however often asked."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest

from creator.cli import main
from creator.statistics.ratio import arm
from serving.experiments.ramp import USUAL, Action, Ramp, Stage, decide
from serving.experiments.tally import read_arms
from serving.publish import publish
from serving.rows import Event
from serving.store import Store
from tests.serving.artefacts import write_folders


def arms(rate: float, users: int = 3_000, seed: int = 1, treated: int | None = None):
    draw = np.random.default_rng(seed)
    made = []
    for chance, count in ((0.1, users), (rate, users if treated is None else treated)):
        exposures = 1 + draw.poisson(4, count)
        made.append(arm(draw.binomial(exposures, chance), exposures))
    return made


def test_a_stage_ends_when_time_and_users_are_there_and_the_last_one_is_the_end() -> None:
    ramp = Ramp((Stage(0.1, hours=10, users=8_000), Stage(1.0, hours=5)))
    same = arms(0.1)
    more = arms(0.1, 5_000)
    assert decide(ramp, 0, 9.9, *same).action is Action.HOLD
    assert decide(ramp, 0, 11, *same).action is Action.HOLD
    assert decide(ramp, 0, 11, *more).action is Action.ADVANCE
    assert decide(ramp, 1, 4, *more).action is Action.HOLD
    assert decide(ramp, 1, 5, *more).action is Action.DONE


def test_harm_stops_at_once_a_gain_never_and_a_loss_within_tolerance_neither() -> None:
    found = decide(Ramp(), 0, 0.0, *arms(0.05))
    assert found.action is Action.STOP
    assert found.high is not None
    assert found.high < 0
    assert decide(Ramp(), 0, 0.0, *arms(0.2)).action is Action.HOLD
    assert decide(Ramp(tolerance=0.6), 0, 0.0, *arms(0.05)).action is Action.HOLD
    assert decide(Ramp(), 0, 0.0, *arms(0.0)).action is Action.STOP  # nobody clicks at all


def test_lost_users_stop_the_ramp() -> None:
    found = decide(Ramp(), 0, 0.0, *arms(0.1, 3_000, treated=2_500))
    assert found.action is Action.STOP
    assert "sample ratio" in found.reason


def test_too_few_clicks_say_nothing() -> None:
    found = decide(Ramp(), 0, 0.0, *arms(0.0, 30))
    assert (found.action, found.lift) == (Action.HOLD, None)


def test_harmless_treatments_are_seldom_stopped_though_asked_after_each_batch_of_users() -> None:
    """400 ramps without an effect, 40 looks each; and 100 with a loss of a third, which are to be found."""
    ramp = Ramp()
    stopped = {0.1: 0, 0.066: 0}
    for rate, runs in ((0.1, 400), (0.066, 100)):
        for run in range(runs):
            draw = np.random.default_rng([run, round(rate * 1e3)])
            exposures = 1 + draw.poisson(4, (2, 2_000))
            clicks = draw.binomial(exposures, [[0.1], [rate]])
            until = np.arange(50, 2_001, 50)
            stopped[rate] += any(
                decide(ramp, 0, 0.0, *(arm(clicks[side, :n], exposures[side, :n]) for side in (0, 1))).action
                is Action.STOP
                for n in until
            )
    assert binomtest(stopped[0.1], 400, 0.05, alternative="greater").pvalue > 0.05
    assert stopped[0.1] / 400 <= 0.05
    assert stopped[0.066] >= 95


def test_all_faults_of_a_ramp_at_once() -> None:
    bad = Ramp((Stage(0.5), Stage(0.2, hours=-1)), tolerance=2, alpha=0, effect=0, treated=1)
    assert len(bad.faults()) == 6
    assert Ramp(USUAL).faults() == []


def test_guard_reads_both_stores(
    store: Store, store_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(store, write_folders(tmp_path / "shop").inputs())
    events: list[Event] = []
    for n in range(600):
        variation = ("control", "personal")[n % 2]
        for turn in range(3):
            base = (f"u{n}", "a1", None, 1_700_000_000.0 + turn, 1, "titles", variation)
            events.append(Event(f"{n}-{turn}", "exposure", *base))
            if (n // 2 * 7 + turn * 3) % 10 < (4 if variation == "control" else 1):
                events.append(Event(f"{n}-{turn}-c", "click", *base))
    crossing = ("u0", "a1", None, 1_700_000_000.0, 1, "titles", "personal")
    store.add_events([*events, Event("crossing", "exposure", *crossing)])
    found = read_arms(store, "titles")
    assert {name: int(one.users) for name, one in found.items()} == {"control": 299, "personal": 300}
    own = [e for e in events if e.variation == "personal" and e.kind == "click"]
    assert float(found["personal"].ratio) == pytest.approx(len(own) / 900)
    call = ["experiment", "guard", "--store", store_url, "--experiment", "titles", "--json", "--treatment"]
    assert main([*call, "personal"]) == 0
    said = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert (said["action"], said["users"]) == ("stop", 599)
    assert main([*call, "nobody"]) == 1
    assert "expected: nobody" in capsys.readouterr().err
    assert main([*call, "personal", "--stages", "0.5", "0.1", "--alpha", "3"]) == 2
    said = capsys.readouterr().err
    assert "stages" in said
    assert "alpha" in said

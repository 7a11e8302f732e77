"""Sample sizes against published ones, and the power of a design against scipy's noncentral t."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from creator.cli import main
from creator.statistics.power import Wanted, binomial_variance, detectable, needed_users
from creator.statistics.ratio import Arm, arm
from tests.eval.experiments.tables import write_events


def as_arm(rate: float, exposures: float, user_variance: float) -> Arm:
    number = np.float64
    return Arm(number(1e4), number(rate * exposures), number(exposures), number(user_variance / 1e4))


def test_independent_exposures_need_what_two_proportions_need() -> None:
    """One exposure a user: the unpooled formula for two proportions (Fleiss, eq. 4.14 without correction)."""
    past = as_arm(0.10, 1.0, 0.09)
    users = needed_users(past, Wanted(0.2))
    z = stats.norm.isf(0.025) + stats.norm.isf(0.2)
    by_hand = z**2 * (0.1 * 0.9 + 0.12 * 0.88) / 0.02**2
    assert users / 2 == pytest.approx(by_hand)
    assert users / 2 == pytest.approx(3_841, rel=0.002)  # R: power.prop.test(p1=.10, p2=.12, power=.80)


def test_users_that_differ_raise_the_treatments_variance_by_the_square() -> None:
    past = as_arm(0.10, 1.0, 0.09 + 0.05)
    found = needed_users(past, Wanted(0.5))
    z = stats.norm.isf(0.025) + stats.norm.isf(0.2)
    assert found == pytest.approx(z**2 * 2 * (0.14 + 0.15 * 0.85 + 0.05 * 2.25) / 0.05**2)
    assert binomial_variance(past) == pytest.approx(0.09)


@pytest.mark.parametrize("wanted", [Wanted(0.03), Wanted(0.1, 0.01, 0.9, treated=0.2)])
@pytest.mark.parametrize("sequential", [False, True])
def test_what_is_detectable_is_what_is_needed_turned_around(wanted: Wanted, sequential: bool) -> None:
    past = as_arm(0.03, 6.0, 0.02)
    users = needed_users(past, wanted, sequential=sequential)
    assert detectable(past, users, wanted, sequential=sequential) == pytest.approx(wanted.effect)


def test_the_design_has_the_power_that_scipys_noncentral_t_gives() -> None:
    """Users alike but for chance, lift near nought: two samples of means, for which the power is known exactly."""
    past = as_arm(0.5, 1.0, 0.25)
    wanted = Wanted(0.001)
    each = needed_users(past, wanted) / 2
    away = 0.0005 / np.sqrt(2 * 0.25 / each)
    freedom = 2 * each - 2
    power = stats.nct.sf(stats.t.isf(0.025, freedom), freedom, away)
    assert power == pytest.approx(0.8, abs=0.002)


def test_a_design_from_events_counts_users_by_day_and_cluster(tmp_path: Path) -> None:
    frame = write_events(tmp_path / "events.csv")
    assert main(["experiment", "design", "--events", str(tmp_path / "events.csv"), "--effect", "0.1",
                 "--out", str(tmp_path / "design")]) == 0  # fmt: skip
    plan = json.loads((tmp_path / "design" / "summary.json").read_text())
    shown, clicked = (frame[frame["kind"] == kind] for kind in ("exposure", "click"))
    assert plan["past"]["users"] == frame["user_id"].nunique()
    assert plan["past"]["rate"] == pytest.approx(len(clicked) / len(shown))
    first = frame["timestamp"].min()
    for row in plan["durations"]:
        if not row["extrapolated"]:
            early = shown[shown["timestamp"] < first + row["days"] * 86_400]
            assert row["users"] == early["user_id"].nunique()
    days = [row["days"] for row in plan["durations"]]
    assert days == sorted(days)
    assert days[0] == 1
    assert plan["end"]["detectable"] <= 0.1 or plan["days"] is None
    assert [row["cluster"] for row in plan["clusters"]] == [0, 1, 2]
    whole = shown[shown["cluster_id"] == 0]
    assert plan["clusters"][0]["users"] == whole["user_id"].nunique()
    totals = frame.pivot_table(index="user_id", columns="kind", aggfunc="size", fill_value=0)
    assert plan["users"] == round(needed_users(arm(totals["click"], totals["exposure"]), Wanted(0.1)))
    page = (tmp_path / "design" / "report.html").read_text()
    assert "<svg" in page
    assert "http" not in page.split("</style>")[1]

"""Experiments: what runs and how it stands, one with its results, and beginning, halting and ending them."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import FastAPI, Query
from starlette.responses import Response

from creator.core.errors import HllmCreatorError
from creator.statistics.power import Wanted, detectable
from creator.statistics.ratio import Arm, effect, quantile
from creator.statistics.sequence import designed_precision, half_width
from serving.console.pages import Desk, Told, Visit, back, in_words, visiting
from serving.console.pictures import Interval, Picture, picture
from serving.experiments.assignment import SHOWS, Experiment, Variation
from serving.experiments.ramp import SRM_SURE, USUAL, Ramp
from serving.experiments.registry import begin, read_holdout, read_trials, set_holdout, settle
from serving.experiments.tally import read_arms, read_everybody
from serving.experiments.trial import Status, Trial
from serving.store import Store

PLACE = "/console/experiments"
ALPHA = 0.05
EXPECTED_LIFT = 0.1  # where the free interval is tightest; any other choice is right too
PAST_S = 28 * 86_400.0
FEWEST_CLICKS = 25  # of each arm, before an effect is told
SAID = {"begun": "It has begun.", "halted": "It is halted.", "ended": "It is over.", "holdout": "Kept."}


@dataclass(frozen=True, slots=True)
class ArmRow:
    """One variation with what came back: users, exposures, clicks and clicks over exposures."""

    variation: Variation
    users: int
    exposures: int
    clicks: int
    rate: float | None


@dataclass(frozen=True, slots=True)
class Results:
    """What the events say of one experiment.

    Args:
        arms: the variations, the control first.
        picture: the lifts over the control; None while there are too few clicks.
        mismatch: why the shares of users cannot be trusted, or "".
        weighed: whether the shares followed the clicks, so that no plain comparison is sound.
    """

    arms: tuple[ArmRow, ...]
    picture: Picture | None
    mismatch: str
    weighed: bool


@dataclass(frozen=True, slots=True)
class Reach:
    """What an experiment with a share of the known users would find: the share, users, and the smallest lifts."""

    share: float
    users: int
    fixed: float
    free: float


def install(app: FastAPI, desk: Desk) -> None:
    """Add the pages to the app."""
    seer = visiting(desk)

    @app.get(PLACE, include_in_schema=False)
    def show(said: Annotated[str, Query(max_length=20)] = "", visit: Visit = seer) -> Response:
        try:
            with visit.store.reading() as connection:
                trials, holdout = read_trials(connection, ended=True), read_holdout(connection)
            found = [(t, None if t.status is Status.ENDED else results(visit.store, t)) for t in reversed(trials)]
            reaches, past = reach(visit.store)
            releases = [each.release for each in visit.store.releases() if each.status == "published"]
        except HllmCreatorError as error:
            raise in_words(error) from None
        return visit.page(
            "experiments.html.jinja",
            trials=found,
            holdout=holdout,
            reaches=reaches,
            past=past,
            releases=releases,
            usual=[stage.coverage for stage in USUAL],
            said=SAID.get(said, ""),
        )

    @app.get("/console/experiment", include_in_schema=False)
    def one(
        key: Annotated[str, Query(min_length=1, max_length=100)],
        said: Annotated[str, Query(max_length=20)] = "",
        visit: Visit = seer,
    ) -> Response:
        try:
            trial = _trial(visit.store, key)
            found = results(visit.store, trial)
        except HllmCreatorError as error:
            raise in_words(error) from None
        return visit.page("experiment.html.jinja", trial=trial, found=found, said=SAID.get(said, ""))

    @app.post(f"{PLACE}/begin", include_in_schema=False)
    def start(visit: Visit = seer) -> Response:
        who, trial = visit.writer(), _drafted(visit)
        faults = trial.faults()
        if faults:
            raise Told(422, "It was not begun", f"{'; '.join(faults)}.")
        try:
            begin(visit.store, trial, who)
        except HllmCreatorError as error:
            raise in_words(error) from None
        desk.live.look()
        return back(f"{PLACE}?said=begun")

    @app.post(f"{PLACE}/settle", include_in_schema=False)
    def stop(visit: Visit = seer) -> Response:
        who, wanted = visit.writer(), visit.form.get("status", "")
        if wanted not in (Status.HALTED, Status.ENDED):
            raise Told(422, "That could not be done", "The form names no decision.")
        try:
            before = _trial(visit.store, visit.form.get("key", ""))
            decision = {"action": wanted, "reason": visit.form.get("reason", "").strip()[:500] or "by hand"}
            done = before.status is not Status.ENDED and settle(
                visit.store, before, who, decision, status=Status(wanted)
            )
        except HllmCreatorError as error:
            raise in_words(error) from None
        if not done:
            raise Told(409, "That did not work", "It is over, or somebody changed it meanwhile. Nothing was changed.")
        desk.live.look()
        return back(f"{PLACE}?said={wanted}")

    @app.post(f"{PLACE}/holdout", include_in_schema=False)
    def hold_out(visit: Visit = seer) -> Response:
        who = visit.writer()
        try:
            set_holdout(visit.store, _share(visit, "share"), who)
        except HllmCreatorError as error:
            raise in_words(error) from None
        desk.live.look()
        return back(f"{PLACE}?said=holdout")


def results(store: Store, trial: Trial) -> Results:
    """What the events say of an experiment.

    Raises:
        StoreError: the store cannot be read.
    """
    arms, weighed = read_arms(store, trial.key), trial.allocation == "thompson"
    control, *treatments = trial.experiment.variations
    rows = tuple(_row(arm, arms.get(arm.key)) for arm in trial.experiment.variations)
    users = [row.users for row in rows]
    mismatch = "" if weighed else _mismatch(users, [arm.weight for arm in trial.experiment.variations])
    drawn: list[Interval] = []
    if not weighed and not mismatch:
        found = [(arm.key, _lift(arms.get(control.key), arms.get(arm.key), len(treatments))) for arm in treatments]
        drawn = [Interval(name, *lift) for name, lift in found if lift is not None]
    return Results(rows, picture(drawn), mismatch, weighed)


def reach(store: Store, shares: Sequence[float] = (0.1, 0.5, 1.0)) -> tuple[list[Reach], int]:
    """The smallest lifts that half against half of so many of the known users would find, with power 80%.

    Args:
        store: whose events are the past.
        shares: of all users that were shown an ad in the last four weeks.

    Returns:
        one for each share; none with too few clicks. And how many users there are.

    Raises:
        StoreError: the store cannot be read.
    """
    past = read_everybody(store, time.time() - PAST_S)
    if past is None:
        return [], 0
    users = int(past.users)
    if not float(past.total_clicks) >= FEWEST_CLICKS or not float(past.user_variance) > 0:
        return [], users
    wanted = Wanted(EXPECTED_LIFT)
    found = [
        Reach(share, round(users * share), detectable(past, users * share, wanted),
              detectable(past, users * share, wanted, sequential=True))
        for share in shares
    ]  # fmt: skip
    return [each for each in found if math.isfinite(each.fixed) and math.isfinite(each.free)], users


def _mismatch(users: Sequence[int], weights: Sequence[float]) -> str:
    """Why the numbers of users cannot have come from these weights by chance, or ""."""
    from scipy.special import chdtrc  # here: a service that only answers look-ups need not load it

    total = sum(users)
    pairs = [(count, total * weight) for count, weight in zip(users, weights, strict=True) if total * weight > 0]
    statistic = sum((count - meant) ** 2 / meant for count, meant in pairs)
    if not total or float(chdtrc(len(pairs) - 1, statistic)) >= SRM_SURE:
        return ""
    told = (
        f"{count:,} where {weight:.0%} of {total:,} were meant" for count, weight in zip(users, weights, strict=True)
    )
    return f"Sample ratio mismatch: {'; '.join(told)}. No effect is told."


def _row(variation: Variation, arm: Arm | None) -> ArmRow:
    if arm is None or not float(arm.users) > 0:
        return ArmRow(variation, 0, 0, 0, None)
    users, rate = float(arm.users), float(arm.ratio)
    shown, clicked = round(float(arm.exposures) * users), round(float(arm.total_clicks))
    return ArmRow(variation, round(users), shown, clicked, rate if math.isfinite(rate) else None)


def _lift(
    control: Arm | None, treatment: Arm | None, treatments: int
) -> tuple[float, tuple[float, float], tuple[float, float]] | None:
    """The lift with its fixed and its free interval, each for all treatments together (Bonferroni)."""
    if control is None or treatment is None:
        return None
    if min(float(control.total_clicks), float(treatment.total_clicks)) < FEWEST_CLICKS:
        return None
    found, alpha = effect(control, treatment), ALPHA / treatments
    lift, se = float(found.lift), float(found.lift_se)
    if not (math.isfinite(lift) and se > 0):
        return None
    fixed = quantile(1 - alpha / 2) * se
    free = float(half_width(se, alpha, designed_precision(alpha, EXPECTED_LIFT)))
    return lift, (lift - fixed, lift + fixed), (lift - free, lift + free)


def _trial(store: Store, key: str) -> Trial:
    with store.reading() as connection:
        found = next((trial for trial in read_trials(connection, ended=True) if trial.key == key), None)
    if found is None:
        raise Told(404, "There is no such experiment", "The store has none of this name.")
    return found


def _drafted(visit: Visit) -> Trial:
    """The experiment that a form describes: a control and one treatment, half and half.

    Raises:
        Told: a share is no number, or a variation shows nothing that there is.
    """
    shows = [visit.form.get(name, "") for name in ("control", "treatment")]
    if not all(SHOWS.fullmatch(each) for each in shows) or shows[0] == shows[1]:
        raise Told(422, "It was not begun", "The two variations must show two different things.")
    arms = (Variation("control", 0.5, shows[0]), Variation("treatment", 0.5, shows[1]))
    stepwise = visit.form.get("pace") == "stages"
    experiment = Experiment(" ".join(visit.form.get("key", "").split()), arms)
    if stepwise:
        return Trial(experiment, Ramp(USUAL), outside="control")
    return Trial(replace(experiment, coverage=_share(visit, "coverage")))


def _share(visit: Visit, name: str) -> float:
    text = visit.form.get(name, "").strip()
    try:
        value = float(text) / 100
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise Told(422, "That could not be done", "A share is a number from 0 to 100.")
    return value

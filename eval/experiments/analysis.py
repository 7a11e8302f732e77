"""What an experiment showed: overall, over time, by cluster and by title."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from creator.statistics.ratio import Arm, Effect, Floats, adjusted, arm, effect, quantile, stratified
from creator.statistics.sequence import designed_precision, half_width, p_value
from eval.experiments.checks import FEWEST_CLICKS
from eval.experiments.many import benjamini_hochberg, holm, shrink
from eval.experiments.users import Trial, count, spans

MOST_TITLES = 2_000


@dataclass(frozen=True, slots=True)
class Comparison:
    """A treatment against the control on some of the users; lifts are relative to the control's click rate.

    Args:
        name: what is compared, for people.
        treatment: the variation.
        users, clicks, exposures: (control, treatment).
        rates: (control, treatment), clicks over exposures.
        lift, se, low, high: the relative effect, its standard error, and its fixed interval.
        p: of no effect, for a single look at the planned end.
        always_low, always_high, always_p: the same for any number of looks.
        difference, difference_low, difference_high: the absolute effect with its fixed interval.
        method: "delta", "CUPED", "stratified", or one of the weighted ones (`eval.experiments.weighted`).
        p_holm, p_bh: corrected over all that were compared beside it; None where it stands alone.
        shrunk: the lift without the winner's curse; None where it stands alone.
        simultaneous: the fixed interval that holds for all of them at once (Bonferroni); None where it stands alone.
    """

    name: str
    treatment: str
    users: tuple[int, int]
    clicks: tuple[int, int]
    exposures: tuple[int, int]
    rates: tuple[float, float]
    lift: float
    se: float
    low: float
    high: float
    p: float
    always_low: float
    always_high: float
    always_p: float
    difference: float
    difference_low: float
    difference_high: float
    method: str = "delta"
    p_holm: float | None = None
    p_bh: float | None = None
    shrunk: float | None = None
    simultaneous: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """What was known at the end of a day: cumulative users and the lift with both intervals."""

    day: int
    users: int
    lift: float
    low: float
    high: float
    always_low: float
    always_high: float


@dataclass(frozen=True, slots=True)
class Levels:
    """How sure to be.

    Args:
        alpha: share of experiments without an effect that may find one.
        tau: precision of the sequential interval's mixture.
    """

    alpha: float
    tau: float

    @classmethod
    def of(cls, alpha: float, wanted: float) -> Levels:
        """The sequential interval tuned to a test that is to find a lift of `wanted`."""
        return cls(alpha, designed_precision(alpha, wanted))


def compare(
    name: str, treatment: str, arms: tuple[Arm, Arm], levels: Levels, found: Effect | None = None, method: str = "CUPED"
) -> Comparison:
    """One comparison from two arms, or from an effect that was adjusted."""
    control, treated = arms
    measured = effect(control, treated) if found is None else found
    lift, se, z = float(measured.lift), float(measured.lift_se), quantile(1 - levels.alpha / 2)
    half = float(half_width(se, levels.alpha, levels.tau))
    room = z * float(measured.difference_se)

    def both(value: str) -> tuple[int, int]:
        return (
            round(float(getattr(control, value) * control.users)),
            round(float(getattr(treated, value) * treated.users)),
        )

    return Comparison(
        name=name, treatment=treatment, users=(int(control.users), int(treated.users)), clicks=both("clicks"),
        exposures=both("exposures"), rates=(float(control.ratio), float(treated.ratio)), lift=lift, se=se,
        low=lift - z * se, high=lift + z * se, p=float(measured.p_value), always_low=lift - half,
        always_high=lift + half, always_p=float(p_value(lift, se, levels.tau)), difference=float(measured.difference),
        difference_low=float(measured.difference) - room, difference_high=float(measured.difference) + room,
        method="delta" if found is None else method,
    )  # fmt: skip


def overall(trial: Trial, control: str, treatment: str, levels: Levels) -> tuple[Comparison, Comparison | None, float]:
    """The effect on everybody; with CUPED where users have a past; and the share of the variance that it took."""
    chosen = trial.users[trial.users["variation"].isin([control, treatment])]
    treated = chosen["variation"].eq(treatment).to_numpy(dtype=np.bool_)
    arms = _arms(chosen["clicks"].to_numpy(), chosen["exposures"].to_numpy(), treated)
    plain = compare("everybody", treatment, arms, levels)
    past = chosen[["clicks_before", "exposures_before"]].to_numpy(dtype=np.float64)
    better = adjusted(chosen["clicks"].to_numpy(), chosen["exposures"].to_numpy(), treated, past)
    if better is None:
        return plain, None, 0.0
    return plain, compare("everybody", treatment, arms, levels, better[0]), better[1]


def by_strata(trial: Trial, control: str, treatment: str, levels: Levels) -> Comparison | None:
    """The effect on everybody with each cluster weighing as many users as it has; None without clusters."""
    whole = trial.users[trial.users["variation"].isin([control, treatment])]
    if whole["cluster"].nunique() < 2:
        return None
    treated = whole["variation"].eq(treatment).to_numpy(dtype=np.bool_)
    clicks, exposures = whole["clicks"].to_numpy(), whole["exposures"].to_numpy()
    strata = pd.factorize(whole["cluster"].fillna(-1))[0].astype(np.int64)
    found = stratified(clicks, exposures, treated, strata)
    arms = _arms(clicks, exposures, treated)
    return None if found is None else compare("everybody", treatment, arms, levels, found, "stratified")


def looks(trial: Trial, control: str, treatment: str, levels: Levels) -> list[Look]:
    """The effect as it stood after each day, from the first on which both arms have clicks enough."""
    ended = float(trial.events["timestamp"].iloc[-1])
    inside = trial.users["variation"].isin([control, treatment]).to_numpy(dtype=np.bool_)
    treated, z = trial.treated(treatment), quantile(1 - levels.alpha / 2)
    found: list[Look] = []
    for moment in spans(trial.started_at, ended):
        until = trial.events[trial.events["timestamp"] < moment]
        clicks, exposures = (count(until, kind, len(trial.users)) for kind in ("click", "exposure"))
        seen = inside & (exposures > 0)
        arms = _arms(clicks[seen], exposures[seen], treated[seen])
        if not enough(arms):
            continue
        measured = effect(*arms)
        lift, se = float(measured.lift), float(measured.lift_se)
        half = float(half_width(se, levels.alpha, levels.tau))
        day = round((moment - trial.started_at) / 86_400)
        found.append(Look(day, int(seen.sum()), lift, lift - z * se, lift + z * se, lift - half, lift + half))
    return found


def by_cluster(trial: Trial, control: str, treatment: str, levels: Levels) -> tuple[list[Comparison], int]:
    """The effect in each cluster, corrected for their number; and how many are too small to tell."""
    whole = trial.users[trial.users["variation"].isin([control, treatment])]

    def parts() -> Iterator[tuple[str, Floats, Floats, npt.NDArray[np.bool_]]]:
        for cluster, rows in whole.groupby("cluster", sort=True):
            treated = rows["variation"].eq(treatment).to_numpy(dtype=np.bool_)
            yield (
                f"cluster {int(float(str(cluster)))}",
                rows["clicks"].to_numpy(),
                rows["exposures"].to_numpy(),
                treated,
            )

    return _corrected(parts(), treatment, levels)


def by_title(trial: Trial, control: str, treatment: str, levels: Levels) -> tuple[list[Comparison], int]:
    """The effect of each personal title: its ad in its cluster, against the same ad there under the control.

    Users in a cluster were randomised too, so the two groups differ in the title alone.
    """
    events = trial.events.assign(
        variation=trial.users["variation"].to_numpy()[trial.events["user"]],
        cluster=trial.users["cluster"].to_numpy()[trial.events["user"]],
    )
    events = events[events["variation"].isin([control, treatment]) & events["cluster"].notna()]
    shown = events[events["variation"].eq(treatment) & events["kind"].eq("exposure") & events["title_id"].notna()]
    titles = shown.groupby(["cluster", "ad_id"])["title_id"].agg(lambda ids: ids.mode().iloc[0])
    largest = shown.groupby(["cluster", "ad_id"]).size().sort_values(ascending=False, kind="stable")
    groups = dict(iter(events.groupby(["cluster", "ad_id"], sort=False)))

    def parts() -> Iterator[tuple[str, Floats, Floats, npt.NDArray[np.bool_]]]:
        for place in largest.index[:MOST_TITLES]:
            rows = groups[place]
            codes, _ = pd.factorize(rows["user"])
            rows, size = rows.assign(user=codes), int(codes.max()) + 1
            treated = np.zeros(size, dtype=np.bool_)
            treated[codes] = rows["variation"].eq(treatment)
            clicks, exposures = count(rows, "click", size), count(rows, "exposure", size)
            kept = exposures > 0
            yield str(titles[place]), clicks[kept], exposures[kept], treated[kept]

    return _corrected(parts(), treatment, levels)


def _corrected(
    parts: Iterator[tuple[str, Floats, Floats, npt.NDArray[np.bool_]]], treatment: str, levels: Levels
) -> tuple[list[Comparison], int]:
    found: list[Comparison] = []
    small = 0
    for name, clicks, exposures, treated in parts:
        arms = _arms(clicks, exposures, treated)
        if enough(arms):
            found.append(compare(name, treatment, arms, levels))
        else:
            small += 1
    return correct(found, levels.alpha), small


def correct(found: Sequence[Comparison], alpha: float) -> list[Comparison]:
    """Comparisons that know of one another: corrected p-values, simultaneous intervals, shrunk lifts."""
    if not found:
        return []
    z = quantile(1 - alpha / 2 / len(found))
    p = [one.p for one in found]
    drawn = shrink([one.lift for one in found], [one.se for one in found])
    rows = zip(found, holm(p), benjamini_hochberg(p), drawn, strict=True)
    return [
        replace(one, p_holm=float(a), p_bh=float(b), shrunk=float(mean), simultaneous=_around(one, z))
        for one, a, b, mean in rows
    ]


def _around(found: Comparison, z: float) -> tuple[float, float]:
    return found.lift - z * found.se, found.lift + z * found.se


def enough(arms: tuple[Arm, Arm]) -> bool:
    """Whether both arms have the clicks and the variance that an interval needs."""
    return all(float(one.total_clicks) >= FEWEST_CLICKS and float(one.variance) > 0 for one in arms)


def _arms(clicks: Floats, exposures: Floats, treated: npt.NDArray[np.bool_]) -> tuple[Arm, Arm]:
    return arm(clicks[~treated], exposures[~treated]), arm(clicks[treated], exposures[treated])

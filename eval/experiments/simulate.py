"""The command `experiment simulate`: do the intervals hold what they promise? Thousands of tests with known effects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
from scipy import stats

from creator.core.artefacts import write_artefact
from creator.core.progress import track
from creator.statistics.power import Wanted, detectable
from creator.statistics.ratio import Arm, adjusted, arm, effect, quantile
from creator.statistics.sequence import designed_precision, half_width
from eval.charts import Line, curve
from eval.experiments.checks import FEWEST_CLICKS, SURE, sample_ratio
from eval.experiments.clicker import LOOKS_A_DAY, Sample, draw
from eval.experiments.options import SimulateOptions
from eval.experiments.pictures import Whisker, forest
from eval.figures import Figure, write_summary
from eval.page import write_page

PILOT = 200  # the past that the design is made from has so many times the users of one experiment


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one experiment's analysis said, of an effect that is known.

    Args:
        found: whether the fixed interval at the end leaves no effect out.
        covered: whether it holds the true lift.
        cuped_found, cuped_covered: the same with CUPED.
        removed: share of the variance that CUPED took away.
        wrong: [L], whether the sequential interval leaves the true lift out at a look.
        sequential: [L], whether it leaves no effect out at a look.
        naive: [L], whether a fixed interval would at that look.
        mismatch: whether the sample ratio check spoke up.
    """

    found: bool
    covered: bool
    cuped_found: bool
    cuped_covered: bool
    removed: float
    wrong: npt.NDArray[np.bool_]
    sequential: npt.NDArray[np.bool_]
    naive: npt.NDArray[np.bool_]
    mismatch: bool


def judge(sample: Sample, lift: float, alpha: float, tau: float) -> Outcome:
    """Analyse one simulated experiment at every look."""
    seen = sample.exposures > 0
    control, treated = (arm(sample.clicks, sample.exposures, seen & side) for side in (~sample.treated, sample.treated))
    measured = effect(control, treated)
    z = quantile(1 - alpha / 2)
    ready = np.minimum(control.total_clicks, treated.total_clicks) >= FEWEST_CLICKS
    half = half_width(measured.lift_se, alpha, tau)
    away, room = np.abs(measured.lift - lift), z * measured.lift_se
    end = seen[-1]
    side = sample.treated[end]
    better = adjusted(sample.clicks[-1, end], sample.exposures[-1, end], side, sample.past[end])
    assert better is not None
    counts = {"control": int((~side).sum()), "treated": int(side.sum())}
    return Outcome(
        found=bool(measured.p_value[-1] < alpha), covered=bool(away[-1] <= room[-1]),
        cuped_found=bool(better[0].p_value < alpha),
        cuped_covered=bool(abs(better[0].lift - lift) <= z * better[0].lift_se), removed=better[1],
        wrong=ready & (away > half), sequential=ready & (np.abs(measured.lift) > half),
        naive=ready & (measured.p_value < alpha),
        mismatch=sample_ratio(counts, {"control": 0.5, "treated": 0.5}) < SURE,
    )  # fmt: skip


def simulate(options: SimulateOptions) -> dict[str, object]:
    """Run the simulation and write its table, figures and pictures."""
    config = {name: getattr(options, name) for name in ("runs", "users", "days", "alpha", "power", "seed")}
    with write_artefact(options.out, "evaluation", config={"of": "simulation", **config}) as draft:
        source = np.random.default_rng(options.seed)
        past = _past(source, options)
        wanted = Wanted(0.1, options.alpha, options.power)
        lift = detectable(past, float(past.users) / PILOT, wanted)
        tau = designed_precision(options.alpha, lift, options.power)
        same, other = (
            [judge(draw(source, options.users, options.days, true), true, options.alpha, tau)
             for _ in track(range(options.runs), label, "experiments")]
            for true, label in ((0.0, "A/A tests"), (lift, "A/B tests"))
        )  # fmt: skip
        figures = _figures(same, other, options)
        extra = {"of": "simulation", "lift": lift, **config, "cuped_variance_removed": _mean(same, "removed"),
                 "goals_missed": _missed(figures)}  # fmt: skip
        write_summary(draft.path / "summary.json", figures, extra)
        write_page(draft.path / "report.html", "simulation.html.jinja", figures=figures, lift=lift, options=options,
                   chart=_chart(same), forest=_forest(figures), removed=extra["cuped_variance_removed"])  # fmt: skip
        draft.rows = {"experiments": 2 * options.runs}
        draft.facts = {figure.key: figure.value for figure in figures}
    print(f"{'':<52}{'value':>8}   {'95% interval':<18}{'meant':>7}")
    for figure in figures:
        print(f"{figure.label:<52}{figure.written(figure.value):>8}   {figure.interval:<18}{_meant(figure):>7}")
    return {"out": str(options.out), "lift": lift, "goals_missed": extra["goals_missed"],
            **{figure.key: figure.value for figure in figures}}  # fmt: skip


def _past(source: np.random.Generator, options: SimulateOptions) -> Arm:
    """What a design is made from: users without any treatment."""
    ends = [(part.clicks[-1], part.exposures[-1]) for part in (
        draw(source, options.users, options.days, 0.0) for _ in range(PILOT))]  # fmt: skip
    clicks, exposures = (np.concatenate(column) for column in zip(*ends, strict=True))
    return arm(clicks[exposures > 0], exposures[exposures > 0])


def _figures(same: Sequence[Outcome], other: Sequence[Outcome], options: SimulateOptions) -> list[Figure]:
    meant, power = options.alpha, options.power
    make = partial(_figure, runs=options.runs)
    return [
        make("false_positives", "A/A: fixed interval finds an effect", _each(same, "found"), meant),
        make("false_positives_cuped", "A/A: the same with CUPED", _each(same, "cuped_found"), meant),
        make("sequential_error", "A/A: sequential ever finds one, at any look", _ever(same, "sequential"), most=meant),
        make("sequential_error_effect", "A/B: sequential ever leaves the truth out", _ever(other, "wrong"), most=meant),
        make("naive_peeking", "A/A: fixed interval ever finds one, at any look", _ever(same, "naive")),
        make("coverage", "A/A: fixed interval holds the truth", _each(same, "covered"), 1 - meant),
        make("coverage_effect", "A/B: fixed interval holds the truth", _each(other, "covered"), 1 - meant),
        make("coverage_cuped", "A/B: fixed interval with CUPED holds it", _each(other, "cuped_covered"), 1 - meant),
        make("power", "A/B: fixed interval finds the designed effect", _each(other, "found"), power),
        make("power_cuped", "A/B: the same with CUPED", _each(other, "cuped_found")),
        make("power_sequential", "A/B: sequential finds it by the end", _ever(other, "sequential")),
        make("srm_alarms", "sample ratio check speaks up for nothing", _each([*same, *other], "mismatch"), SURE,
             runs=2 * options.runs),
    ]  # fmt: skip


def _each(outcomes: Sequence[Outcome], name: str) -> int:
    return sum(getattr(outcome, name) for outcome in outcomes)


def _ever(outcomes: Sequence[Outcome], name: str) -> int:
    return sum(bool(getattr(outcome, name).any()) for outcome in outcomes)


def _mean(outcomes: Sequence[Outcome], name: str) -> float:
    return float(np.mean([getattr(outcome, name) for outcome in outcomes]))


def _figure(
    key: str, label: str, hits: int, meant: float | None = None, *, runs: int, most: float | None = None
) -> Figure:
    """A share with its exact (Clopper-Pearson) 95% interval; `goal` is what it is meant to be, or at most."""
    span = stats.binomtest(hits, runs).proportion_ci(0.95)
    what = f"meant: {meant:.1%}" if meant is not None else f"meant: at most {most:.1%}" if most is not None else ""
    return Figure(key, label, hits / runs, runs, "simulated experiments", what, "", float(span.low), float(span.high),
                  goal=None, chance=meant if most is None else most)  # fmt: skip


def _missed(figures: Sequence[Figure]) -> list[str]:
    """Figures that lie apart from what is meant, or above what they may at most be.

    Held to intervals that hold for all of them at once (Bonferroni): of nine at 95% each, a sound analysis misses one
    in one run of three.
    """
    asked = [figure for figure in figures if figure.chance is not None]
    missed: list[str] = []
    for figure in asked:
        hits = round((figure.value or 0.0) * figure.n)
        span = stats.binomtest(hits, figure.n).proportion_ci(1 - 0.05 / len(asked))
        meant = figure.chance or 0.0
        if span.low > meant or (span.high < meant and "at most" not in figure.what):
            missed.append(figure.key)
    return missed


def _meant(figure: Figure) -> str:
    bound = "≤ " if "at most" in figure.what else ""
    return "" if figure.chance is None else f"{bound}{100 * figure.chance:g}%"


def _forest(figures: Sequence[Figure]) -> Mapping[str, str]:
    """Small rates and large ones apart: the two pictures have scales of their own."""
    rows = [Whisker(f.key.replace("_", " "), f.value or 0.0, f.low or 0.0, f.high or 0.0) for f in figures]
    small = [row for row in rows if row.high < 0.5]
    large = [row for row in rows if row not in small]
    return {
        "errors": forest(small, "Error rates with 95% intervals", even=0.05),
        "rates": forest(large, "Coverage and power with 95% intervals", even=0.95),
    }


def _chart(same: Sequence[Outcome]) -> str:
    """Share of A/A tests that have found an effect by each look, by both ways of looking."""
    lines: list[Line] = []
    for name, style, label in (("sequential", "first", "sequential"), ("naive", "second", "fixed, looked at often")):
        ever = np.maximum.accumulate(np.stack([getattr(outcome, name) for outcome in same]), axis=1).mean(axis=0)
        days = (np.arange(len(ever)) + 1) / LOOKS_A_DAY
        lines.append(Line(label, style, days.tolist(), (100 * ever).tolist()))
    lines.append(Line("5%", "even", [lines[0].x[0], lines[0].x[-1]], [5.0, 5.0]))
    return curve(lines, "Share of tests without an effect that have found one by each day, in percent")

"""Analysis of an experiment whose shares followed the clicks (Thompson sampling), by the logged propensities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from creator.core.errors import InputError
from creator.statistics.ratio import Effect, quantile
from creator.statistics.sequence import half_width, p_value
from creator.statistics.weighted import doubly_robust, inverse
from eval.experiments.analysis import Comparison, Levels
from eval.experiments.checks import FEW_CLICKS, FEWEST_CLICKS, SURE, Check

SMALL_SHARE = 0.01  # below it single exposures weigh more than a hundred


@dataclass(frozen=True, slots=True)
class Drawn:
    """The exposures of an experiment with what became of them.

    Args:
        shown: a row an exposure: user (a number), variation, propensity, clicked, context (a number for its ad and
            cluster).
        users: how many.
        without: exposures left out because no propensity came with them.
        stray_clicks: clicks without an exposure of theirs.
    """

    shown: pd.DataFrame
    users: int
    without: int
    stray_clicks: int


def has_propensities(events: pd.DataFrame, experiment: str) -> bool:
    """Whether the experiment's exposures say how likely they were."""
    mine = events["experiment"].eq(experiment) & events["kind"].eq("exposure")
    return bool(events.loc[mine, "propensity"].notna().any())


def gather_drawn(events: pd.DataFrame, experiment: str) -> Drawn:
    """Find the exposures, and put each click to the last one before it of the same user, ad and variation.

    Args:
        events: from `read_events`.
        experiment: its key.

    Raises:
        InputError: no exposure of it has a propensity.
    """
    tagged = events[events["experiment"].eq(experiment) & events["variation"].notna()]
    exposures = tagged[tagged["kind"].eq("exposure")]
    good = exposures["propensity"].gt(0) & exposures["propensity"].le(1)
    shown = exposures[good].sort_values("timestamp", kind="stable").reset_index(drop=True)
    if shown.empty:
        raise InputError("no exposure of the experiment has a propensity", got=experiment)
    by = ["user_id", "ad_id", "variation"]
    shown["row"] = shown.index.astype(np.float64)
    clicks = tagged[tagged["kind"].eq("click")].sort_values("timestamp", kind="stable")
    rows = pd.merge_asof(clicks[[*by, "timestamp"]], shown[[*by, "timestamp", "row"]], on="timestamp", by=by)["row"]
    found = rows.dropna().astype(np.int64).to_numpy()
    shown["clicked"] = np.bincount(found, minlength=len(shown)).astype(np.float64)
    user, names = pd.factorize(shown["user_id"])
    context = pd.factorize(pd.MultiIndex.from_arrays([shown["ad_id"], shown["cluster_id"].fillna(-1)]))[0]
    return Drawn(shown.assign(user=user, context=context), len(names), int((~good).sum()), int(rows.isna().sum()))


def check_drawn(drawn: Drawn, names: Sequence[str], *, platform: bool) -> list[Check]:
    """Look at what can spoil it: weights that do not add up to the exposures, tiny propensities, few clicks.

    Args:
        drawn: the exposures.
        names: the variations.
        platform: whether an ad platform chose who sees what.
    """
    found: list[Check] = []
    if platform:
        text = "an ad platform chose who sees which title: what was logged is not how likely it was"
        found.append(Check("delivery", "refused", text))
    shown = drawn.shown
    for name in names:
        weight = np.where(shown["variation"].eq(name), 1 / shown["propensity"], 0.0) - 1
        each = np.bincount(shown["user"], weight, drawn.users)
        spread = float(np.sqrt((each**2).sum()))
        p = float(2 * stats.norm.sf(abs(each.sum()) / spread)) if spread > 0 else 1.0
        share = 1 + each.sum() / len(shown)
        text = f"{name}: the exposures' weights make up {share:.1%} of all exposures"
        level = "refused" if p < SURE else "sound"
        found.append(Check("weights", level, text + ("; propensities or exposures are lost" if p < SURE else ""), p))
    clicks = {name: int(shown.loc[shown["variation"].eq(name), "clicked"].sum()) for name in names}
    said = ", ".join(f"{name} {count:,}" for name, count in clicks.items())
    least = min(clicks.values())
    level = "refused" if least < FEWEST_CLICKS else "warned" if least < FEW_CLICKS else "sound"
    found.append(Check("size", level, f"clicks: {said}"))
    smallest = float(shown["propensity"].min())
    if smallest < SMALL_SHARE:
        text = f"a propensity of {smallest:.4f}: single exposures weigh {1 / smallest:,.0f}"
        found.append(Check("small_shares", "warned", text))
    if drawn.without:
        found.append(Check("propensities", "warned", f"{drawn.without:,} exposures came without one and are left out"))
    if drawn.stray_clicks:
        text = f"{drawn.stray_clicks:,} clicks come without an exposure and are left out"
        found.append(Check("stray_clicks", "warned", text))
    return found


def compare_drawn(drawn: Drawn, control: str, treatment: str, levels: Levels) -> list[Comparison]:
    """The effect, doubly robust, by inverse propensities, and as the plain rates would have it."""
    shown = drawn.shown
    arm: npt.NDArray[np.int64] = np.select(
        [shown["variation"].eq(control), shown["variation"].eq(treatment)], [0, 1], 2
    )
    clicked, propensity = (shown[name].to_numpy(dtype=np.float64) for name in ("clicked", "propensity"))
    user, context = (shown[name].to_numpy(dtype=np.int64) for name in ("user", "context"))
    chosen = [arm == side for side in (0, 1)]
    counts = [
        tuple(int(value) for value in pair)
        for pair in (
            [len(np.unique(user[part])) for part in chosen],
            [clicked[part].sum() for part in chosen],
            [part.sum() for part in chosen],
        )
    ]
    own = np.ones(len(arm))
    made = (
        ("doubly robust", doubly_robust(clicked, arm, propensity, user, drawn.users, context)),
        ("inverse propensity", inverse(clicked, arm, propensity, user, drawn.users)),
        ("unweighted: biased", inverse(clicked, arm, own, user, drawn.users)),
    )
    return [_comparison(method, treatment, counts, found, rates, levels) for method, (found, rates) in made]


def _comparison(
    method: str,
    treatment: str,
    counts: Sequence[tuple[int, ...]],
    found: Effect,
    rates: tuple[float, float],
    levels: Levels,
) -> Comparison:
    z = quantile(1 - levels.alpha / 2)
    lift, se, gap, room = (float(v) for v in (found.lift, found.lift_se, found.difference, z * found.difference_se))
    half = float(half_width(se, levels.alpha, levels.tau))
    users, clicks, exposures = ((pair[0], pair[1]) for pair in counts)
    return Comparison(
        name="everybody", treatment=treatment, users=users, clicks=clicks, exposures=exposures, rates=rates, lift=lift,
        se=se, low=lift - z * se, high=lift + z * se, p=float(found.p_value), always_low=lift - half,
        always_high=lift + half, always_p=float(p_value(lift, se, levels.tau)), difference=gap,
        difference_low=gap - room, difference_high=gap + room, method=method,
    )  # fmt: skip


def effects(drawn: Drawn, control: str, names: Sequence[str], levels: Levels) -> list[dict[str, object]]:
    """Each treatment's effect, in the shape of the report."""
    made: list[dict[str, object]] = []
    for name in names:
        if name == control:
            continue
        best, plain, biased = compare_drawn(drawn, control, name, levels)
        made.append(
            {"treatment": name, "plain": plain, "adjusted": best, "stratified": None, "unweighted": biased,
             "variance_removed": 1 - best.se**2 / plain.se**2, "looks": [], "clusters": [], "titles": [],
             "too_small": {"clusters": 0, "titles": 0}}
        )  # fmt: skip
    return made

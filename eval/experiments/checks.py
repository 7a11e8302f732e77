"""Is the experiment sound? What is wrong is told plainly, and the worst of it withholds the effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from creator.statistics.ratio import arm
from eval.experiments.users import Trial

SURE = 0.001  # a test of soundness speaks up below this: it is asked of every experiment
FEWEST_CLICKS, FEW_CLICKS = 25, 100  # in an arm: below the first no interval can be trusted, below the second barely
MOST_CROSSED, SOME_CROSSED = 0.05, 0.01

Level = Literal["refused", "warned", "sound"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Args:
        kind: its name for programs ("srm").
        level: "refused": no effect can be told; "warned": it must be read with care; "sound".
        text: what was found, for people.
        p: of the test behind it; None where there is none.
    """

    kind: str
    level: Level
    text: str
    p: float | None = None


def sample_ratio(counts: Mapping[str, int], shares: Mapping[str, float]) -> float:
    """P-value of Pearson's chi-square test that users came in these shares.

    Args:
        counts: users by variation; a variation of `shares` without any counts as 0.
        shares: what was meant, in any unit.
    """
    names = list(shares)
    found = np.array([counts.get(name, 0) for name in names], dtype=np.float64)
    wanted = np.array([shares[name] for name in names])
    return float(stats.chisquare(found, wanted / wanted.sum() * found.sum()).pvalue)


def worst(checks: list[Check]) -> Level:
    """The gravest level among them."""
    levels = {check.level for check in checks}
    return "refused" if "refused" in levels else "warned" if "warned" in levels else "sound"


def check(trial: Trial, shares: Mapping[str, float], *, platform: bool, planned_users: int) -> list[Check]:
    """Look at everything that can spoil an experiment before its effect is looked at.

    Args:
        trial: users and events.
        shares: of users, as they were meant.
        platform: whether an ad platform chose who sees what.
        planned_users: what the design asked for; 0 when nothing was planned.
    """
    users = trial.users
    found = [_delivery(platform), _ratio(users, shares), _crossed(trial), *_balance(users, shares)]
    found += [_size(users, shares), _peeking(len(users), planned_users), _exposure(users, shares)]
    if trial.stray_clicks:
        text = f"{trial.stray_clicks:,} clicks come from users without an exposure of the experiment and are left out"
        found.append(Check("stray_clicks", "warned", text))
    if unknown := sorted(set(users["variation"]) - set(shares)):
        found.append(Check("variations", "refused", f"users saw variations that have no share: {', '.join(unknown)}"))
    return found


def _delivery(platform: bool) -> Check:
    if not platform:
        return Check("delivery", "sound", "said to be randomised by user")
    text = "the effect of the titles and of the people it found for them cannot be told apart"
    return Check("delivery", "refused", f"an ad platform chose who sees which title: {text}")


def _ratio(users: pd.DataFrame, shares: Mapping[str, float]) -> Check:
    counts = {str(name): int(n) for name, n in users["variation"].value_counts().items()}
    p = sample_ratio(counts, shares)
    total = sum(shares.values())
    said = ", ".join(f"{name} {counts.get(name, 0):,} (meant: {share / total:.1%})" for name, share in shares.items())
    if p < SURE:
        why = "users were lost in one arm more than in another, and those who are left cannot be compared"
        return Check("srm", "refused", f"sample ratio mismatch: {said}; {why}", p)
    return Check("srm", "sound", f"users came in the shares that were meant: {said}", p)


def _crossed(trial: Trial) -> Check:
    share = trial.crossed / max(1, trial.crossed + len(trial.users))
    text = f"{trial.crossed:,} users ({share:.1%}) saw more than one variation and are left out"
    level: Level = "refused" if share > MOST_CROSSED else "warned" if share > SOME_CROSSED else "sound"
    return Check("crossed", level, text)


def _balance(users: pd.DataFrame, shares: Mapping[str, float]) -> list[Check]:
    """What was there before the experiment must not differ between its arms."""
    found: list[Check] = []
    known = users[users["cluster"].notna()]
    table = pd.crosstab(known["variation"], known["cluster"]).to_numpy()
    if min(table.shape, default=0) > 1:
        p = float(np.asarray(stats.chi2_contingency(table)[1]))
        found.append(_balanced("clusters", "users' clusters", p))
    past = [users.loc[users["variation"].eq(name), "exposures_before"].to_numpy() for name in shares]
    if all(len(part) > 1 and part.std() > 0 for part in past):
        p = float(stats.f_oneway(*past).pvalue) if len(past) > 2 else _welch(past[0], past[1])
        found.append(_balanced("past", "exposures before the experiment", p))
    return found


def _balanced(kind: str, what: str, p: float) -> Check:
    if p < SURE:
        return Check(kind, "refused", f"{what} differ between the arms: delivery was not randomised", p)
    return Check(kind, "sound", f"{what} do not differ between the arms more than by chance", p)


def _welch(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.asarray(stats.ttest_ind(first, second, equal_var=False)[1]))


def _size(users: pd.DataFrame, shares: Mapping[str, float]) -> Check:
    clicks = {name: int(users.loc[users["variation"].eq(name), "clicks"].sum()) for name in shares}
    least = min(clicks.values())
    said = ", ".join(f"{name} {count:,}" for name, count in clicks.items())
    alike = [
        name for name, part in users.groupby("variation") if not arm(part["clicks"], part["exposures"]).variance > 0
    ]
    if alike and least >= FEWEST_CLICKS:
        return Check(
            "size", "refused", f"all users of {', '.join(map(str, alike))} click alike: no interval can be told"
        )
    if least < FEWEST_CLICKS:
        return Check("size", "refused", f"too small: clicks: {said}; fewer than {FEWEST_CLICKS} in an arm")
    if least < FEW_CLICKS:
        return Check("size", "warned", f"small: clicks: {said}; fewer than {FEW_CLICKS} in an arm, intervals are rough")
    return Check("size", "sound", f"clicks: {said}")


def _peeking(users: int, planned: int) -> Check:
    if not planned:
        text = "no planned_users given: the fixed interval holds only if the end was set before the start"
        return Check("peeking", "warned", f"{text} and nobody would have stopped earlier; else read the sequential one")
    if users < planned:
        text = f"this is a peek: {users:,} of {planned:,} planned users; read the sequential interval alone"
        return Check("peeking", "warned", text)
    return Check("peeking", "sound", f"{users:,} users, {planned:,} were planned")


def _exposure(users: pd.DataFrame, shares: Mapping[str, float]) -> Check:
    seen = [users.loc[users["variation"].eq(name), "exposures"].to_numpy() for name in shares]
    if any(len(part) < 2 or part.std() == 0 for part in seen):
        return Check("exposures", "sound", "exposures per user are too uniform to compare")
    p = float(stats.f_oneway(*seen).pvalue) if len(seen) > 2 else _welch(seen[0], seen[1])
    said = ", ".join(f"{name} {part.mean():.2f}" for name, part in zip(shares, seen, strict=True))
    if p < SURE:
        why = "delivery reacts to the titles, and the ratio compares other mixes of exposures too"
        return Check("exposures", "warned", f"exposures per user differ between the arms ({said}): {why}", p)
    return Check("exposures", "sound", f"exposures per user: {said}", p)

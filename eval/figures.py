"""A figure: one number with its interval, what it means, and which held-out data it comes from.

Every evaluation writes its figures into `summary.json` under these names; the report shows them as they are.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from creator.core.artefacts import write_text

PERCENTILES = (2.5, 97.5)


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of an evaluation.

    Args:
        key: its name for programs ("conditioning").
        label: its name for people.
        value: the number; None when it could not be computed, and `what` says why.
        low: lower end of the 95% interval; None without one.
        high: upper end of the 95% interval; None without one.
        n: how many cases it was computed from.
        unit: what one case is, in the plural.
        goal: the value to reach; None without one.
        chance: what doing nothing would give; None where that has no meaning.
        style: how it is written: a share as a percentage, anything else as a number.
        what: what it measures, one sentence.
        data: which held-out data it comes from, one sentence.
    """

    key: str
    label: str
    value: float | None
    n: int
    unit: str
    what: str
    data: str
    low: float | None = None
    high: float | None = None
    goal: float | None = None
    chance: float | None = None
    style: Literal["share", "number", "count"] = "share"

    @property
    def reached(self) -> bool | None:
        """Whether the goal is met; None where there is no goal or no value."""
        return None if self.goal is None or self.value is None else self.value >= self.goal

    def written(self, value: float | None) -> str:
        """A value of this figure as people read it."""
        if value is None:
            return "–"
        return {"share": f"{100 * value:.1f}%", "number": f"{value:.3f}", "count": f"{value:,.0f}"}[self.style]

    @property
    def interval(self) -> str:
        """The 95% interval as people read it, or ""."""
        return "" if self.low is None or self.high is None else f"{self.written(self.low)} to {self.written(self.high)}"


def interval(replicates: npt.NDArray[np.float64]) -> tuple[float | None, float | None]:
    """Percentile 95% interval of bootstrap replicates; undefined replicates (NaN) are left out.

    Args:
        replicates: [R], the statistic in each resample.

    Returns:
        (low, high); (None, None) when fewer than 20 replicates are defined.
    """
    defined = replicates[np.isfinite(replicates)]
    if len(defined) < 20:
        return None, None
    low, high = np.percentile(defined, PERCENTILES)
    return float(low), float(high)


def resamples(groups: int, count: int, seed: int) -> npt.NDArray[np.float32]:
    """How often each group is drawn in each bootstrap resample (groups drawn with replacement).

    Returns:
        [G, R]; every column sums to G.
    """
    draw = np.random.default_rng(seed)
    return draw.multinomial(groups, np.full(groups, 1.0 / groups), size=count).T.astype(np.float32)


def share(
    outcomes: npt.NDArray[np.float64], groups: npt.NDArray[np.int64], *, resample_count: int, seed: int
) -> tuple[float | None, float | None, float | None]:
    """Mean of outcomes with a 95% interval from resampling whole groups.

    Args:
        outcomes: [N], 1 for a success, 0 for a failure, 0.5 for a tie.
        groups: [N], the user (or ad) each outcome belongs to.
        resample_count: number of bootstrap resamples.
        seed: of the resampling.

    Returns:
        (mean, low, high), all None without outcomes; the interval is None with fewer than two groups.
    """
    if not len(outcomes):
        return None, None, None
    _, code = np.unique(groups, return_inverse=True)
    size = int(code.max()) + 1
    mean = float(outcomes.mean())
    if size < 2:
        return mean, None, None
    drawn = resamples(size, resample_count, seed)
    won = np.bincount(code, weights=outcomes, minlength=size) @ drawn
    tried = np.bincount(code, minlength=size) @ drawn
    return mean, *interval(won / tried)


def write_summary(path: Path, figures: Sequence[Figure], details: Mapping[str, object]) -> None:
    """Write an evaluation's `summary.json`: its figures, then whatever tables belong to them."""
    content = {"figures": [asdict(figure) for figure in figures], **details}
    write_text(path, json.dumps(finite(content), indent=1, ensure_ascii=False, allow_nan=False))


def read_figures(path: Path) -> list[Figure]:
    """The figures of an evaluation's `summary.json`; none when there is no such file."""
    if not path.is_file():
        return []
    content = json.loads(path.read_text(encoding="utf-8"))
    return [Figure(**figure) for figure in content.get("figures", [])]


def finite(value: object) -> object:
    """The same structure with NaN and infinities as None, which JSON can carry."""
    if isinstance(value, Mapping):
        return {str(key): finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    if isinstance(value, np.generic):
        return finite(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value

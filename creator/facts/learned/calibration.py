"""From a model's margins to probabilities (Platt's sigmoid, 1999), and the threshold for few enough false alarms."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from creator.core.errors import ModelError

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
FILE = "calibration.json"
_BINS = 10


@dataclass(frozen=True, slots=True)
class Calibration:
    """How a margin becomes a probability of error, p = 1 / (1 + exp(-(slope * margin + offset))).

    Args:
        slope: of the margin.
        offset: added to it.
        threshold: probability from which a title is turned down, 0.5 or more.
        longest: tokens of evidence and title together.
    """

    slope: float = 1.0
    offset: float = 0.0
    threshold: float = 0.5
    longest: int = 192

    @classmethod
    def fit(cls, margins: Floats, wrong: Bools, false_alarms: float, longest: int, sources: Ints | None = None) -> Self:
        """Fit on titles the model has not learned from.

        Args:
            margins: log odds of an error, one a title (N,).
            wrong: whether the title is wrong (N,); both sorts occur.
            false_alarms: share of true titles that the threshold may turn down, of no source more.
            longest: kept beside.
            sources: number of the source that each title is from (N,); None for one source. All sources count the same
                in the sigmoid, however many titles they have.
        """
        from sklearn.linear_model import LogisticRegression

        origin = np.zeros(len(margins), dtype=np.int64) if sources is None else sources
        sizes = np.bincount(origin)
        fitted = LogisticRegression(C=1e3).fit(margins[:, None], wrong, sample_weight=len(margins) / sizes[origin])
        rough = cls(float(fitted.coef_[0, 0]), float(fitted.intercept_[0]), 0.5, longest)
        allowed = max(
            _least_allowed(rough.probabilities(margins[here]), false_alarms)
            for source in np.unique(origin)
            if (here := ~wrong & (origin == source)).any()
        )
        return cls(rough.slope, rough.offset, min(max(0.5, float(np.nextafter(allowed, 2.0))), 1.0), longest)

    def probabilities(self, margins: Floats) -> Floats:
        """Probability of an error for each margin (N,)."""
        return 1.0 / (1.0 + np.exp(-np.clip(self.slope * margins + self.offset, -60.0, 60.0)))

    def write(self, folder: Path) -> None:
        """Write `calibration.json`."""
        (folder / FILE).write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Calibration:
        """Read `calibration.json`; a model that has none is taken at its word.

        Raises:
            ModelError: the file is there and cannot be used.
        """
        path = folder / FILE
        if not path.is_file():
            return cls()
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError):
            raise ModelError(f"{path} cannot be used", expected="slope, offset, threshold, longest") from None


def _least_allowed(probabilities: Floats, share: float) -> float:
    """The probability above which lie at most this share of them."""
    return float(np.sort(probabilities)[::-1][int(share * len(probabilities))])


def calibration_error(probabilities: Floats, wrong: Bools) -> float:
    """Expected calibration error over ten equally wide bins (Guo et al. 2017, eq. 3)."""
    bins = np.minimum((probabilities * _BINS).astype(int), _BINS - 1)
    gaps = [
        abs(float(probabilities[bins == b].mean() - wrong[bins == b].mean())) * int((bins == b).sum())
        for b in range(_BINS)
        if (bins == b).any()
    ]
    return sum(gaps) / len(wrong)

"""How a verifier does on titles it has not learned from: by source and kind of error, alone and beside the rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from creator.facts.learned.calibration import Bools, Calibration, Floats, Ints, calibration_error
from creator.facts.learned.titles import KINDS, LabelledTitle

CHECKS = ("rules", "verifier", "both")


@dataclass(frozen=True, slots=True)
class Held:
    """Titles kept apart.

    Args:
        rows: the titles (N).
        names: the sources.
        origin: number of each title's source (N,).
        margins: the model's log odds of an error (N,).
        passed: whether the rules let the title pass (N,).
    """

    rows: tuple[LabelledTitle, ...]
    names: tuple[str, ...]
    origin: Ints
    margins: Floats
    passed: Bools

    @property
    def wrong(self) -> Bools:
        """Whether a title holds an error (N,)."""
        return np.array([row.kind is not None for row in self.rows])


def verifier_figures(held: Held, calibration: Calibration) -> dict[str, float]:
    """Recall, false alarms and calibration; for each source, the recall of each kind by rules, verifier and both."""
    probabilities = calibration.probabilities(held.margins)
    wrong = held.wrong
    stopped = {"rules": ~held.passed, "verifier": probabilities >= calibration.threshold}
    stopped["both"] = stopped["rules"] | stopped["verifier"]
    facts = {
        "threshold": calibration.threshold,
        "calibration_error": calibration_error(probabilities, wrong),
    }
    kinds = np.array([row.kind or "" for row in held.rows])
    for n, name in enumerate(held.names):
        here = held.origin == n
        facts[f"{name}_titles"] = int(here.sum())
        for check in CHECKS:
            for label, of in (("recall", wrong), ("false_alarms", ~wrong)):
                if (here & of).any():
                    facts[f"{name}_{check}_{label}"] = float(stopped[check][here & of].mean())
            for kind in KINDS:
                if (here & (kinds == kind.value)).any():
                    facts[f"{name}_{check}_recall_{kind.value}"] = float(
                        stopped[check][here & (kinds == kind.value)].mean()
                    )
    return {key: value if isinstance(value, int) else round(value, 4) for key, value in facts.items()}


def told(facts: Mapping[str, float]) -> Iterator[str]:
    """The figures as a table for a person."""
    yield f"threshold {facts['threshold']:.3f}, calibration error {facts['calibration_error']:.3f}"
    names = [key.removesuffix("_titles") for key in facts if key.endswith("_titles")]
    columns = ("false_alarms", "recall", *(f"recall_{kind.value}" for kind in KINDS))
    yield f"{'held out':<24}" + "".join(f"{c.removeprefix('recall_')[:12]:>13}" for c in columns)
    for name in names:
        for check in CHECKS:
            shares = (facts.get(f"{name}_{check}_{column}") for column in columns)
            cells = "".join(f"{'-' if share is None else f'{share:.3f}':>13}" for share in shares)
            yield f"{name + ', ' + check:<24}{cells}"

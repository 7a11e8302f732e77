"""An experiment as the store has it: what is drawn, where it applies, how it is rolled out, and how it stands."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from itertools import pairwise
from typing import Any, Literal

from serving.experiments.assignment import Experiment, Variation
from serving.experiments.ramp import Ramp, Stage

FEWEST_SHARE = 0.001  # a Thompson arm is never drawn less often, so that its exposures can be weighed


class Status(StrEnum):
    """How an experiment stands."""

    RUNNING = "running"
    HALTED = "halted"  # stopped for harm or by a person: everybody it concerns sees the control
    ENDED = "ended"  # over: look-ups answer as if it had never been


@dataclass(frozen=True, slots=True)
class Trial:
    """One experiment.

    Args:
        experiment: what is drawn; its coverage is that of the ramp's stage where there is a ramp.
        ramp: the stages it goes through by itself; None for a fixed coverage.
        outside: what users see whom the coverage leaves out: "control" what the first variation shows, "live" what
            they would see without the experiment.
        allocation: "fixed" by the weights; "thompson" by what was clicked so far, for each ad and cluster.
        least_share: of each variation under "thompson".
        stratified: each cluster draws by itself.
        ads, clusters: where it applies; empty for everywhere.
        status, stage, stage_at, created_at: how it stands; times in epoch seconds.
        remembered: whether look-ups read who was assigned before: the draw has changed since it began.
        decision: the last decision about it, for people.
    """

    experiment: Experiment
    ramp: Ramp | None = None
    outside: Literal["control", "live"] = "live"
    allocation: Literal["fixed", "thompson"] = "fixed"
    least_share: float = 0.05
    stratified: bool = False
    ads: frozenset[str] = frozenset()
    clusters: frozenset[int] = frozenset()
    status: Status = Status.RUNNING
    stage: int = 0
    stage_at: float = 0.0
    created_at: float = 0.0
    remembered: bool = False
    decision: Mapping[str, object] = field(default_factory=lambda: dict[str, object]())

    @property
    def key(self) -> str:
        """The experiment's name."""
        return self.experiment.key

    @property
    def control(self) -> Variation:
        """The first variation."""
        return self.experiment.variations[0]

    @property
    def reads_sticky(self) -> bool:
        """Whether a draw alone does not tell who saw what before."""
        fixed = self.allocation == "fixed" and self.experiment.sticky
        return fixed and (self.remembered or self.stratified or self.experiment.min_bucket_version > 0)

    @property
    def releases(self) -> frozenset[int]:
        """Releases whose titles it shows beside the live one's."""
        shown = (arm.shows.partition(":") for arm in self.experiment.variations)
        return frozenset(int(number) for kind, _, number in shown if kind == "release")

    def at_stage(self) -> Experiment:
        """The experiment with the coverage of its stage."""
        if self.ramp is None:
            return self.experiment
        return replace(self.experiment, coverage=self.ramp.stages[self.stage].coverage)

    def concerns(self, ad_id: str, cluster: int | None) -> bool:
        """Whether it applies to this ad and this cluster."""
        return (not self.ads or ad_id in self.ads) and (not self.clusters or cluster in self.clusters)

    def faults(self) -> list[str]:
        """What is wrong with it; all of it."""
        found = self.experiment.faults() + (self.ramp.faults() if self.ramp is not None else [])
        if self.outside not in ("control", "live"):
            found.append("outside: expected control or live")
        if self.allocation not in ("fixed", "thompson"):
            found.append("allocation: expected fixed or thompson")
        if self.allocation == "thompson" and (self.ramp is not None or self.experiment.ranges is not None):
            found.append("thompson: has neither stages nor ranges, its shares come from the clicks")
        arms = max(1, len(self.experiment.variations))
        if not FEWEST_SHARE <= self.least_share <= 1 / arms:
            found.append(f"least_share: got {self.least_share:g}, expected {FEWEST_SHARE:g} to {1 / arms:g}")
        if self.ramp is not None and self.experiment.ranges is not None:
            found.append("stages and ranges: expected one of the two")
        if any(cluster < 0 for cluster in self.clusters):
            found.append("clusters: expected 0 or more")
        return found


def as_json(trial: Trial) -> str:
    """The definition, without how it stands."""
    ramp = None if trial.ramp is None else {**asdict(trial.ramp), "stages": [asdict(s) for s in trial.ramp.stages]}
    made = {
        "experiment": asdict(trial.experiment), "ramp": ramp, "outside": trial.outside,
        "allocation": trial.allocation, "least_share": trial.least_share, "stratified": trial.stratified,
        "ads": sorted(trial.ads), "clusters": sorted(trial.clusters),
    }  # fmt: skip
    return json.dumps(made, ensure_ascii=False)


def from_json(text: str) -> Trial:
    """The definition read back."""
    made: dict[str, Any] = json.loads(text)
    told: dict[str, Any] = made["experiment"]
    space, ranges = told["namespace"], told["ranges"]
    parts: dict[str, Any] = {
        "variations": tuple(Variation(**arm) for arm in told["variations"]),
        "namespace": None if space is None else (space[0], _part(space[1])),
        "ranges": None if ranges is None else tuple(map(_part, ranges)),
    }
    ramp = None
    if made["ramp"] is not None:
        stages: dict[str, Any] = {"stages": tuple(Stage(**stage) for stage in made["ramp"]["stages"])}
        ramp = Ramp(**(made["ramp"] | stages))
    experiment = Experiment(**(told | parts))
    return Trial(experiment, ramp, made["outside"], made["allocation"], made["least_share"], made["stratified"],
                 frozenset(made["ads"]), frozenset(made["clusters"]))  # fmt: skip


def moves_somebody(before: Experiment, after: Experiment) -> bool:
    """Whether a change of definition can put a user into another variation than the draw gave before.

    More coverage with the same weights cannot; anything else of the draw can.
    """
    if (before.ranges, before.seed, before.hash_version) != (after.ranges, after.seed, after.hash_version):
        return True
    keys = [[(arm.key, arm.weight) for arm in one.variations] for one in (before, after)]
    return keys[0] != keys[1] or after.coverage < before.coverage


def cut_line(shares: Sequence[float]) -> list[tuple[float, float]]:
    """The line from 0 to 1 cut by shares, at whole ten-thousandths, so that a part's length is its probability."""
    total, ends = sum(shares), [0.0]
    for share in shares:
        ends.append(ends[-1] + share / total)
    marks = [round(end, 4) for end in ends[:-1]] + [1.0]
    return list(pairwise(marks))


def _part(pair: Sequence[float]) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])

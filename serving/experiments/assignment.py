"""Which variation a user sees: sticky buckets, namespace, coverage, weights, in GrowthBook's order; and the holdout."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from serving.experiments.hashing import Range, bucket, bucket_ranges, choose, in_namespace, in_range

HOLDOUT = "holdout"
HELD_OUT = "held_out"
MOST_KEY_CHARACTERS = 100

ORIGINAL, CLUSTER = "original", "cluster"
SHOWS = re.compile(r"original|cluster(:\d{1,9})?|release:[1-9]\d{0,8}")
SHOWS_HELP = "original, cluster, cluster:K or release:N"


class Why(StrEnum):
    """How an assignment came about, or why there is none."""

    HASHED = "hashed"  # by the user's place on the line
    STICKY = "sticky"  # as it was before
    NO_USER = "no_user"  # an empty id
    STOPPED = "stopped"  # the experiment does not run
    OTHER_NAMESPACE = "other_namespace"  # the namespace's part belongs to another experiment
    NOT_COVERED = "not_covered"  # outside the coverage of this stage
    BLOCKED = "blocked"  # was in an earlier version of the experiment that must not go on


@dataclass(frozen=True, slots=True)
class Variation:
    """One arm.

    Args:
        key: its name, recorded with each exposure.
        weight: share of the experiment's users, 0 to 1.
        shows: "original" for the ad's own title; "cluster" for that of the user's cluster; "cluster:K" for that of
            cluster K, whoever the user is; "release:N" for what release N has for the user.
    """

    key: str
    weight: float
    shows: str


@dataclass(frozen=True, slots=True)
class Experiment:
    """One experiment, randomised by user.

    Args:
        key: its name, recorded with each exposure.
        variations: two or more; the first is the control.
        coverage: share of users taken in, 0 to 1: what a ramp raises.
        seed: of the hash; "" takes the key.
        hash_version: 1 or 2.
        namespace: (name, part) that the experiment's users come from; None for all.
        ranges: explicit ranges in place of coverage and weights; None for those.
        bucket_version: raised to draw everybody anew.
        min_bucket_version: users who were in an older version leave the experiment.
        sticky: whether who was assigned stays, when coverage or weights change.
        running: whether it assigns anybody.
    """

    key: str
    variations: tuple[Variation, ...]
    coverage: float = 1.0
    seed: str = ""
    hash_version: int = 2
    namespace: tuple[str, Range] | None = None
    ranges: tuple[Range, ...] | None = None
    bucket_version: int = 0
    min_bucket_version: int = 0
    sticky: bool = True
    running: bool = True

    @property
    def sticky_key(self) -> str:
        """Under which name a user's assignment is remembered."""
        return sticky_key(self.key, self.bucket_version)

    @property
    def parts(self) -> list[Range]:
        """The part of the line that each variation has now."""
        if self.ranges is not None:
            return list(self.ranges)
        return bucket_ranges(len(self.variations), self.coverage, [arm.weight for arm in self.variations])

    def faults(self) -> list[str]:
        """What is wrong with the definition; all of it."""
        keys = [arm.key for arm in self.variations]
        found = [] if len(keys) >= 2 else [f"variations: got {len(keys)}, expected two or more"]
        if len(set(keys)) < len(keys):
            found.append("variations: a key stands twice")
        found += [f"{name}: expected 1 to {MOST_KEY_CHARACTERS} printable characters"
                  for name, key in [("key", self.key), *(("variation key", key) for key in keys)]
                  if not 1 <= len(key) <= MOST_KEY_CHARACTERS or not key.isprintable()]  # fmt: skip
        if any(not SHOWS.fullmatch(arm.shows) for arm in self.variations):
            found.append(f"shows: expected one of {SHOWS_HELP}")
        if any(not 0 <= arm.weight <= 1 for arm in self.variations):
            found.append("weights: expected 0 to 1 each")
        if abs(sum(arm.weight for arm in self.variations) - 1) > 1e-6:
            found.append(f"weights: got a sum of {sum(arm.weight for arm in self.variations):g}, expected 1")
        if not 0 <= self.coverage <= 1:
            found.append(f"coverage: got {self.coverage:g}, expected 0 to 1")
        if self.hash_version not in (1, 2):
            found.append(f"hash_version: got {self.hash_version}, expected 1 or 2")
        parts = [*(self.ranges or ()), *([self.namespace[1]] if self.namespace else [])]
        if any(not 0 <= start <= end <= 1 for start, end in parts):
            found.append("ranges and namespace: expected 0 <= start <= end <= 1")
        if self.ranges is not None and len(self.ranges) != len(keys):
            found.append(f"ranges: got {len(self.ranges)}, expected one for each of {len(keys)} variations")
        return found


@dataclass(frozen=True, slots=True)
class Assignment:
    """What was decided for one user and one experiment.

    Args:
        experiment: its key.
        variation: the arm; None when the user takes no part.
        why: how it came about.
        shows: what the user sees; None when the experiment has no say.
        place: the user's place on the line; None where it was not needed.
    """

    experiment: str
    variation: str | None
    why: Why
    shows: str | None = None
    place: float | None = None


def sticky_key(key: str, version: int) -> str:
    """GrowthBook's name of an assignment in a user's sticky bucket document."""
    return f"{key}__{version}"


def assign(experiment: Experiment, user_id: str, held: Mapping[str, str] | None = None) -> Assignment:
    """Decide one experiment for one user.

    Args:
        experiment: its definition, free of faults.
        user_id: whom to decide for.
        held: the user's earlier assignments, `sticky_key` -> variation; None for none.
    """

    def out(why: Why, place: float | None = None) -> Assignment:
        return Assignment(experiment.key, None, why, place=place)

    if not experiment.running:
        return out(Why.STOPPED)
    if not user_id:
        return out(Why.NO_USER)
    before, blocked = _before(experiment, held or {})
    if before is not None and not blocked:
        return Assignment(experiment.key, before.key, Why.STICKY, before.shows)
    if experiment.namespace is not None and not in_namespace(user_id, *experiment.namespace):
        return out(Why.OTHER_NAMESPACE)
    if blocked:
        return out(Why.BLOCKED)
    place = bucket(experiment.seed or experiment.key, user_id, experiment.hash_version)
    chosen = -1 if place is None else choose(place, experiment.parts)
    if chosen < 0:
        return out(Why.NOT_COVERED, place)
    arm = experiment.variations[chosen]
    return Assignment(experiment.key, arm.key, Why.HASHED, arm.shows, place)


def _before(experiment: Experiment, held: Mapping[str, str]) -> tuple[Variation | None, bool]:
    """What the user had, and whether an older version blocks them."""
    if not experiment.sticky:
        return None, False
    older = range(experiment.min_bucket_version)
    if any(sticky_key(experiment.key, version) in held for version in older):
        return None, True
    key = held.get(experiment.sticky_key)
    return next((arm for arm in experiment.variations if arm.key == key), None), False


def is_held_out(user_id: str, share: float, seed: str = HOLDOUT) -> bool:
    """Whether a user is one of the holdout group, which sees the originals and takes part in nothing.

    Args:
        user_id: whom to ask for.
        share: of users, 0 to 1.
        seed: of that draw; the same one keeps the same people out of one experiment after another.
    """
    place = bucket(seed, user_id, 2) if share > 0 and user_id else None
    return place is not None and in_range(place, (0.0, share))

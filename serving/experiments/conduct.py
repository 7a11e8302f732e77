"""What the running experiments make of each look-up: who takes part, what they see, and what is recorded of it.

A user takes part only where it matters: where all variations would show the same title (an unknown user, a pruned
pair), the look-up names no experiment, so that the exposures compared are those that can differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from serving.experiments.assignment import (
    CLUSTER,
    HELD_OUT,
    HOLDOUT,
    ORIGINAL,
    Assignment,
    Experiment,
    Variation,
    Why,
    assign,
    is_held_out,
)
from serving.experiments.hashing import Range, bucket, choose
from serving.experiments.trial import Status, Trial, cut_line
from serving.lookup import AdTitles, Answer, Reason, Tables

Held = Callable[[str], Mapping[str, str]]
"""A user's earlier assignments, sticky key -> variation."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How likely each variation is under "thompson", since an epoch began.

    Args:
        epoch: its number, from 1; 0 before the first.
        lines: (ad_id, cluster_id) -> the line cut by the variations' shares; equal shares where there is none.
    """

    epoch: int = 0
    lines: Mapping[tuple[str, int], Sequence[Range]] = field(
        default_factory=lambda: dict[tuple[str, int], Sequence[Range]]()
    )


@dataclass(frozen=True, slots=True)
class Running:
    """One experiment with what its look-ups need.

    Args:
        trial: its definition and state.
        experiment: the same with its stage's coverage.
        held: who was assigned before; None where the draw alone tells.
        policy: of "thompson"; None for fixed weights.
    """

    trial: Trial
    experiment: Experiment
    held: Held | None = None
    policy: Policy | None = None

    def draw(self, user_id: str, ad_id: str, cluster: int | None) -> tuple[Assignment, float | None]:
        """The user's variation, and how likely it was where that is not by the weights."""
        experiment = self.experiment
        if self.trial.stratified:
            experiment = replace(experiment, seed=f"{experiment.seed or experiment.key}:{cluster}")
        found = assign(experiment, user_id, self.held(user_id) if self.held is not None else None)
        if self.policy is None or found.variation is None:
            return found, None
        arms = experiment.variations
        line = self.policy.lines.get((ad_id, -1 if cluster is None else cluster)) or cut_line([1.0] * len(arms))
        # a draw of its own for each ad and epoch: what was seen before must not foretell it
        place = bucket(f"{experiment.seed or experiment.key}:{ad_id}:{self.policy.epoch}", user_id, 2)
        chosen = choose(place or 0.0, line)
        start, end = line[chosen]
        return Assignment(found.experiment, arms[chosen].key, Why.HASHED, arms[chosen].shows, place), round(
            end - start, 4
        )


@dataclass(frozen=True, slots=True)
class Conduct:
    """The overlay on look-ups.

    Args:
        running: experiments that are not over, in their order; a user takes part in the first that has a place.
        releases: tables of the releases that variations show beside the live one.
        holdout: share of users who see the originals and take part in nothing.
    """

    running: Sequence[Running]
    releases: Mapping[int, Tables] = field(default_factory=lambda: dict[int, Tables]())
    holdout: float = 0.0

    def __call__(self, user_id: str, ad_id: str, ad: AdTitles, answer: Answer) -> Answer:
        """The answer that this user gets; arguments as `serving.lookup.Overlay`."""
        if self.holdout and is_held_out(user_id, self.holdout):
            if answer.title_id is None:
                return answer
            return _original(answer, ad, Reason.HELD_OUT, HOLDOUT, HELD_OUT)
        left: Answer | None = None
        for running in self.running:
            trial = running.trial
            if not trial.concerns(ad_id, answer.cluster_id):
                continue
            shown = [self._show(arm, user_id, ad_id, ad, answer) for arm in trial.experiment.variations]
            if all(one.title == shown[0].title for one in shown):
                continue
            if trial.status is Status.HALTED:
                return _outside(shown[0], answer)
            drawn, propensity = running.draw(user_id, ad_id, answer.cluster_id)
            if drawn.variation is not None:
                index = next(n for n, arm in enumerate(trial.experiment.variations) if arm.key == drawn.variation)
                return shown[index]._replace(experiment=trial.key, variation=drawn.variation, propensity=propensity)
            if left is None and drawn.why is Why.NOT_COVERED and trial.outside == "control":
                left = _outside(shown[0], answer)
        return answer if left is None else left

    def _show(self, arm: Variation, user_id: str, ad_id: str, ad: AdTitles, answer: Answer) -> Answer:
        """What a variation shows; the original where it has nothing else for this user and ad."""
        if arm.shows == CLUSTER:
            return answer
        if arm.shows == ORIGINAL:
            return answer if answer.title_id is None else _original(answer, ad, Reason.EXPERIMENT)
        kind, _, number = arm.shows.partition(":")
        if kind == CLUSTER:
            pair = ad.by_cluster.get(int(number))
            if pair is None:
                return _original(answer, ad, Reason.PRUNED_PAIR)
            return answer._replace(title=pair.title, title_id=pair.title_id, reason=None)
        tables = self.releases[int(number)]
        other = tables.ads.get(ad_id)
        if other is None:
            return _original(answer, ad, Reason.PRUNED_PAIR)
        found = tables.plainly(user_id, other, int(number))
        return found._replace(title=ad.original) if found.title_id is None else found


def _original(
    answer: Answer, ad: AdTitles, reason: Reason, experiment: str | None = None, variation: str | None = None
) -> Answer:
    return Answer(ad.original, None, answer.cluster_id, answer.release, answer.reason or reason, experiment, variation)


def _outside(shown: Answer, answer: Answer) -> Answer:
    """What the control shows to somebody who takes no part."""
    if shown.title_id is None and answer.title_id is not None:
        return shown._replace(reason=Reason.ROLLOUT)
    return shown

"""Teachers: who writes the example titles, in the steps profile, choice of selling points, title, fact check."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from creator.core.records import Ad, Check, UserId
from data_synthesis.profile import Profile
from data_synthesis.rewrite import supporting_point, wordings
from data_synthesis.screen import Screen, reason_of


@dataclass(frozen=True, slots=True)
class PointEvidence:
    """What a window says about one selling point.

    Args:
        point: the selling point.
        events: how many of the window's events match it.
        score: those events weighted by the rarity of what they match.
    """

    point: str
    events: int
    score: float


@dataclass(frozen=True, slots=True)
class Task:
    """One title to write.

    Args:
        user_id: for whom.
        ad: for what.
        as_of: the history ends before this time, seconds.
        split: "train" or "heldout".
        window_events: events in the window.
        profile: what the window shows of the user.
        lead: the selling point with clearly the most evidence.
        second: the runner-up, if any other point has evidence.
        history: titles of the window's items, oldest first, for a teacher that reads them.
    """

    user_id: UserId
    ad: Ad
    as_of: float
    split: str
    window_events: int
    profile: Profile
    lead: PointEvidence
    second: PointEvidence | None
    history: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """A teacher's answer to one task.

    Args:
        task: what was asked.
        profile: the profile the title was written from, JSON text.
        title: the title, or "" when none came about.
        reasoning: one entry a step.
        selling_points: those the title uses, the leading one first.
        facts: the words of the ad each claim rests on.
        check: the fact check of the title; None when there is no title.
        reason: why the answer is rejected, or "".
        cost_usd: what the answer cost.
        thoughts: what the teacher thought aloud, as (step, text); kept aside, trained on by nobody.
    """

    task: Task
    profile: str
    title: str
    reasoning: tuple[str, ...]
    selling_points: tuple[str, ...]
    facts: tuple[str, ...]
    check: Check | None
    reason: str
    cost_usd: float = 0.0
    thoughts: tuple[tuple[str, str], ...] = ()


class Teacher(Protocol):
    """Writes titles; every task comes back exactly once, kept or rejected, in any order."""

    @property
    def name(self) -> str:
        """As recorded in the examples."""
        ...

    @property
    def prompt_version(self) -> str:
        """Which wording of its instructions it follows."""
        ...

    def write(self, tasks: Iterable[Task]) -> Iterator[Written]:
        """Answer the tasks."""
        ...


@dataclass(frozen=True)
class GroundedTeacher:
    """Composes titles from the ad's own words; no LLM, the same answers for the same seed.

    Args:
        screen: the fact check.
        seed: decides the wording.
        variants: wordings of one ad and lead in the training split. Held-out titles have one each, so that two
            different held-out titles of an ad always lead differently.
    """

    screen: Screen
    seed: int
    variants: int
    name: str = "grounded"
    prompt_version: str = "grounded-1"

    def write(self, tasks: Iterable[Task]) -> Iterator[Written]:
        """Answer the tasks, in their order."""
        for task in tasks:
            yield self._write(task)

    def _write(self, task: Task) -> Written:
        ad, lead = task.ad, task.lead
        support = supporting_point(ad, lead.point)
        choices = wordings(ad, lead.point, support)
        offset = _number(self.seed, ad.ad_id, lead.point)
        choices.sort(key=lambda title: _number(offset, title))
        if task.split == "train" and self.variants > 1:
            turn = _number(self.seed, task.user_id, ad.ad_id, task.as_of) % min(self.variants, max(len(choices), 1))
            choices = choices[turn:] + choices[:turn]
        steps = [_profile_step(task), _choice_step(task)]
        if not choices:
            return self._answer(task, "", steps, (), None, "no wording fits the limits")
        checked = [(title, self.screen.check(title, ad)) for title in choices[:1]]
        for title in choices[1:]:
            if checked[-1][1].publishable:
                break
            checked.append((title, self.screen.check(title, ad)))
        title, check = checked[-1] if checked[-1][1].publishable else checked[0]
        used = (lead.point, support) if support and support.casefold() in title.casefold() else (lead.point,)
        steps += [
            f"title: leads with '{lead.point}', then words of the original title; wording {len(checked)} tried",
            f"fact check: {check.verdict}",
        ]
        return self._answer(task, title, steps, used, check, reason_of(check))

    def _answer(
        self, task: Task, title: str, steps: list[str], used: tuple[str, ...], check: Check | None, reason: str
    ) -> Written:
        facts = (*used, task.ad.title) if title else ()
        return Written(task, task.profile.text, title, tuple(steps), used, facts, check, reason)


def _profile_step(task: Task) -> str:
    def listed(part: tuple[tuple[str, int], ...]) -> str:
        return ", ".join(f"{phrase} ({events})" for phrase, events in part)

    return (
        f"profile: of the last {task.window_events} events, long-term {listed(task.profile.long_term)}; "
        f"recently {listed(task.profile.short_term)}"
    )


def _choice_step(task: Task) -> str:
    lead, second = task.lead, task.second
    rest = f"next '{second.point}' with {second.events} ({second.score:.1f})" if second else "no other point has any"
    return f"selling point: '{lead.point}' with {lead.events} matching events (score {lead.score:.1f}); {rest}"


def _number(*parts: object) -> int:
    return int.from_bytes(hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=8).digest())

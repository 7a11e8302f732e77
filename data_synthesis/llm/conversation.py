"""One title, from history to verdict: which question comes next, and what each answer means. No network, no clock."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from pydantic import BaseModel

from creator.core.records import Ad, Check, Finding, FindingKind
from creator.engine.chat.ads import MOST_POINTS
from creator.engine.chat.fence import clean
from creator.engine.chat.question import NoAnswer, Question, Reply
from creator.engine.chat.reading import UnusableAnswerError, read_answer
from creator.facts.leads import leading_point
from data_synthesis.llm.material import history_lines
from data_synthesis.llm.prompts import (
    ChoiceAnswer,
    ProfileAnswer,
    Shown,
    TitleAnswer,
    choice_question,
    correction_question,
    profile_question,
    title_question,
)
from data_synthesis.rewrite import MOST_CHARACTERS, fits, most_words
from data_synthesis.screen import Screen, reason_of
from data_synthesis.teacher import Task, Written

Shape = TypeVar("Shape", bound=BaseModel)
LONGEST_PHRASE = 80
ERROR = {
    FindingKind.NUMBER: "a number that the ad does not bear out",
    FindingKind.UNIT: "a unit or an amount that the ad does not bear out",
    FindingKind.ENTITY: "a name that the ad does not mention",
    FindingKind.NEGATION: "a negation, or an exclusion, that the ad does not bear out",
    FindingKind.UNSUPPORTED: "the ad does not say so",
    FindingKind.SUPERLATIVE: "a superlative or a promise that the ad does not make",
    FindingKind.SCOPE: "a condition of the ad is lost, or widened",
    FindingKind.PERSONAL_ATTRIBUTE: "it speaks about the reader's person",
    FindingKind.WRONG_PRODUCT: "this is not what the ad offers",
    FindingKind.INJECTION: "an instruction or markup, not a title",
    FindingKind.CHANNEL: "not a finished, publishable phrase",
}


class _NoTitleError(Exception):
    """The conversation ends without a title; its text is the reason."""


@dataclass(frozen=True, slots=True)
class _Draft:
    """A title with what our own checks say.

    Args:
        title: as written.
        check: the fact check.
        lead: the ad's selling point it opens with; None when none is recognised.
        reason: why it cannot be used, or "".
        findings: the same for the teacher.
    """

    title: str
    check: Check
    lead: str | None
    reason: str
    findings: tuple[dict[str, object], ...]


def write_title(task: Task, screen: Screen) -> Generator[Question, Reply, Written]:
    """Write one title: profile, choice, title, fact check, and one corrective round where the check found something.

    Args:
        task: for whom and for what; its lead is the selling point that coverage plans for it.
        screen: the fact check.

    Returns:
        the title, or the reason why there is none. Costs and thoughts are the caller's to add.
    """
    profile = ""
    steps: list[str] = []
    try:
        profile = yield from _profile(task, steps)
        points = yield from _choose(task, profile, steps)
        draft = yield from _title(task, profile, points, screen, steps)
    except _NoTitleError as end:
        return Written(task, profile, "", tuple(steps), (), (), None, str(end))
    steps.append(f"fact check: {draft.check.verdict}")
    used = (draft.lead,) if draft.lead else ()
    rests_on = (*used, task.ad.title)
    return Written(task, profile, draft.title, tuple(steps), used, rests_on, draft.check, draft.reason)


def _profile(task: Task, steps: list[str]) -> Generator[Question, Reply, str]:
    lines = len(history_lines(task.history))
    answer = yield from _ask(profile_question(task.history), ProfileAnswer, lambda _: True)

    def shown(part: Sequence[Shown]) -> list[str]:
        borne_out = [s for s in part if s.lines and all(1 <= line <= lines for line in s.lines)]
        return list(dict.fromkeys(phrase for s in borne_out if (phrase := clean(s.what, LONGEST_PHRASE))))

    found = {
        "long_term": shown(answer.long_term),
        "short_term": shown(answer.short_term),
        "preferences": shown(answer.preferences),
        "needs": shown(answer.needs),
    }
    if not found["long_term"] and not found["short_term"]:
        raise _NoTitleError("profile: no interest that the history shows")
    given = [len(part) for part in (answer.long_term, answer.short_term, answer.preferences, answer.needs)]
    dropped = sum(given) - sum(map(len, found.values()))
    steps.append(
        f"profile: of the last {task.window_events} events, long-term {', '.join(found['long_term'])}; "
        f"recently {', '.join(found['short_term'])}" + (f"; {dropped} left out that no line shows" if dropped else "")
    )
    return json.dumps(found, ensure_ascii=False)


def _choose(task: Task, profile: str, steps: list[str]) -> Generator[Question, Reply, list[int]]:
    """Numbers of the points that suit the reader, the one to lead with first: the planned one if it is among them."""
    count = min(len(task.ad.selling_points), MOST_POINTS)

    def known(answer: ChoiceAnswer) -> bool:
        return all(1 <= point <= count for point in answer.points)

    answer = yield from _ask(choice_question(profile, task.ad), ChoiceAnswer, known)
    points = list(dict.fromkeys(answer.points))
    if not points:
        raise _NoTitleError("choice: no selling point suits the reader")
    planned = task.ad.selling_points.index(task.lead.point) + 1
    if planned in points:
        points.remove(planned)
        points.insert(0, planned)
    lead = task.ad.selling_points[points[0] - 1]
    steps.append(f"selling point: '{lead}'; {clean(answer.reason)}")
    return points


def _title(
    task: Task, profile: str, points: Sequence[int], screen: Screen, steps: list[str]
) -> Generator[Question, Reply, _Draft]:
    question = title_question(profile, task.ad, points[0], points[1:3])
    fitting = [task.ad.selling_points[point - 1] for point in points]
    answer = yield from _ask(question, TitleAnswer, _has_title)
    draft = _draft(answer.title, task.ad, fitting, screen)
    steps.append("title: written" + (f"; sent back: {draft.reason}" if draft.reason else ""))
    if draft.reason:
        asked = correction_question(question, draft.title, draft.findings)
        answer = yield from _ask(asked, TitleAnswer, _has_title)
        draft = _draft(answer.title, task.ad, fitting, screen)
        steps.append("correction: " + (draft.reason or "nothing found any more"))
    return draft


def _has_title(answer: TitleAnswer) -> bool:
    return bool(answer.title.strip())


def _draft(text: str, ad: Ad, fitting: Sequence[str], screen: Screen) -> _Draft:
    """Our own checks: facts and policy, form, and whether it opens with a point that suits the reader."""
    title = " ".join(text.split())
    check = screen.check(title, ad)
    findings = [_told(finding) for finding in check.findings if finding.score > 0]
    reason = reason_of(check)
    if not fits(title, ad):
        limits = f"at most {most_words(ad)} words and {MOST_CHARACTERS} characters"
        findings.append({"problem": f"too long ({limits}), says something twice, or is the ad's own title again"})
        reason = reason or "form: too long, repetitive, or the original again"
    at = leading_point(title, ad)
    lead = ad.selling_points[at] if at is not None else None
    if ad.locale.startswith("en") and lead not in fitting:
        findings.append({"problem": "it does not open with the selling point asked for"})
        reason = reason or "lead: another selling point, or none"
    return _Draft(title, check, lead or (fitting[0] if not reason else None), reason, tuple(findings))


def _told(finding: Finding) -> dict[str, object]:
    told: dict[str, object] = {"words": finding.claim, "problem": ERROR[finding.kind]}
    return told | ({"ad_says": finding.evidence} if finding.evidence and finding.source_field != "policy" else {})


def _ask(question: Question, shape: type[Shape], usable: Callable[[Shape], bool]) -> Generator[Question, Reply, Shape]:
    """Ask; ask once more after an answer that cannot be used. A refusal is not argued with."""
    for last in (False, True):
        reply = yield question
        if isinstance(reply, NoAnswer):
            raise _NoTitleError(reply.reason)
        try:
            answer = read_answer(reply, shape)
            if usable(answer):
                return answer
            reason = "wrong schema"
        except UnusableAnswerError as error:
            reason = str(error)
        if last or reason == "refused":
            raise _NoTitleError(f"{question.step}: {reason}")
        question = question.again()
    raise AssertionError("the second turn returns or raises")


def with_receipt(written: Written, cost_usd: float, thoughts: Sequence[tuple[str, str]]) -> Written:
    """A title together with what it cost and what was thought on the way."""
    return replace(written, cost_usd=cost_usd, thoughts=tuple(thoughts))

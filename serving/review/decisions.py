"""What reviewers decide on titles: approve, reject, edit, ask for another; and taking it back.

Each decision names the version of the title that the reviewer saw. Where somebody else decided in between, the
title is left as it is and counted as `Outcome.STALE`. Nothing that fails the check can be approved.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, select

from creator.core.errors import StoreError
from creator.core.records import Ad, Check
from creator.facts.guide import with_guides
from serving.gate import State, findings_json, repeats
from serving.review.drafts import as_candidate, kinds_of, read_ads, read_draft
from serving.review.history import is_undone, note, read_step
from serving.review.records import Candidate
from serving.review.rules import read_rules
from serving.schema import CANDIDATES

MAX_TITLE_CHARACTERS = 500
MAX_REASON_CHARACTERS = 500
TRACED = ("title", "verdict", "publishable", "findings", "kinds", "state", "again", "reviewer", "decided_at")


class Action(StrEnum):
    """What a reviewer can do with a title."""

    APPROVE = "approve"
    REJECT = "reject"
    EDIT = "edit"  # other words, approved with them
    AGAIN = "again"  # reject, and have the pair generated again


class Outcome(StrEnum):
    """What became of one decision."""

    DONE = "done"
    STALE = "stale"  # somebody else decided meanwhile
    FAILING = "failing"  # the words do not pass the check, so they cannot be approved
    ORIGINAL = "original"  # the words are the original's
    ABSENT = "absent"  # the draft has no such title


@dataclass(frozen=True, slots=True)
class Decision:
    """One reviewer's decision on one title.

    Args:
        title_id, version: which title, and which version of it the reviewer saw.
        action: what to do.
        reason: why; needed to reject.
        title: the new words, for an edit.
    """

    title_id: str
    version: int
    action: Action
    reason: str = ""
    title: str = ""


@dataclass(slots=True)
class Decided:
    """What became of a step.

    Args:
        step: its number in the history; None when nothing was done.
        outcomes: by title_id.
    """

    step: int | None = None
    outcomes: dict[str, Outcome] = field(default_factory=lambda: dict[str, Outcome]())


def faults_of(decision: Decision) -> list[str]:
    """What is wrong with a decision as it was given; [] when it can be carried out."""
    found: list[str] = []
    if decision.action in (Action.REJECT, Action.AGAIN) and not decision.reason.strip():
        found.append("a rejection needs a reason")
    if len(decision.reason) > MAX_REASON_CHARACTERS:
        found.append(f"a reason has at most {MAX_REASON_CHARACTERS} characters")
    if decision.action is Action.EDIT and not decision.title.strip():
        found.append("an edited title needs words")
    if len(decision.title) > MAX_TITLE_CHARACTERS:
        found.append(f"a title has at most {MAX_TITLE_CHARACTERS} characters")
    return found


def checker(connection: Connection) -> Callable[[str, Ad], Check]:
    """The check that titles are held to now: the facts, and the brand guides."""
    from creator.facts.verifier import check_title

    return with_guides(check_title, read_rules(connection).guides)


def decide(connection: Connection, draft_id: int, decisions: Sequence[Decision], who: str) -> Decided:
    """Carry out decisions as one step of the history.

    Args:
        connection: a writing transaction.
        draft_id: whose titles.
        decisions: at most one a title, each without `faults_of`.
        who: the reviewer's name.

    Raises:
        StoreError: there is no such draft.
    """
    draft, check, decided = read_draft(connection, draft_id), checker(connection), Decided()
    candidates = _candidates(connection, draft_id, [d.title_id for d in decisions])
    ads = read_ads(connection, draft.data_digest, sorted({c.ad_id for c in candidates.values()}))
    for decision in decisions:
        candidate = candidates.get(decision.title_id)
        if candidate is None:
            decided.outcomes[decision.title_id] = Outcome.ABSENT
            continue
        after = _after(candidate, decision, ads[candidate.ad_id], check, who)
        outcome = after if isinstance(after, Outcome) else Outcome.DONE
        if not isinstance(after, Outcome):
            if not _write(connection, candidate, decision.version, after):
                outcome = Outcome.STALE
            else:
                decided.step = note(
                    connection,
                    who,
                    decision.action,
                    reason=decision.reason.strip(),
                    draft_id=draft_id,
                    title_id=candidate.title_id,
                    step=decided.step,
                    before=_traced(candidate),
                    after=after,
                )
        decided.outcomes[decision.title_id] = outcome
    return decided


def undo(connection: Connection, step: int, who: str) -> int:
    """Take back a whole step of decisions; returns how many titles are as they were before.

    Raises:
        StoreError: there is no such step of decisions, it was taken back already, or one of its titles was decided
            again since: that later step must be taken back first. Nothing is changed then.
    """
    entries = read_step(connection, step)
    if not entries or any(entry.title_id is None for entry in entries):
        raise StoreError(f"step {step} of the history is no decision on titles", cure="choose one in the history")
    if is_undone(connection, step):
        raise StoreError(f"step {step} was taken back already")
    draft_id = entries[0].draft_id
    assert draft_id is not None
    candidates = _candidates(connection, draft_id, [str(entry.title_id) for entry in entries])
    mark: int | None = None
    for entry in entries:
        candidate = candidates.get(str(entry.title_id))
        if candidate is None or _traced(candidate) != entry.after:
            raise StoreError(
                f"step {step} cannot be taken back",
                got="a later decision on the same title",
                cure="take that back first",
            )
        if not _write(connection, candidate, candidate.version, entry.before):
            raise StoreError(f"step {step} cannot be taken back", got="somebody decides at this moment")
        mark = note(
            connection,
            who,
            "undo",
            draft_id=draft_id,
            title_id=candidate.title_id,
            step=mark,
            undoes=step,
            before=entry.after,
            after=entry.before,
        )
    return len(entries)


def _after(
    candidate: Candidate, decision: Decision, ad: Ad, check: Callable[[str, Ad], Check], who: str
) -> dict[str, Any] | Outcome:
    """The traced columns once the decision is carried out, or why it is not."""
    if candidate.version != decision.version:
        return Outcome.STALE
    after = _traced(candidate) | {"reviewer": who, "decided_at": time.time(), "again": 0}
    if decision.action in (Action.REJECT, Action.AGAIN):
        return after | {"state": State.REJECTED.value, "again": int(decision.action is Action.AGAIN)}
    title = " ".join(decision.title.split()) if decision.action is Action.EDIT else candidate.title
    found = check(title, ad)
    if not found.publishable:
        return Outcome.FAILING
    if repeats(title, ad.title):
        return Outcome.ORIGINAL
    findings = findings_json(found)
    after |= {"title": title, "verdict": found.verdict.value, "publishable": 1, "findings": findings}
    return after | {"kinds": f" {' '.join(kinds_of(findings))} ", "state": State.APPROVED.value}


def _traced(candidate: Candidate) -> dict[str, Any]:
    kept = {name: getattr(candidate, name) for name in TRACED}
    kept |= {"publishable": int(candidate.publishable), "again": int(candidate.again)}
    return kept | {"kinds": f" {' '.join(candidate.kinds)} ", "state": candidate.state.value}


def _write(connection: Connection, candidate: Candidate, version: int, values: Mapping[str, Any]) -> bool:
    """Whether the title was still of that version; then it has the values and the next version."""
    same = (
        (CANDIDATES.c.draft_id == candidate.draft_id)
        & (CANDIDATES.c.title_id == candidate.title_id)
        & (CANDIDATES.c.version == version)
    )
    result = connection.execute(CANDIDATES.update().where(same).values({**values, "version": version + 1}))
    return result.rowcount == 1


def _candidates(connection: Connection, draft_id: int, title_ids: Sequence[str]) -> dict[str, Candidate]:
    found: dict[str, Candidate] = {}
    for start in range(0, len(title_ids), 500):
        part = title_ids[start : start + 500]
        query = select(CANDIDATES).where(CANDIDATES.c.draft_id == draft_id, CANDIDATES.c.title_id.in_(part))
        found |= {row.title_id: as_candidate(row) for row in connection.execute(query)}
    return found

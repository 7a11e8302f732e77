"""The history of who did what. Entries are only ever added."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select

from serving.schema import HISTORY


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that somebody did.

    Args:
        entry_id: its number; later entries have larger ones.
        at: epoch seconds.
        who: the person's name.
        action: approve, reject, edit, again, undo, publish, rollback, guide or settings.
        reason: as given, or "".
        draft_id, title_id: what it was about, where it was about a title.
        release: where it was about a release.
        step: the first entry of the step; all titles of one bulk decision are one step.
        undoes: the step that this entry takes back.
        before, after: what changed.
    """

    entry_id: int
    at: float
    who: str
    action: str
    reason: str
    draft_id: int | None
    title_id: str | None
    release: int | None
    step: int
    undoes: int | None
    before: Mapping[str, Any]
    after: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """A step as a list shows it: its first entry, how many titles it changed, and whether it was taken back."""

    first: Entry
    titles: int
    undone: bool


def note(
    connection: Connection,
    who: str,
    action: str,
    *,
    reason: str = "",
    draft_id: int | None = None,
    title_id: str | None = None,
    release: int | None = None,
    step: int | None = None,
    undoes: int | None = None,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> int:
    """Add an entry; returns its step, which is the entry itself where none is given."""
    values = {"who": who, "action": action, "reason": reason, "draft_id": draft_id, "title_id": title_id}
    values |= {"release": release, "step": step, "undoes": undoes, "at": time.time()}
    values |= {"before": json.dumps(before or {}, ensure_ascii=False)}
    values |= {"after": json.dumps(after or {}, ensure_ascii=False)}
    made = connection.execute(HISTORY.insert().values(values).returning(HISTORY.c.entry_id)).scalar_one()
    if step is None:
        connection.execute(HISTORY.update().where(HISTORY.c.entry_id == made).values(step=made))
    return made if step is None else step


def read_step(connection: Connection, step: int) -> list[Entry]:
    """The entries of one step, in order; [] when there is none."""
    query = select(HISTORY).where(HISTORY.c.step == step).order_by(HISTORY.c.entry_id)
    return [_entry(row) for row in connection.execute(query)]


def is_undone(connection: Connection, step: int) -> bool:
    """Whether a step was taken back."""
    return bool(connection.execute(select(func.count()).where(HISTORY.c.undoes == step)).scalar())


def of_title(connection: Connection, title_id: str) -> list[Entry]:
    """What was done to a title, the newest first."""
    query = select(HISTORY).where(HISTORY.c.title_id == title_id).order_by(HISTORY.c.entry_id.desc())
    return [_entry(row) for row in connection.execute(query)]


def last_steps(connection: Connection, at_most: int, *, before: int | None = None) -> list[Step]:
    """The latest steps, the newest first.

    Args:
        connection: where.
        at_most: how many.
        before: only steps older than this one.
    """
    query = select(HISTORY.c.step, func.count()).group_by(HISTORY.c.step).order_by(HISTORY.c.step.desc())
    if before is not None:
        query = query.where(HISTORY.c.step < before)
    counts = {row[0]: row[1] for row in connection.execute(query.limit(at_most))}
    firsts = connection.execute(select(HISTORY).where(HISTORY.c.entry_id.in_(counts))).all()
    undone = set(connection.execute(select(HISTORY.c.undoes).where(HISTORY.c.undoes.in_(counts))).scalars())
    entries: Sequence[Entry] = sorted(map(_entry, firsts), key=lambda entry: -entry.entry_id)
    return [Step(entry, counts[entry.step], entry.step in undone) for entry in entries]


def _entry(row: Row[Any]) -> Entry:
    return Entry(
        row.entry_id,
        row.at,
        row.who,
        row.action,
        row.reason,
        row.draft_id,
        row.title_id,
        row.release,
        row.step,
        row.undoes,
        json.loads(row.before),
        json.loads(row.after),
    )

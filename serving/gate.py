"""The gate before a release: which generated titles may go live, and why the others may not."""

from __future__ import annotations

import dataclasses
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import pyarrow as pa

from creator.core.records import Ad, Check, Verdict
from serving.rows import StoredTitle

TITLES_FILE = pa.schema(
    [
        ("title_id", pa.string()),
        ("cluster_id", pa.int64()),
        ("ad_id", pa.string()),
        ("title", pa.string()),
        ("rank", pa.int64()),
        ("verdict", pa.string()),
        ("provenance", pa.string()),
    ]
)
PUBLISHABLE = (Verdict.SUPPORTED, Verdict.UNVERIFIABLE)
_WORD = re.compile(r"\w+")


class Refusal(StrEnum):
    """Why a title does not enter a release."""

    LOWER_RANK = "lower_rank"  # a better candidate of its pair stands before it; not a fault
    INCOMPLETE = "incomplete"  # an id or the text is missing
    VERDICT = "verdict"  # it was not publishable when it was generated
    UNKNOWN_AD = "unknown_ad"
    UNKNOWN_CLUSTER = "unknown_cluster"
    PROVENANCE = "provenance"  # not a JSON object
    DUPLICATE_PAIR = "duplicate_pair"
    DUPLICATE_ID = "duplicate_id"
    ORIGINAL = "original"  # the original's words again
    FACTS = "facts"  # the ad's facts or the brand guide, checked now, do not carry it
    REJECTED = "rejected"  # by a reviewer
    UNREVIEWED = "unreviewed"  # review is required, and nobody approved it


BY_REVIEW = (Refusal.REJECTED, Refusal.UNREVIEWED)
CORRIGIBLE = (Refusal.VERDICT, Refusal.ORIGINAL, Refusal.FACTS)
"""Refusals of a title's words: a reviewer may write others."""


class State(StrEnum):
    """What the reviewers say of a title."""

    OPEN = "open"
    APPROVED = "approved"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Review:
    """What the reviewers decided on one title.

    Args:
        state: open, approved or rejected.
        reviewer: who decided last; None while nobody has.
        decided_at: when, in epoch seconds.
        edited_from: the generated title, where a reviewer wrote another.
    """

    state: State
    reviewer: str | None = None
    decided_at: float | None = None
    edited_from: str | None = None


@dataclass(slots=True)
class Gated:
    """What the gate let through and what it held back.

    Args:
        titles: those that may go live.
        refused: how many were held back, by reason.
        held: those of them whose words are at fault, with the reason.
    """

    titles: list[StoredTitle] = field(default_factory=lambda: list[StoredTitle]())
    refused: dict[Refusal, int] = field(default_factory=lambda: dict[Refusal, int]())
    held: list[tuple[StoredTitle, Refusal]] = field(default_factory=lambda: list[tuple[StoredTitle, Refusal]]())


def gate(
    rows: Iterable[Mapping[str, object]],
    ads: Mapping[str, Ad],
    clusters: int,
    check: Callable[[str, Ad], Check],
    reviews: Mapping[str, Review] | None = None,
    *,
    required: bool = False,
) -> Gated:
    """Choose the titles of a release.

    Args:
        rows: the rows of titles.parquet.
        ads: every ad by id.
        clusters: how many clusters there are; ids run from 0.
        check: the fact check, `creator.facts.verifier.check_title`, or one that holds more.
        reviews: what the reviewers decided, by title_id. What they rejected stays out.
        required: only what they approved gets in.

    Returns:
        titles kept + refused = rows.
    """
    gated, pairs, ids = Gated(), set[tuple[str, int]](), set[str]()
    for row in rows:
        read = _read(row, ads, clusters, pairs, ids)
        if isinstance(read, Refusal):
            gated.refused[read] = gated.refused.get(read, 0) + 1
            continue
        review = (reviews or {}).get(read.title_id)
        title, refusal = _judge(read, row["verdict"], ads[read.ad_id], check, review, required=required)
        if refusal is None:
            gated.titles.append(title)
            pairs.add((title.ad_id, title.cluster_id))
            ids.add(title.title_id)
            continue
        gated.refused[refusal] = gated.refused.get(refusal, 0) + 1
        if refusal in CORRIGIBLE:
            gated.held.append((title, refusal))
    return gated


def _read(
    row: Mapping[str, object], ads: Mapping[str, Ad], clusters: int, pairs: set[tuple[str, int]], ids: set[str]
) -> StoredTitle | Refusal:
    """A row as a title that has a place in the release, not yet checked."""
    title_id, ad_id, title, cluster = row["title_id"], row["ad_id"], row["title"], row["cluster_id"]
    if row["rank"] != 1:
        return Refusal.LOWER_RANK
    if not (
        isinstance(title_id, str) and isinstance(ad_id, str) and isinstance(title, str) and title_id and title.strip()
    ):
        return Refusal.INCOMPLETE
    if ad_id not in ads:
        return Refusal.UNKNOWN_AD
    # a missing value makes pandas read the column as floats
    if not isinstance(cluster, int | float) or not 0 <= cluster < clusters:
        return Refusal.UNKNOWN_CLUSTER
    if (ad_id, int(cluster)) in pairs:
        return Refusal.DUPLICATE_PAIR
    if title_id in ids:
        return Refusal.DUPLICATE_ID
    provenance = _object(row["provenance"])
    if provenance is None:
        return Refusal.PROVENANCE
    return StoredTitle(title_id, int(cluster), ad_id, title, Verdict.UNSUPPORTED, "[]", provenance)


def _judge(
    title: StoredTitle,
    verdict: object,
    ad: Ad,
    check: Callable[[str, Ad], Check],
    review: Review | None,
    *,
    required: bool,
) -> tuple[StoredTitle, Refusal | None]:
    """The title with its verdict, findings and reviewer, and why it may not go live."""
    if review is not None and review.state is State.REJECTED:
        return title, Refusal.REJECTED
    found = check(title.title, ad)
    judged = title._replace(verdict=found.verdict, findings=findings_json(found))
    approved = review is not None and review.state is State.APPROVED
    if not approved and verdict not in PUBLISHABLE:
        return judged._replace(verdict=Verdict.UNSUPPORTED), Refusal.VERDICT
    if repeats(title.title, ad.title):
        return judged, Refusal.ORIGINAL
    if not found.publishable:
        return judged, Refusal.FACTS
    if approved and review is not None:
        return judged._replace(provenance=_with_review(title.provenance, review)), None
    return judged, Refusal.UNREVIEWED if required else None


def _with_review(provenance: str, review: Review) -> str:
    noted = {"reviewer": review.reviewer, "decided_at": review.decided_at, "edited_from": review.edited_from}
    return json.dumps({**json.loads(provenance), "review": noted}, ensure_ascii=False)


def findings_json(check: Check) -> str:
    """A check's findings as a JSON list."""
    return json.dumps([dataclasses.asdict(finding) for finding in check.findings], ensure_ascii=False)


def _object(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        return value if isinstance(json.loads(value), dict) else None
    except ValueError:
        return None


def repeats(title: str, original: str) -> bool:
    """Whether a title has the very words of the original."""
    return _words(title) == _words(original)


def _words(title: str) -> list[str]:
    """A title's words as a reader hears them: case, spacing, punctuation and character width do not count."""
    return _WORD.findall(unicodedata.normalize("NFKC", title).casefold())

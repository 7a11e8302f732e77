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
    FACTS = "facts"  # the ad's facts, checked now, do not carry it


@dataclass(slots=True)
class Gated:
    """What the gate let through and what it held back.

    Args:
        titles: those that may go live.
        refused: how many were held back, by reason.
    """

    titles: list[StoredTitle] = field(default_factory=lambda: list[StoredTitle]())
    refused: dict[Refusal, int] = field(default_factory=lambda: dict[Refusal, int]())


def gate(
    rows: Iterable[Mapping[str, object]], ads: Mapping[str, Ad], clusters: int, check: Callable[[str, Ad], Check]
) -> Gated:
    """Choose the titles of a release.

    Args:
        rows: the rows of titles.parquet.
        ads: every ad by id.
        clusters: how many clusters there are; ids run from 0.
        check: the fact check, `creator.facts.verifier.check_title`.

    Returns:
        titles kept + refused = rows.
    """
    gated, pairs, ids = Gated(), set[tuple[str, int]](), set[str]()
    for row in rows:
        answer = _judge(row, ads, clusters, pairs, ids, check)
        if isinstance(answer, Refusal):
            gated.refused[answer] = gated.refused.get(answer, 0) + 1
            continue
        gated.titles.append(answer)
        pairs.add((answer.ad_id, answer.cluster_id))
        ids.add(answer.title_id)
    return gated


def _judge(
    row: Mapping[str, object],
    ads: Mapping[str, Ad],
    clusters: int,
    pairs: set[tuple[str, int]],
    ids: set[str],
    check: Callable[[str, Ad], Check],
) -> StoredTitle | Refusal:
    title_id, ad_id, title, cluster = row["title_id"], row["ad_id"], row["title"], row["cluster_id"]
    if row["rank"] != 1:
        return Refusal.LOWER_RANK
    if not (
        isinstance(title_id, str) and isinstance(ad_id, str) and isinstance(title, str) and title_id and title.strip()
    ):
        return Refusal.INCOMPLETE
    if row["verdict"] not in PUBLISHABLE:
        return Refusal.VERDICT
    ad = ads.get(ad_id)
    if ad is None:
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
    if _words(title) == _words(ad.title):
        return Refusal.ORIGINAL
    found = check(title, ad)
    if not found.publishable:
        return Refusal.FACTS
    return StoredTitle(title_id, int(cluster), ad_id, title, found.verdict, _findings(found), provenance)


def _findings(check: Check) -> str:
    return json.dumps([dataclasses.asdict(finding) for finding in check.findings], ensure_ascii=False)


def _object(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        return value if isinstance(json.loads(value), dict) else None
    except ValueError:
        return None


def _words(title: str) -> list[str]:
    """A title's words as a reader hears them: case, spacing, punctuation and character width do not count."""
    return _WORD.findall(unicodedata.normalize("NFKC", title).casefold())

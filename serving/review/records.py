"""The records of review: drafts and their titles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from creator.core.records import Verdict
from serving.gate import Review, State


@dataclass(frozen=True, slots=True)
class Draft:
    """Titles that may become a release.

    Args:
        draft_id: its number, from 1.
        digest: identity of its inputs.
        created_at: epoch seconds.
        clustering_id: whose assignment it uses.
        titles_digest, clusters_digest, data_digest: identity of each input.
        clusters: how many there are; ids run from 0.
        counts: what its folder held, by name; "refused_*" are the rows that no reviewer can mend.
    """

    draft_id: int
    digest: str
    created_at: float
    clustering_id: int
    titles_digest: str
    clusters_digest: str
    data_digest: str
    clusters: int
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One title of a draft, as its row says.

    Args:
        draft_id, title_id: which.
        cluster_id, ad_id: for whom, and of what.
        generated: as it was generated.
        title: as it would be published.
        verdict, publishable, findings: of the last check; findings are a JSON list.
        doubted: whether it had failed the audit when it was generated.
        kinds: the kinds of those findings.
        provenance: a JSON object.
        state: what the reviewers say.
        again: whether its pair is to be generated again.
        reviewer, decided_at: who decided last, and when; None while nobody has.
        version: grows with each decision, so that two people do not overwrite one another.
    """

    draft_id: int
    title_id: str
    cluster_id: int
    ad_id: str
    generated: str
    title: str
    verdict: str
    publishable: bool
    doubted: bool
    findings: str
    kinds: tuple[str, ...]
    provenance: str
    state: State
    again: bool
    reviewer: str | None
    decided_at: float | None
    version: int

    @property
    def review(self) -> Review:
        """What the gate needs to know of the reviewers' decision."""
        edited = None if self.title == self.generated else self.generated
        return Review(self.state, self.reviewer, self.decided_at, edited)

    @property
    def row(self) -> dict[str, object]:
        """The candidate as the gate reads a row of titles.parquet."""
        return {
            "title_id": self.title_id,
            "cluster_id": self.cluster_id,
            "ad_id": self.ad_id,
            "title": self.title,
            "rank": 1,
            "verdict": Verdict.UNSUPPORTED if self.doubted else Verdict.SUPPORTED,
            "provenance": self.provenance,
        }

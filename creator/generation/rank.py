"""Which candidate is published for a (cluster, ad) pair: true first, then personal, then unlike the ad's others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from creator.core.records import Verdict
from creator.facts.echo import names_twice
from creator.facts.text import split

FLUENCY = 0.25  # nats of personalisation that one nat of the title's own log-probability is worth
SAME_TITLE_COST = 6.0  # nats: two clusters of an ad should not be shown the very same words
TWICE_COST = 6.0  # nats: "Buying Paper Towels? Save on Paper Towels" is true and poor


@dataclass(frozen=True)
class Candidate:
    """A title that may be published for a pair.

    Args:
        title: its text.
        verdict: of the fact check.
        logprob: log p(title | centroid, ad), nats.
        personalisation: log p(title | centroid, ad) - log p(title | mean user, ad), nats.
        choice: how much likelier the centroid is to be led with this title's point than the mean user, nats.
        rank: 1 for the one to publish.
    """

    title: str
    verdict: Verdict
    logprob: float
    personalisation: float
    rank: int = 0
    choice: float = 0.0

    @cached_property
    def words(self) -> frozenset[str]:
        """Stems of the title."""
        return frozenset(word.stem for word in split(self.title))

    @cached_property
    def worth(self) -> float:
        """What speaks for it whatever the ad's other clusters are shown, nats."""
        poor = TWICE_COST if names_twice(self.title) else 0.0
        return self.personalisation + self.choice + FLUENCY * self.logprob - poor


def rank_candidates(
    by_cluster: Mapping[int, Sequence[Candidate]], standing: Sequence[str] = ()
) -> dict[int, list[Candidate]]:
    """Rank the candidates of all kept clusters of one ad.

    Clusters choose in turn, the one with the most personal best candidate first; a title that another cluster already
    leads with costs `SAME_TITLE_COST`, and one that shares words with it proportionally less. A title that names one
    thing twice is left to those who have no other.

    Args:
        by_cluster: publishable candidates by cluster.
        standing: titles that other clusters of the ad lead with already.

    Returns:
        the same, best first, `rank` set from 1.
    """
    taken = [frozenset(word.stem for word in split(title)) for title in standing]
    out: dict[int, list[Candidate]] = {}
    waiting = {cluster: list(found) for cluster, found in by_cluster.items() if found}
    while waiting:
        cluster = max(waiting, key=lambda c: (max(x.worth for x in waiting[c]), -c))
        ordered = sorted(
            waiting.pop(cluster), key=lambda x: (x.verdict != Verdict.SUPPORTED, -_merit(x, taken), x.title)
        )
        out[cluster] = [replace(x, rank=n) for n, x in enumerate(ordered, start=1)]
        taken.append(ordered[0].words)
    return out


def _merit(candidate: Candidate, taken: Sequence[frozenset[str]]) -> float:
    words = candidate.words
    overlap = max((len(words & other) / max(1, len(words | other)) for other in taken), default=0.0)
    return candidate.worth - SAME_TITLE_COST * overlap**2

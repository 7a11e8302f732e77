"""Whether clusters that see the same ad are shown different titles, and whether any title only repeats the original."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from creator.core.records import Ad, AdId
from creator.facts.leads import leading_point
from eval.figures import Figure, share
from eval.titles import PUBLISHED
from eval.wording import same_wording


@dataclass(frozen=True, slots=True)
class Spread:
    """How the published titles of one ad differ between clusters.

    Args:
        ad_id: the ad.
        clusters: how many clusters have a title for it.
        titles: how many different titles they see.
        leads: how many different selling points those titles lead with.
    """

    ad_id: str
    clusters: int
    titles: int
    leads: int


def spreads(published: pd.DataFrame, ads: Mapping[AdId, Ad]) -> list[Spread]:
    """One row an ad that has a published title."""
    found: list[Spread] = []
    for ad_id, rows in published.groupby("ad_id", sort=True):
        ad = ads[AdId(str(ad_id))]
        wordings = {" ".join(title.casefold().split()): title for title in rows["title"].astype(str)}
        leads = {leading_point(title, ad) for title in wordings.values()} - {None}
        found.append(Spread(str(ad_id), int(rows["cluster_id"].nunique()), len(wordings), len(leads)))
    return found


def spread_figures(found: Sequence[Spread], resample_count: int, seed: int) -> list[Figure]:
    """Distinctness over the ads with two or more clusters: different titles, and different leading selling points."""
    several = [ad for ad in found if ad.clusters >= 2]
    each = np.arange(len(several))
    made: list[Figure] = []
    for key, label, hits, what in (
        (
            "distinct_titles",
            "Ads with different titles",
            [ad.titles >= 2 for ad in several],
            "Share of ads with two or more kept clusters whose clusters do not all see the same title.",
        ),
        (
            "distinct_leads",
            "Ads with different leads",
            [ad.titles >= 2 and ad.leads >= 2 for ad in several],
            "Share of ads with two or more kept clusters whose titles differ and lead with different selling points.",
        ),
    ):
        value, low, high = share(np.array(hits, dtype=np.float64), each, resample_count=resample_count, seed=seed)
        made.append(
            Figure(
                key,
                label,
                value,
                len(several),
                "ads",
                what if several else "Not computed: no ad has two kept clusters.",
                PUBLISHED,
                low,
                high,
                0.5,
            )
        )
    return made


def novelty_figure(published: pd.DataFrame, ads: Mapping[AdId, Ad]) -> Figure:
    """Share of published titles that are not the original word for word."""
    new = [
        not same_wording(str(title), ads[AdId(ad_id)].title)
        for title, ad_id in zip(published["title"], published["ad_id"], strict=True)
    ]
    return Figure(
        "unlike_original",
        "Titles unlike the original",
        float(np.mean(new)) if new else None,
        len(new),
        "titles",
        "Share of titles that do not repeat the original word for word.",
        PUBLISHED,
        goal=1.0,
    )

"""`evaluate matching`: does the match head rank real clicks of held-out campaigns above what users ignored?

Beside it stands the plain baseline any shop can compute: log(1 + past purchases of the items the ad covers).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from creator.core.acts import AdActs, LogCounts
from creator.core.data import Data
from creator.core.errors import ModelError
from creator.core.progress import Progress
from eval.auc import Area, area, difference, draw_users
from eval.figures import Figure
from eval.heldout import HeldOut
from eval.inputs import Floats, Moments, UserModel, user_vectors

POOLED = "all campaigns"
HELD_OUT = "Real impressions of ads that no training day saw; every history ends before its campaign starts."
USERS_AT_ONCE = 256
BINS = 10


class MatchModel(UserModel, Protocol):
    """What the evaluation needs of a model."""

    @property
    def reads_counts(self) -> bool:
        """Whether match probabilities need behaviour counts."""
        ...

    def match_probabilities(self, users: Floats, ads: Floats, counts: LogCounts | None = None) -> Floats:
        """Match probability of every user [B, D] with every ad [A, d], given the counts of both; [B, A]."""
        ...


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a campaign, or all of them.

    Args:
        campaign: its name, or `POOLED`.
        impressions: how many.
        clicks: how many of them were clicked.
        users: distinct users.
        ads: distinct ads.
        model: the match head's AUC; None when only the baseline was asked for.
        baseline: the baseline's AUC.
        gain: model minus baseline with its paired interval.
    """

    campaign: str
    impressions: int
    clicks: int
    users: int
    ads: int
    model: Area | None
    baseline: Area
    gain: tuple[float | None, float | None, float | None]


@dataclass(frozen=True, slots=True)
class Bin:
    """One bin of the calibration table.

    Args:
        n: impressions in it.
        predicted: their mean match probability.
        observed: the share of them that was clicked.
        low: lower end of the observed share's 95% Wilson interval.
        high: upper end of it.
    """

    n: int
    predicted: float
    observed: float
    low: float
    high: float


def match_scores(
    model: MatchModel, data: Data, held: HeldOut, *, history: int, items: Floats | None
) -> npt.NDArray[np.float64]:
    """The match head's probability of each held-out impression.

    Args:
        model: scores users against ads.
        data: where histories and texts come from.
        held: the impressions, N of them.
        history: window length, in items.
        items: [I, d] embeddings in the order of DATA's items; None encodes the items that the windows name.

    Returns:
        [N] probabilities.

    Raises:
        ModelError: the model answers with numbers that are not finite.
    """
    group = pd.DataFrame({"before": held.before, "user": held.users}).groupby(["before", "user"]).ngroup().to_numpy()
    _, first = np.unique(group, return_index=True)
    moments = Moments(held.users[first], held.before[first])
    users = user_vectors(model, data, moments, history, items)
    shown, ad_row = np.unique(held.ads, return_inverse=True)
    records = list(data.ads.values())
    ads = model.encode_texts([records[ad].text for ad in shown], label="encoding ads")
    acts = AdActs(data, [records[ad].ad_id for ad in shown]) if model.reads_counts else None
    scores = np.empty(len(held), dtype=np.float64)
    order = np.argsort(group, kind="stable")
    edges = np.searchsorted(group[order], np.arange(0, len(users) + USERS_AT_ONCE, USERS_AT_ONCE))
    progress = Progress("scoring impressions", len(held), "impressions")
    for chunk, (start, end) in enumerate(itertools.pairwise(edges)):
        offset, rows = chunk * USERS_AT_ONCE, order[start:end]
        some = slice(offset, offset + USERS_AT_ONCE)
        needed, column = np.unique(ad_row[rows], return_inverse=True)
        counts = acts.log_counts(moments.users[some], moments.before[some]).of_ads(needed) if acts else None
        block = model.match_probabilities(users[some], ads[needed], counts)
        scores[rows] = block[group[rows] - offset, column]
        progress.advance(len(rows))
    progress.close()
    if not np.isfinite(scores).all():
        raise ModelError(
            "the match head answers with numbers that are not finite",
            got=int((~np.isfinite(scores)).sum()),
            expected=0,
            cure="train the model again with a lower learning rate",
        )
    return scores


def compare(
    held: HeldOut,
    baseline: npt.NDArray[np.float64],
    model: npt.NDArray[np.float64] | None,
    *,
    resample_count: int,
    seed: int,
) -> list[Row]:
    """The table: all campaigns first, then each in order of size.

    Args:
        held: the impressions, N of them.
        baseline: [N] baseline scores.
        model: [N] match probabilities, or None for the baseline alone.
        resample_count: bootstrap resamples of users.
        seed: of the resampling.
    """
    sizes = pd.Series(held.campaigns).value_counts()
    subsets = [(POOLED, np.ones(len(held), dtype=bool))]
    subsets += [(str(name), held.campaigns == name) for name in sizes.index]
    rows: list[Row] = []
    for name, inside in subsets:
        ids, users = np.unique(held.users[inside], return_inverse=True)
        drawn, clicked = draw_users(len(ids), resample_count, seed), held.clicked[inside]
        plain = area(baseline[inside], clicked, users, drawn)
        own = area(model[inside], clicked, users, drawn) if model is not None else None
        rows.append(
            Row(
                name,
                int(inside.sum()),
                int(clicked.sum()),
                len(ids),
                len(np.unique(held.ads[inside])),
                own,
                plain,
                difference(own, plain) if own is not None else (None, None, None),
            )
        )
    return rows


def calibration(scores: npt.NDArray[np.float64], clicked: npt.NDArray[np.bool_]) -> list[Bin]:
    """Predicted against observed in `BINS` bins of equal numbers of impressions, least likely first.

    Wilson's interval treats impressions as independent; it says how much a bin can be trusted, no more.
    """
    bins: list[Bin] = []
    for rows in np.array_split(np.argsort(scores, kind="stable"), min(BINS, len(scores)) or 1):
        if not len(rows):
            continue
        n, share, z = len(rows), float(clicked[rows].mean()), 1.959964
        centre = (share + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * float(np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)))
        bins.append(Bin(n, float(scores[rows].mean()), share, max(0.0, centre - half), min(1.0, centre + half)))
    return bins


def matching_figures(rows: Sequence[Row], n: int) -> list[Figure]:
    """The figures for the report: pooled AUC of the match head, of the baseline, and their difference."""
    pooled = rows[0]
    plain = Figure(
        "matching_auc_baseline",
        "AUC of the purchase count",
        pooled.baseline.value,
        n,
        "impressions",
        "The same for the plain baseline log(1 + past purchases of what the ad covers).",
        HELD_OUT,
        pooled.baseline.low,
        pooled.baseline.high,
        chance=0.5,
        style="number",
    )
    if pooled.model is None:
        return [plain]
    head = Figure(
        "matching_auc",
        "AUC of the match head",
        pooled.model.value,
        n,
        "impressions",
        "Chance that the match head scores a clicked impression above one that was not clicked.",
        HELD_OUT,
        pooled.model.low,
        pooled.model.high,
        goal=pooled.baseline.value,
        chance=0.5,
        style="number",
    )
    gain = Figure(
        "matching_gain",
        "AUC above the baseline",
        pooled.gain[0],
        n,
        "impressions",
        "Match head minus purchase count, on the same resamples of users.",
        HELD_OUT,
        pooled.gain[1],
        pooled.gain[2],
        goal=0.0,
        style="number",
    )
    return [head, plain, gain]

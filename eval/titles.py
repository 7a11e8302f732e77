"""`evaluate titles`: does the soft token decide what the title says, and do clusters get titles of their own?

All questions are put to the model as log p(title | soft token, ad), for titles the model never trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd

from creator.core.records import Ad, AdId
from eval.figures import Figure, share
from eval.wording import same_wording

Score = Callable[[Sequence[tuple[Ad, npt.NDArray[np.float32], str]]], npt.NDArray[np.float64]]
"""log p(title | soft token, ad) of each request (ad, soft token [D], title), in order."""

TEACHER = "Teacher titles for ads the model never trained on."
PUBLISHED = "The best title of every kept pair of a cluster and a live ad."
JUDGED_BY_ITSELF = f"{PUBLISHED} The model that judges also wrote and ranked them."


@dataclass(frozen=True, slots=True)
class Contrasts:
    """Held-out examples, each set against another user's of the same ad who got a different title.

    Args:
        own: [N], rows of the examples.
        other: [N], rows of the examples they are set against.
    """

    own: npt.NDArray[np.int64]
    other: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Reading:
    """How likely held-out titles are under different users' soft tokens; all arrays [N].

    Args:
        own: log p(title | own user).
        other: log p(title | user of the same ad with a different title).
        mean: log p(title | mean user).
        shuffled: log p(title | any other user).
        tokens: length of each title in tokens.
        users: code of the own user, for resampling.
    """

    own: npt.NDArray[np.float64]
    other: npt.NDArray[np.float64]
    mean: npt.NDArray[np.float64]
    shuffled: npt.NDArray[np.float64]
    tokens: npt.NDArray[np.int64]
    users: npt.NDArray[np.int64]


def contrasts(examples: pd.DataFrame, limit: int, seed: int) -> Contrasts:
    """Draw held-out examples and a contrast for each.

    Args:
        examples: columns user_id, ad_id, title.
        limit: at most this many.
        seed: of the drawing; the same rows come in the same order for the same seed.

    Returns:
        row positions; empty when no ad has two users with different titles.
    """
    draw = np.random.default_rng(seed)
    users, ads, titles = (examples[name].to_numpy(dtype=object) for name in ("user_id", "ad_id", "title"))
    wording = pd.factorize(pd.Series([" ".join(str(title).casefold().split()) for title in titles]))[0]
    of_ad = {str(ad): np.sort(rows) for ad, rows in pd.Series(range(len(ads))).groupby(ads).indices.items()}
    own: list[int] = []
    other: list[int] = []
    for row in draw.permutation(len(examples)):
        if len(own) == limit:
            break
        peers = of_ad[str(ads[row])]
        peers = peers[(wording[peers] != wording[row]) & (users[peers] != users[row])]
        if len(peers):
            own.append(int(row))
            other.append(int(draw.choice(peers)))
    return Contrasts(np.array(own, dtype=np.int64), np.array(other, dtype=np.int64))


def read_titles(
    examples: pd.DataFrame,
    drawn: Contrasts,
    ads: Mapping[AdId, Ad],
    softs: npt.NDArray[np.float32],
    mean: npt.NDArray[np.float32],
    score: Score,
    count_tokens: Callable[[str], int],
) -> Reading:
    """Score the drawn titles under four users each.

    Args:
        examples: columns user_id, ad_id, title.
        drawn: which rows, and against which.
        ads: every ad by id.
        softs: [E, D], the soft token of each example's user at its moment.
        mean: [D], the mean user's soft token.
        score: the model's scorer.
        count_tokens: length of a title in the model's tokens.
    """
    rows = examples.iloc[drawn.own]
    records = [ads[AdId(ad_id)] for ad_id in rows["ad_id"]]
    titles = [str(title) for title in rows["title"]]
    codes = pd.factorize(rows["user_id"])[0].astype(np.int64)
    by_user = np.argsort(codes, kind="stable")
    stranger = np.empty_like(by_user)
    stranger[by_user] = drawn.own[np.roll(by_user, max(1, len(by_user) // 2))]

    users = (softs[drawn.own], softs[drawn.other], np.tile(mean, (len(titles), 1)), softs[stranger])
    asked = [
        (ad, token, title)
        for tokens in users
        for ad, token, title in zip(records, tokens, titles, strict=True)  # one call, so that an ad is read once
    ]
    own, other, average, shuffled = score(asked).reshape(len(users), len(titles))
    lengths = np.array([count_tokens(title) for title in titles], dtype=np.int64)
    return Reading(own, other, average, shuffled, lengths, codes)


def preference(own: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """1 where own is larger, 0 where it is smaller, 0.5 where they tie; [N]."""
    return np.where(own > other, 1.0, np.where(own < other, 0.0, 0.5))


def reading_figures(reading: Reading | None, resample_count: int, seed: int) -> list[Figure]:
    """Conditioning, and perplexity under own, mean and shuffled users."""
    what = (
        "Share of held-out titles that are likelier under their own user's soft token than under that of another "
        "user who got a different title for the same ad; ties count half."
    )
    if reading is None or not len(reading.own):
        return [
            Figure(
                "conditioning",
                "Conditioning",
                None,
                0,
                "titles",
                "Not computed: no held-out ad has two users with different titles.",
                TEACHER,
                goal=0.75,
                chance=0.5,
            )
        ]
    value, low, high = share(
        preference(reading.own, reading.other), reading.users, resample_count=resample_count, seed=seed
    )
    found = [
        Figure("conditioning", "Conditioning", value, len(reading.own), "titles", what, TEACHER, low, high, 0.75, 0.5)
    ]
    for key, label, logs in (
        ("own", "its own user", reading.own),
        ("mean", "the mean user", reading.mean),
        ("shuffled", "a shuffled user", reading.shuffled),
    ):
        perplexity = float(np.exp(-logs.sum() / reading.tokens.sum()))
        found.append(
            Figure(
                f"perplexity_{key}",
                f"Perplexity under {label}",
                perplexity,
                len(logs),
                "titles",
                f"Perplexity per token of held-out titles under the soft token of {label}; lower is likelier.",
                TEACHER,
                style="number",
            )
        )
    return found


def cluster_pairs(published: pd.DataFrame, limit: int, seed: int) -> list[tuple[int, int]]:
    """Pairs of rows that show one ad to two clusters under different titles.

    Args:
        published: first-ranked titles, columns cluster_id, ad_id, title.
        limit: at most this many pairs, drawn at random by the seed.
    """
    titles = published["title"].astype(str).tolist()
    groups = published.groupby("ad_id", sort=True).indices.values()
    pairs = [
        (int(a), int(b))
        for rows in groups
        for a, b in combinations(np.sort(rows), 2)
        if not same_wording(titles[a], titles[b])
    ]
    if len(pairs) > limit:
        chosen = np.sort(np.random.default_rng(seed).choice(len(pairs), limit, replace=False))
        pairs = [pairs[n] for n in chosen]
    return pairs


def own_cluster_outcomes(
    published: pd.DataFrame,
    pairs: Sequence[tuple[int, int]],
    ads: Mapping[AdId, Ad],
    softs: npt.NDArray[np.float32],
    score: Score,
) -> npt.NDArray[np.float64]:
    """For each pair: 1 if log p(t_a|a) + log p(t_b|b) > log p(t_a|b) + log p(t_b|a), 0.5 on a tie, else 0; [N].

    Args:
        published: first-ranked titles, columns cluster_id, ad_id, title.
        pairs: rows to compare.
        ads: every ad by id.
        softs: [K, D], each cluster's soft token, by cluster id.
        score: the model's scorer.
    """
    if not pairs:
        return np.empty(0, dtype=np.float64)
    clusters = published["cluster_id"].to_numpy(dtype=np.int64)
    titles, ad_ids = published["title"].astype(str).tolist(), published["ad_id"].tolist()
    asked = sorted({(row, int(clusters[other])) for a, b in pairs for row in (a, b) for other in (a, b)})
    answers = score([(ads[AdId(ad_ids[row])], softs[cluster], titles[row]) for row, cluster in asked])
    said = dict(zip(asked, answers, strict=True))
    own = np.array([said[a, clusters[a]] + said[b, clusters[b]] for a, b in pairs])
    swapped = np.array([said[a, clusters[b]] + said[b, clusters[a]] for a, b in pairs])
    return preference(own, swapped)


def own_cluster_figure(
    outcomes: npt.NDArray[np.float64], groups: npt.NDArray[np.int64], resample_count: int, seed: int
) -> Figure:
    """Own-cluster preference, resampled by ad."""
    value, low, high = share(outcomes, groups, resample_count=resample_count, seed=seed)
    what = (
        "Share of pairs of clusters a, b of one ad with different titles for which log p(title a|a) + log p(title "
        "b|b) exceeds the sum with the titles swapped."
    )
    if value is None:
        what = "Not computed: no ad has two kept clusters with different titles."
    return Figure(
        "own_cluster_preference",
        "Own-cluster preference",
        value,
        len(outcomes),
        "pairs",
        what,
        JUDGED_BY_ITSELF,
        low,
        high,
        0.8,
        0.5,
    )

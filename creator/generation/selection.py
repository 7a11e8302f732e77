"""From answers to titles: the gate, the score under the centroid and the mean user, the ranking."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd

from creator.core.artefacts import config_digest
from creator.core.progress import Progress
from creator.engine.spread import Spread, spread
from creator.facts.leads import leading_point
from creator.generation.gate import Gate, Passed
from creator.generation.journal import Journal
from creator.generation.options import GenerateOptions
from creator.generation.outcomes import Standing
from creator.generation.pairs import Audience, Pair
from creator.generation.rank import Candidate, rank_candidates
from creator.generation.scoring import MakeScorer, Scored, Scorer, Wanted, best_device
from creator.generation.titles_table import REJECTED, TITLES
from creator.generation.writer import Answer
from creator.models.assembly import Float, HllmCreator

JOURNAL = ".scores.jsonl"
SCORED_AT_ONCE = 512  # titles


@dataclass(frozen=True, slots=True)
class Scores:
    """Log-probabilities of one pair's titles, nats."""

    own: Mapping[str, float]
    average: Mapping[str, float]


def select_titles(
    options: GenerateOptions,
    model: HllmCreator,
    gate: Gate,
    pairs: Sequence[Pair],
    answers: Mapping[str, Sequence[Answer]],
    audience: Audience,
    folder: Path,
    where: Spread,
    standing: Standing | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Gate, score and rank.

    Args:
        options: recorded as each title's provenance.
        model: scores the titles where that is done in this process.
        gate: decides what may be published.
        pairs: whose answers are read, in order.
        answers: by `Pair.key`.
        audience: soft tokens.
        folder: keeps the scores, so that a killed call goes on.
        where: who computes the scores.
        standing: rows of other pairs' titles that stand already; new ones of the same ad are to differ from them.

    Returns:
        the rows of titles.parquet and of rejected.parquet.
    """
    standing = standing or {}
    passed, refused = gate.sort(pairs, answers)
    scores = _scores(options, model, passed, audience, folder, where)
    fit = _choices(model, pairs, audience)
    by_ad: dict[str, dict[int, list[Candidate]]] = defaultdict(lambda: defaultdict(list))
    at: dict[tuple[str, int, str], Passed] = {}
    for one in passed:
        ad_id, cluster, key = one.pair.ad.ad_id, one.pair.cluster_id, one.pair.key
        lead = leading_point(one.title, one.pair.ad)
        choice = 0.0 if lead is None or key not in fit else float(fit[key][lead])
        own, average = scores[key].own[one.title], scores[key].average[one.title]
        by_ad[ad_id][cluster].append(Candidate(one.title, one.verdict, own, own - average, choice=choice))
        at[ad_id, cluster, one.title] = one
    taken: dict[str, list[str]] = defaultdict(list)
    for rows in standing.values():
        taken[str(rows[0]["ad_id"])].append(str(rows[0]["title"]))
    rows = [
        _row(options, at[ad_id, cluster, c.title], c.rank, c.logprob, c.personalisation)
        for ad_id, by_cluster in by_ad.items()
        for cluster, ranked in rank_candidates(by_cluster, taken[ad_id]).items()
        for c in ranked
    ]
    rows += [row for of_pair in standing.values() for row in of_pair]
    out = [_row(options, x.passed, 0, x.logprob, np.nan) | {"reason": x.reason} for x in refused]
    return pd.DataFrame(rows, columns=TITLES.names), pd.DataFrame(out, columns=REJECTED.names)


def _choices(model: HllmCreator, pairs: Sequence[Pair], audience: Audience) -> dict[str, Float]:
    """By pair, how much likelier the centroid chooses each selling point than the mean user; {} if untrained."""
    if not model.config.choice:
        return {}
    users = np.concatenate([audience.soft_tokens, audience.mean[None]])
    found: dict[str, Float] = {}
    for _, of_ad in groupby(pairs, key=lambda pair: pair.ad.ad_id):
        same = list(of_ad)
        if same[0].ad.selling_points:
            table = model.choose_points(same[0].ad, users)
            found |= {pair.key: table[pair.row] - table[-1] for pair in same}
    return found


def _scores(
    options: GenerateOptions,
    model: HllmCreator,
    passed: Sequence[Passed],
    audience: Audience,
    folder: Path,
    where: Spread,
) -> dict[str, Scores]:
    """Each pair's scores, from the journal or from the workers."""
    wanted = [
        Wanted(key, same[0].pair.row, same[0].pair.ad, tuple(one.title for one in same))
        for key, same in ((key, list(some)) for key, some in groupby(passed, key=lambda one: one.pair.key))
    ]
    titles = {one.key: one.titles for one in wanted}
    journal, found = Journal(folder / JOURNAL), dict[str, Scores]()
    for row in journal.rows():
        # a gate that lets other titles through since makes the scores of that pair worthless
        if row["key"] in titles and row["of"] == _identity(titles[row["key"]]):
            found[row["key"]] = _by_title(titles[row["key"]], row["own"], row["average"])
    todo = [one for one in wanted if one.key not in found]
    progress = Progress("score", len(wanted), "pairs", done=len(found))

    def keep(scored: Scored) -> None:
        if scored.key not in found:
            found[scored.key] = _by_title(titles[scored.key], scored.own, scored.average)
            of = _identity(titles[scored.key])
            journal.append({"key": scored.key, "of": of, "own": scored.own, "average": scored.average})
            progress.advance()

    make = MakeScorer(options.model.resolve(), audience)
    loaded = where.how == "here" and best_device() == str(model.device)
    try:
        spread((lambda: Scorer(model, audience)) if loaded else make, _blocks(todo), keep, where)
    finally:
        progress.close()
    return found


def _blocks(wanted: Sequence[Wanted]) -> list[list[Wanted]]:
    blocks: list[list[Wanted]] = [[]]
    size = 0
    for _, of_ad in groupby(wanted, key=lambda one: one.ad.ad_id):
        same = list(of_ad)
        if size >= SCORED_AT_ONCE:
            blocks.append([])
            size = 0
        blocks[-1] += same
        size += sum(len(one.titles) for one in same)
    return [block for block in blocks if block]


def _by_title(titles: Sequence[str], own: Sequence[float], average: Sequence[float]) -> Scores:
    return Scores(dict(zip(titles, own, strict=True)), dict(zip(titles, average, strict=True)))


def _identity(titles: Sequence[str]) -> str:
    return config_digest(list(titles))[:16]


def _row(options: GenerateOptions, one: Passed, rank: int, logprob: float, personalisation: float) -> dict[str, object]:
    cluster, ad_id = one.pair.cluster_id, one.pair.ad.ad_id
    name = hashlib.sha256(f"{ad_id}\x1f{cluster}\x1f{one.title}".encode()).hexdigest()[:16]
    provenance = {
        "engine": options.engine,
        "seed": options.seed,
        "temperature": options.temperature,
        "top_p": options.top_p,
        "candidates": options.candidates,
        "contrast": options.contrast,
    }
    return {
        "title_id": f"t{name}",
        "cluster_id": cluster,
        "ad_id": ad_id,
        "title": one.title,
        "rank": rank,
        "logprob": logprob,
        "personalisation": personalisation,
        "verdict": str(one.verdict),
        "findings": one.findings,
        "provenance": json.dumps(provenance),
    }

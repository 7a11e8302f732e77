"""From answers to titles: the fact and policy gate, the score under the centroid and the mean user, the ranking."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from creator.core.artefacts import config_digest
from creator.core.progress import Progress
from creator.core.records import Ad, Check, Verdict
from creator.facts.leads import leading_point
from creator.facts.text import is_same_title
from creator.facts.verifier import ERROR_FROM, check_title
from creator.generation.answers import Answer
from creator.generation.journal import Journal
from creator.generation.options import GenerateOptions
from creator.generation.pairs import Pair
from creator.generation.rank import Candidate, rank_candidates
from creator.generation.score import ScoreRequest, score_titles
from creator.models.assembly import Float, HllmCreator

TITLES = pa.schema(
    [
        ("title_id", pa.string()),
        ("cluster_id", pa.int64()),
        ("ad_id", pa.string()),
        ("title", pa.string()),
        ("rank", pa.int64()),
        ("logprob", pa.float64()),
        ("personalisation", pa.float64()),
        ("verdict", pa.string()),
        ("findings", pa.string()),
        ("provenance", pa.string()),
    ]
)
REJECTED = TITLES.append(pa.field("reason", pa.string()))
JOURNAL = ".scores.jsonl"
SCORED_AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class Passed:
    """A title that the gate let through; `findings` are as JSON."""

    pair: Pair
    title: str
    verdict: Verdict
    findings: str


def select_titles(
    options: GenerateOptions,
    model: HllmCreator,
    pairs: Sequence[Pair],
    answers: Mapping[str, Sequence[Answer]],
    soft_tokens: Float,
    mean: Float,
    folder: Path,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Gate, score and rank.

    Args:
        options: recorded as each title's provenance.
        model: scores the titles.
        pairs: whose answers are read, in order.
        answers: by `Pair.key`.
        soft_tokens: [K, D] of the centroids.
        mean: [D] of the mean user.
        folder: keeps the scores, so that a killed call goes on.

    Returns:
        the rows of titles.parquet and of rejected.parquet.
    """
    passed, refused = _gate(options, pairs, answers)
    own, average = _scores(model, passed, soft_tokens, mean, folder)
    fit = _choices(model, pairs, soft_tokens, mean)
    by_ad: dict[str, dict[int, list[Candidate]]] = defaultdict(lambda: defaultdict(list))
    at: dict[tuple[str, int, str], Passed] = {}
    for n, one in enumerate(passed):
        ad_id, cluster = one.pair.ad.ad_id, one.pair.cluster_id
        lead = leading_point(one.title, one.pair.ad)
        choice = 0.0 if lead is None or one.pair.key not in fit else float(fit[one.pair.key][lead])
        by_ad[ad_id][cluster].append(Candidate(one.title, one.verdict, own[n], own[n] - average[n], choice=choice))
        at[ad_id, cluster, one.title] = one
    rows = [
        _row(options, at[ad_id, cluster, c.title], c.rank, c.logprob, c.personalisation)
        for ad_id, by_cluster in by_ad.items()
        for cluster, ranked in rank_candidates(by_cluster).items()
        for c in ranked
    ]
    return pd.DataFrame(rows, columns=TITLES.names), pd.DataFrame(refused, columns=REJECTED.names)


def _choices(model: HllmCreator, pairs: Sequence[Pair], soft_tokens: Float, mean: Float) -> dict[str, Float]:
    """By pair, how much likelier the centroid chooses each selling point than the mean user; {} if untrained."""
    if not model.config.choice:
        return {}
    users = np.concatenate([soft_tokens, mean[None]])
    found: dict[str, Float] = {}
    for _, of_ad in groupby(pairs, key=lambda pair: pair.ad.ad_id):
        same = list(of_ad)
        if same[0].ad.selling_points:
            table = model.choose_points(same[0].ad, users)
            found |= {pair.key: table[pair.row] - table[-1] for pair in same}
    return found


def _gate(
    options: GenerateOptions, pairs: Sequence[Pair], answers: Mapping[str, Sequence[Answer]]
) -> tuple[list[Passed], list[dict[str, object]]]:
    """Titles that may be published, and the rows of those that may not, each title of a pair once."""
    passed: list[Passed] = []
    refused: list[dict[str, object]] = []
    for pair in pairs:
        seen: set[str] = set()
        for answer in answers[pair.key]:
            title = " ".join(answer.text.split())
            if title in seen:
                continue
            seen.add(title)
            check = check_title(title, pair.ad)
            findings = json.dumps([asdict(f) for f in check.findings], ensure_ascii=False)
            one = Passed(pair, title, check.verdict, findings)
            if reason := refusal(title, pair.ad, check, answer.finish):
                refused.append(_row(options, one, 0, answer.logprob, np.nan) | {"reason": reason})
            else:
                passed.append(one)
    return passed, refused


def refusal(title: str, ad: Ad, check: Check, finish: str) -> str:
    """Why a title cannot be published for an ad, or "" when it can."""
    if not title:
        return "empty"
    if finish == "length":
        return "runs on: no end within the longest title"
    if is_same_title(title, ad.title):
        return "the original title again"
    if check.verdict is Verdict.SUPPORTED:
        return ""
    if check.publishable:  # harmless in a person's title; in a machine's, words from another ad
        return "says more than the ad does"
    kinds = sorted({finding.kind.value for finding in check.findings if finding.score >= ERROR_FROM})
    return f"not supported by the ad: {', '.join(kinds)}"


def _scores(
    model: HllmCreator, passed: Sequence[Passed], soft_tokens: Float, mean: Float, folder: Path
) -> tuple[list[float], list[float]]:
    """Log-probability of each title under its own centroid and under the mean user, block by block."""
    journal = Journal(folder / JOURNAL)
    own: list[float] = []
    average: list[float] = []
    for row in journal.rows():
        # scores stand by position: they are worth nothing once the gate lets other titles through
        if row.get("of") != _identity(passed[len(own) : len(own) + len(row["own"])]):
            own, average = [], []
            (folder / JOURNAL).unlink()
            break
        own += row["own"]
        average += row["average"]
    progress = Progress("score", len(passed), "titles", done=len(own))
    for start in range(len(own), len(passed), SCORED_AT_ONCE):
        part = passed[start : start + SCORED_AT_ONCE]
        requests = [
            ScoreRequest(one.pair.ad, soft, one.title) for one in part for soft in (soft_tokens[one.pair.row], mean)
        ]
        scores = score_titles(model, requests).reshape(-1, 2)
        own += scores[:, 0].tolist()
        average += scores[:, 1].tolist()
        journal.append({"of": _identity(part), "own": scores[:, 0].tolist(), "average": scores[:, 1].tolist()})
        progress.advance(len(part))
    progress.close()
    return own, average


def _identity(part: Sequence[Passed]) -> str:
    return config_digest([[one.pair.key, one.title] for one in part])


def _row(options: GenerateOptions, one: Passed, rank: int, logprob: float, personalisation: float) -> dict[str, object]:
    cluster, ad_id = one.pair.cluster_id, one.pair.ad.ad_id
    name = hashlib.sha256(f"{ad_id}\x1f{cluster}\x1f{one.title}".encode()).hexdigest()[:16]
    provenance = {
        "engine": options.engine,
        "seed": options.seed,
        "temperature": options.temperature,
        "top_p": options.top_p,
        "candidates": options.candidates,
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

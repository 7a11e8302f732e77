"""`generate`: one title per kept (cluster, ad) pair, written by the Creative LLM, gated by the facts.

    pairs -> prompts -> engine -> candidates -> fact and policy gate -> personalisation -> ranking -> TITLES

Candidates go to disk as the engine finishes them and scores as they are computed, so a kill loses only what was in
flight. A pair none of whose candidates passes keeps the original title, and rejected.parquet says why.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from creator.core.artefacts import Artefact, Draft, open_artefact, write_artefact
from creator.core.data import Data, open_data, write_table
from creator.core.errors import ArtefactError
from creator.core.progress import Progress, say
from creator.core.records import Ad, AdId
from creator.engine.contract import Completion, EngineStats, Prompt, SamplingSettings, open_engine
from creator.facts.text import is_same_title
from creator.facts.verifier import check_title
from creator.generation.journal import Journal
from creator.generation.options import GenerateOptions
from creator.generation.rank import Candidate, rank_candidates
from creator.generation.score import ScoreRequest, score_titles
from creator.models.assembly import Float, HllmCreator
from creator.models.checkpoint import load_model

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
SCORED_AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class Pair:
    """A kept pair: the cluster's row among the centroids, its id, and the ad."""

    row: int
    cluster_id: int
    ad: Ad

    @property
    def key(self) -> str:
        """Identity within one run of `generate`."""
        return f"{self.cluster_id}/{self.ad.ad_id}"


def generate(options: GenerateOptions) -> Mapping[str, object]:
    """Write TITLES.

    Raises:
        HllmCreatorError: an input cannot be read, the engine fails, or `out` exists.
    """
    model_artefact, data = open_artefact(options.model, "model"), open_data(options.data)
    clusters, pairs_artefact = open_artefact(options.clusters, "clusters"), open_artefact(options.pairs, "pairs")
    config = {
        name: value
        for name, value in asdict(options).items()
        if name not in ("model", "data", "clusters", "pairs", "out")
    }
    inputs: dict[str, Artefact | Path] = {
        "model": model_artefact,
        "data": data.artefact,
        "clusters": clusters,
        "pairs": pairs_artefact,
    }
    with write_artefact(options.out, "titles", config=config, inputs=inputs) as draft:
        model = load_model(options.model)
        centroids, mean = _centroids(clusters, model)
        pairs = _kept_pairs(pairs_artefact, data, len(centroids))
        answers, stats = _answers(options, model, pairs, centroids, draft)
        titles, rejected = _select(options, model, pairs, answers, model.soft_tokens(centroids), mean, draft)
        draft.rows.update(
            pairs=len(pairs),
            titles=write_table(draft.path / "titles.parquet", titles, TITLES),
            rejected=write_table(draft.path / "rejected.parquet", rejected, REJECTED),
        )
        draft.facts.update(_facts(pairs, titles, rejected, stats))
        for journal in draft.path.glob(".*.jsonl"):
            journal.unlink()
    facts = draft.facts
    print(
        f"{facts['titled_pairs']:,} of {len(pairs):,} pairs have a title ({len(titles):,} publishable candidates, "
        f"{len(rejected):,} rejected); prompt tokens computed / submitted: {facts['prompt_tokens_computed']:,} / "
        f"{facts['prompt_tokens_submitted']:,} -> {options.out}"
    )
    return {**draft.rows, **facts, "out": str(options.out)}


def _centroids(clusters: Artefact, model: HllmCreator) -> tuple[Float, Float]:
    """Centroids [K, d_u] and the mean user's soft token [D]."""
    try:
        centroids: Float = np.load(clusters.path / "centroids.npy").astype(np.float32)
    except (OSError, ValueError):
        raise ArtefactError(
            f"{clusters.path}/centroids.npy cannot be read", cure="run 'hllm-creator cluster' again"
        ) from None
    if centroids.ndim != 2 or centroids.shape[1] != model.user.width:
        raise ArtefactError(
            f"the clusters in {clusters.path} are not of this model's users",
            got=f"shape {list(centroids.shape)}",
            expected=f"[K, {model.user.width}]",
            cure="embed and cluster with this model",
        )
    assignment = pd.read_parquet(clusters.path / "assignment.parquet", columns=["cluster_id"])["cluster_id"]
    sizes = np.bincount(assignment[assignment >= 0].to_numpy(dtype=np.int64), minlength=len(centroids)).astype(
        np.float64
    )
    weights = sizes / sizes.sum() if sizes.sum() else np.full(len(centroids), 1 / len(centroids))
    mean = (weights[:, None] * centroids).sum(0, keepdims=True).astype(np.float32)
    return centroids, model.soft_tokens(mean)[0]


def _kept_pairs(artefact: Artefact, data: Data, clusters: int) -> list[Pair]:
    frame = pd.read_parquet(artefact.path / "pairs.parquet", columns=["cluster_id", "ad_id", "kept"])
    kept = frame[frame["kept"].astype(bool)]
    unknown = sorted(set(kept["ad_id"]) - set(data.ads))
    if unknown or (len(kept) and int(kept["cluster_id"].max()) >= clusters):
        raise ArtefactError(
            f"the pairs in {artefact.path} are not of these clusters and ads",
            got=f"{len(unknown)} unknown ads",
            cure="run 'hllm-creator prune' on them",
        )
    # an ad's pairs stand together and share its prefix in the engine's cache
    ordered = kept.sort_values(["ad_id", "cluster_id"])
    return [
        Pair(int(c), int(c), data.ads[AdId(a)]) for c, a in zip(ordered["cluster_id"], ordered["ad_id"], strict=True)
    ]


def _answers(
    options: GenerateOptions, model: HllmCreator, pairs: Sequence[Pair], centroids: Float, draft: Draft
) -> tuple[dict[str, list[dict[str, object]]], EngineStats]:
    """Every pair's answers by key, from the journal or the engine."""
    journal = Journal(draft.path / ".candidates.jsonl")
    answers: dict[str, list[dict[str, object]]] = {row["key"]: row["answers"] for row in journal.rows()}
    before = (
        EngineStats(**json.loads((draft.path / ".stats.json").read_text()))
        if (draft.path / ".stats.json").is_file()
        else EngineStats()
    )
    todo = [pair for pair in pairs if pair.key not in answers]
    if not todo:
        return answers, before
    say(f"generate: {len(todo):,} pairs to write, {len(pairs) - len(todo):,} already written")
    prompts = _prompts(model, todo, model.soft_tokens(centroids))
    longest = max(len(prompt.embeds) for prompt in prompts)
    greedy = options.temperature == 0
    settings = SamplingSettings(
        max_tokens=model.config.title_tokens,
        temperature=options.temperature,
        top_p=options.top_p,
        n=1 if greedy else options.candidates,
        seed=options.seed,
        stop_token_ids=(model.prompts.end,),
    )
    engine = open_engine(
        options.engine,
        options.model / "creative_llm",
        context_tokens=longest + model.config.title_tokens,
        dtype=options.dtype,
    )
    progress = Progress("generate", len(pairs), "pairs", done=len(pairs) - len(todo))

    def keep(done: Completion) -> None:
        rows = [{"text": c.text, "logprob": c.logprob, "finish": c.finish_reason} for c in done.candidates]
        answers[done.prompt_id] = rows
        journal.append({"key": done.prompt_id, "answers": rows})
        progress.advance()

    try:
        engine.generate(prompts, settings, keep)
        stats = before + engine.stats
    finally:
        progress.close()
        engine.close()
    (draft.path / ".stats.json").write_text(json.dumps(asdict(stats)), encoding="utf-8")
    return answers, stats


def _prompts(model: HllmCreator, pairs: Sequence[Pair], soft_tokens: Float) -> list[Prompt]:
    import torch

    out: list[Prompt] = []
    before, after, last = None, None, None
    with torch.inference_mode():
        for pair in pairs:
            if pair.ad.ad_id != last:
                words = model.prompts.prompt(pair.ad)
                before = model.creative.embed_tokens(torch.tensor(words.before)).float()
                after = model.creative.embed_tokens(torch.tensor(words.after)).float()
                last = pair.ad.ad_id
            assert before is not None and after is not None
            soft = torch.from_numpy(soft_tokens[pair.row]).unsqueeze(0)
            out.append(Prompt(pair.key, torch.cat([before, soft, after])))
    return out


def _select(
    options: GenerateOptions,
    model: HllmCreator,
    pairs: Sequence[Pair],
    answers: Mapping[str, list[dict[str, object]]],
    soft_tokens: Float,
    mean: Float,
    draft: Draft,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Gate, score and rank: the rows of titles.parquet and rejected.parquet."""
    passed: list[tuple[Pair, str, str, str]] = []  # pair, title, verdict, findings
    refused: list[dict[str, object]] = []
    for pair in pairs:
        seen: set[str] = set()
        for answer in answers[pair.key]:
            title = " ".join(str(answer["text"]).split())
            if title in seen:
                continue
            seen.add(title)
            check = check_title(title, pair.ad)
            findings = json.dumps([asdict(f) for f in check.findings], ensure_ascii=False)
            reason = _refusal(
                title,
                pair.ad,
                check.publishable,
                str(answer["finish"]),
                sorted({f.kind.value for f in check.findings if f.score >= 0.5}),
            )
            if reason:
                refused.append(
                    _row(options, pair, title, check.verdict, findings, 0, float(str(answer["logprob"])), np.nan)
                    | {"reason": reason}
                )
            else:
                passed.append((pair, title, check.verdict, findings))
    own, average = _scores(model, passed, soft_tokens, mean, draft)
    by_ad: dict[str, dict[int, list[Candidate]]] = defaultdict(lambda: defaultdict(list))
    details: dict[tuple[str, int, str], tuple[Pair, str]] = {}
    for n, (pair, title, verdict, findings) in enumerate(passed):
        by_ad[pair.ad.ad_id][pair.cluster_id].append(Candidate(title, verdict, own[n], own[n] - average[n]))  # pyright: ignore[reportArgumentType]
        details[pair.ad.ad_id, pair.cluster_id, title] = (pair, findings)
    rows = []
    for ad_id, by_cluster in by_ad.items():
        for cluster, ranked in rank_candidates(by_cluster).items():
            for c in ranked:
                pair, findings = details[ad_id, cluster, c.title]
                rows.append(_row(options, pair, c.title, c.verdict, findings, c.rank, c.logprob, c.personalisation))
    return pd.DataFrame(rows, columns=TITLES.names), pd.DataFrame(refused, columns=REJECTED.names)


def _refusal(title: str, ad: Ad, publishable: bool, finish: str, kinds: Sequence[str]) -> str:
    if not title:
        return "empty"
    if finish == "length":
        return "runs on: no end within the longest title"
    if is_same_title(title, ad.title):
        return "the original title again"
    return "" if publishable else f"not supported by the ad: {', '.join(kinds)}"


def _scores(
    model: HllmCreator, passed: Sequence[tuple[Pair, str, str, str]], soft_tokens: Float, mean: Float, draft: Draft
) -> tuple[list[float], list[float]]:
    """Log-probability of each title under its own centroid and under the mean user, block by block."""
    journal = Journal(draft.path / ".scores.jsonl")
    own: list[float] = []
    average: list[float] = []
    for row in journal.rows():
        own += row["own"]
        average += row["average"]
    progress = Progress("score", len(passed), "titles", done=len(own))
    for start in range(len(own), len(passed), SCORED_AT_ONCE):
        part = passed[start : start + SCORED_AT_ONCE]
        requests = [
            ScoreRequest(pair.ad, soft, title) for pair, title, *_ in part for soft in (soft_tokens[pair.row], mean)
        ]
        scores = score_titles(model, requests).reshape(-1, 2)
        own += scores[:, 0].tolist()
        average += scores[:, 1].tolist()
        journal.append({"own": scores[:, 0].tolist(), "average": scores[:, 1].tolist()})
        progress.advance(len(part))
    progress.close()
    return own, average


def _row(
    options: GenerateOptions,
    pair: Pair,
    title: str,
    verdict: str,
    findings: str,
    rank: int,
    logprob: float,
    personalisation: float,
) -> dict[str, object]:
    name = hashlib.sha256(f"{pair.ad.ad_id}\x1f{pair.cluster_id}\x1f{title}".encode()).hexdigest()[:16]
    provenance = {
        "engine": options.engine,
        "seed": options.seed,
        "temperature": options.temperature,
        "top_p": options.top_p,
        "candidates": options.candidates,
    }
    return {
        "title_id": f"t{name}",
        "cluster_id": pair.cluster_id,
        "ad_id": pair.ad.ad_id,
        "title": title,
        "rank": rank,
        "logprob": logprob,
        "personalisation": personalisation,
        "verdict": str(verdict),
        "findings": findings,
        "provenance": json.dumps(provenance),
    }


def _facts(
    pairs: Sequence[Pair], titles: pd.DataFrame, rejected: pd.DataFrame, stats: EngineStats
) -> dict[str, object]:
    titled = len(titles[titles["rank"] == 1])
    return {
        "titled_pairs": titled,
        "fallback_pairs": len(pairs) - titled,
        "candidates": len(titles) + len(rejected),
        "rejected_by_reason": dict(Counter(rejected["reason"].tolist()).most_common()),
        **{name: value for name, value in asdict(stats).items()},
    }

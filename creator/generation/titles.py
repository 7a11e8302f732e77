"""`generate`: one title per kept (cluster, ad) pair, written by the Creative LLM, gated by the facts.

    pairs -> prompts -> engine -> candidates -> fact and policy gate -> personalisation -> ranking -> TITLES

Candidates go to disk as the engine finishes them and scores as they are computed, so a kill loses only what was in
flight. A pair none of whose candidates passes keeps the original title, and rejected.parquet says why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from creator.core.artefacts import Artefact, open_artefact, write_artefact
from creator.core.data import open_data, write_table
from creator.engine.contract import EngineStats
from creator.generation import answers, selection
from creator.generation.answers import answer_pairs
from creator.generation.options import GenerateOptions
from creator.generation.pairs import read_centroids, read_kept_pairs
from creator.generation.selection import REJECTED, TITLES, select_titles
from creator.models.checkpoint import load_model

PATHS = ("model", "data", "clusters", "pairs", "out")


def generate(options: GenerateOptions) -> Mapping[str, object]:
    """Write TITLES.

    Raises:
        HllmCreatorError: an input cannot be read, the engine fails, or `out` exists.
    """
    model_artefact, data = open_artefact(options.model, "model"), open_data(options.data, "ads_frame")
    clusters, pairs_artefact = open_artefact(options.clusters, "clusters"), open_artefact(options.pairs, "pairs")
    config = {name: value for name, value in asdict(options).items() if name not in PATHS}
    inputs: dict[str, Artefact | Path] = {
        "model": model_artefact,
        "data": data.artefact,
        "clusters": clusters,
        "pairs": pairs_artefact,
    }
    with write_artefact(options.out, "titles", config=config, inputs=inputs) as draft:
        model = load_model(options.model)
        centroids, mean = read_centroids(clusters, model)
        pairs = read_kept_pairs(pairs_artefact, data, len(centroids))
        found, stats = answer_pairs(options, model, pairs, centroids, draft.path)
        titles, rejected = select_titles(options, model, pairs, found, model.soft_tokens(centroids), mean, draft.path)
        draft.rows.update(
            pairs=len(pairs),
            titles=write_table(draft.path / "titles.parquet", titles, TITLES),
            rejected=write_table(draft.path / "rejected.parquet", rejected, REJECTED),
        )
        draft.facts.update(_facts(len(pairs), titles, rejected, stats))
        for name in (answers.JOURNAL, answers.STATS, selection.JOURNAL):
            (draft.path / name).unlink(missing_ok=True)
    facts = draft.facts
    print(
        f"{facts['titled_pairs']:,} of {len(pairs):,} pairs have a title ({len(titles):,} publishable candidates, "
        f"{len(rejected):,} rejected); prompt tokens computed / submitted: {facts['prompt_tokens_computed']:,} / "
        f"{facts['prompt_tokens_submitted']:,} -> {options.out}"
    )
    return {**draft.rows, **facts, "out": str(options.out)}


def _facts(pairs: int, titles: pd.DataFrame, rejected: pd.DataFrame, stats: EngineStats) -> dict[str, object]:
    titled = int((titles["rank"] == 1).sum())
    return {
        "titled_pairs": titled,
        "fallback_pairs": pairs - titled,
        "candidates": len(titles) + len(rejected),
        "rejected_by_reason": dict(Counter(rejected["reason"].tolist()).most_common()),
        **asdict(stats),
    }

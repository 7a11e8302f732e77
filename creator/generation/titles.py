"""`generate`: one title per kept (cluster, ad) pair, written by the Creative LLM, gated by the facts.

    pairs -> prompts -> engine -> candidates -> gate -> personalisation -> ranking -> TITLES

Candidates go to disk as the engine finishes them and scores as they are computed, so a kill loses only what was in
flight. A pair none of whose candidates passes keeps the original title: outcomes.parquet says so, and why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import cast

import pandas as pd

from creator.core.artefacts import Artefact, open_artefact, write_artefact
from creator.core.data import open_data, write_table
from creator.core.progress import say
from creator.engine.contract import EngineStats
from creator.generation import answers, selection
from creator.generation.answers import answer_pairs, placing
from creator.generation.forecast import ForecastOnlyError
from creator.generation.gate import Gate
from creator.generation.options import GenerateOptions
from creator.generation.outcomes import Standing, origins_of, outcomes_of, standing_titles
from creator.generation.pairs import read_audience, read_kept_pairs
from creator.generation.selection import select_titles
from creator.generation.titles_table import OUTCOMES, REJECTED, TITLES
from creator.models.checkpoint import load_model

INPUTS = ("model", "data", "clusters", "pairs", "out", "guide", "previous")
PLACES = ("workers", "ray_address", "forecast")  # where the work is done does not shape what is written


def generate(options: GenerateOptions) -> Mapping[str, object]:
    """Write TITLES, or with `forecast` tell what that would cost.

    Raises:
        HllmCreatorError: an input cannot be read, the engine fails, or `out` exists.
    """
    try:
        return _generate(options)
    except ForecastOnlyError as told:
        print(f"forecast only: {', '.join(f'{name} {value}' for name, value in told.facts.items())}")
        return told.facts


def _generate(options: GenerateOptions) -> Mapping[str, object]:
    model_artefact, data = open_artefact(options.model, "model"), open_data(options.data, "ads_frame")
    clusters, pairs_artefact = open_artefact(options.clusters, "clusters"), open_artefact(options.pairs, "pairs")
    previous = None if options.previous is None else open_artefact(options.previous, "titles")
    gate = Gate.of(options.guide, options.channels)
    config = {name: value for name, value in asdict(options).items() if name not in (*INPUTS, *PLACES)}
    inputs: dict[str, Artefact | Path] = {
        "model": model_artefact,
        "data": data.artefact,
        "clusters": clusters,
        "pairs": pairs_artefact,
    }
    if previous is not None:
        inputs["previous"] = previous
    if options.guide is not None:
        inputs["guide"] = options.guide
    with write_artefact(options.out, "titles", config=config, inputs=inputs) as draft:
        model = load_model(options.model)
        audience = read_audience(clusters, model)
        pairs = read_kept_pairs(pairs_artefact, data, len(audience.soft_tokens))
        origins = origins_of(pairs, audience.soft_tokens, model_artefact)
        standing = {} if previous is None else standing_titles(previous, pairs, origins, gate)
        wanted = [pair for pair in pairs if pair.key not in standing]
        if wanted and previous is not None and _seed_of(previous) == options.seed:
            say("the seed is that of the earlier call: an unchanged pair draws the same again; name another --seed")
        found, stats = answer_pairs(options, model, wanted, audience, draft.path)
        titles, rejected = select_titles(
            options, model, gate, wanted, found, audience, draft.path, placing(options), standing
        )
        titled = {f"{cluster}/{ad_id}" for cluster, ad_id in zip(titles["cluster_id"], titles["ad_id"], strict=True)}
        outcomes = outcomes_of(pairs, titled, rejected, origins, standing)
        draft.rows.update(
            pairs=write_table(draft.path / "outcomes.parquet", outcomes, OUTCOMES),
            titles=write_table(draft.path / "titles.parquet", titles, TITLES),
            rejected=write_table(draft.path / "rejected.parquet", rejected, REJECTED),
        )
        draft.facts.update(_facts(outcomes, titles, rejected, standing, stats))
        for name in (answers.JOURNAL, answers.STATS, selection.JOURNAL):
            (draft.path / name).unlink(missing_ok=True)
    facts = draft.facts
    kept = f" ({len(standing):,} of them stood already)" if standing else ""
    print(
        f"{facts['titled_pairs']:,} of {len(pairs):,} pairs have a title{kept}, {facts['fallback_pairs']:,} show the "
        f"original ({len(titles):,} publishable candidates, {len(rejected):,} rejected); prompt tokens computed / "
        f"submitted: {facts['prompt_tokens_computed']:,} / {facts['prompt_tokens_submitted']:,} -> {options.out}"
    )
    return {**draft.rows, **facts, "out": str(options.out)}


def _seed_of(titles: Artefact) -> object:
    return cast(Mapping[str, object], titles.manifest.get("config") or {}).get("seed")


def _facts(
    outcomes: pd.DataFrame, titles: pd.DataFrame, rejected: pd.DataFrame, standing: Standing, stats: EngineStats
) -> dict[str, object]:
    titled = int((outcomes["outcome"] == "title").sum())
    return {
        "titled_pairs": titled,
        "fallback_pairs": len(outcomes) - titled,
        "standing_pairs": len(standing),
        "candidates": len(titles) + len(rejected),
        "rejected_by_reason": dict(Counter(rejected["reason"].tolist()).most_common()),
        **asdict(stats),
    }

"""The command `evaluate titles`: figures, tables and page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from creator.core.artefacts import Artefact, open_artefact, write_artefact
from creator.core.data import EXAMPLES, Data, open_data, read_table
from creator.core.errors import ArtefactError
from creator.core.progress import say
from creator.core.records import Ad
from eval.distinctness import Spread, novelty_figure, spread_figures, spreads
from eval.figures import Figure, write_summary
from eval.inputs import Floats, Moments, item_vectors, read_matrix, user_vectors
from eval.options import TitlesOptions
from eval.page import write_page
from eval.titles import (
    Score,
    cluster_pairs,
    contrasts,
    own_cluster_figure,
    own_cluster_outcomes,
    read_titles,
    reading_figures,
)
from eval.titles_reconstruction import profile_rows, reconstruction_figures
from eval.wording import Lengths, lengths

TITLES = pa.schema([("cluster_id", pa.int64()), ("ad_id", pa.string()), ("title", pa.string()), ("rank", pa.int64())])


@dataclass(frozen=True, slots=True)
class Measured:
    """What was found.

    Args:
        figures: in the order they are shown.
        spreads: one an ad with published titles.
        lengths: by kind of title.
        left_out: held-out examples that could not be read, by reason.
    """

    figures: list[Figure]
    spreads: list[Spread]
    lengths: dict[str, Lengths]
    left_out: dict[str, int]


def evaluate_titles(options: TitlesOptions) -> dict[str, object]:
    """Ask the model how likely titles are under their own and under other users, and write the report."""
    inputs = _inputs(options)
    data = open_data(options.data, "items", "events", "ads_frame")
    config = {"of": "titles", "limit": options.limit, "profiles": options.profiles, "resamples": options.resamples,
              "seed": options.seed,
              "with_clusters": options.clusters is not None}  # fmt: skip
    with write_artefact(options.out, "evaluation", config=config, inputs=inputs) as draft:
        found = _measure(options, data, inputs)
        details = {"of": "titles", "ads": [asdict(ad) for ad in found.spreads],
                   "lengths": {name: asdict(length) for name, length in found.lengths.items()},
                   "left_out": found.left_out}  # fmt: skip
        write_summary(draft.path / "summary.json", found.figures, details)
        write_page(draft.path / "report.html", "titles.html.jinja", figures=found.figures, spreads=found.spreads,
                   lengths=found.lengths)  # fmt: skip
        draft.rows = {"titles": found.figures[0].n, "left_out": sum(found.left_out.values())}
        draft.facts = {figure.key: figure.value for figure in found.figures}
    for figure in found.figures:
        span = f" ({figure.interval})" if figure.interval else ""
        print(f"{figure.label:<34}{figure.written(figure.value):>8}{span}")
    return {"out": str(options.out), **{figure.key: figure.value for figure in found.figures}}


def _inputs(options: TitlesOptions) -> dict[str, Artefact]:
    named = {"model": options.model, "examples": options.examples, "clusters": options.clusters,
             "titles": options.titles, "embeddings": options.embeddings, "data": options.data}  # fmt: skip
    return {kind: open_artefact(path, kind) for kind, path in named.items() if path is not None}


def _measure(options: TitlesOptions, data: Data, inputs: dict[str, Artefact]) -> Measured:
    from creator.generation.score import ScoreRequest, score_titles
    from creator.models.checkpoint import load_model

    model: Any = load_model(options.model)

    def score(requests: Sequence[tuple[Ad, Floats, str]]) -> npt.NDArray[np.float64]:
        asked = [ScoreRequest(ad, soft_token, title) for ad, soft_token, title in requests]
        return np.asarray(score_titles(model, asked), dtype=np.float64)

    examples = read_table(inputs["examples"].path / "examples.parquet", EXAMPLES)
    examples, left_out = _held_out(examples, data)
    items = item_vectors(inputs["embeddings"], data) if "embeddings" in inputs else None
    figures = _conditioning(options, data, examples, items, model, score)
    figures += _reconstruction(options, data, examples, items, model)
    sizes = {"teacher (held out)": examples["title"].astype(str).tolist()}
    found: list[Spread] = []
    if "titles" in inputs and "clusters" in inputs:
        published = read_table(inputs["titles"].path / "titles.parquet", TITLES)
        published = published[published["rank"] == 1].reset_index(drop=True)
        softs = _centroid_tokens(model, inputs["clusters"])
        figures.append(_own_cluster(options, data, published, softs, score))
        found = spreads(published, data.ads)
        figures += [*spread_figures(found, options.resamples, options.seed), novelty_figure(published, data.ads)]
        sizes["published"] = published["title"].astype(str).tolist()
        sizes["original"] = [data.ads[ad].title for ad in dict.fromkeys(published["ad_id"])]
    return Measured(figures, found, {n: made for n, titles in sizes.items() if (made := lengths(titles))}, left_out)


def _centroid_tokens(model: Any, clusters: Artefact) -> Floats:
    centroids = read_matrix(clusters.path / "centroids.npy")
    if centroids.shape[1] != model.user.width:
        raise ArtefactError(f"the clusters in {clusters.path} are not of this model's users",
                            got=f"width {centroids.shape[1]}", expected=f"width {model.user.width}",
                            cure="embed and cluster with this model")  # fmt: skip
    return model.soft_tokens(centroids)


def _held_out(examples: pd.DataFrame, data: Data) -> tuple[pd.DataFrame, dict[str, int]]:
    kept = examples[examples["split"] == "heldout"]
    unknown_user = ~kept["user_id"].isin(list(data.histories.row_of))
    unknown_ad = ~kept["ad_id"].isin(list(data.ads)) & ~unknown_user
    left_out = {"user without any event": int(unknown_user.sum()), "unknown ad": int(unknown_ad.sum())}
    return kept[~unknown_user & ~unknown_ad].reset_index(drop=True), {why: n for why, n in left_out.items() if n}


def _conditioning(
    options: TitlesOptions, data: Data, examples: pd.DataFrame, items: Floats | None, model: Any, score: Score
) -> list[Figure]:
    drawn = contrasts(examples, options.limit, options.seed)
    if not len(drawn.own):
        return reading_figures(None, options.resamples, options.seed)
    needed, back = np.unique(np.concatenate([drawn.own, drawn.other]), return_inverse=True)
    rows = examples.iloc[needed].reset_index(drop=True)
    drawn = type(drawn)(back[: len(drawn.own)], back[len(drawn.own) :])
    users = np.array([data.histories.row_of[user] for user in rows["user_id"]], dtype=np.int64)
    vectors = user_vectors(
        model, data, Moments(users, rows["as_of"].to_numpy(dtype=np.float64)), model.config.history, items
    )
    _, first = np.unique(users, return_index=True)
    softs = model.soft_tokens(np.concatenate([vectors, vectors[first].mean(axis=0, keepdims=True)]).astype(np.float32))
    say(f"scoring {len(drawn.own):,} held-out titles under four users each")
    reading = read_titles(rows, drawn, data.ads, softs[:-1], softs[-1], score, lambda t: len(model.prompts.title(t)))
    return reading_figures(reading, options.resamples, options.seed)


def _reconstruction(
    options: TitlesOptions, data: Data, examples: pd.DataFrame, items: Floats | None, model: Any
) -> list[Figure]:
    profiles = examples["profile"].fillna("").astype(str).tolist()
    users = np.array([data.histories.row_of[user] for user in examples["user_id"]], dtype=np.int64)
    moments = np.stack([users.astype(np.float64), examples["as_of"].to_numpy(dtype=np.float64)], axis=1)
    chosen = profile_rows(profiles, moments, options.profiles, options.seed)
    if not chosen:
        return []
    vectors = user_vectors(model, data, Moments(users[chosen], moments[chosen, 1]), model.config.history, items)
    _, first = np.unique(users[chosen], return_index=True)
    return reconstruction_figures(
        model,
        [profiles[n] for n in chosen],
        vectors,
        users[chosen],
        vectors[first].mean(axis=0),
        resample_count=options.resamples,
        seed=options.seed,
    )


def _own_cluster(options: TitlesOptions, data: Data, published: pd.DataFrame, softs: Floats, score: Score) -> Figure:
    if len(published) and not 0 <= published["cluster_id"].min() <= published["cluster_id"].max() < len(softs):
        raise ArtefactError("TITLES and CLUSTERS do not belong together", got="a cluster without a centroid",
                            cure="name the CLUSTERS folder that the titles were generated with")  # fmt: skip
    pairs = cluster_pairs(published, options.limit, options.seed)
    say(f"scoring {len(pairs):,} pairs of clusters")
    outcomes = own_cluster_outcomes(published, pairs, data.ads, softs, score)
    by_ad = pd.factorize(published["ad_id"].iloc[[a for a, _ in pairs]])[0].astype(np.int64)
    return own_cluster_figure(outcomes, by_ad, options.resamples, options.seed)

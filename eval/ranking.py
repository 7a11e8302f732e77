"""The command `evaluate ranking`: HLLM beside popularity, item-kNN, SASRec and HSTU on one split."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import cast

import numpy as np

from creator.core.artefacts import Artefact, open_artefact, write_artefact
from creator.core.data import Data, open_data
from creator.core.errors import InputError
from creator.core.progress import say
from eval.figures import write_summary
from eval.inputs import Floats, item_vectors
from eval.page import write_page
from eval.ranking_baselines import SEEDED, rank_with_library, require_library
from eval.ranking_metrics import Ranked, Scores, measure
from eval.ranking_options import RankingOptions
from eval.ranking_report import chart, draw, figures_of, show
from eval.ranking_split import Split, leave_one_out

HLLM = "hllm"
RESAMPLING_SEED = 11


def evaluate_ranking(options: RankingOptions) -> dict[str, object]:
    """Train every model on the events before the cut, let each rank the catalogue, and write the report.

    What a kill interrupts goes on at the model under way, HLLM at its last checkpoint.

    Raises:
        HllmCreatorError: an input cannot be read, the library is not there, or there is nothing to rank.
    """
    if set(options.models) - {HLLM}:
        require_library()
    data = open_data(options.data, "items", "events")
    inputs: dict[str, Artefact | Path] = {"data": data.artefact}
    if options.item_vectors is not None:
        inputs["embeddings"] = open_artefact(options.item_vectors, "embeddings")
    config = {"of": "ranking", **{name: value for name, value in asdict(options).items()
                                  if name not in ("data", "out", "item_vectors", "init")}}  # fmt: skip
    if options.init is not None:
        inputs["init"] = _pretrained_on(options.init, data)
    with write_artefact(options.out, "evaluation", config=config, inputs=inputs) as draft:
        split = leave_one_out(data, exclude_bought=options.exclude_bought, last=options.last, limit=options.limit)
        say(f"{len(split):,} targets of {len(np.unique(split.users)):,} users, {int(split.cold.sum()):,} of them cold")
        say(f"{len(split.texts):,} products of {len(set(split.texts)):,} texts")
        answers = _answers(options, data, split, draft.path)
        scores = measure(split, answers, HLLM if HLLM in answers else None, resample_count=options.resamples,
                         seed=RESAMPLING_SEED)  # fmt: skip
        facts = _facts(split)
        figures = figures_of(scores, facts)
        write_summary(draft.path / "summary.json", figures, {
            "of": "ranking", "question": facts, "models": [asdict(found) for found in scores],
            "seeds": list(options.seeds), "left_out": split.left_out})  # fmt: skip
        draw(draft.path, scores)
        write_page(draft.path / "report.html", "ranking.html.jinja", figures=figures, models=scores, question=facts,
                   chart=chart(scores), seeds=options.seeds, left_out=split.left_out, trained=options)  # fmt: skip
        draft.rows = {"targets": len(split), "left_out": sum(split.left_out.values())}
        draft.facts = {figure.key: figure.value for figure in figures}
        for path in draft.path.glob(".ranked-*.npz"):
            path.unlink()
    show(scores, facts)
    return {"out": str(options.out), **_summary(scores), **{f.key: f.value for f in figures}}


def _pretrained_on(path: Path, data: Data) -> Artefact:
    """A MODEL folder, made from this DATA and no other, whose cut may be another."""
    model = open_artefact(path, "model")
    made_from = cast(dict[str, object], model.manifest.get("inputs") or {}).get("data")
    if made_from != data.artefact.digest:
        raise InputError(f"{path} was not made from {data.artefact.path}: it may know the targets",
                         cure="pretrain it on this DATA")  # fmt: skip
    return model


def _facts(split: Split) -> dict[str, object]:
    return {
        "targets": len(split),
        "users": len(np.unique(split.users)),
        "cold_targets": int(split.cold.sum()),
        "products": len(split.texts),
        "texts": len(set(split.texts)),
        "cold_products": int(split.cold_items.sum()),
        "training_events": int(split.trained.sum()),
        "cut": split.cut,
        "exclude_bought": split.exclude_bought,
        "chance_cold_apart@10": 10 / max(1, int(split.cold_items.sum())),
    }


def _summary(scores: Sequence[Scores]) -> dict[str, object]:
    return {f"{found.model}_ndcg@10": found.measures["all"]["ndcg@10"].value for found in scores}


def _answers(options: RankingOptions, data: Data, split: Split, folder: Path) -> dict[str, list[Ranked]]:
    """What every model answers, those already there read back."""
    answers: dict[str, list[Ranked]] = {}
    for name in options.models:
        if name == HLLM:
            answers |= _hllm_answers(options, data, split, folder)
            continue
        seeds = options.seeds if name in SEEDED else options.seeds[:1]
        answers[name] = [
            _kept(folder, name, seed, lambda n=name, s=seed: rank_with_library(n, split, options, s)) for seed in seeds
        ]
    return answers


def _hllm_answers(options: RankingOptions, data: Data, split: Split, folder: Path) -> dict[str, list[Ranked]]:
    import torch

    from creator.models.checkpoint import load_model as load
    from eval.ranking_hllm import HllmSettings, pretrained_ranker, rank_with_hllm

    items: list[Floats] = []

    def answer(name: str, share: float, layers: int, seed: int) -> Ranked:
        if not items:
            items.append(_vectors(options, data, split))
        say(f"training {name} (seed {seed})")
        torch.manual_seed(seed)
        settings = HllmSettings(options.steps, options.windows, options.negatives, options.learning_rate,
                                options.history, layers, share, seed)  # fmt: skip
        place = folder / f".training-{_file(name)}-{seed}"
        place.mkdir(exist_ok=True)
        start = pretrained_ranker(load(options.init)) if options.init is not None else None
        ranked = rank_with_hllm(split, items[0], settings, place, name, start)
        for path in place.iterdir():
            path.unlink()
        place.rmdir()
        return ranked

    runs = [(HLLM, 1.0, options.user_layers)]
    runs += [(f"hllm, {share:.0%} of the users", share, options.user_layers) for share in options.shares]
    runs += [(f"hllm, {count} layers", 1.0, count) for count in options.layers]
    return {name: [_kept(folder, name, seed, lambda n=name, p=share, c=layers, s=seed: answer(n, p, c, s))
                   for seed in (options.seeds if name == HLLM else options.seeds[:1])]
            for name, share, layers in runs}  # fmt: skip


def _vectors(options: RankingOptions, data: Data, split: Split) -> Floats:
    if options.item_vectors is not None:
        return item_vectors(open_artefact(options.item_vectors, "embeddings"), data)
    if options.init is not None:
        from creator.models.checkpoint import load_model

        return load_model(options.init).encode_texts(split.texts, label="items")
    from creator.engine.backbone import resolve_backbone
    from creator.models.config import ModelConfig
    from creator.models.parts import read_item_encoder
    from eval.ranking_hllm import encode_items

    folder = resolve_backbone(options.item)
    pooling = "mean" if '"BertModel"' in (folder / "config.json").read_text(encoding="utf-8") else "item_token"
    return encode_items(split, read_item_encoder(folder, ModelConfig(item_pooling=pooling)))


def _kept(folder: Path, name: str, seed: int, answer: Callable[[], Ranked]) -> Ranked:
    """An answer, read back if an interrupted attempt left it."""
    path = folder / f".ranked-{_file(name)}-{seed}.npz"
    if path.is_file():
        with np.load(path) as found:
            return Ranked(found["full"], found["cold"], float(found["took_s"]))
    ranked = answer()
    aside = path.with_suffix(".tmp.npz")
    np.savez(aside, full=ranked.full, cold=ranked.cold, took_s=ranked.took_s)
    aside.replace(path)
    return ranked


def _file(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name)

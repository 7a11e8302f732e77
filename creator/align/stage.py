"""`align`: a MODEL whose titles pass the fact check more often, at equal or better conditioning."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from creator.align.asked import Asked, Asking
from creator.align.draws import draw_titles, log_likelihoods, personal
from creator.align.options import AlignOptions, pairs_of_a_step
from creator.align.preferences import Preference, prefer
from creator.align.reward import Written, publishable, rewards
from creator.align.soft_words import lent
from creator.align.trainers import train_dpo, train_grpo
from creator.core.artefacts import Draft, open_artefact, write_artefact, write_text
from creator.core.data import EXAMPLES, open_data, read_table
from creator.core.errors import InputError
from creator.core.progress import say
from creator.facts.channels import Channel
from creator.models.assembly import HllmCreator
from creator.models.checkpoint import load_model, save_model, with_adapters
from creator.models.item_store import drop_blocks, encode_catalogue

PATHS = ("model", "data", "examples", "out", "device")
HELD_DRAWS = 4


@dataclass(frozen=True, slots=True)
class HeldFigures:
    """What titles are worth on pairs that were not trained on.

    Args:
        reward: mean reward of titles drawn.
        publishable: share of them that the fact and policy check passes.
        personal: mean log-likelihood of a drawn title under its reader above that under the mean reader, nats.
        conditioning: share of the teacher's titles that are likelier under their own reader than under another's.
    """

    reward: float
    publishable: float
    personal: float
    conditioning: float


def run_align(options: AlignOptions) -> Mapping[str, object]:
    """Write a MODEL.

    Raises:
        HllmCreatorError: an input cannot be read, there is nothing to learn from, or `out` exists.
    """
    artefact, data = open_artefact(options.model, "model"), open_data(options.data, "items", "events", "ads_frame")
    examples = open_artefact(options.examples, "examples")
    frame = read_table(examples.path / "examples.parquet", EXAMPLES)
    frame = frame[frame["ad_id"].isin({str(ad) for ad in data.ads}) & frame["user_id"].isin(data.histories.row_of)]
    training, held = frame[frame["split"] == "train"], frame[frame["split"] != "train"]
    if len(training) < pairs_of_a_step(options) or held.empty:
        raise InputError(
            f"{examples.path} has not what align needs",
            got=f"{len(training):,} examples to train on and {len(held):,} held out, of this DATA's ads and users",
            expected=f"at least {pairs_of_a_step(options):,} to train on, those of one step, and 1 held out",
            cure="synthesize from this DATA with --heldout",
        )
    config = {name: getattr(options, name) for name in options.__slots__ if name not in PATHS}
    inputs = {"model": artefact, "data": data.artefact, "examples": examples}
    with write_artefact(options.out, "model", config=config, inputs=inputs) as draft:
        torch.manual_seed(options.seed)
        model = load_model(options.model, device=options.device)
        items = encode_catalogue(model, data.item_texts, draft.path)
        asking = Asking.of(model, data, training, items, options.prompts, options.seed)
        checked = Asking.of(model, data, _unseen(training, held), items, options.heldout, options.seed)
        before, after = _align(model, asking, checked, draft.path, options)
        save_model(model, draft.path)
        _card(options, draft, before, after)
        drop_blocks(draft.path)
        shutil.rmtree(draft.path / ".trl", ignore_errors=True)
        draft.rows["steps"] = options.steps
        for name in HeldFigures.__slots__:
            draft.facts[f"{name}_before"], draft.facts[f"{name}_after"] = getattr(before, name), getattr(after, name)
    facts = draft.facts
    print(
        f"aligned by {options.method} for {options.steps:,} steps: reward {before.reward:.3f} -> {after.reward:.3f}, "
        f"publishable {before.publishable:.1%} -> {after.publishable:.1%}, conditioning {before.conditioning:.1%} -> "
        f"{after.conditioning:.1%} on {len(checked.pairs)} held-out pairs -> {options.out}"
    )
    return {"steps": options.steps, **facts, "out": str(options.out)}


def _unseen(training: pd.DataFrame, held: pd.DataFrame) -> pd.DataFrame:
    """Held-out examples of ads that are not trained on, where there are any."""
    new = held[~held["ad_id"].isin(set(training["ad_id"]))]
    return held if new.empty else new


def _align(
    model: HllmCreator, asking: Asking, checked: Asking, folder: Path, options: AlignOptions
) -> tuple[HeldFigures, HeldFigures]:
    model.requires_grad_(False)
    adapted: Any = with_adapters(model.creative.llm, options.lora_rank)
    model.creative.llm = adapted
    tokenizer, base = model.creative.tokenizer, adapted.get_base_model()
    before = _figures(model, adapted, checked, options)
    with lent(base, torch.from_numpy(asking.soft)) as first:
        prompts = [asking.prompt(model, asked, first) for asked in asking.pairs]
        if options.method == "dpo":
            pairs = _preferences(model, adapted, asking, prompts, options)
            told = [prompts[n] for n, _ in pairs]
            train_dpo(adapted, tokenizer, told, [pair for _, pair in pairs], options, folder)
        else:
            train_grpo(
                adapted, tokenizer, prompts, _Judge(model, adapted, asking, Channel(options.channel)), options, folder,
                title_tokens=model.config.title_tokens,
            )  # fmt: skip
    adapted.eval()
    after = _figures(model, adapted, checked, options)
    model.creative.llm = adapted.merge_and_unload(adapter_names=["default"])
    return before, after


def _preferences(
    model: HllmCreator, llm: Any, asking: Asking, prompts: Sequence[Sequence[int]], options: AlignOptions
) -> list[tuple[int, Preference]]:
    """Preferences with the number of their pair."""
    say(f"align: drawing {options.generations} titles for each of {len(prompts):,} pairs")
    drawn = draw_titles(model, llm, prompts, options.generations, options.temperature)
    titles = [(asked, t.token_ids) for asked, ts in zip(asking.pairs, drawn, strict=True) for t in ts]
    worth = np.asarray(personal(model, asking, titles)).reshape(len(drawn), -1)
    found = [
        (n, pair)
        for n, (asked, ts) in enumerate(zip(asking.pairs, drawn, strict=True))
        for pair in prefer(asked, ts, worth[n].tolist(), model.prompts.title(asked.example))
    ]
    if not found:
        raise InputError(
            "no title drawn is preferable to another",
            got=f"{len(titles):,} titles of {len(prompts):,} pairs",
            cure="raise --temperature, --generations or --prompts",
        )
    by_fact = sum(pair.reason == "fact" for _, pair in found)
    say(f"align: {len(found):,} preferences, {by_fact:,} by the fact check")
    return found


class _Judge:
    """The reward of titles as GRPO writes them; what is personal is asked of the model without its new adapters."""

    def __init__(self, model: HllmCreator, llm: Any, asking: Asking, channel: Channel) -> None:
        self._model, self._llm, self._asking, self._channel = model, llm, asking, channel

    def __call__(self, numbers: Sequence[int], written: Sequence[Sequence[int]]) -> list[float]:
        end, tokenizer = self._model.prompts.end, self._model.creative.tokenizer
        asked = [self._asking.pairs[n] for n in numbers]
        titles = [(pair, list(ids)) for pair, ids in zip(asked, written, strict=True)]
        was_training = self._llm.training
        self._llm.eval()
        with self._llm.disable_adapter():
            worth = personal(self._model, self._asking, titles)
        self._llm.train(was_training)
        return rewards(
            [
                Written(tokenizer.decode(ids, skip_special_tokens=True).strip(), pair.ad, pair.reader, more, end in ids)
                for (pair, ids), more in zip(titles, worth, strict=True)
            ],
            self._channel,
        )


def _figures(model: HllmCreator, llm: Any, asking: Asking, options: AlignOptions) -> HeldFigures:
    with lent(llm.get_base_model(), torch.from_numpy(asking.soft)) as first:
        torch.manual_seed(options.seed)  # the same draws of chance before and after
        prompts = [asking.prompt(model, asked, first) for asked in asking.pairs]
        drawn = draw_titles(model, llm, prompts, HELD_DRAWS, options.temperature)
    titles = [(asked, t) for asked, ts in zip(asking.pairs, drawn, strict=True) for t in ts]
    with llm.disable_adapter():
        worth = personal(model, asking, [(asked, t.token_ids) for asked, t in titles])
    judged = [
        Written(t.text, asked.ad, asked.reader, more, t.finished)
        for (asked, t), more in zip(titles, worth, strict=True)
    ]
    told = [(asked, model.prompts.title(asked.example)) for asked in asking.pairs]
    own = log_likelihoods(model, asking, told, [asked.reader for asked in asking.pairs])
    other = log_likelihoods(model, asking, told, _others(asking.pairs))
    return HeldFigures(
        float(np.mean(rewards(judged, Channel(options.channel)))),
        float(np.mean([publishable(one) for one in judged])),
        float(np.mean(worth)),
        float((own > other).float().mean()),
    )


def _others(pairs: Sequence[Asked]) -> list[int]:
    """For each pair the reader of the next pair that is somebody else."""
    readers = [asked.reader for asked in pairs]
    return [
        next((r for r in (*readers[n + 1 :], *readers[:n]) if r != reader), reader) for n, reader in enumerate(readers)
    ]


def _card(options: AlignOptions, draft: Draft, before: HeldFigures, after: HeldFigures) -> None:
    source = options.model / "model_card.md"
    card = source.read_text(encoding="utf-8") if source.is_file() else "# Model card\n"
    rows = [f"| {name} | {getattr(before, name):.3f} | {getattr(after, name):.3f} |" for name in HeldFigures.__slots__]
    text = [
        "",
        "## Alignment",
        "",
        f"- {options.method}, {options.steps} steps, beta {options.beta:g}, LoRA rank {options.lora_rank}, merged",
        "",
        "| on held-out pairs | before | after |",
        "|---|---|---|",
        *rows,
        "",
    ]
    write_text(draft.path / "model_card.md", card.rstrip() + "\n" + "\n".join(text))
    for path in options.model.glob("history*.jsonl"):
        shutil.copy(path, draft.path / path.name)

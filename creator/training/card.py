"""The model card: what a model was made from, how it was trained and what it may be used for."""

from __future__ import annotations

from pathlib import Path

from creator.core.artefacts import Artefact, write_text
from creator.core.data import Data
from creator.models.assembly import HllmCreator
from creator.training.curves import HISTORIES, SHOWN, read_history

LICENCES = {
    "minilm": "all-MiniLM-L6-v2 (sentence-transformers), Apache-2.0",
    "smollm2": "SmolLM2-135M-Instruct (Hugging Face), Apache-2.0",
}
DATA_LICENCES = {
    "completejourney": "dunnhumby's The Complete Journey: research and teaching; the data are not part of the model"
}


def write_card(model: HllmCreator, data: Data, examples: Artefact | None, folder: Path, init: Path | None) -> Path:
    """Write model_card.md into a MODEL folder; returns its path. Every figure comes from what was just trained."""
    path = folder / "model_card.md"
    history = read_history(folder / "history.jsonl")
    inherited = init / "model_card.md" if init is not None else None
    trained_here = any("total" in row for row in history) and not _untouched(folder, init)
    if inherited is not None and inherited.is_file() and not trained_here:
        write_text(path, inherited.read_text(encoding="utf-8"))
        return path
    config, facts = model.config, data.artefact.facts
    source = str(facts.get("source", "tables"))
    counts = {"Item LLM": model.item.llm, "User LLM": model.user.llm, "Creative LLM": model.creative.llm}
    lines = [
        "# Model card",
        "",
        "Writes ad titles for clusters of users. A title may only be used after its fact check; the model alone "
        "guarantees nothing.",
        "",
        "## Parts",
        "",
        *[
            f"- {name}: {sum(p.numel() for p in part.parameters()) / 1e6:.1f} M parameters"
            for name, part in counts.items()
        ],
        f"- Item LLM from: {LICENCES.get(config.item_backbone, config.item_backbone)}",
        f"- Creative LLM from: {LICENCES.get(config.creative_backbone, config.creative_backbone)}, "
        f"LoRA rank {config.lora_rank}",
        f"- history {config.history} events, soft token {config.position}, match head {config.match_head} "
        f"of width {config.match_width}",
        "",
        "## Data",
        "",
        f"- {source}: {DATA_LICENCES.get(source, 'your own tables')}",
        f"- {len(data.items):,} items, {len(data.histories.user_ids):,} users, {len(data.events):,} events; nothing "
        f"at or after {float(str(facts['train_until'])):.0f} (epoch seconds) was trained on",
    ]
    if examples is not None:
        lines.append(f"- examples: {examples.manifest.get('rows')}")
    for name, phase in HISTORIES.items():
        if rows := read_history(folder / name):
            lines += ["", *_training(f"Training of the {phase}" if phase else "Training", rows)]
    if history:
        lines += ["", "![training curves](curves.png)"]
    write_text(path, "\n".join(lines) + "\n")
    return path


def _training(title: str, history: list[dict[str, float]]) -> list[str]:
    last = history[-1]
    lines = [
        f"## {title}",
        "",
        f"- {last['step']:.0f} steps, {last['seconds']:,.0f} s since it was last started",
        "",
        "| loss | first | last | last on users set apart |",
        "|---|---|---|---|",
    ]
    for name in SHOWN:
        seen = [row[name] for row in history if name in row]
        valid = [row[f"valid_{name}"] for row in history if f"valid_{name}" in row]
        if seen:
            lines.append(f"| {name} | {seen[0]:.3f} | {seen[-1]:.3f} | {f'{valid[-1]:.3f}' if valid else '-'} |")
    return lines


def _untouched(folder: Path, init: Path | None) -> bool:
    mine, theirs = folder / "history.jsonl", (init or folder) / "history.jsonl"
    return theirs.is_file() and mine.read_bytes() == theirs.read_bytes()

"""Tiny random language models in ordinary Hugging Face folders, with a tokenizer that knows the shop's words."""

from __future__ import annotations

from pathlib import Path

from creator.models.new_llm import make_llm

WIDTH = 64
LAYERS = 2
VOCABULARY = 700


def make_backbone(folder: Path, texts: list[str], *, seed: int) -> Path:
    """A random two-layer Llama whose byte-level tokenizer was trained on some texts; returns the folder."""
    return make_llm(folder, texts, width=WIDTH, layers=LAYERS, vocabulary=VOCABULARY, seed=seed)

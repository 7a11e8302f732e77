"""Settings of `embed` and `generate`. Imports nothing heavy: `--help` reads them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from creator.core.command import option


@dataclass(frozen=True, slots=True)
class EmbedOptions:
    """Settings of `embed`."""

    model: Path = option(help="MODEL folder")
    data: Path = option(help="DATA folder")
    out: Path = option(help="EMBEDDINGS folder to make")
    device: str = option("cpu", help="where to compute: cpu or cuda")


@dataclass(frozen=True, slots=True)
class GenerateOptions:
    """Settings of `generate`."""

    model: Path = option(help="MODEL folder")
    data: Path = option(help="DATA folder")
    clusters: Path = option(help="CLUSTERS folder")
    pairs: Path = option(help="PAIRS folder")
    out: Path = option(help="TITLES folder to make")
    engine: Literal["vllm", "transformers"] = option("vllm", help="what runs the Creative LLM")
    candidates: int = option(4, help="titles drawn per pair, of which one is published")
    temperature: float = option(0.7, help="0 is greedy, and then one candidate is drawn")
    top_p: float = option(0.95, help="nucleus that candidates are drawn from")
    dtype: Literal["auto", "fp32", "bf16"] = option("auto", help="number format of the engine")
    seed: int = option(0, help="of the candidates")

    @staticmethod
    def faults(options: GenerateOptions) -> list[str]:
        """Range faults."""
        found = []
        if options.candidates < 1:
            found.append(f"candidates: got {options.candidates}, expected at least 1")
        if options.temperature < 0:
            found.append(f"temperature: got {options.temperature}, expected 0 or more")
        if not 0 < options.top_p <= 1:
            found.append(f"top_p: got {options.top_p}, expected more than 0 and at most 1")
        return found

"""Settings of `embed` and `generate`. Imports nothing heavy: `--help` reads them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from creator.core.command import option
from creator.facts.channels import ChannelName

RAY_HELP = "head of the Ray cluster, HOST:PORT; left out, the one this machine belongs to, or else its own cores"
WORKERS_HELP = "workers that share the work; 0 is one per GPU, or one (on Ray one per machine)"


@dataclass(frozen=True, slots=True)
class EmbedOptions:
    """Settings of `embed`."""

    model: Path = option(help="MODEL folder")
    data: Path = option(help="DATA folder")
    out: Path = option(help="EMBEDDINGS folder to make")
    previous: Path | None = option(
        None, help="earlier EMBEDDINGS of the same model: only new items and users active since are embedded"
    )
    device: str = option("cpu", help="where to compute: cpu or cuda")
    engine: Literal["local", "ray"] = option("local", help="this machine, or a Ray cluster")
    workers: int = option(1, help=WORKERS_HELP)
    ray_address: str = option("", help=RAY_HELP)

    @staticmethod
    def faults(options: EmbedOptions) -> list[str]:
        """Range faults."""
        return _worker_faults(options.workers)


@dataclass(frozen=True, slots=True)
class GenerateOptions:
    """Settings of `generate`."""

    model: Path = option(help="MODEL folder")
    data: Path = option(help="DATA folder")
    clusters: Path = option(help="CLUSTERS folder")
    pairs: Path = option(help="PAIRS folder")
    out: Path = option(help="TITLES folder to make")
    engine: Literal["vllm", "transformers", "ray"] = option("vllm", help="what runs the Creative LLM, and where")
    worker_engine: Literal["vllm", "transformers"] = option("vllm", help="what each worker of --engine ray runs")
    workers: int = option(0, help=WORKERS_HELP)
    ray_address: str = option("", help=RAY_HELP)
    candidates: int = option(4, help="titles drawn per pair, of which one is published")
    temperature: float = option(0.7, help="0 is greedy, and then one candidate is drawn")
    top_p: float = option(0.95, help="nucleus that candidates are drawn from")
    contrast: float = option(0.0, help="weight against the mean user while drawing (contrastive decoding); 0 is none")
    channels: tuple[ChannelName, ...] = option(
        (), help="ad platforms whose rules the titles must keep; their longest title is kept within while drawing"
    )
    guide: Path | None = option(None, help="brand guides as the console's settings page offers them (JSON)")
    previous: Path | None = option(
        None, help="TITLES folder whose titles stand where ad, cluster and model are the same and they still pass"
    )
    forecast: bool = option(False, help="only tell what the call would cost, from its first pairs; they are kept")
    dtype: Literal["auto", "fp32", "bf16"] = option("auto", help="number format of the engine")
    seed: int = option(0, help="of the candidates")

    @staticmethod
    def faults(options: GenerateOptions) -> list[str]:
        """Range faults."""
        found = _worker_faults(options.workers)
        if options.candidates < 1:
            found.append(f"candidates: got {options.candidates}, expected at least 1")
        if not 0 <= options.temperature <= 2:
            found.append(f"temperature: got {options.temperature}, expected 0 to 2")
        if not 0 < options.top_p <= 1:
            found.append(f"top_p: got {options.top_p}, expected more than 0 and at most 1")
        if not 0 <= options.contrast <= 10:
            found.append(f"contrast: got {options.contrast}, expected 0 to 10")
        return found


def _worker_faults(workers: int) -> list[str]:
    return [] if workers >= 0 else [f"workers: got {workers}, expected 0 or more"]

"""Settings of `convert reference`. Imports nothing heavy: `--help` reads them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from creator.core.command import option


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertReferenceOptions:
    """What to convert, and into what."""

    weights: Path = option(
        help="state dict: a torch file (zero3_merge_states.pt), a .safetensors file, or a sharded one's index or folder"
    )
    config: Path = option(help="JSON or YAML that names the three LLMs and the settings (docs/reference.md)")
    out: Path = option(help="MODEL folder to make")
    creative: str | None = option(
        None,
        help="Creative LLM to put beside an HLLM state dict, which has none; by default its Item LLM again",
    )
    dtype: Literal["keep", "fp32", "bf16", "fp16"] = option("keep", help="number format of the three LLMs' weights")
    shard_mib: int = option(1024, help="size of one weight file in MiB; about twice as much memory is used")

    @staticmethod
    def faults(options: ConvertReferenceOptions) -> list[str]:
        """Settings out of range."""
        return [] if options.shard_mib >= 1 else [f"shard_mib: got {options.shard_mib}, expected at least 1"]

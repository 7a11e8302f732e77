"""Settings of `evaluate ablations`, apart from its code so that `--help` stays quick."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from creator.core.command import option

VariantName = Literal["full", "mean", "choice", "reconstruction", "alignment", "matching", "frozen", "random"]
NAMES: tuple[VariantName, ...] = (
    "full", "mean", "choice", "reconstruction", "alignment", "matching", "frozen", "random"
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class AblationsOptions:
    """Settings of `evaluate ablations`."""

    data: Path = option(help="DATA folder")
    examples: Path = option(help="EXAMPLES folder made from it")
    config: Path = option(help="TOML file whose section [model] says how to train, such as configs/demo-train.toml")
    out: Path = option(help="folder to make")
    set: tuple[str, ...] = option((), help="model.key=value, overriding the file; may be repeated")
    without: tuple[VariantName, ...] = option((), help="variants to leave out; 'full' is always there")
    limit: int = option(300, help="held-out titles to score for each variant, at most")
    profiles: int = option(100, help="held-out users whose profile is written back, at most")
    resamples: int = option(1000, help="bootstrap resamples")

    @staticmethod
    def faults(options: AblationsOptions) -> list[str]:
        """Range faults."""
        found = [
            f"{name}: got {getattr(options, name)}, expected {least} or more"
            for name, least in (("limit", 1), ("profiles", 1), ("resamples", 20))
            if getattr(options, name) < least
        ]
        if "full" in options.without:
            found.append("without: got 'full', which the others are set against")
        return found

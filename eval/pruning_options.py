"""Settings of `evaluate pruning`, apart from its code so that `--help` stays quick."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from creator.core.command import option


@dataclass(frozen=True, slots=True)
class PruningOptions:
    """Settings of `evaluate pruning`."""

    data: Path = option(help="DATA folder with impressions")
    clusters: Path = option(help="CLUSTERS folder")
    pairs: Path = option(help="PAIRS folder made from those clusters")
    out: Path = option(help="folder to make")
    keep: float = option(0.95, help="share of the redemptions to keep")
    resamples: int = option(500, help="bootstrap resamples of users")
    seed: int = option(11, help="of the baseline's k-means and the resampling")

    @staticmethod
    def faults(options: PruningOptions) -> list[str]:
        """Range faults."""
        faults = [] if options.resamples >= 20 else [f"resamples: got {options.resamples}, expected 20 or more"]
        if not 0 < options.keep <= 1:
            faults.append(f"keep: got {options.keep}, expected a share above 0 and at most 1")
        return faults

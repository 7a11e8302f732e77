"""Settings of the package's commands, apart from their code so that `--help` stays quick."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from creator.core.command import option


@dataclass(frozen=True, slots=True)
class MatchingOptions:
    """Settings of `evaluate matching`."""

    data: Path = option(help="DATA folder with impressions")
    out: Path = option(help="folder to make")
    model: Path | None = option(None, help="MODEL folder; left out, the baseline alone is measured")
    embeddings: Path | None = option(None, help="EMBEDDINGS folder to read item vectors from")
    resamples: int = option(500, help="bootstrap resamples of users")
    seed: int = option(11, help="of the resampling")

    @staticmethod
    def faults(options: MatchingOptions) -> list[str]:
        """Range faults."""
        return [] if options.resamples >= 20 else [f"resamples: got {options.resamples}, expected 20 or more"]


@dataclass(frozen=True, slots=True)
class TitlesOptions:
    """Settings of `evaluate titles`."""

    model: Path = option(help="MODEL folder")
    data: Path = option(help="DATA folder")
    examples: Path = option(help="EXAMPLES folder; its held-out examples are read")
    out: Path = option(help="folder to make")
    clusters: Path | None = option(None, help="CLUSTERS folder, for own-cluster preference and distinctness")
    titles: Path | None = option(None, help="TITLES folder, for the same")
    embeddings: Path | None = option(None, help="EMBEDDINGS folder to read item vectors from")
    limit: int = option(500, help="held-out titles to score, and pairs of clusters, at most")
    profiles: int = option(200, help="held-out users whose profile is written back, at most")
    resamples: int = option(1000, help="bootstrap resamples")
    seed: int = option(11, help="of the drawing and the resampling")

    @staticmethod
    def faults(options: TitlesOptions) -> list[str]:
        """Range faults."""
        faults = [f"{name}: got {value}, expected {least} or more" for name, value, least in (
            ("limit", options.limit, 1), ("profiles", options.profiles, 1),
            ("resamples", options.resamples, 20)) if value < least]  # fmt: skip
        if (options.clusters is None) != (options.titles is None):
            faults.append("clusters and titles: expected both or neither")
        return faults


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """Settings of `report`."""

    run: Path = option(help="RUN folder; report.html and summary.json are written into it")

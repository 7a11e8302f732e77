"""Settings of `evaluate judge`, apart from its code so that `--help` stays quick."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from creator.core.command import option
from creator.engine.chat.options import EndpointOptions


@dataclass(frozen=True, slots=True)
class JudgeOptions(EndpointOptions):
    """Settings of `evaluate judge`."""

    table: Path = option(help="rows to judge: Parquet, CSV or JSON Lines")
    column: str = option(help="the column of titles under judgement")
    against: str = option(help="the column of titles they are held against")
    model: str = option(help="the endpoint's name of the judge (OPENAI_BASE_URL, OPENAI_API_KEY in the environment)")
    out: Path = option(help="folder to make")
    profile: str = option("user_profile", help="column with the reader's profile; read if it is there")
    title: str = option("original_title", help="column with the ad's own title; read if it is there")
    description: str = option("original_description", help="column with the ad's description; read if it is there")
    group: str = option(
        "user_id", help="column whose values the interval resamples; each row by itself if it is missing"
    )
    limit: int = option(1000, help="rows judged, at most; drawn by the seed")
    resamples: int = option(1000, help="bootstrap resamples")
    seed: int = option(11, help="of the drawing and the resampling")
    temperature: float | None = option(None, help="of the answers; left to the endpoint by default")

    @staticmethod
    def faults(options: JudgeOptions) -> list[str]:
        """Range faults."""
        least = {"limit": 1, "resamples": 20}
        found = [
            f"{name}: got {getattr(options, name)}, expected {bound} or more"
            for name, bound in least.items()
            if not getattr(options, name) >= bound
        ]
        if options.column == options.against:
            found.append("column and against: expected two different columns")
        return found + EndpointOptions.endpoint_faults(options)

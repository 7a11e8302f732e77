"""A run's folders, opened for the benches of generation: the model, its kept pairs, and whom they are for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from creator.core.artefacts import open_artefact
from creator.core.data import Data, open_data
from creator.engine.contract import DType, EngineName, LengthLimit
from creator.generation.pairs import Audience, Pair, read_audience, read_kept_pairs
from creator.generation.writer import MakeWriter
from creator.models.assembly import HllmCreator, Rows, Seconds
from creator.models.checkpoint import load_model


@dataclass(frozen=True)
class DemoRun:
    """The folders of a run, such as runs/demo.

    Args:
        folder: the RUN folder, with data, model, clusters and pairs in it.
        data: its DATA.
        model: its MODEL, loaded.
        audience: soft tokens of the clusters and the mean user.
        pairs: the kept pairs, those of one ad together.
    """

    folder: Path
    data: Data
    model: HllmCreator
    audience: Audience
    pairs: list[Pair]

    @classmethod
    def read(cls, folder: Path, pairs: Path | None = None) -> DemoRun:
        """Open what is there; `pairs` names another PAIRS folder."""
        data, model = open_data(folder / "data", "ads_frame"), load_model(folder / "model")
        audience = read_audience(open_artefact(folder / "clusters", "clusters"), model)
        kept = read_kept_pairs(open_artefact(pairs or folder / "pairs", "pairs"), data, len(audience.soft_tokens))
        return cls(folder, data, model, audience, kept)

    def writer(
        self,
        engine: EngineName = "vllm",
        dtype: DType = "auto",
        *,
        candidates: int = 1,
        temperature: float = 0.0,
        contrast: float = 0.0,
        limits: tuple[LengthLimit, ...] = (),
    ) -> MakeWriter:
        """What makes `generate`'s worker for this run."""
        prompts = {pair.ad.ad_id: self.model.prompts.prompt(pair.ad) for pair in self.pairs}
        longest = max(len(prompt.before) + 1 + len(prompt.after) for prompt in prompts.values())
        how = (candidates, temperature, 0.95, 0, contrast)
        return MakeWriter(self.folder / "model", engine, dtype, *how, self.audience, limits, longest)

    def members(self) -> dict[int, tuple[Rows, Seconds]]:
        """For each cluster the history of the member nearest to its centroid: item rows and ages."""
        frame = pd.read_parquet(self.folder / "clusters" / "assignment.parquet").sort_values("similarity")
        histories, before, length = self.data.histories, self.data.live_at, self.model.config.history
        found: dict[int, tuple[Rows, Seconds]] = {}
        for user_id, cluster in zip(frame["user_id"], frame["cluster_id"], strict=True):
            row = histories.row_of[str(user_id)]
            found[int(cluster)] = (histories.window(row, before, length), histories.ages(row, before, length))
        return found

    def ads_of(self, first: int, count: int) -> list[Pair]:
        """The pairs of some ads, by the ads' place."""
        names = sorted({str(pair.ad.ad_id) for pair in self.pairs})
        wanted = set(np.array(names)[first : first + count].tolist())
        return [pair for pair in self.pairs if pair.ad.ad_id in wanted]

"""The parts of a run's report: titles by ad, clusters, stages, training curves, and the line that asks for a title."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from creator.core.data import Data
from creator.core.records import AdId
from eval.charts import Line, curve, user_map
from eval.figures import Figure
from eval.run_folder import ASSIGNMENT, TITLES, RunFolder
from eval.wording import leading_point

TITLES_SHOWN = 6000
LOSSES = ("total", "creative", "reconstruction", "alignment", "matching")


@dataclass(frozen=True, slots=True)
class Told:
    """One title as the report shows it.

    Args:
        cluster_id: who sees it.
        title: the text.
        lead: the selling point it leads with, or "".
        verdict: of the fact check.
        personalisation: how much likelier it is for the cluster than for the mean user, nats; None when not measured.
    """

    cluster_id: int
    title: str
    lead: str
    verdict: str
    personalisation: float | None


@dataclass(frozen=True, slots=True)
class AdBlock:
    """One ad with its titles.

    Args:
        ad_id: the ad.
        original: its own title.
        titles: by cluster.
    """

    ad_id: str
    original: str
    titles: list[Told] = field(default_factory=lambda: list[Told]())

    @property
    def variants(self) -> int:
        """How many different titles there are."""
        return len({told.title.casefold() for told in self.titles})


def ad_blocks(run: RunFolder) -> list[AdBlock]:
    """First-ranked titles by ad; ads with the most different titles first."""
    data = run.data()
    table = run.table("titles", "titles.parquet", TITLES)
    table = table[table["rank"] == 1].sort_values(["ad_id", "cluster_id"]).head(TITLES_SHOWN)
    blocks: dict[str, AdBlock] = {}
    for row in table.to_dict("records"):
        ad = data.ads.get(AdId(row["ad_id"])) if data is not None else None
        block = blocks.setdefault(row["ad_id"], AdBlock(row["ad_id"], ad.title if ad is not None else row["ad_id"]))
        point = leading_point(row["title"], ad) if ad is not None else None
        lead = ad.selling_points[point] if ad is not None and point is not None else ""
        gain = row["personalisation"]
        block.titles.append(Told(int(row["cluster_id"]), row["title"], lead, row["verdict"] or "",
                                 float(gain) if gain is not None and np.isfinite(gain) else None))  # fmt: skip
    return sorted(blocks.values(), key=lambda block: (-block.variants, block.original, block.ad_id))


@dataclass(frozen=True, slots=True)
class ClusterCard:
    """One cluster as a person reads it.

    Args:
        cluster_id: its number.
        name: its clearest interests, or "".
        size: members.
        share: of all users.
        interests: (what, times the average user).
        items: (title, times the average user).
        titles: how many ads have a title for it.
    """

    cluster_id: int
    name: str
    size: int
    share: float
    interests: list[tuple[str, float]]
    items: list[tuple[str, float]]
    titles: int


def cluster_cards(run: RunFolder, blocks: Sequence[AdBlock]) -> list[ClusterCard]:
    """The cards, largest cluster first."""
    cards: list[dict[str, Any]] = (run.document("clusters", "cards.json") or {}).get("clusters", [])
    told = pd.Series([told.cluster_id for block in blocks for told in block.titles], dtype=np.int64).value_counts()
    made = [ClusterCard(int(card["cluster_id"]), str(card.get("name") or ""), int(card["size"]), float(card["share"]),
                        [(str(line["interest"]), float(line["lift"])) for line in card.get("interests", [])],
                        [(str(line["title"]), float(line["lift"])) for line in card.get("items", [])],
                        int(told.get(card["cluster_id"], 0))) for card in cards]  # fmt: skip
    return sorted(made, key=lambda card: (-card.size, card.cluster_id))


def users_picture(run: RunFolder) -> str:
    """The map of users as SVG, from the projection that the clustering kept; "" when there is none."""
    points = run.document("clusters", "points.json")
    if not points or not points.get("x"):
        return ""
    return user_map(np.stack([points["x"], points["y"]], axis=1).astype(np.float64),
                    np.array(points["cluster_id"], dtype=np.int64),
                    "Users on the two directions in which they differ most, coloured by cluster")  # fmt: skip


@dataclass(frozen=True, slots=True)
class StageRow:
    """What a stage did.

    Args:
        name: the stage's folder.
        took_s: seconds.
        rows: row counts by name.
        bytes: size of its files.
    """

    name: str
    took_s: float
    rows: dict[str, int]
    bytes: int


def stage_rows(run: RunFolder) -> list[StageRow]:
    """Time and rows of every stage, from the manifests."""
    made: list[StageRow] = []
    for name, artefact in run.artefacts.items():
        manifest: dict[str, Any] = dict(artefact.manifest)
        files: dict[str, dict[str, Any]] = manifest.get("files") or {}
        made.append(StageRow(name, float(manifest.get("took_s") or 0.0), dict(manifest.get("rows") or {}),
                             sum(int(entry["bytes"]) for entry in files.values())))  # fmt: skip
    return made


def training_curves(run: RunFolder) -> list[tuple[str, str]]:
    """(name, SVG) of each loss that training logged, with its validation values where there are any."""
    steps = run.history()
    pictures: list[tuple[str, str]] = []
    for name in LOSSES:
        lines = [_line(steps, name, "training", "first"), _line(steps, f"valid_{name}", "held out", "second")]
        drawn = curve([line for line in lines if line.y], x_name="step", label=f"{name} loss by training step")
        if drawn:
            pictures.append((name, drawn))
    return pictures


def _line(steps: Sequence[dict[str, float]], key: str, name: str, style: str) -> Line:
    logged = [(step["step"], step[key]) for step in steps if key in step]
    return Line(name, style, [at for at, _ in logged], [value for _, value in logged])


@dataclass(frozen=True, slots=True)
class Household:
    """A real user and an ad with a title for the user's cluster."""

    user_id: str
    ad_id: str
    title: str


def someone(run: RunFolder, blocks: Sequence[AdBlock]) -> Household | None:
    """A user to ask the service for: the first member of the first cluster that has a title, or None."""
    assignment = run.table("clusters", "assignment.parquet", ASSIGNMENT)
    first = assignment.drop_duplicates("cluster_id").set_index("cluster_id")["user_id"]
    for block in blocks:
        for told in block.titles:
            if told.cluster_id in first.index:
                return Household(str(first[told.cluster_id]), block.ad_id, told.title)
    return None


def token_figure(prompt_tokens: tuple[int, int] | None) -> Figure | None:
    """The share of prompt tokens that had to be computed."""
    if prompt_tokens is None:
        return None
    computed, submitted = prompt_tokens
    return Figure("prompt_tokens_computed_share", "Prompt tokens computed", computed / submitted, submitted, "tokens",
                  f"{computed:,} of {submitted:,} prompt tokens were computed; the rest came from the prefix cache.",
                  "All prompts of this run's generation.")  # fmt: skip


def live_ads(data: Data | None) -> int:
    """How many ads titles are wanted for."""
    return len(data.live_ads) if data is not None else 0

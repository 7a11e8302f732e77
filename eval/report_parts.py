"""The parts of a run's report: titles by ad, clusters, stages, training curves, and the line that asks for a title."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from creator.core.data import Data
from creator.core.records import AdId
from creator.facts.leads import leading_point
from eval.charts import Line, curve, user_map
from eval.figures import Figure
from eval.run_folder import ASSIGNMENT, TITLES, RunFolder

TITLES_SHOWN = 6000
LOSSES = ("total", "creative", "reconstruction", "alignment", "matching", "next_item", "acts", "clicks")


@dataclass(frozen=True, slots=True)
class Told:
    """One title as the report shows it.

    Args:
        title: the text.
        lead: the selling point it leads with, or "".
        verdict: of the fact check.
        clusters: who sees it.
        gains: how much likelier it is for each of these clusters than for the mean user, nats, where measured.
    """

    title: str
    lead: str
    verdict: str
    clusters: list[int]
    gains: list[float]

    @property
    def personalisation(self) -> float | None:
        """The mean of the gains, nats; None when none was measured."""
        return sum(self.gains) / len(self.gains) if self.gains else None


@dataclass(frozen=True, slots=True)
class AdBlock:
    """One ad with its titles.

    Args:
        ad_id: the ad.
        original: its own title.
        titles: the different titles, those that most clusters see first.
    """

    ad_id: str
    original: str
    titles: list[Told]


def ad_blocks(run: RunFolder) -> list[AdBlock]:
    """First-ranked titles by ad; ads with the most different titles first."""
    data = run.data()
    ads = data.ads if data is not None else {}
    table = run.table("titles", "titles.parquet", TITLES)
    table = table[table["rank"] == 1].sort_values(["ad_id", "cluster_id"]).head(TITLES_SHOWN)
    blocks: list[AdBlock] = []
    for ad_id, rows in table.groupby("ad_id", sort=True):
        ad = ads.get(AdId(str(ad_id)))
        titles: dict[str, Told] = {}
        for row in rows.to_dict("records"):
            point = leading_point(row["title"], ad) if ad is not None else None
            lead = ad.selling_points[point] if ad is not None and point is not None else ""
            told = titles.setdefault(row["title"], Told(row["title"], lead, row["verdict"] or "", [], []))
            told.clusters.append(int(row["cluster_id"]))
            if row["personalisation"] is not None and np.isfinite(row["personalisation"]):
                told.gains.append(float(row["personalisation"]))
        ordered = sorted(titles.values(), key=lambda told: (-len(told.clusters), told.clusters[0]))
        blocks.append(AdBlock(str(ad_id), ad.title if ad is not None else str(ad_id), ordered))
    return sorted(blocks, key=lambda block: (-len(block.titles), block.original, block.ad_id))


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
    told = Counter(cluster for block in blocks for told in block.titles for cluster in told.clusters)
    made = [ClusterCard(int(card["cluster_id"]), str(card.get("name") or ""), int(card["size"]), float(card["share"]),
                        [(str(line["interest"]), float(line["lift"])) for line in card.get("interests", [])],
                        [(str(line["title"]), float(line["lift"])) for line in card.get("items", [])],
                        told[int(card["cluster_id"])]) for card in cards]  # fmt: skip
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
        drawn = curve([line for line in lines if line.y], f"{name} loss by training step")
        if drawn:
            pictures.append((name.replace("_", " "), drawn))
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
            known = [cluster for cluster in told.clusters if cluster in first.index]
            if known:
                return Household(str(first[known[0]]), block.ad_id, told.title)
    return None


def audit_figure(run: RunFolder) -> Figure | None:
    """The share of titles that the audit would let go live; None without an audit."""
    found = run.document("audit", "summary.json") or {}
    titles = int(found.get("titles") or 0)
    if not titles:
        return None
    return Figure("audit_passed", "Titles that pass the audit", int(found["publishable"]) / titles, titles, "titles",
                  "Share of titles of which the ad supports every claim, or that claim nothing that could be checked.",
                  "All candidates that generation let through.", goal=1.0)  # fmt: skip


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

"""A shop small enough to build in seconds, every artefact made of it, and the program's commands to try on them."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from creator.cli import main
from creator.core.artefacts import open_artefact, write_artefact
from creator.core.data import open_data
from tests.domain import write_shop
from tests.end_to_end.backbones import make_backbone

SHAPE = "--item {item} --creative {creative} --history 8 --user-layers 1 --lora-rank 0 --dtype fp32 --match-width 8"
TRAIN = f"{SHAPE} --steps 2 --match-steps 2 --titles-per-ad 4 --profiles 2 --validate-every 2"
CALLS: Mapping[str, str] = {
    "ingest": "--source tables --path {tables} --out {out}",
    "synthesize": "--data {data} --history 12 --min-history 4 --min-events 1 --margin 1.0 --limit 150 --out {out}",
    "pretrain": f"--data {{data}} {SHAPE} --steps 2 --windows 4 --horizon-days 3 --out {{out}}",
    "train": f"--data {{data}} --examples {{examples}} {TRAIN} --out {{out}}",
    "embed": "--model {model} --data {data} --out {out}",
    "cluster": "--embeddings {embeddings} --data {data} -k 2 --min-size 3 --restarts 1 --out {out}",
    "prune": "--model {model} --data {data} --clusters {clusters} --coverage 0.6 --out {out}",
    "generate": "--model {model} --data {data} --clusters {clusters} --pairs {pairs} --engine transformers "
    "--candidates 1 --dtype fp32 --out {out}",
    "audit": "--ads {data} --titles {titles} --out {out}",
    "publish": "--titles {titles} --clusters {clusters} --data {data} --store {out}",
    "evaluate titles": "--model {model} --data {data} --examples {examples} --clusters {clusters} --titles {titles} "
    "--embeddings {embeddings} --limit 4 --resamples 20 --out {out}",
    "evaluate matching": "--model {model} --data {data} --resamples 20 --out {out}",
    "report": "--run {run}",
    "run": "--config {config} --out {out} --set data.path={tables} model.item={item} model.creative={creative}",
}
"""Each stage's call; what stands in braces is a folder of the world, or what a case puts in its place."""
CHAIN = ("ingest", "synthesize", "train", "embed", "cluster", "prune")
MAKES = {"ingest": "data", "synthesize": "examples", "train": "model", "embed": "embeddings", "cluster": "clusters",
         "prune": "pairs"}  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """How a call ended, and what it said."""

    status: int
    out: str
    err: str


@dataclass(frozen=True)
class World:
    """Folders by name: the tables, the backbones and one artefact of every kind."""

    folder: Path

    def path(self, name: str) -> Path:
        return self.folder / name

    def words(self, stage: str, **instead: object) -> list[str]:
        """A stage's command line, some of its folders replaced."""
        names = ("tables", "item", "creative", "config", *MAKES.values(), "titles", "run")
        places = {name: self.path(name) for name in names} | instead
        return [*stage.split(), *(word.format(**places) for word in CALLS[stage].split())]

    def call(self, stage: str, *more: object, **instead: object) -> Outcome:
        """Run a stage as the program does."""
        return call(*self.words(stage, **instead), *map(str, more))

    def copy(self, name: str, to: Path) -> Path:
        """A copy of an artefact that a case may harm."""
        return Path(shutil.copytree(self.path(name), to / name))

    def harmed(self, name: str, to: Path, file: str, harm: Callable[[Path], object]) -> Path:
        """A copy of an artefact in which one file was harmed; its manifest does not know."""
        folder = self.copy(name, to)
        harm(folder / file)
        return folder


def call(*words: str) -> Outcome:
    """The program's main function; an error that is not the user's comes out as it is."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = main(words)
    return Outcome(status, out.getvalue(), err.getvalue())


def build(folder: Path) -> World:
    """Run every stage once; the titles are written by hand, an untrained model has none."""
    world = World(folder)
    write_shop(world.path("tables"), users=24, events=14, ads=4)
    texts = [line for file in world.path("tables").glob("*.jsonl") for line in file.read_text().splitlines()]
    for seed, name in enumerate(("item", "creative")):
        make_backbone(world.path(name), texts, seed=seed)
    for stage in CHAIN:
        done = world.call(stage, out=world.path(MAKES[stage]))
        assert done.status == 0, done.err
    write_titles(world, world.path("titles"))
    world.path("config").write_text("[data]\nsource = 'tables'\n")
    world.path("run").mkdir()
    for name in ("data", "clusters", "pairs", "titles"):
        world.path(f"run/{name}").symlink_to(world.path(name))
    return world


def write_titles(world: World, out: Path, **changes: object) -> None:
    """A true title for each kept pair; `changes` falsify the first row, which then stands beside the true one."""
    pairs = pd.read_parquet(world.path("pairs") / "pairs.parquet")
    ads = open_data(world.path("data")).ads
    rows = [
        {"title_id": f"t{n}", "cluster_id": int(cluster), "ad_id": ad, "rank": 1, "logprob": -9.0, "findings": "[]",
         "title": ads[ad].selling_points[int(cluster)].capitalize(), "verdict": "supported", "provenance": "{}",
         "personalisation": 1.5}
        for n, (cluster, ad) in enumerate(pairs[pairs["kept"]][["cluster_id", "ad_id"]].itertuples(index=False))
    ]  # fmt: skip
    added = [rows[0] | {"title_id": "changed"} | changes] if changes else []
    inputs = {name: open_artefact(world.path(name), name) for name in ("clusters", "pairs")}
    with write_artefact(out, "titles", config={"changes": changes}, inputs=inputs) as draft:
        pd.DataFrame(added + rows).to_parquet(draft.path / "titles.parquet")
        pd.DataFrame([rows[0] | {"reason": "number"}]).to_parquet(draft.path / "rejected.parquet")
        draft.rows = {"titles": len(rows) + len(added), "rejected": 1, "pairs": len(rows)}

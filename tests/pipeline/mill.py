"""A small real program with stages of its own, run by the pipeline's tests as child processes.

Wheat is ground to flour, flour is baked to bread, bread is weighed on a bill. Each stage works row by row, keeps its
rows as it goes and takes them up again after a kill; `MILL_PACE_S` slows it down so that a kill can strike mid-way.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from creator import cli
from creator.core.artefacts import open_artefact, write_artefact, write_text
from creator.core.command import Command, option
from creator.core.errors import InputError
from creator.pipeline.stages import Stage

STAGES = (
    Stage("wheat", "grow", "wheat", ("wheat",), "wheat"),
    Stage("yeast", "raise", "init", ("risen",), "yeast", optional=True),
    Stage("flour", "grind", "flour", ("flour",), "flour"),
    Stage("bread", "bake", "bread", ("bread",), "bread", also=(("sack", "flour"),)),
    Stage("bill", "weigh", "bill", ("bill.txt", "weights.json"), closing=True),
)


@dataclass(frozen=True, slots=True)
class GrowOptions:
    out: Path = option(help="the field")
    rows: int = option(12, help="how many rows")
    seed_file: Path | None = option(None, help="a file of seeds")
    names: tuple[str, ...] = option((), help="names of the rows")
    organic: bool = option(True, help="without sprays")

    @staticmethod
    def faults(options: GrowOptions) -> list[str]:
        return ["rows: expected at least 1"] if options.rows < 1 else []


@dataclass(frozen=True, slots=True)
class GrindOptions:
    wheat: Path = option(help="the field")
    out: Path = option(help="the sack")
    fineness: float = option(1.0, help="how fine")


@dataclass(frozen=True, slots=True)
class BakeOptions:
    sack: Path = option(help="the sack")
    out: Path = option(help="the basket")
    init: Path | None = option(None, help="risen yeast")
    burn: bool = option(False, help="fail")
    crumbs: Path | None = option(None, help="where the crumbs go", writes=True)


@dataclass(frozen=True, slots=True)
class RaiseOptions:
    wheat: Path = option(help="the field")
    out: Path = option(help="the bowl")


@dataclass(frozen=True, slots=True)
class WeighOptions:
    run: Path = option(help="the mill")
    out: Path = option(help="the bill")


def _work(
    out: Path, kind: str, config: dict[str, object], source: list[str], inputs: dict[str, Path], verb: str
) -> None:
    opened = {name: open_artefact(path, name) for name, path in inputs.items()}
    with write_artefact(out, kind, config=config, inputs=opened) as draft:
        rows = draft.path / "rows.txt"
        kept = rows.read_text().splitlines(keepends=True) if rows.exists() else []
        done = [line for line in kept if line.endswith("\n")]
        rows.write_text("".join(done))
        with rows.open("a") as stream:
            for row in source[len(done) :]:
                time.sleep(float(os.environ.get("MILL_PACE_S", "0")))
                stream.write(f"{verb} {row}\n")
                stream.flush()
        draft.rows["rows"] = len(source)


def _rows(path: Path) -> list[str]:
    return (path / "rows.txt").read_text().splitlines()


def grow(options: GrowOptions) -> dict[str, object]:
    seeds = options.seed_file.read_text() if options.seed_file else "seed"
    source = list(options.names) or [f"{seeds}{n}" for n in range(options.rows)]
    _work(
        options.out,
        "wheat",
        {"rows": options.rows, "seeds": seeds, "names": options.names, "organic": options.organic},
        source,
        {},
        "organic" if options.organic else "plain",
    )
    return {"rows": len(source)}


def raise_(options: RaiseOptions) -> dict[str, object]:
    _work(options.out, "yeast", {}, _rows(options.wheat)[:2], {"wheat": options.wheat}, "risen")
    return {}


def grind(options: GrindOptions) -> dict[str, object]:
    _work(
        options.out,
        "flour",
        {"fineness": options.fineness},
        _rows(options.wheat),
        {"wheat": options.wheat},
        f"ground {options.fineness}",
    )
    return {}


def bake(options: BakeOptions) -> dict[str, object]:
    if options.burn:
        raise InputError("the bread is burnt", cure="bake again")
    if options.crumbs is not None:
        options.crumbs.write_text("crumbs")
    verb = "baked" if options.init is None else f"baked with {len(_rows(options.init))}"
    _work(options.out, "bread", {"verb": verb}, _rows(options.sack), {"flour": options.sack}, verb)
    return {}


def weigh(options: WeighOptions) -> dict[str, object]:
    rows = _rows(options.run / "bread")
    write_text(options.run / "weights.json", json.dumps([len(row) for row in rows]))
    write_text(options.out, "\n".join(rows))
    print(f"{len(rows)} loaves, fünf to the row, in {options.run}")
    return {}


COMMANDS = {
    command.name: command
    for command in (
        Command("grow", "grow wheat", GrowOptions, "tests.pipeline.mill:grow", "grow"),
        Command("raise", "raise yeast", RaiseOptions, "tests.pipeline.mill:raise_", "raise"),
        Command("grind", "grind wheat", GrindOptions, "tests.pipeline.mill:grind", "grind"),
        Command("bake", "bake bread", BakeOptions, "tests.pipeline.mill:bake", "bake"),
        Command("weigh", "weigh bread", WeighOptions, "tests.pipeline.mill:weigh", "weigh"),
    )
}


if __name__ == "__main__":
    with patch.object(cli, "commands", lambda: COMMANDS):
        sys.exit(cli.main())

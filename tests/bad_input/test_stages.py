"""Bad input on the way: what each stage does with an artefact, a model or an output folder that is not as it should be.

"Empty history, unknown item, duplicate ids, ads without a description, a title of 5,000 characters, NaN timestamps,
mixed encodings, a missing column, a corrupt Parquet file, a full disk or a kill in the middle of any stage, a model
folder that is not one, an output folder that exists: a clear error or a counted rejection, and nothing lost."

What can only enter with the tables stands in test_tables.py, a full disk in test_full_disk.py; kills of every stage of a
run are in tests/end_to_end/test_kill_and_resume.py (see the last test here).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.bad_input.tables import cut_short, drop_column, scramble
from tests.bad_input.world import CALLS, World

Arrange = Callable[[World, Path], dict[str, object]]


@dataclass(frozen=True)
class Refused:
    """A call that must end in a clear error.

    Args:
        arrange: makes the bad input in a folder; which of the call's folders it takes the place of.
        says: what the message must hold.
        status: the exit status.
        more: further words of the call.
    """

    arrange: Arrange
    says: tuple[str, ...]
    status: int = 1
    more: tuple[str, ...] = field(default=())


def _harmed(name: str, file: str, harm: Callable[[Path], object]) -> Arrange:
    return lambda world, to: {name: world.harmed(name, to, file, harm)}


def _run_with(name: str, file: str, harm: Callable[[Path], object]) -> Arrange:
    def arrange(world: World, to: Path) -> dict[str, object]:
        run = to / "RUN"
        for other in ("data", "clusters", "pairs", "titles"):
            world.copy(other, run)
        harm(run / name / file)
        return {"run": run}

    return arrange


TABLE_READ = {
    "synthesize": ("data", "events.parquet", "timestamp"),
    "pretrain": ("data", "events.parquet", "user_id"),
    "train": ("examples", "examples.parquet", "title"),
    "embed": ("data", "items.parquet", "title"),
    "cluster": ("data", "events.parquet", "item_id"),
    "prune": ("clusters", "assignment.parquet", "cluster_id"),
    "generate": ("pairs", "pairs.parquet", "kept"),
    "audit": ("titles", "titles.parquet", "title"),
    "publish": ("titles", "titles.parquet", "title"),
    "evaluate titles": ("examples", "examples.parquet", "user_id"),
    "evaluate matching": ("data", "impressions.parquet", "clicked"),
    "report": ("titles", "titles.parquet", "title"),
}
"""A table that each stage reads, and a column that it needs."""
CASES: dict[tuple[str, str], Refused] = {}
for _stage, (_name, _file, _column) in TABLE_READ.items():
    _arrange = _run_with if _stage == "report" else _harmed
    _cure = "make it again"
    CASES["a missing column", _stage] = Refused(
        _arrange(_name, _file, lambda path, column=_column: drop_column(path, column)), (_file, _cure)
    )
    CASES["a corrupt Parquet file, cut short", _stage] = Refused(_arrange(_name, _file, cut_short), (_file, _cure))
    CASES["a corrupt Parquet file, scrambled", _stage] = Refused(_arrange(_name, _file, scramble), (_file, _cure))


def _nothing(name: str) -> Arrange:
    return lambda _world, to: {name: to / "nowhere"}


def _another(name: str, other: str) -> Arrange:
    return lambda world, _to: {name: world.path(other)}


def _empty_folder(name: str) -> Arrange:
    def arrange(_world: World, to: Path) -> dict[str, object]:
        (to / "empty").mkdir()
        return {name: to / "empty"}

    return arrange


for _stage in ("embed", "prune", "generate", "evaluate titles", "evaluate matching"):
    CASES |= {
        ("a model folder that is not one: nothing there", _stage): Refused(
            _nothing("model"), ("no model folder at", "nothing there", "hllm-creator train")),
        ("a model folder that is not one: a data folder", _stage): Refused(
            _another("model", "data"), ("holds another artefact", "got: data", "expected: model")),
        ("a model folder that is not one: a backbone", _stage): Refused(
            _another("model", "item"), ("is not a finished model folder", "no manifest.json")),
        ("a model folder that is not one: without model.json", _stage): Refused(
            _harmed("model", "model.json", Path.unlink), ("is no model folder", "no model.json")),
        ("a model folder that is not one: model.json is not JSON", _stage): Refused(
            _harmed("model", "model.json", lambda path: path.write_text("{")), ("model.json",)),
        ("a model folder that is not one: heads cut short", _stage): Refused(
            _harmed("model", "heads.safetensors", cut_short), ("heads.safetensors",)),
        ("a model folder that is not one: a language model cut short", _stage): Refused(
            _harmed("model", "user_llm/model.safetensors", cut_short), ("user_llm",)),
    }  # fmt: skip
for _stage in ("pretrain", "train"):
    for _name in ("item", "creative"):
        CASES |= {
            (f"a model folder that is not one: --{_name} has nothing there", _stage): Refused(
                _nothing(_name), ("no such backbone", "nowhere")),
            (f"a model folder that is not one: --{_name} is empty", _stage): Refused(
                _empty_folder(_name), ("is not a Hugging Face model folder", "no config.json")),
            (f"a model folder that is not one: --{_name} is a data folder", _stage): Refused(
                _another(_name, "data"), ("is not a Hugging Face model folder", "no config.json")),
            (f"a model folder that is not one: --{_name} is cut short", _stage): Refused(
                _harmed(_name, "model.safetensors", cut_short), ("damaged model.safetensors",)),
            (f"a model folder that is not one: --{_name} has no tokenizer", _stage): Refused(
                _harmed(_name, "tokenizer.json", Path.unlink), ("cannot be loaded", "tokenizer")),
        }  # fmt: skip
CASES |= {
    ("a model folder that is not one: --init", "train"): Refused(
        lambda _world, _to: {}, ("is no model folder", "no model.json"), more=("--init", "/nowhere")),
}  # fmt: skip


def _existing(kind: str) -> Arrange:
    def arrange(_world: World, to: Path) -> dict[str, object]:
        out = to / "out"
        if kind == "a folder":
            out.mkdir()
            out = out / "precious.txt"
        out.write_text("years of work")
        return {}

    return arrange


for _stage in CALLS:
    if _stage in ("report", "run"):
        continue
    for _kind in ("a folder", "a file"):
        _says = ("store",) if _stage == "publish" else ("exists already", "name another --out")
        CASES[f"an output folder that exists: {_kind}", _stage] = Refused(_existing(_kind), _says)


def _content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("fault", "stage"), CASES)
def test_a_clear_error_and_nothing_lost(fault: str, stage: str, world: World, tmp_path: Path) -> None:
    case = CASES[fault, stage]
    bad, out = tmp_path / "bad", tmp_path / "work"
    bad.mkdir()
    out.mkdir()
    existing = fault.startswith("an output folder that exists")
    instead = case.arrange(world, out if existing else bad)
    before = _content(tmp_path)
    outcome = world.call(stage, *case.more, out=out / "out", **instead)
    assert outcome.status == case.status, outcome
    told = outcome.err.splitlines()[-1]
    assert told.startswith("hllm-creator: ")
    assert "; try: " in told, told
    for word in case.says:
        assert word in told
    assert _content(tmp_path) == before  # the old output is as it was; of a new one there is nothing
    assert [path.name for path in out.iterdir()] == (["out"] if existing else [])

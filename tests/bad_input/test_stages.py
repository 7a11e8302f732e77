"""Bad input on the way: what each stage does with an artefact, a model or an output folder that is not as it should be.

"Empty history, unknown item, duplicate ids, ads without a description, a title of 5,000 characters, NaN timestamps,
mixed encodings, a missing column, a corrupt Parquet file, a full disk or a kill in the middle of any stage, a model
folder that is not one, an output folder that exists: a clear error or a counted rejection, and nothing lost."

What can only enter with the tables stands in test_tables.py, a full disk in test_full_disk.py; kills of every stage of
a run are in tests/end_to_end/test_kill_and_resume.py (see the last test here).
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pytest

from creator.core.artefacts import write_artefact
from creator.pipeline.stages import STAGES
from tests.bad_input.tables import GOOD, Rows, cut_short, drop_column, scramble, write_tables
from tests.bad_input.world import CALLS, Outcome, World, call, write_titles
from tests.end_to_end.test_kill_and_resume import KILLED

Arrange = Callable[[World, Path], dict[str, object]]


@dataclass(frozen=True)
class Refused:
    """A call that must end in a clear error.

    Args:
        arrange: makes the bad input in a folder; which of the call's folders it takes the place of.
        says: what the message must hold.
        status: the exit status.
        more: further words of the call.
        keeps_draft: work that is worth taking up again was done before the fault could be known.
    """

    arrange: Arrange
    says: tuple[str, ...]
    status: int = 1
    more: tuple[str, ...] = field(default=())
    keeps_draft: bool = False


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


def _text_file(content: bytes) -> Arrange:
    def arrange(_world: World, to: Path) -> dict[str, object]:
        (to / "text").write_bytes(content)
        return {"titles": to / "text"}

    return arrange


def _ingested(to: Path, *more: str, events: Rows | None = None) -> Path:
    tables = write_tables(to / "tables", "jsonl", **({} if events is None else {"events": events}))
    done = call("ingest", "--source", "tables", "--path", str(tables), "--out", str(to / "other"), *more)
    assert done.status == 0, done.err
    return to / "other"


def _other_data(world: World, to: Path) -> dict[str, object]:
    return {"data": _ingested(to)}


def _before_all_events(world: World, to: Path) -> dict[str, object]:
    return {"data": _ingested(to, "--train-until", "2023-01-01", "--live-at", "2023-01-01")}


def _unknown_ad(world: World, to: Path) -> dict[str, object]:
    folder = world.copy("pairs", to)
    pairs = pd.read_parquet(folder / "pairs.parquet")
    pairs.assign(ad_id="a9").to_parquet(folder / "pairs.parquet")
    return {"pairs": folder}


def _users_twice(world: World, to: Path) -> dict[str, object]:
    """Clusters whose manifest vouches for a table that names each user twice."""
    with write_artefact(to / "clusters", "clusters", config={}) as draft:
        shutil.copytree(world.path("clusters"), draft.path, dirs_exist_ok=True, ignore=lambda *_: ["manifest.json"])
        rows = pd.read_parquet(draft.path / "assignment.parquet")
        pd.concat([rows, rows]).to_parquet(draft.path / "assignment.parquet")
    titles = to / "titles"
    with write_artefact(titles, "titles", config={}) as draft:
        shutil.copy(world.path("titles") / "titles.parquet", draft.path / "titles.parquet")
    return {"clusters": to / "clusters", "titles": titles}


CASES |= {
    ("an empty history: every user's", "synthesize"): Refused(
        _before_all_events, ("no history decides", "0 histories")
    ),
    ("an empty history: every user's", "pretrain"): Refused(
        _before_all_events, ("no history to pretrain on",), keeps_draft=True
    ),
    ("an empty history: every user's", "embed"): Refused(_before_all_events, ("no user has a history", "live_at")),
    ("unknown users and ads: examples of another DATA", "train"): Refused(_other_data, ("another DATA", "unknown ads")),
    ("unknown ads: pairs of another DATA", "generate"): Refused(_unknown_ad, ("1 unknown ads", "hllm-creator prune")),
    ("duplicate ids: users in two clusters", "publish"): Refused(_users_twice, ("more than once", "repeated users")),
    ("mixed encodings: titles in UTF-16", "audit"): Refused(_text_file("{}".encode("utf-16")), ("UTF-16", "UTF-8")),
    ("a corrupt Parquet file: as titles", "audit"): Refused(_text_file(b"PAR1\0"), ("is not text", "JSON Lines")),
    ("mixed encodings: a configuration in Latin-1", "run"): Refused(
        lambda _world, to: {"config": _written(to / "c.toml", "[data]\n# caf\xe9\n".encode("latin-1"))},
        ("is not TOML",),
        status=2,
    ),
    ("a device that is not there", "embed"): Refused(
        lambda _world, _to: {}, ("--device abacus", "no such device"), status=2, more=("--device", "abacus")
    ),
    ("a missing configuration", "run"): Refused(
        lambda _world, to: {"config": to / "none.toml"}, ("No such file", "configs/"), status=2
    ),
}


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


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
    if case.keeps_draft:
        shutil.rmtree(out / "out.partial")
    if stage == "publish" and not existing:  # a new store is made first; there is no release in it
        assert call("release", "list", "--store", str(out / "out")).out.count("live") == 0
        shutil.rmtree(out)
        out.mkdir()
    assert _content(tmp_path) == before  # the old output is as it was; of a new one there is nothing
    assert [path.name for path in out.iterdir()] == (["out"] if existing else [])


def _audited(to: Path, titles: list[bytes], ads: bytes = b'{"ad_id": "a", "title": "Rope sale"}\n') -> Outcome:
    """Audit rows as they stand against one ad without a description, or those given."""
    ads_file, titles_file = _written(to / "ads.jsonl", ads), _written(to / "titles.jsonl", b"\n".join(titles))
    words = ("--ads", str(ads_file), "--titles", str(titles_file), "--out", str(to / "audit"))
    return call("audit", *words, "--channels", "google_ads_editor")


GOOD_TITLE = b'{"title_id": "t", "ad_id": "a", "title": "Rope"}'
TITLE_FAULTS = {
    "unknown ad": (b'{"title_id": "u", "ad_id": "nowhere", "title": "Rope"}', "unknown ad_id"),
    "mixed encodings": ('{"ad_id": "a", "title": "caf\xe9"}'.encode("latin-1"), "not UTF-8"),
    "a missing column": (b'{"ad_id": "a"}', "no title"),
    "an empty title": (b'{"ad_id": "a", "title": " "}', "empty title"),
    "not JSON": (b'{"ad_id": ', "not JSON"),
}


@pytest.mark.parametrize("fault", TITLE_FAULTS)
def test_a_bad_title_is_counted_by_audit_with_its_reason(fault: str, tmp_path: Path) -> None:
    row, reason = TITLE_FAULTS[fault]
    done = _audited(tmp_path, [GOOD_TITLE, row, GOOD_TITLE])
    assert done.status == 0, done.err
    rejected = [json.loads(line) for line in (tmp_path / "audit/rejected.jsonl").read_text().splitlines()]
    assert rejected == [{"file": "titles", "row": 2, "reason": reason}]
    assert len((tmp_path / "audit/verdicts.jsonl").read_text().splitlines()) == 2


def test_duplicate_ids_of_ads_are_counted_by_audit_and_the_first_counts(tmp_path: Path) -> None:
    ads = b'{"ad_id": "a", "title": "Rope sale"}\n{"ad_id": "a", "title": "Tent sale"}\n'
    assert _audited(tmp_path, [GOOD_TITLE], ads).status == 0
    assert '"ad_id seen before"' in (tmp_path / "audit/rejected.jsonl").read_text()
    alone = tmp_path / "alone"
    alone.mkdir()
    assert _audited(alone, [GOOD_TITLE]).status == 0
    verdicts = [(folder / "audit/verdicts.jsonl").read_text() for folder in (tmp_path, alone)]
    assert verdicts[0] == verdicts[1]


def test_a_title_of_5000_characters_is_judged_and_not_publishable(tmp_path: Path) -> None:
    row = json.dumps({"ad_id": "a", "title": "Rope " * 1_000}).encode()
    assert _audited(tmp_path, [row]).status == 0
    verdict = json.loads((tmp_path / "audit/verdicts.jsonl").read_text())
    assert (len(verdict["title"]), verdict["publishable"]) == (5_000, False)


BAD_TITLES: dict[str, tuple[dict[str, object], str]] = {
    "unknown ad": ({"ad_id": "a9"}, "unknown ad"),
    "unknown cluster": ({"cluster_id": 9}, "unknown cluster"),
    "duplicate ids": ({"title_id": "t0"}, "duplicate"),
    "a title of 5,000 characters": ({"title": "Camp " * 1_000}, ""),
    "an empty title": ({"title": " "}, "incomplete"),
}


@pytest.mark.parametrize("fault", BAD_TITLES)
def test_a_bad_title_is_held_back_by_publish_and_the_others_go_live(fault: str, world: World, tmp_path: Path) -> None:
    changes, reason = BAD_TITLES[fault]
    write_titles(world, tmp_path / "titles", **changes)
    good = world.call("publish", "--json", out=tmp_path / "good.db")
    bad = world.call("publish", "--json", out=tmp_path / "bad.db", titles=tmp_path / "titles")
    expected, found = (json.loads(done.out.splitlines()[-1]) for done in (good, bad))
    assert bad.status == 0, bad.err
    assert found["titles"] == expected["titles"]
    assert found["candidates"] == expected["candidates"] + 1
    assert f"held back: 1 {reason}" in bad.out


def test_users_whose_history_is_empty_are_counted_and_see_the_original(world: World, tmp_path: Path) -> None:
    late: Rows = [{"user_id": "late", "item_id": "i0", "timestamp": 1_800_000_000.0}]
    data = _ingested(tmp_path, "--train-until", "2024-01-01", "--live-at", "2024-01-01", events=GOOD["events"] + late)
    done = world.call("embed", "--json", data=data, out=tmp_path / "embeddings")
    summary = json.loads(done.out.splitlines()[-1])
    assert (summary["users"], summary["without_history"]) == (3, 1)
    assert "late" not in (tmp_path / "embeddings/users.ids").read_text()


def test_a_run_tells_the_bad_table_names_its_stage_and_keeps_what_others_made(world: World, tmp_path: Path) -> None:
    tables, run = write_tables(tmp_path / "tables", "csv"), tmp_path / "RUN"
    (tables / "items.csv").write_text("item_id,titel\ni0,rope\n")
    (run / "notes").mkdir(parents=True)
    words = [sys.executable, "-m", "creator", *world.words("run", tables=tables, out=run)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert done.returncode == 1
    assert "items.csv lacks the column 'title'; the nearest it has is 'titel'" in done.stderr
    assert "the stage 'data' (ingest) failed; got: exit status 1; try: mend what is said above" in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in run.iterdir()) == [".lock", ".stages", "notes"]


def test_a_run_whose_folder_of_tables_is_missing_begins_nothing(world: World, tmp_path: Path) -> None:
    done = world.call("run", tables=tmp_path / "nowhere", out=tmp_path / "RUN")
    assert done.status == 2
    assert f"[data]: --path: no folder at {tmp_path}/nowhere; name the folder that holds" in done.err
    assert list(tmp_path.iterdir()) == []


def test_an_output_folder_of_a_run_that_no_run_made_is_left_alone(world: World, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    _written(tmp_path / "data/precious.txt", b"years of work")
    done = world.call("run", out=tmp_path)
    assert (done.status, "was not made by a run; try: move it away" in done.err) == (1, True), done.err
    assert _content(tmp_path / "data") == {"precious.txt": b"years of work"}


def test_a_kill_in_the_middle_of_every_stage_of_a_run_is_tried_elsewhere() -> None:
    assert {stage.section for stage in KILLED} == {stage.section for stage in STAGES if not stage.optional}

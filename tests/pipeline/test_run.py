"""Only stale stages run, a kill loses nothing, and two runs never share a folder."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from creator.core.errors import ArtefactError, StageError
from creator.pipeline import freshness
from creator.pipeline.run import execute
from creator.pipeline.stages import plan, read_settings
from tests.pipeline.mill import COMMANDS, STAGES

PROGRAM = (sys.executable, "-m", "tests.pipeline.mill")
ROOT = Path(__file__).parents[2]
CONFIG = "[wheat]\nrows = 4\n"


def _run(folder: Path, *changes: str, config: str = CONFIG) -> dict[str, bool]:
    """Run the mill; which stages ran."""
    file = folder.parent / "config.toml"
    file.write_text(config, encoding="utf-8")
    outcomes = execute(plan(read_settings(file, changes), folder, COMMANDS, STAGES), folder, PROGRAM)
    return {name: outcome.ran for name, outcome in outcomes.items()}


def _content(folder: Path) -> Mapping[str, str]:
    return {
        name: (folder / name).read_text() for name in ("wheat/rows.txt", "flour/rows.txt", "bread/rows.txt", "bill.txt")
    }


def test_a_second_run_finds_everything_fresh(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert all(_run(tmp_path / "run").values())
    assert not any(_run(tmp_path / "run").values())
    lines = capfd.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[:4]] == [
        ["wheat", "ran"],
        ["flour", "ran"],
        ["bread", "ran"],
        ["bill", "ran"],
    ]
    assert lines[4].split()[:6] == ["total", "4", "of", "4", "stages", "ran"]
    assert [line.split() for line in lines[6:10]] == [[name, "fresh"] for name in ("wheat", "flour", "bread", "bill")]
    assert lines[5] == lines[11] == f"4 loaves, fünf to the row, in {tmp_path / 'run'}"


@pytest.mark.parametrize(
    ("change", "ran"),
    [
        ("wheat.rows=5", ["wheat", "flour", "bread", "bill"]),
        ("flour.fineness=2", ["flour", "bread", "bill"]),
        ("yeast.wheat=", ["yeast", "bread", "bill"]),
        ("wheat.organic=true", []),
    ],
)
def test_a_changed_setting_reruns_its_stage_and_all_that_read_it(tmp_path: Path, change: str, ran: list[str]) -> None:
    _run(tmp_path / "run")
    if change.startswith("yeast"):
        outcome = _run(tmp_path / "run", config=CONFIG + "[yeast]\n")
    else:
        outcome = _run(tmp_path / "run", change)
    assert [name for name, did in outcome.items() if did] == ran


def test_an_outside_file_counts_by_its_content(tmp_path: Path) -> None:
    seeds = tmp_path / "seeds.txt"
    seeds.write_text("rye")
    change = f"wheat.seed_file={seeds}"
    _run(tmp_path / "run", change)
    seeds.touch()
    assert not any(_run(tmp_path / "run", change).values())
    seeds.write_text("oat")
    assert all(_run(tmp_path / "run", change).values())
    assert (tmp_path / "run/bread/rows.txt").read_text().startswith("baked ground 1.0 organic oat0\n")


def test_a_path_that_a_stage_writes_is_no_input_of_it(tmp_path: Path) -> None:
    change = f"bread.crumbs={tmp_path / 'crumbs.txt'}"
    _run(tmp_path / "run", change)
    assert (tmp_path / "crumbs.txt").read_text() == "crumbs"
    assert not any(_run(tmp_path / "run", change).values())


@pytest.mark.parametrize(
    ("harm", "ran"),
    [
        (lambda run: shutil.rmtree(run / "flour"), ["flour"]),
        (lambda run: os.truncate(run / "flour/rows.txt", 5), ["flour"]),
        (lambda run: (run / "flour/manifest.json").write_text("{"), ["flour"]),
        (lambda run: (run / "bill.txt").unlink(), ["bill"]),
    ],
    ids=["folder deleted", "file cut short", "manifest garbled", "plain file deleted"],
)
def test_a_harmed_output_is_made_again_and_what_reads_the_same_content_stays(
    tmp_path: Path, harm: Callable[[Path], object], ran: list[str]
) -> None:
    run = tmp_path / "run"
    _run(run)
    before = _content(run)
    harm(run)
    assert [name for name, did in _run(run).items() if did] == ran
    assert _content(run) == before


def test_a_run_folder_may_be_moved(tmp_path: Path) -> None:
    _run(tmp_path / "run")
    (tmp_path / "run").rename(tmp_path / "elsewhere")
    outcome = _run(tmp_path / "elsewhere")
    assert [name for name, ran in outcome.items() if ran] == ["bill"]  # its words name the folder


def test_a_folder_that_no_run_made_is_never_deleted(tmp_path: Path) -> None:
    precious = tmp_path / "run/wheat/mine.txt"
    precious.parent.mkdir(parents=True)
    precious.write_text("mine")
    with pytest.raises(ArtefactError, match="was not made by a run"):
        _run(tmp_path / "run")
    assert precious.read_text() == "mine"


def test_a_failed_stage_is_named_and_the_finished_ones_are_kept(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(StageError, match=r"the stage 'bread' \(bake\) failed; got: exit status 1"):
        _run(tmp_path / "run", "bread.burn=true")
    captured = capfd.readouterr()
    assert "the bread is burnt; try: bake again" in captured.err
    assert "Traceback" not in captured.err
    assert [name for name, did in _run(tmp_path / "run").items() if did] == ["bread", "bill"]


def test_a_failed_stage_loses_nothing_of_what_it_was_to_replace(tmp_path: Path) -> None:
    run = tmp_path / "run"
    _run(run)
    before = _content(run)
    for _ in range(2):
        with pytest.raises(StageError):
            _run(run, "bread.burn=true")
        assert _content(run) == before
        assert not [path.name for path in (*run.iterdir(), *(run / ".stages").iterdir()) if ".stale" in path.name]
    assert not any(_run(run).values())  # and it still counts as what it was made from


@pytest.mark.parametrize("moment", ["copyfile", "replace", "write"])
def test_a_kill_while_something_is_set_aside_never_leaves_it_beside_another_record(
    tmp_path: Path, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed just after any of the three moves, then failing, then run again: as if none of it had been."""
    run = tmp_path / "run"
    _run(run)
    before = _content(run)
    holder, name = {
        "copyfile": (freshness.shutil, "copyfile"),
        "replace": (Path, "replace"),
        "write": (freshness, "_write"),
    }[moment]
    does = getattr(holder, name)

    def dies(*args: object, **named: object) -> None:
        does(*args, **named)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(holder, name, dies)
        _run(run, "bread.burn=true")
    with pytest.raises(StageError):
        _run(run, "bread.burn=true")
    assert _content(run) == before
    assert not any(_run(run).values())


def _hear_interrupts() -> None:
    """Whoever runs the tests in the background has SIGINT ignored, and a child would go on ignoring it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _start(config: Path, run: Path, pace_s: float) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.pipeline.whole_mill", str(config), str(run)],
        cwd=ROOT,
        env={**os.environ, "MILL_PACE_S": str(pace_s)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=_hear_interrupts,
    )


def _wait_for(path: Path) -> None:
    for _ in range(600):
        if path.exists():
            return
        time.sleep(0.02)
    raise AssertionError(f"{path} did not appear")


def test_a_second_run_on_the_same_folder_is_turned_away(tmp_path: Path) -> None:
    config, run = tmp_path / "config.toml", tmp_path / "run"
    config.write_text(CONFIG)
    first = _start(config, run, pace_s=0.2)
    try:
        _wait_for(run / "wheat.partial/rows.txt")
        with pytest.raises(StageError, match="another run is working in"):
            _run(run)
        out, _ = first.communicate(timeout=60)
        assert first.returncode == 0, out
    finally:
        first.kill()
    assert not any(_run(run).values())


def test_an_interrupt_ends_child_and_parent_and_leaves_a_resumable_folder(tmp_path: Path) -> None:
    config, run = tmp_path / "config.toml", tmp_path / "run"
    config.write_text(CONFIG)
    process = _start(config, run, pace_s=0.5)
    _wait_for(run / "wheat.partial/rows.txt")
    os.killpg(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 130, out
    assert "run the same command again" in out
    assert "Traceback" not in out
    assert (run / "wheat.partial").is_dir()
    assert all(_run(run).values())


def _progress(run: Path) -> list[tuple[str, int]]:
    try:
        return sorted((str(path), path.stat().st_size) for path in run.rglob("*.txt"))
    except FileNotFoundError:  # renamed while we looked: that is progress too
        return []


@pytest.mark.parametrize("seed", range(3))
def test_kills_at_random_moments_change_nothing_in_the_end(tmp_path: Path, seed: int) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[wheat]\nrows = 8\n")
    _run(tmp_path / "calm", config="[wheat]\nrows = 8\n")
    draw, run, kills = random.Random(seed), tmp_path / "harried", 0
    while kills < 6:
        before = _progress(run)
        process = _start(config, run, pace_s=0.02)
        while process.poll() is None and _progress(run) == before:
            time.sleep(0.005)
        time.sleep(draw.uniform(0, 0.15))
        if process.poll() is not None:
            break
        kills += 1
        process.kill()  # the parent alone: its child must die with it
        process.communicate()
    out, _ = _start(config, run, pace_s=0).communicate(timeout=120)
    assert kills >= 2
    assert "4 of 4 stages" not in out  # what was finished before the last kill stayed
    assert _content(run) == _content(tmp_path / "calm")
    assert not [path.name for path in run.iterdir() if path.suffix in (".partial", ".stale")]
    bill = (run / "bill.txt").read_text().split("\n")
    assert json.loads((run / "weights.json").read_text()) == [len(row) for row in bill]

"""A full disk in the middle of every stage: one clear error, no artefact, no killed process; with space it succeeds.

The disk is a real one of a few KiB (tmpfs) where mounting is allowed; elsewhere the system refuses to grow any file of
the program past that size.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import pytest

from creator.core.artefacts import open_artefact
from tests.bad_input.world import MAKES, Outcome, World, write_titles

ROOT = Path(__file__).parents[2]
ROOM_KIB = {
    "ingest": (4, 16),
    "synthesize": (16,),
    "pretrain": (64,),
    "train": (8, 256, 1024),
    "embed": (8, 32),
    "cluster": (4, 16, 32),
    "prune": (4, 8),
    "generate": (4, 16),
    "audit": (4, 32),
    "publish": (16, 64),
    "evaluate titles": (16,),
    "evaluate matching": (64,),
    "report": (4,),
}
"""How much the disk takes before it is full: every stage meets its end at different files."""
KINDS = MAKES | {"pretrain": "model", "generate": "titles", "audit": "audit", "evaluate titles": "evaluation",
                 "evaluate matching": "evaluation"}  # fmt: skip


@dataclass(frozen=True)
class Program:
    """The program, running as a child."""

    child: subprocess.Popen[str]

    def call(self, words: list[str], largest_file: int = 0) -> Outcome:
        assert self.child.stdin is not None
        assert self.child.stdout is not None
        self.child.stdin.write(json.dumps({"words": words, "largest_file": largest_file}) + "\n")
        self.child.stdin.flush()
        answer = self.child.stdout.readline()
        assert answer, f"the program was killed by signal {-self.child.wait()}"
        return Outcome(**json.loads(answer))


@pytest.fixture(scope="module")
def program() -> Generator[Program]:
    child = subprocess.Popen([sys.executable, "-m", "tests.bad_input.program"], cwd=ROOT, text=True,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)  # fmt: skip
    yield Program(child)
    child.communicate()


@dataclass
class Disk:
    """A small disk, or, where none can be mounted, a folder in which no file may grow past its size."""

    path: Path
    mounted: bool
    largest_file: int

    def free(self) -> None:
        """Make room."""
        self.largest_file = 0
        if self.mounted:
            subprocess.run(["mount", "-o", "remount,size=64m", str(self.path)], check=True)


@pytest.fixture
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Disk]:
    kib = request.param
    path = tmp_path / "disk"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", str(path)]
    mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    yield Disk(path, mounted, 0 if mounted else min(kib, 8) * 1024)
    if mounted:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


ROOMS = [(stage, kib) for stage, sizes in ROOM_KIB.items() for kib in sizes]


@pytest.mark.parametrize(("stage", "disk"), ROOMS, indirect=["disk"], ids=[f"{s} with {k} KiB" for s, k in ROOMS])
def test_a_full_disk_is_told_and_nothing_is_lost(stage: str, disk: Disk, program: Program, world: World) -> None:
    words = world.words(stage, out=disk.path / "out")
    if stage == "report":
        words = world.words(stage, run=_run_on(disk, world))
    full = program.call(words, disk.largest_file)
    assert full.status == 1, full
    told = full.err.splitlines()[-1]
    assert told.startswith("hllm-creator: the disk "), full.err
    assert "full" in told
    assert "try: free some space and run the same command again" in told
    if stage in KINDS:
        assert not (disk.path / "out").exists()
    disk.free()
    again = program.call(words)
    assert again.status == 0, again.err
    if stage in KINDS:
        assert open_artefact(disk.path / "out", KINDS[stage]).manifest["rows"]
        assert [path.name for path in disk.path.iterdir()] == ["out"]


def _run_on(disk: Disk, world: World) -> Path:
    """A RUN on the small disk that holds links to its artefacts, and as good as no room beside them."""
    run = disk.path / "run"
    run.mkdir()
    for name in ("data", "clusters", "pairs", "titles"):
        (run / name).symlink_to(world.path(name))
    return run


def test_a_release_that_finds_the_disk_full_leaves_the_one_before_live(
    program: Program, world: World, tmp_path: Path
) -> None:
    store, second = tmp_path / "store.db", tmp_path / "second"
    assert program.call(world.words("publish", out=store)).status == 0
    write_titles(world, second, title="Never written")
    shutil.copy(store, tmp_path / "before.db")
    full = program.call(world.words("publish", out=store, titles=second), largest_file=4096)
    assert (full.status, "full" in full.err) == (1, True), full.err
    listed = program.call(["release", "list", "--store", str(store)]).out
    assert len([line for line in listed.splitlines() if "live" in line]) == 1
    assert program.call(world.words("publish", out=store, titles=second)).status == 0

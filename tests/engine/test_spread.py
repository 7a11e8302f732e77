"""Blocks of work here, in processes and on Ray: all of it is done, whoever dies meanwhile."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from creator.core.errors import EngineError, HllmCreatorError
from creator.engine.spread import Spread, spread
from tests.engine.spread_workers import MakeSquarer

BLOCKS = [[1, 2, 3], [4, 5], [6], [7, 8, 9, 10]]
SQUARES = {1: 1, 2: 4, 3: 9, 4: 16, 5: 25, 6: 36, 7: 49, 8: 64, 9: 81, 10: 100}
EVERYWHERE = pytest.mark.parametrize("where", [Spread(), Spread("processes", 2)], ids=["here", "processes"])


def squares(make: MakeSquarer, where: Spread) -> dict[int, int]:
    found: dict[int, int] = {}

    def keep(result: tuple[int, int]) -> None:
        found[result[0]] = result[1]

    spread(make, BLOCKS, keep, where)
    return found


@EVERYWHERE
def test_every_block_is_done_and_every_worker_closed(where: Spread, tmp_path: Path) -> None:
    assert squares(MakeSquarer(tmp_path), where) == SQUARES
    made = {path.name.split("-")[1] for path in tmp_path.glob("made-*")}
    assert made == {path.name.split("-")[1] for path in tmp_path.glob("closed-*")}
    assert len(made) == max(1, where.workers)
    assert (str(os.getpid()) in made) is (where.how == "here")


@EVERYWHERE
def test_what_was_kept_before_a_failure_stays(where: Spread, tmp_path: Path) -> None:
    found: list[tuple[int, int]] = []
    with pytest.raises((EngineError, ArithmeticError), match="seven cannot be squared"):
        spread(MakeSquarer(tmp_path, fails_at=7), BLOCKS[2:], found.append, where)
    assert (6, 36) in found or where.workers == 2
    assert all(SQUARES[number] == square for number, square in found)


def test_no_block_starts_no_worker(tmp_path: Path) -> None:
    spread(MakeSquarer(tmp_path), [], lambda _: None, Spread("processes", 2))
    assert not list(tmp_path.iterdir())


def test_a_process_that_is_killed_is_replaced_and_its_block_done(tmp_path: Path) -> None:
    assert squares(MakeSquarer(tmp_path, dies_at=8), Spread("processes", 2)) == SQUARES
    assert len(list(tmp_path.glob("death-*"))) == 1
    assert len(list(tmp_path.glob("made-*"))) == 3


def test_work_that_kills_whoever_does_it_ends_the_call_with_what_was_done(tmp_path: Path) -> None:
    found: dict[int, int] = {}
    with pytest.raises(EngineError, match=r"2 workers died over the same work.*exit status -9.*run the same command"):
        spread(MakeSquarer(tmp_path, dies_at=8, deaths=9), BLOCKS, lambda r: found.update([r]), Spread("processes", 2))
    assert found[7] == 49
    assert len(list(tmp_path.glob("death-*"))) == 2


def test_a_worker_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(HllmCreatorError, match="the folder is no model; try: another one"):
        squares(MakeSquarer(tmp_path, starts=False), Spread("processes", 2))


def test_without_ray_the_error_names_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EngineError, match=r"Ray is not installed.*hllm-creator\[ray\]"):
        squares(MakeSquarer(tmp_path), Spread("ray", 2))

"""Workers for the tests of `spread`: in a module of their own, so that other processes can import them."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from creator.core.errors import ModelError


@dataclass(frozen=True)
class MakeSquarer:
    """Squares numbers. Told to, it dies or fails at a number: once, or each time.

    Args:
        folder: where it leaves a mark for each process it was made in, and for each death.
        dies_at: the number at which the process is killed the first `deaths` times.
        fails_at: the number at which it raises.
        starts: False fails while it is made.
    """

    folder: Path
    dies_at: int | None = None
    deaths: int = 1
    fails_at: int | None = None
    starts: bool = True

    def __call__(self) -> Squarer:
        if not self.starts:
            raise ModelError("the folder is no model", cure="another one")
        (self.folder / f"made-{os.getpid()}").touch()
        return Squarer(self)


class Squarer:
    def __init__(self, made: MakeSquarer) -> None:
        self._made = made

    def run(self, block: list[int], keep: Callable[[tuple[int, int]], None]) -> None:
        for number in block:
            if number == self._made.dies_at:
                before = len(list(self._made.folder.glob("death-*")))
                if before < self._made.deaths:
                    (self._made.folder / f"death-{before}").touch()
                    os.kill(os.getpid(), signal.SIGKILL)
            if number == self._made.fails_at:
                raise ArithmeticError("seven cannot be squared")
            keep((number, number * number))

    def close(self) -> None:
        (self._made.folder / f"closed-{os.getpid()}").touch()

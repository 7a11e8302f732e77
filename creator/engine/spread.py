"""Blocks of work over stateful workers: here, in processes of this machine (one per GPU), or on a Ray cluster.

A worker is made once, where it works, and then given block after block. What it hands over goes to one callback in
the calling process, as soon as it is done here and in processes, and block by block on Ray. A worker that dies is
replaced and its block done again, so a result may be handed over twice: the caller knows it by its key.
"""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, Literal, Protocol, TypeVar

from creator.core.errors import EngineError, HllmCreatorError
from creator.core.progress import say

Block = TypeVar("Block")
BlockIn = TypeVar("BlockIn", contravariant=True)
Result = TypeVar("Result")
ResultOut = TypeVar("ResultOut", covariant=True)

DEATHS_PER_BLOCK = 2
_STOP_S = 10.0


class Worker(Protocol[BlockIn, ResultOut]):
    """Does one block after another."""

    def run(self, block: BlockIn, keep: Callable[[Any], None]) -> None:
        """Do a block and hand each result to `keep`."""
        ...

    def close(self) -> None:
        """Free what it holds."""
        ...


Make = Callable[[], Worker[Block, Result]]


@dataclass(frozen=True, slots=True)
class Spread:
    """Where workers run.

    Args:
        how: "here" is one worker in this process, "processes" several of this machine, "ray" a cluster.
        workers: how many; 0 for one per GPU, or where there is none, one (on Ray, one per machine).
        address: of the Ray cluster's head, "host:port"; "" for the one this machine belongs to or, if there is none, a
            cluster of this machine's cores for as long as the call lasts.
    """

    how: Literal["here", "processes", "ray"] = "here"
    workers: int = 0
    address: str = ""

    @classmethod
    def on_this_machine(cls, workers: int) -> Spread:
        """As many as asked for; 0 for one per GPU."""
        count = workers or max(1, gpu_count())
        return cls("processes" if count > 1 else "here", count)


def gpu_count() -> int:
    """GPUs that this process may use."""
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def spread(make: Make[Block, Result], blocks: Sequence[Block], keep: Callable[[Result], None], where: Spread) -> None:
    """Do every block; results come in any order.

    Args:
        make: makes a worker where it runs; picklable unless that is here.
        blocks: what is to be done, each picklable unless done here.
        keep: told every result in the calling process; one that comes from a replaced worker's block may come twice.
        where: where the workers run.

    Raises:
        HllmCreatorError: what a worker raised; what was kept before stays.
        EngineError: workers died again and again, or the cluster cannot be reached.
    """
    if not blocks:
        return
    if where.how == "ray":
        from creator.engine.ray_spread import spread_over_ray

        spread_over_ray(make, blocks, keep, where)
    elif where.how == "processes":
        _Processes(make, blocks, keep, min(where.workers, len(blocks))).run()
    else:
        worker = make()
        try:
            for block in blocks:
                worker.run(block, keep)
        finally:
            worker.close()


@dataclass(slots=True)
class _Child:
    """A process, the line to it, and the number of the block it has."""

    process: Any
    line: Connection
    place: int
    block: int | None = None


@dataclass
class _Processes(Generic[Block, Result]):
    """The parent's side of several processes."""

    make: Make[Block, Result]
    blocks: Sequence[Block]
    keep: Callable[[Result], None]
    count: int
    waiting: deque[int] = field(default_factory=deque[int])
    deaths: dict[int, int] = field(default_factory=dict[int, int])
    children: list[_Child] = field(default_factory=list[_Child])

    def run(self) -> None:
        self.waiting.extend(range(len(self.blocks)))
        try:
            self.children.extend(self._start(place) for place in range(self.count))
            for child in self.children:
                self._give(child)
            while any(child.block is not None for child in self.children):
                ready = wait([child.line for child in self.children if child.block is not None])
                for child in [child for child in self.children if child.line in ready]:
                    self._hear(child)
        finally:
            for child in self.children:
                self._stop(child)

    def _start(self, place: int) -> _Child:
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        settings = _environment(place, self.count)
        process = context.Process(target=_serve, args=(there, settings), daemon=True)
        process.start()
        there.close()
        with suppress(ConnectionError):
            here.send(self.make)
        return _Child(process, here, place)

    def _give(self, child: _Child) -> None:
        child.block = self.waiting.popleft() if self.waiting else None
        if child.block is not None:
            with suppress(ConnectionError):  # it died meanwhile: heard of at the next reading
                child.line.send(self.blocks[child.block])

    def _hear(self, child: _Child) -> None:
        try:
            kind, what = child.line.recv()
        except (EOFError, ConnectionError):
            self._replace(child)
            return
        if kind == "result":
            self.keep(what)
        elif kind == "failed":
            raise what
        else:
            self._give(child)

    def _replace(self, child: _Child) -> None:
        assert child.block is not None
        block = child.block
        child.process.join()
        self.deaths[block] = self.deaths.get(block, 0) + 1
        code = child.process.exitcode
        if self.deaths[block] >= DEATHS_PER_BLOCK:
            raise EngineError(
                f"{DEATHS_PER_BLOCK} workers died over the same work",
                got=f"exit status {code}",
                cure="run the same command again; what was finished is kept (fewer --workers need less memory)",
            )
        say(f"a worker died (exit status {code}); another takes its work over")
        self.waiting.appendleft(block)
        child.line.close()
        self.children[self.children.index(child)] = fresh = self._start(child.place)
        self._give(fresh)

    @staticmethod
    def _stop(child: _Child) -> None:
        child.line.close()  # an idle one ends by itself
        if child.block is not None:
            child.process.terminate()
        child.process.join(_STOP_S)
        if child.process.is_alive():
            child.process.kill()
            child.process.join()


def _environment(place: int, count: int) -> dict[str, str]:
    """What a worker of several sees of the machine: one GPU, or its share of the cores."""
    gpus = gpu_count()
    if gpus:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES") or ",".join(map(str, range(gpus)))
        return {"CUDA_VISIBLE_DEVICES": visible.split(",")[place % gpus]}
    cores = len(os.sched_getaffinity(0))
    return {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS") or str(max(1, cores // count))}


def _serve(line: Connection, settings: dict[str, str]) -> None:
    """A worker process: read a block, do it, say so; until the line is closed."""
    os.environ.update(settings)  # before the libraries that read it are imported

    def tell(kind: str, what: object = None) -> None:
        line.send((kind, what))

    worker: Worker[Any, Any] | None = None
    try:
        make: Make[Any, Any] = line.recv()  # what it names is imported now, not before the environment is set
        while True:
            block = line.recv()
            worker = worker or make()
            worker.run(block, lambda result: tell("result", result))
            tell("done")
    except (EOFError, ConnectionError, KeyboardInterrupt):
        pass  # the parent is through, or gone
    except Exception as error:  # the parent raises it
        with suppress(ConnectionError):
            tell("failed", portable(error))
    finally:
        if worker is not None:
            worker.close()


def portable(error: Exception) -> EngineError:
    """An error as another process can read it."""
    if isinstance(error, HllmCreatorError):
        return EngineError(str(error))
    return EngineError("a worker failed", got=f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:300]}")

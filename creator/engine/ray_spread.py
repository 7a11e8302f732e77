"""Blocks of work on a Ray cluster: Ray Data's `map_batches` with stateful actors, for what `ray.data.llm` cannot do.

`ray.data.llm` builds prompts of tokens; soft tokens need prompts of embeddings, hence our own actors on our own
engines. Ray restarts an actor that dies and gives its batch to another.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import socket
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any

from creator.core.errors import EngineError
from creator.core.progress import say
from creator.engine.spread import Block, Make, Result, Spread, Worker, portable

CONNECT_S = 10.0
INSTALL = "pip install 'hllm-creator[ray]'"


def spread_over_ray(
    make: Make[Block, Result], blocks: Sequence[Block], keep: Callable[[Result], None], where: Spread
) -> None:
    """See `creator.engine.spread.spread`. Ray holds each block's results together until the block is done."""
    refuse_ray()
    with _cluster(where.address) as ray:
        workers, resources = _shares(ray, where.workers)
        workers = min(workers, len(blocks))
        say(f"ray: {workers} workers on {_machines(ray)} machines, {resources} each")
        pack, unpack = ray.cloudpickle.dumps, ray.cloudpickle.loads
        rows = [{"block": pack(block)} for block in blocks]
        # one row a task: a block's results come as soon as it is done, and a lost worker costs one block
        done = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            _Actor,
            fn_constructor_args=([ray.put(pack(make))],),  # once for all workers, however large
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=workers),
            **resources,
        )
        try:
            for row in done.iter_rows():
                failed, results = unpack(row["results"])
                for result in results:
                    keep(result)
                if failed is not None:
                    raise failed
        except ray.exceptions.RayError as error:
            reason = (str(error).strip().splitlines() or [""])[-1][:300]
            raise EngineError(
                "the work on Ray failed",
                got=f"{type(error).__name__}: {reason}",
                cure="run the same command again; what was finished is kept",
            ) from error


def refuse_ray() -> None:
    """Raise when Ray is not there.

    Raises:
        EngineError: it is not installed.
    """
    if importlib.util.find_spec("ray") is None:
        raise EngineError("Ray is not installed", cure=f"{INSTALL}, or another --engine")


class _Actor:
    """A worker inside Ray. It is made at the first block: Ray would try an actor that fails to start for ever."""

    def __init__(self, make: list[Any]) -> None:
        self._make, self._worker = make[0], None

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[bytes]]:
        import ray
        from ray import cloudpickle

        out: list[bytes] = []
        for block in batch["block"]:
            results: list[object] = []
            failed: Exception | None = None
            try:
                worker: Worker[Any, Any] = self._worker or cloudpickle.loads(ray.get(self._make))()
                self._worker = worker
                worker.run(cloudpickle.loads(block), results.append)
            except Exception as error:
                failed = portable(error)
            out.append(cloudpickle.dumps((failed, results)))
        return {"results": out}


@contextmanager
def _cluster(address: str) -> Generator[Any]:
    """Ray, connected; a cluster made for the call ends with it."""
    if address:
        _refuse_deaf(address)
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to Ray's makers
    import ray
    import ray.data

    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        try:
            ray.init(address=address or "auto", **quiet)
        except ConnectionError:
            if address:
                raise
            ray.init(include_dashboard=False, **quiet)
    except Exception as error:  # whatever Ray raises at the start, the cure is the same
        raise _no_cluster(address or "this machine", type(error).__name__) from None
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray").setLevel(logging.ERROR)
    try:
        yield ray
    finally:
        ray.shutdown()


def _refuse_deaf(address: str) -> None:
    """Ask the head's port first: Ray itself tries for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        socket.create_connection((host, int(port)), CONNECT_S).close()
    except (OSError, ValueError) as error:
        raise _no_cluster(address, type(error).__name__) from None


def _no_cluster(address: str, got: str) -> EngineError:
    return EngineError(
        f"no Ray cluster answers at {address}",
        got=got,
        cure="start one with 'ray start --head --port 6379' and name it: --ray-address HOST:6379",
    )


def _machines(ray: Any) -> int:
    return sum(1 for node in ray.nodes() if node["Alive"])


def _shares(ray: Any, workers: int) -> tuple[int, dict[str, float]]:
    """How many workers, and what each takes: a GPU, or an even share of its machine's cores."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    gpus = int(sum(node.get("GPU", 0) for node in nodes))
    if gpus:
        return workers or gpus, {"num_gpus": 1.0 if not workers else min(1.0, gpus / workers), "num_cpus": 1.0}
    cores = [int(node.get("CPU", 0)) for node in nodes if node.get("CPU", 0)]
    if not cores:
        raise EngineError("the Ray cluster offers no core", cure="start its machines with --num-cpus")
    count = workers or len(cores)
    a_machine = -(-count // len(cores))
    return count, {"num_cpus": float(max(1, min(cores) // a_machine))}

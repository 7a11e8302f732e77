"""A real Ray cluster of two machines' daemons on 127.0.0.1: embed and generate, and workers killed meanwhile."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from creator.core.errors import EngineError
from creator.core.records import AdId
from creator.engine.spread import Spread, spread
from creator.generation.embed import embed
from creator.generation.options import EmbedOptions
from creator.generation.titles import generate
from tests.engine.spread_workers import MakeSquarer
from tests.engine.test_spread import BLOCKS, SQUARES
from tests.generation.conftest import advert, write_pairs
from tests.generation.test_generate import options, read
from tests.models.tiny import AD
from tests.training.hand import write_hand_data

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed: pip install '.[ray]'"),
    # Ray's own client code leaves sockets to the garbage collector and announces its future defaults
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning", "ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The head's address; every process of the cluster ends with the test."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # Ray's sockets have long names: its folder must be near the root
    temporary = Path("/tmp") / f"hllm-ray-{os.getpid()}"
    variables = os.environ | {"PYTHONPATH": str(ROOT)}
    ray = [sys.executable, "-m", "ray.scripts.scripts", "start", "--num-cpus=1", "--object-store-memory=100000000"]
    ray += ["--disable-usage-stats", "--block"]
    head = [*ray, "--head", f"--port={port}", "--include-dashboard=false", f"--temp-dir={temporary}"]
    head += ["--node-ip-address=127.0.0.1"]
    daemons = [subprocess.Popen(head, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)]
    try:
        wait_for(port)
        other = [*ray, f"--address=127.0.0.1:{port}", "--node-ip-address=127.0.0.1"]
        daemons.append(
            subprocess.Popen(other, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)
        )
        time.sleep(5)
        yield f"127.0.0.1:{port}"
    finally:
        for daemon in reversed(daemons):
            daemon.terminate()
        for daemon in daemons:
            daemon.wait(60)
        import shutil

        shutil.rmtree(temporary, ignore_errors=True)


def wait_for(port: int, limit_s: float = 120.0) -> None:
    until = time.monotonic() + limit_s
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.3)
    raise AssertionError("the Ray head does not listen")


def test_a_worker_killed_midway_loses_nothing(cluster: str, tmp_path: Path) -> None:
    found: dict[int, int] = {}
    make = MakeSquarer(tmp_path, dies_at=8)
    spread(make, BLOCKS, lambda result: found.update([result]), Spread("ray", 2, cluster))
    assert found == SQUARES
    assert len(list(tmp_path.glob("death-*"))) == 1
    assert len(list(tmp_path.glob("made-*"))) >= 2  # the one that died and one that took over


def test_a_workers_fault_is_told_in_its_own_words(cluster: str, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="the folder is no model; try: another one"):
        spread(MakeSquarer(tmp_path, starts=False), BLOCKS, lambda _: None, Spread("ray", 2, cluster))
    with pytest.raises(EngineError, match=r"a worker failed.*ArithmeticError: seven cannot be squared"):
        spread(MakeSquarer(tmp_path, fails_at=7), BLOCKS, lambda _: None, Spread("ray", 2, cluster))


def test_embed_and_generate_give_what_one_machine_gives(
    cluster: str, world, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("creator.models.item_store.BLOCK_TEXTS", 2)
    monkeypatch.setattr("creator.generation.embed.BLOCK_USERS", 1)
    inputs = {"model": world.path("model"), "data": world.path("data")}
    embed(EmbedOptions(**inputs, out=tmp_path / "alone"))
    embed(EmbedOptions(**inputs, out=tmp_path / "ray", engine="ray", workers=2, ray_address=cluster))
    for name in ("items", "ads", "users"):
        alone, spread_out = (np.load(tmp_path / which / f"{name}.npy") for which in ("alone", "ray"))
        np.testing.assert_allclose(spread_out, alone, rtol=1e-4, atol=1e-5)  # cores split sums otherwise
    ads = [advert(replace(AD, ad_id=AdId(f"a{n:03d}"))) for n in range(80)]
    write_hand_data(tmp_path / "data", items=["x y"], events=[("u0", "x y", 1.0)], ads=ads, train_until=9.0)
    pairs = write_pairs(tmp_path / "pairs", [(c, f"a{n:03d}", True) for n in range(80) for c in (0, 1)])
    how = {"data": tmp_path / "data", "pairs": pairs, "temperature": 0.0}
    one = generate(options(world, tmp_path / "one", **how))
    on_ray = {"engine": "ray", "worker_engine": "transformers", "workers": 2, "ray_address": cluster}
    many = generate(options(world, tmp_path / "many", **how, **on_ray))
    assert (many["pairs"], many["prompts"]) == (one["pairs"], one["prompts"]) == (160, 160)
    for ours, theirs in zip(read(tmp_path / "many"), read(tmp_path / "one"), strict=True):
        pd.testing.assert_frame_equal(
            ours.drop(columns="provenance"), theirs.drop(columns="provenance"), rtol=1e-4, atol=1e-4
        )


def test_a_cluster_that_does_not_answer_is_named_with_its_cure(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"no Ray cluster answers at 127.0.0.1:1; .*ray start --head"):
        spread(MakeSquarer(tmp_path), BLOCKS, lambda _: None, Spread("ray", 2, "127.0.0.1:1"))

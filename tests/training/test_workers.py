"""Several processes train what one would: the same losses, step for step, and the same model at the end."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

from creator.core.data import Data
from tests.models.tiny import Backbones
from tests.training.conftest import Shop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

STEPS = 4
LIMIT_S = 600
"""Half a minute does where nothing else runs."""
COMMON = ("--steps", str(STEPS), "--learning-rate", "1e-3", "--history", "12", "--item-text-tokens", "12",
          "--user-layers", "1", "--match-width", "8", "--lora-rank", "0", "--dtype", "fp32",
          "--validate-every", "1")  # fmt: skip
STAGE_ONE = ("--windows", "7", "--negatives", "13", "--horizon-days", "1", "--train-items", "--batch-negatives",
             "--queue", "20", "--fusion", "early", "--accumulate", "2")  # fmt: skip
PHASES = ("--windows", "8", "--drill-steps", "2", "--user-steps", "2", "--ads", "3", "--titles-per-ad", "3",
          "--profiles", "4", "--match-steps", "0")  # fmt: skip


def start(
    data: Data, backbones: Backbones, out: Path, flags: tuple[str, ...], group: dict[str, str], told: Path
) -> subprocess.Popen[bytes]:
    call = [
        "train" if "--examples" in flags else "pretrain",
        "--data",
        str(data.artefact.path),
        "--out",
        str(out),
        "--item",
        str(backbones.item),
    ]
    call += ["--creative", str(backbones.creative), *COMMON, *flags]
    lone = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    with told.open("wb") as stderr:
        return subprocess.Popen(
            [sys.executable, "-m", "creator", *call], env={**os.environ, **lone, **group}, stderr=stderr
        )


def run(data: Data, backbones: Backbones, out: Path, flags: tuple[str, ...], count: int, **more: str) -> list[dict]:
    """Train with so many processes; returns the history."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    groups = [
        {"WORLD_SIZE": str(count), "RANK": str(n), "LOCAL_RANK": str(n), "LOCAL_WORLD_SIZE": str(count),
         "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, **more}
        for n in range(count)
    ]  # fmt: skip
    told = [out.with_name(f"{out.name}-{n}.log") for n in range(count)]
    started = [
        start(data, backbones, out, flags, group if count > 1 else {}, log)
        for group, log in zip(groups, told, strict=True)
    ]
    try:
        codes = [process.wait(LIMIT_S) for process in started]
    except subprocess.TimeoutExpired:
        codes = [process.poll() for process in started]
    finally:
        for process in started:
            process.kill()
    assert codes == [0] * count, "\n".join(log.read_text(errors="replace")[-3000:] for log in told)
    rows = [json.loads(line) for line in (out / "history.jsonl").read_text().splitlines()]
    # how parallel users are is told of each process's own
    left_out = ("seconds", "tokens_per_s", "parallel_users", "valid_parallel_users")
    return [{k: v for k, v in row.items() if k not in left_out} for row in rows]


@pytest.fixture(scope="module")
def one(shop: Shop, backbones: Backbones, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict]]:
    out = tmp_path_factory.mktemp("one") / "model"
    return out, run(shop.data, backbones, out, STAGE_ONE, 1)


@pytest.mark.parametrize("sharded", [False, True], ids=["ddp", "fsdp"])
def test_two_processes_train_what_one_does(sharded, one, shop, backbones, tmp_path):
    alone, expected = one
    more = {"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2"} if sharded else {}
    found = run(shop.data, backbones, tmp_path / "model", STAGE_ONE, 2, **more)
    assert len(found) == len(expected) == STEPS
    for ours, theirs in zip(found, expected, strict=True):
        assert ours == pytest.approx(theirs, abs=2e-5)  # 1e-5, and both are written to five digits
    assert {"next_item", "clicks", "early", "valid_total", "live_negatives"} <= set(expected[-1])
    assert_same_weights(tmp_path / "model", alone)


def test_every_phase_of_train_is_shared_out_and_put_together_again(shop, backbones, tmp_path):
    flags = ("--examples", str(shop.data.artefact.path.parent / "examples"), *PHASES)
    expected = run(shop.data, backbones, tmp_path / "one", flags, 1)
    found = run(shop.data, backbones, tmp_path / "two", flags, 2)
    assert len(found) == len(expected) == STEPS
    for ours, theirs in zip(found, expected, strict=True):
        assert ours == pytest.approx(theirs, abs=2e-4)  # three phases on, rounding has grown
    assert_same_weights(tmp_path / "two", tmp_path / "one")


def assert_same_weights(found: Path, expected: Path) -> None:
    for name in ("heads.safetensors", "item_llm/model.safetensors", "user_llm/model.safetensors"):
        theirs, ours = load_file(expected / name), load_file(found / name)
        assert set(ours) == set(theirs)
        for key, tensor in ours.items():
            # Adam's first steps divide a gradient by its own size, so that rounding counts where it is nearly zero
            assert (tensor - theirs[key]).abs().mean() < 2e-4 * theirs[key].abs().mean().clamp_min(1e-2), (name, key)

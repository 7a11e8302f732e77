"""Settings that follow from the machine, against hand-written accounts of machines."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creator.engine.environment import (
    applied_environment,
    available_memory_bytes,
    cache_bytes,
    has_bf16_instructions,
    vllm_environment,
)

GIB = 1 << 30


def _machine(folder: Path, available_kib: int, limit: str | None = None, used: int = 0) -> tuple[Path, Path]:
    meminfo = folder / "meminfo"
    meminfo.write_text(f"MemTotal:  99999999 kB\nMemAvailable: {available_kib} kB\nHugePages_Total: 0\n")
    if limit is not None:
        (folder / "memory.max").write_text(limit + "\n")
        (folder / "memory.current").write_text(f"{used}\n")
    return meminfo, folder


def test_memory_is_what_the_system_has_left(tmp_path: Path) -> None:
    assert available_memory_bytes(*_machine(tmp_path, 2048)) == 2048 * 1024
    assert available_memory_bytes(*_machine(tmp_path, 2048, "max")) == 2048 * 1024


def test_a_containers_limit_counts_where_it_leaves_less(tmp_path: Path) -> None:
    assert available_memory_bytes(*_machine(tmp_path, 8 * GIB // 1024, str(2 * GIB), GIB // 2)) == 3 * GIB // 2
    assert available_memory_bytes(*_machine(tmp_path, GIB // 1024, str(64 * GIB), GIB)) == GIB
    assert available_memory_bytes(*_machine(tmp_path, GIB // 1024, str(GIB), 2 * GIB)) == 0


def test_bf16_is_taken_only_where_the_processor_has_it(tmp_path: Path) -> None:
    info = tmp_path / "cpuinfo"
    for line, expected in [
        ("flags\t\t: fpu avx2 avx512f avx512_bf16", True),
        ("flags\t\t: fpu amx_bf16 amx_tile", True),
        ("Features\t: fp asimd bf16 i8mm", True),
        ("flags\t\t: fpu avx2 avx512f avx512_vnni", False),
        ("model name\t: bf16 of nothing", False),
    ]:
        info.write_text(f"processor\t: 0\n{line}\n")
        assert has_bf16_instructions(info) is expected
    assert has_bf16_instructions(tmp_path / "missing") is False


def test_the_cache_holds_the_sequences_twice_where_memory_allows() -> None:
    # SmolLM2: 30 layers x 3 heads x 64 wide, keys and values, bf16 = 23,040 bytes a token
    token = 2 * 30 * 3 * 64 * 2
    assert cache_bytes(token, 160, 128, 64 * GIB) == 2 * 128 * 160 * 23_040
    assert cache_bytes(token, 2048, 256, 64 * GIB) == 4 * GIB
    assert cache_bytes(token, 2048, 256, 4 * GIB) == GIB


@given(st.integers(1, 1 << 20), st.integers(1, 1 << 17), st.integers(1, 1024), st.integers(0, 1 << 42))
def test_the_cache_always_holds_two_whole_sequences(token: int, context: int, sequences: int, available: int) -> None:
    assert cache_bytes(token, context, sequences, available) >= 2 * context * token


def test_what_the_user_set_wins_and_what_should_pass_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HLLM_TEST_SET", "mine")
    monkeypatch.delenv("HLLM_TEST_UNSET", raising=False)
    monkeypatch.delenv("HLLM_TEST_LATER", raising=False)
    wanted = {"HLLM_TEST_SET": "ours", "HLLM_TEST_UNSET": "ours"}
    with applied_environment(wanted, passing=("HLLM_TEST_UNSET", "HLLM_TEST_LATER", "HLLM_TEST_SET")):
        assert os.environ["HLLM_TEST_SET"] == "mine"
        assert os.environ["HLLM_TEST_UNSET"] == "ours"
        os.environ["HLLM_TEST_LATER"] = "vllm's"
        os.environ["HLLM_TEST_SET"] = "changed"
    assert os.environ["HLLM_TEST_SET"] == "mine"
    assert "HLLM_TEST_UNSET" not in os.environ
    assert "HLLM_TEST_LATER" not in os.environ


def test_vllm_stays_in_the_process_and_off_the_network() -> None:
    variables = vllm_environment()
    assert variables["VLLM_ENABLE_V1_MULTIPROCESSING"] == "0"
    assert variables["VLLM_NO_USAGE_STATS"] == "1"
    assert variables["HF_HUB_OFFLINE"] == "1"

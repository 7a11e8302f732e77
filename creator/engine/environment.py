"""What the machine offers, and the settings of vLLM that follow from it, so that nobody has to set them by hand."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path

from creator.engine.contract import DType

KIB, GIB = 1 << 10, 1 << 30
_CGROUP = Path("/sys/fs/cgroup")


def available_memory_bytes(meminfo: Path = Path("/proc/meminfo"), cgroup: Path = _CGROUP) -> int:
    """Memory that can still be taken: what the system has left, or what the container's limit leaves if that is less.

    Args:
        meminfo: the kernel's account of memory.
        cgroup: the folder of the container's limits (cgroup v2).
    """
    lines = dict(line.split(":", 1) for line in meminfo.read_text(encoding="ascii").splitlines() if ":" in line)
    available = int(lines["MemAvailable"].split()[0]) * KIB
    try:
        limit = (cgroup / "memory.max").read_text(encoding="ascii").strip()
        used = int((cgroup / "memory.current").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return available
    return available if limit == "max" else max(0, min(available, int(limit) - used))


def has_bf16_instructions(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the processor multiplies bf16 matrices in hardware; without that bf16 is slower than fp32."""
    try:
        text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    flags = {word for line in text.splitlines() if line.startswith(("flags", "Features")) for word in line.split()}
    return bool(flags & {"avx512_bf16", "amx_bf16", "bf16"})


def takes_bf16(dtype: DType, *, on_cpu: bool) -> bool:
    """Whether a model is run in bf16: where that was asked for, or where it is the faster one and nothing was."""
    return dtype == "bf16" or (dtype == "auto" and (not on_cpu or has_bf16_instructions()))


def cache_bytes(token_bytes: int, context_tokens: int, sequences: int, available: int) -> int:
    """How large a KV cache to make in main memory.

    Args:
        token_bytes: size of one token's keys and values over all layers.
        context_tokens: the longest sequence.
        sequences: how many are answered at the same time.
        available: memory that can still be taken, bytes.

    Returns:
        room for all the sequences at full length and as much again for prefixes kept, at most a quarter of the memory
        and 4 GiB; never less than two sequences, without which vLLM does not start.
    """
    wanted = 2 * sequences * context_tokens * token_bytes
    return max(min(wanted, available // 4, 4 * GIB), 2 * (context_tokens + 128) * token_bytes)


def vllm_environment() -> dict[str, str]:
    """Variables vLLM is imported under; those already set by the user win.

    The engine runs in this process (6 to 9 s to start, 48 to 80 s in a process of its own), without binding its threads
    to cores (binding gives one core away), without usage statistics and without asking a model hub.
    """
    return {
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_LOGGING_LEVEL": "CRITICAL",
        "HF_HUB_OFFLINE": "1",
    }


@contextmanager
def applied_environment(variables: Mapping[str, str], passing: Iterable[str]) -> Generator[None]:
    """Set environment variables that are not set yet; afterwards put back those that should not outlive the block.

    Args:
        variables: what to set.
        passing: names to restore at the end, whoever changed them (vLLM writes LD_PRELOAD for its own children).
    """
    before = {name: os.environ.get(name) for name in passing}
    for name, value in variables.items():
        os.environ.setdefault(name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

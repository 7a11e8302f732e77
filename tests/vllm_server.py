"""vLLM's own OpenAI server on loopback, started and ended like any other process, and what it counts of itself."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from creator.engine.environment import vllm_environment

START_S, STOP_S = 600, 60
COUNTERS = ("prompt_tokens_total", "generation_tokens_total", "request_success_total")


@contextmanager
def vllm_server(folder: Path, *, context_tokens: int, dtype: str = "float32") -> Generator[str]:
    """Serve a model folder under the name "tiny"; gives the address without `/v1`.

    Args:
        folder: an ordinary Hugging Face folder with a chat template.
        context_tokens: the longest conversation with its answer.
        dtype: "float32" or "bfloat16".

    Raises:
        RuntimeError: the server ended or was not ready in time; the message holds the end of what it said.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(folder), "--enforce-eager",
               "--served-model-name", "tiny", "--host", "127.0.0.1", "--port", address.rpartition(":")[2],
               "--dtype", dtype, "--max-model-len", str(context_tokens), "--max-num-seqs", "8"]  # fmt: skip
    environment = {**os.environ, **vllm_environment(), "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_LOGGING_LEVEL": "INFO"}
    with tempfile.TemporaryDirectory() as place:
        log = Path(place) / "log.txt"
        with log.open("wb") as stream:
            child = subprocess.Popen(command, env=environment, stdout=stream, stderr=stream)
        try:
            _await(address, child, log)
            yield address
        finally:
            child.terminate()
            child.wait(STOP_S)


def _await(address: str, child: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and child.poll() is None:
        try:
            urllib.request.urlopen(f"{address}/health", timeout=2)
            return
        except OSError:
            time.sleep(1)
    raise RuntimeError(f"the server is not there: {log.read_text(errors='replace')[-2000:]}")


def counted(address: str) -> dict[str, int]:
    """Tokens read, tokens written and requests answered, by the server's own count."""
    text = urllib.request.urlopen(f"{address}/metrics", timeout=10).read().decode()
    return {
        name: int(sum(float(v) for v in re.findall(rf"^vllm:{name}\{{[^}}]*\}} (\S+)$", text, re.MULTILINE)))
        for name in COUNTERS
    }

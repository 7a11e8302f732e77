"""The real service over real HTTP, on a free port."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import uvicorn

from serving.api import create_app
from serving.live import Live
from serving.server import read_originals
from serving.settings import KEYS_VARIABLE, Settings, read_keys
from serving.store import Store

KEY = "a key for the tests"


@dataclass
class Service:
    """A running service and a client of it."""

    http: httpx.Client

    def title(self, user_id: str, ad_id: str) -> dict[str, object]:
        answer = self.http.get("/v1/title", params={"user_id": user_id, "ad_id": ad_id})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def send(self, *events: dict[str, object], key: str | None = KEY) -> httpx.Response:
        return self.http.post("/v1/events", json={"events": events}, headers={"X-API-Key": key} if key else {})


@dataclass
class Process(Service):
    """A service in a process of its own.

    Args:
        process: its process.
        log: where its stderr goes.
        said: what it wrote to stdout.
    """

    process: subprocess.Popen[str]
    log: Path
    said: list[str] = field(default_factory=list)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        self.said.append(self.process.communicate(timeout=60)[0])
        return self.process.returncode


@contextmanager
def serve_apart(store: str, folder: Path, *flags: str) -> Iterator[Process]:
    """The command `serve`, as a person starts it."""
    log = folder / "serve.log"
    with log.open("w") as stderr:
        flags = ("--refresh-s", "0.1", "--queue", str(folder / "queue"), *flags)
        process = subprocess.Popen(
            [sys.executable, "-m", "creator", "serve", "--store", store, "--port", "0", *flags],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env={**os.environ, KEYS_VARIABLE: f"other,{KEY}"},
        )
    try:
        line = process.stdout.readline()
        assert "http://" in line, log.read_text()
        address = next(word for word in line.split() if word.startswith("http://"))
        with httpx.Client(base_url=address, timeout=30) as http:
            until(lambda: http.get("/healthz").status_code == 200)
            yield Process(http, process, log, [line])
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()


@contextmanager
def serve(
    store: str,
    *,
    data: Path | None = None,
    keys: str = f"other,{KEY}",
    rate_limit: float = 0.0,
    open_lookups: bool = True,
    tend_s: float = 0.0,
) -> Iterator[Service]:
    """The same server on a thread of the tests' own process: real sockets, without the start of a new Python."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Store(store, wait_s=5.0) as opened,
        socket.create_server(("127.0.0.1", 0)) as listening,
    ):
        live = Live(opened, read_originals(data), refresh_s=0.1)
        settings = Settings(
            read_keys({KEYS_VARIABLE: keys}),
            log_requests=False,
            queue=Path(folder) / "queue",
            rate_limit=rate_limit,
            open_lookups=open_lookups,
            tend_s=tend_s,
        )
        app = create_app(live, settings)
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, server_header=False, ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        port = listening.getsockname()[1]
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:
                until(lambda: http.get("/healthz").status_code == 200)
                yield Service(http)
        finally:
            server.should_exit = True
            thread.join(timeout=30)
            assert not thread.is_alive()


def until(holds: Callable[[], bool], wait_s: float = 120.0) -> None:
    """Wait until something holds."""
    end = time.monotonic() + wait_s
    while True:
        try:
            if holds():
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.05)

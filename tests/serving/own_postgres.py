"""A PostgreSQL cluster of the tests' own, which they may stop, start and kill as they like."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cluster:
    """A cluster in a folder of its own.

    Args:
        folder: where its data lie.
        port: where it listens, on 127.0.0.1.
        programs: where `pg_ctl` and `initdb` are.
    """

    folder: Path
    port: int
    programs: Path

    @property
    def url(self) -> str:
        """Its database, as `--store` takes it."""
        return f"postgresql+psycopg://tester@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        flags = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c shared_buffers=16MB"
        run(self.programs / "pg_ctl", "start", "-w", "-D", self.folder, "-l", self.folder / "log", "-o", flags)

    def stop(self, how: str = "fast") -> None:
        """Stop it: "fast" in order, "immediate" without even writing down what it holds."""
        run(self.programs / "pg_ctl", "stop", "-w", "-D", self.folder, "-m", how)

    def kill(self) -> None:
        """As by kill -9 of the server itself."""
        os.kill(int((self.folder / "postmaster.pid").read_text().splitlines()[0]), signal.SIGKILL)


def programs() -> Path | None:
    """Where the server's programs are; None where there is no server to start."""
    found = shutil.which("initdb") or next(map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))), None)
    return Path(found).resolve().parent if found else None


def run(*words: str | Path) -> None:
    """Run one of the server's programs; not as root, which it refuses."""
    person = {"user": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    done = subprocess.run(
        [str(word) for word in words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, check=False, cwd="/", timeout=120, **person,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


@contextmanager
def own_cluster(where: Path) -> Iterator[Cluster]:
    """A running cluster, gone afterwards."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="cluster-"))  # a path that its own user can walk to
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    cluster = Cluster(folder / "data", port, where)
    try:
        run(where / "initdb", "-D", cluster.folder, "-U", "tester", "--auth=trust", "--no-sync", "-E", "UTF8")
        cluster.start()
        yield cluster
    finally:
        if (cluster.folder / "postmaster.pid").exists():
            cluster.stop("immediate")
        shutil.rmtree(folder)

"""Single look-ups a second beside a bare FastAPI hello on the same server, and batches, a swap and the memory.

    python bench/serving_load.py --store runs/bench/store.db --seconds 10 --rounds 5

The store is made the first time: users, titles and two releases that share the users. Hello and look-ups take turns,
on one server each with one worker, so that both meet the same machine. The load comes from this process over
keep-alive connections, each sending its next request when its last one is answered.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CLUSTERS = 50
HELLO = "hello"
PAIRS = 1_000


@dataclass(slots=True)
class Load:
    """What a round of requests met."""

    times_s: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    mixed: int = 0
    wall_s: float = 0.0
    server_cpu_s: float = 0.0

    @property
    def per_s(self) -> float:
        """Answers a second."""
        return len(self.times_s) / self.wall_s

    @property
    def cpu_us(self) -> float:
        """What an answer cost the server, which other work on the machine moves far less than the wall's clock."""
        return 1e6 * self.server_cpu_s / len(self.times_s)

    def quantile_ms(self, share: float) -> float:
        """The time within which this share of the requests was answered."""
        ordered = sorted(self.times_s)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1e3


class Caller(asyncio.Protocol):
    """One keep-alive connection: sends, waits for the whole answer, sends again."""

    def __init__(self, requests: Callable[[], bytes], load: Load, until: float, keep_bodies: bool) -> None:
        self._requests, self._load, self._until, self._keep = requests, load, until, keep_bodies
        self._buffer = bytearray()
        self._end = 0
        self._started = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport: Any = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        """Note a whole answer, and send the next request."""
        self._buffer += data
        if not self._end:
            head = self._buffer.find(b"\r\n\r\n")
            if head < 0:
                return
            low = bytes(self._buffer[:head]).lower()
            at = low.index(b"content-length:") + 15
            stop = low.find(b"\r\n", at)
            self._end = head + 4 + int(low[at : stop if stop > 0 else None])
        if len(self._buffer) < self._end:
            return
        self._load.times_s.append(time.perf_counter() - self._started)
        status = int(self._buffer[9:12])
        self._load.statuses[status] = self._load.statuses.get(status, 0) + 1
        if self._keep:
            titles = json.loads(self._buffer[self._buffer.find(b"\r\n\r\n") :])["titles"]
            self._load.mixed += len({title["release"] for title in titles}) > 1
        self._buffer.clear()
        self._end = 0
        if time.perf_counter() < self._until:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """End; an answer that never came counts as status 0."""
        if exc is not None or self._end or time.perf_counter() < self._until:
            self._load.statuses[0] = self._load.statuses.get(0, 0) + 1  # broken off
        if not self.done.done():
            self.done.set_result(None)

    def _send(self) -> None:
        self._started = time.perf_counter()
        self._transport.write(self._requests())


async def call(
    port: int, requests: Callable[[], bytes], seconds: float, connections: int, *, bodies: bool = False
) -> Load:
    """Load a server for some seconds."""
    load, loop = Load(), asyncio.get_running_loop()
    started = time.perf_counter()
    until = started + seconds
    callers = [
        (await loop.create_connection(lambda: Caller(requests, load, until, bodies), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    await asyncio.gather(*(caller.done for caller in callers))
    load.wall_s = time.perf_counter() - started
    return load


def get(path: str) -> bytes:
    """A request as it goes over the wire."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\n\r\n".encode()


def post(path: str, body: bytes) -> bytes:
    """A request with a JSON body as it goes over the wire."""
    length = f"Content-Type: application/json\r\nContent-Length: {len(body)}"
    return f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{length}\r\n\r\n".encode() + body


def make_store(path: Path, users: int, titles: int) -> None:
    """Releases 1 and 2, of the same users and the same ads; written as `publish` writes them."""
    from sqlalchemy import select

    from serving.rows import insert_many
    from serving.schema import ADS, ASSIGNMENTS, CLUSTERINGS, RELEASES, SWITCHES, TITLES
    from serving.store import Store

    ads = titles // (CLUSTERS // 2)
    with Store(str(path)) as store:
        store.prepare()
        with store.writing(alone=True) as connection:
            counts = connection.execute(select(RELEASES.c.counts)).scalars().first()
            if counts is not None:
                held = json.loads(counts)
                if (held["users"], held["titles"]) != (users, titles):
                    sys.exit(
                        f"{path} holds {held['users']:,} users and {held['titles']:,} titles; name another --store"
                    )
                return
            print(f"making {path}: {users:,} users, {titles:,} titles, two releases", flush=True)
            connection.execute(CLUSTERINGS.insert().values(clustering_id=1, digest="c", users=users))
            rows = [(1, user, number % CLUSTERS) for number, user in enumerate(sorted(map(user_id, range(users))))]
            insert_many(connection, ASSIGNMENTS, ("clustering_id", "user_id", "cluster_id"), rows)
            counts = json.dumps({"titles": titles, "ads": ads, "users": users})
            for release in (1, 2):
                connection.execute(
                    RELEASES.insert().values(
                        release=release,
                        digest=str(release),
                        created_at=time.time(),
                        status="published",
                        clustering_id=1,
                        titles_digest="t",
                        clusters_digest="c",
                        data_digest="d",
                        counts=counts,
                    )
                )
                named = [(release, ad_id(n), f"Original title of ad {n}") for n in range(ads)]
                insert_many(connection, ADS, ("release", "ad_id", "title"), named)
                worded = [
                    (
                        release,
                        f"t-{n}",
                        n // ads * 2,
                        ad_id(n % ads),
                        f"Title {n} of release {release} for them",
                        *PLAIN,
                    )
                    for n in range(titles)
                ]
                insert_many(connection, TITLES, [column.name for column in TITLES.columns], worded)
            connection.execute(SWITCHES.insert().values(release=1, switched_at=time.time(), kind="publish"))


PLAIN = ("supported", "[]", "{}")


def user_id(number: int) -> str:
    """A user's id."""
    return f"user-{number:08d}"


def ad_id(number: int) -> str:
    """An ad's id."""
    return f"ad-{number:06d}"


@contextlib.contextmanager
def server(arguments: list[str], port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server in a process of its own, once it answers."""
    with log.open("wb") as stderr:
        process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=stderr)
    try:
        end = time.monotonic() + 300
        while True:
            if process.poll() is not None or time.monotonic() > end:
                sys.exit(f"the server did not start; see {log}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.2)
        yield process
    finally:
        process.terminate()
        process.wait(60)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def run_hello(port: int) -> None:
    """The bare app to compare with, on the server that `serve` uses."""
    import uvicorn
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/hello")
    async def hello() -> dict[str, str]:
        return {"message": "hello"}

    uvicorn.run(app, host="127.0.0.1", port=port, log_config=None, access_log=False, server_header=False, ws="none")


def memory_mib(process: subprocess.Popen[bytes]) -> tuple[float, float]:
    """Resident now, and at its highest."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    found = {line.split(":")[0]: float(line.split()[1]) / 1024 for line in lines if line.startswith(("VmRSS", "VmHWM"))}
    return found["VmRSS"], found["VmHWM"]


def cpu_s(process: subprocess.Popen[bytes]) -> float:
    """CPU time of a process so far."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(
    given: argparse.Namespace, ports: tuple[int, int], servers: tuple[subprocess.Popen[bytes], subprocess.Popen[bytes]]
) -> dict[str, float]:
    """Every figure, by name."""
    from serving.store import Store

    chance = random.Random(7)
    ads = given.titles // (CLUSTERS // 2)

    def pair() -> tuple[str, str]:
        return user_id(chance.randrange(given.users)), ad_id(chance.randrange(ads))

    singles = [get("/v1/title?user_id={}&ad_id={}".format(*pair())) for _ in range(20_000)]
    batches = [
        post(
            "/v1/titles",
            json.dumps({"pairs": [{"user_id": u, "ad_id": a} for u, a in (pair() for _ in range(PAIRS))]}).encode(),
        )
        for _ in range(50)
    ]
    hello = get("/hello")
    chosen = {HELLO: lambda: hello, "look-up": lambda: chance.choice(singles)}
    rounds: dict[str, list[Load]] = {name: [] for name in chosen}
    for name, port in zip(chosen, ports, strict=True):
        await call(port, chosen[name], min(2.0, given.seconds), given.connections)  # warm
    process = servers[1]
    for _ in range(given.rounds):
        for name, port, server_process in zip(chosen, ports, servers, strict=True):
            before_s = cpu_s(server_process)
            load = await call(port, chosen[name], given.seconds, given.connections)
            load.server_cpu_s = cpu_s(server_process) - before_s
            rounds[name].append(load)
    before_s = cpu_s(process)
    large = await call(ports[1], lambda: chance.choice(batches), given.seconds, 2)
    large.server_cpu_s = cpu_s(process) - before_s
    before_mib, _ = memory_mib(process)

    async def swap() -> None:
        with Store(str(given.store)) as store:
            for to in (2, 1):
                await asyncio.sleep(given.seconds / 3)
                await asyncio.to_thread(store.roll_back, to)

    swapped, mixed, _ = await asyncio.gather(
        call(ports[1], chosen["look-up"], given.seconds, given.connections),
        call(ports[1], lambda: chance.choice(batches), given.seconds, 1, bodies=True),
        swap(),
    )
    everything = [*rounds["look-up"], large, swapped, mixed]
    ratios = [one.per_s / other.per_s for one, other in zip(rounds["look-up"], rounds[HELLO], strict=True)]
    tails = [
        one.quantile_ms(0.99) / other.quantile_ms(0.99)
        for one, other in zip(rounds["look-up"], rounds[HELLO], strict=True)
    ]
    return {
        "hello per s": statistics.median(load.per_s for load in rounds[HELLO]),
        "look-ups per s": statistics.median(load.per_s for load in rounds["look-up"]),
        "ratio (goal 0.7)": statistics.median(ratios),
        "hello p99 ms": statistics.median(load.quantile_ms(0.99) for load in rounds[HELLO]),
        "look-up p99 ms": statistics.median(load.quantile_ms(0.99) for load in rounds["look-up"]),
        "p99 ratio (goal 2)": statistics.median(tails),
        "hello CPU us": statistics.median(load.cpu_us for load in rounds[HELLO]),
        "look-up CPU us": statistics.median(load.cpu_us for load in rounds["look-up"]),
        "CPU us a look-up in batches": large.cpu_us / PAIRS,
        "look-ups per s in batches of 1,000 (goal 50,000)": large.per_s * PAIRS,
        "look-up p99 ms while releases are swapped": swapped.quantile_ms(0.99),
        "batches of two releases at once (goal 0)": mixed.mixed,
        "answers other than 200 (goal 0)": sum(
            n for load in everything for status, n in load.statuses.items() if status != 200
        ),
        "memory MiB": before_mib,
        "memory MiB at its highest, with a swap": memory_mib(process)[1],
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--store", type=Path, default=Path("runs/bench/store.db"))
    parser.add_argument("--users", type=int, default=2_000_000)
    parser.add_argument("--titles", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=10.0, help="length of each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--hello", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.hello:
        run_hello(given.hello)
        return
    given.store.parent.mkdir(parents=True, exist_ok=True)
    make_store(given.store, given.users, given.titles)
    ports = free_port(), free_port()
    serve = ["-m", "creator", "serve", "--store", str(given.store), "--port", str(ports[1]), "--rate-limit", "0"]
    folder = given.store.parent
    with (
        server([__file__, "--hello", str(ports[0])], ports[0], folder / "hello.log") as hello,
        server(serve, ports[1], folder / "serve.log") as process,
    ):
        found = asyncio.run(measure(given, ports, (hello, process)))
    if given.json:
        print(json.dumps(found))
        return
    print(f"{given.users:,} users, {given.titles:,} titles, {given.connections} connections, {os.cpu_count()} cores")
    for name, value in found.items():
        print(f"{name:<52}{value:>14,.2f}")


if __name__ == "__main__":
    main()

"""`serve`: the API on a socket, until a signal ends it."""

from __future__ import annotations

import signal
import socket
import sys
from pathlib import Path
from types import FrameType

import uvicorn

from creator.core.errors import HllmCreatorError, InputError
from creator.core.progress import say
from serving.api import create_app
from serving.commands import ServeOptions
from serving.edge import log_to_stderr
from serving.live import Live
from serving.settings import KEYS_VARIABLE, Settings, read_keys
from serving.store import Store

LAST_REQUESTS_S = 10  # how long requests under way may take once a signal has come
TURN_S = 0.0005  # how long a thread that loads a release may keep look-ups waiting at a time; Python's own is 5 ms
EVENTS_WAIT_S = 5.0  # how long events wait for a publisher at a time; they lie on disk meanwhile


def run(options: ServeOptions) -> dict[str, object]:
    """Serve until SIGTERM or SIGINT; requests under way are finished.

    Returns:
        the address that was served and the release at the end.

    Raises:
        InputError: the address cannot be listened on.
        ArtefactError: `--data` is not a DATA folder.
    """
    store = Store(options.store, wait_s=EVENTS_WAIT_S)
    live = Live(store, read_originals(options.data), refresh_s=options.refresh_s)
    settings = Settings(
        read_keys(),
        options.max_body_kib << 10,
        options.log == "requests",
        options.queue,
        options.max_queue_mib << 20,
        options.rate_limit,
        options.lookups == "open",
        options.tend_s,
    )
    listening = _listen(options.host, options.port)
    host, port = listening.getsockname()[:2]
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    if not settings.keys:
        say(f"note: {KEYS_VARIABLE} is not set; writing needs a key of 'hllm-creator key create'")
    log_to_stderr()
    sys.setswitchinterval(TURN_S)
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(live, settings),
            log_config=None,
            access_log=False,
            server_header=False,
            ws="none",
            timeout_graceful_shutdown=LAST_REQUESTS_S,
        )
    )
    print(f"serving {store.shown} at {address} (page for people: {address}/console)", flush=True)
    before = {number: signal.signal(number, _leave_to_server) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        server.run(sockets=[listening])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        listening.close()
        store.close()
    if not server.started:
        raise HllmCreatorError("the service did not start", cure="see its log above")
    release = live.tables.release
    return {"address": address, "release": None if release is None else release.release}


def _leave_to_server(number: int, frame: FrameType | None) -> None:
    """The server has its own handler while it runs, and raises the signal again when it has ended in order."""


def read_originals(folder: Path | None) -> dict[str, str]:
    """ad_id -> original title of a DATA folder's ads; nothing without one."""
    if folder is None:
        return {}
    from creator.core.data import open_data

    return {str(ad_id): ad.title for ad_id, ad in open_data(folder).ads.items()}


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError):
        raise InputError(f"{host} is not an address of this machine", cure="--host 127.0.0.1") from None
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(place)
        listening.listen(2048)
    except OSError as error:
        listening.close()
        raise InputError(
            f"cannot listen on {host} port {port}", got=error.strerror, cure="name another --port"
        ) from None
    return listening

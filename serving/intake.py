"""Events on their way: onto disk first, then into the store, each once.

A sender is told "kept" when its events are on disk, in the queue of `serving.spool`. One thread writes what has come
in meanwhile with one fsync; another carries the queue into the store, oldest first. While the store is away the queue
grows up to its bound; then senders are told to wait, and nothing that was acknowledged is lost.
"""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import astuple, dataclass, field
from pathlib import Path

from creator.core.errors import HllmCreatorError
from serving.rows import Event
from serving.spool import Spool, SpoolFull, abandoned, claim
from serving.store import Store

LOG = logging.getLogger("serving.intake")
CHUNK_BYTES = 1 << 20  # about 5,000 events a transaction
RETRY_S = 0.5
ADOPT_S = 30.0  # how often to look for what dead processes left
LAST_EVENTS_S = 5.0  # how long the end waits for the queue to reach the store


@dataclass(slots=True)
class Sent:
    """One request's events on their way.

    Args:
        key: what tells this request's record from every other.
        ids: the events' ids.
        record: the events as they lie in the queue.
        queued: done once they are on disk; fails with SpoolFull or OSError when they are not.
        stored: how many were new, once they are in the store; None when the store is away.
    """

    key: str
    ids: tuple[str, ...]
    record: bytes
    queued: Future[None] = field(default_factory=lambda: Future[None]())
    stored: Future[int | None] = field(default_factory=lambda: Future[int | None]())

    def __post_init__(self) -> None:
        # a request that is given up must not take back what the threads are about to answer
        for future in (self.queued, self.stored):
            future.set_running_or_notify_cancel()


class Intake:
    """The events' way into the store.

    Args:
        store: where they go.
        root: the folder below which the queues of this store's servers lie; made when the first event comes.
        max_bytes: the most the queue may hold.
    """

    def __init__(self, store: Store, root: Path, max_bytes: int) -> None:
        self._store, self._root, self._max_bytes = store, root, max_bytes
        self._turn = threading.Condition()
        self._coming: list[Sent] = []
        self._coming_bytes = 0
        self._on_disk: dict[str, Sent] = {}
        self._spool: Spool | None = None
        self._flowing = True  # the store took the last chunk
        self._ending = False  # no more is taken
        self._written = False  # all that was taken is on disk
        self.new = self.repeated = self.damaged = 0
        self._threads = [
            threading.Thread(target=work, name=name, daemon=True)
            for name, work in (("events-to-disk", self._write), ("events-to-store", self._carry))
        ]

    @property
    def waiting_bytes(self) -> int:
        """What the queue holds and the store does not."""
        return self._coming_bytes + (self._spool.bytes if self._spool is not None else 0)

    @property
    def flowing(self) -> bool:
        """Whether the store took what it was given last."""
        return self._flowing

    def start(self) -> None:
        """Begin to write and carry."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Take no more; give the queue a few seconds to reach the store. What does not reach it stays on disk."""
        with self._turn:
            self._ending = True
            self._turn.notify_all()
        writing, carrying = self._threads
        self._end(writing)
        with self._turn:
            self._written = True
            self._turn.notify_all()
        self._end(carrying)
        if self._spool is not None:
            if self.waiting_bytes:
                LOG.warning("events left in the queue", extra={"facts": {"bytes": self.waiting_bytes}})
            if not any(thread.is_alive() for thread in self._threads):
                self._spool.close()

    @staticmethod
    def _end(thread: threading.Thread) -> None:
        if thread.is_alive():
            thread.join(timeout=LAST_EVENTS_S)

    def submit(self, events: Sequence[Event]) -> Sent:
        """Put events on their way.

        Args:
            events: each id once.

        Raises:
            SpoolFull: the queue is full, or the service is ending.
        """
        key = uuid.uuid4().hex
        record = json.dumps([key, [astuple(event) for event in events]], separators=(",", ":")).encode()
        sent = Sent(key, tuple(event.event_id for event in events), record)
        with self._turn:
            if self._ending or self.waiting_bytes + len(record) > self._max_bytes:
                raise SpoolFull
            self._coming.append(sent)
            self._coming_bytes += len(record)
            self._turn.notify_all()
        return sent

    def _write(self) -> None:
        while True:
            with self._turn:
                self._turn.wait_for(lambda: self._coming or self._ending)
                group, self._coming, self._coming_bytes = self._coming, [], 0
                if not group:
                    return
            try:
                if self._spool is None:
                    self._spool = claim(self._root, self._max_bytes)
                # before the append: the carrier may read a record the moment it is on disk
                with self._turn:
                    self._on_disk.update((sent.key, sent) for sent in group)
                self._spool.append([sent.record for sent in group])
            except Exception as error:
                self._refuse(group, error)
                continue
            for sent in group:
                sent.queued.set_result(None)
            with self._turn:
                self._turn.notify_all()

    def _refuse(self, group: list[Sent], error: Exception) -> None:
        if not isinstance(error, SpoolFull):
            LOG.error("events cannot be queued", extra={"facts": {"error": type(error).__name__}})
        with self._turn:
            for sent in group:
                self._on_disk.pop(sent.key, None)
        for sent in group:
            sent.queued.set_exception(error)

    def _carry(self) -> None:
        adopt_at = 0.0
        while True:
            if time.monotonic() >= adopt_at:
                self._adopt()
                adopt_at = time.monotonic() + ADOPT_S
            if self._spool is not None and self._move(self._spool):
                continue
            with self._turn:
                if self._written:
                    return
                pause = max(0.0, adopt_at - time.monotonic()) if self._flowing else RETRY_S
                self._turn.wait_for(lambda: self._written or (self._flowing and self._has_work()), timeout=pause)

    def _has_work(self) -> bool:
        return self._spool is not None and self._spool.bytes > 0

    def _move(self, spool: Spool) -> bool:
        """Carry the oldest records into the store; whether any were carried."""
        try:
            records, size = spool.read(CHUNK_BYTES)
            if not size:
                return False
            batches = [json.loads(record) for record in records]
            events = [Event(*fields) for _, batch in batches for fields in batch]
            fresh = self._store.add_events(events)
            self.damaged += spool.drop(size)
        except (HllmCreatorError, OSError) as error:
            if self._flowing:
                LOG.warning("events wait in the queue", extra={"facts": {"error": type(error).__name__}})
            self._flowing = False
            self._answer(list(self._on_disk), None)
            return False
        if not self._flowing:
            LOG.info("events flow again")
        self._flowing = True
        self.new += len(fresh)
        self.repeated += len(events) - len(fresh)
        self._answer([key for key, _ in batches], set(fresh))
        return True

    def _answer(self, keys: Sequence[str], fresh: set[str] | None) -> None:
        """Tell the senders of these records how many of their events were new; None: not known yet."""
        with self._turn:
            senders = [self._on_disk.pop(key) for key in keys if key in self._on_disk]
        for sent in senders:
            mine = None if fresh is None else fresh.intersection(sent.ids)
            if fresh is not None and mine is not None:
                fresh -= mine
            sent.stored.set_result(None if mine is None else len(mine))

    def _adopt(self) -> None:
        """Carry what dead processes left."""
        try:
            for spool in abandoned(self._root, self._max_bytes):
                while self._move(spool):
                    pass
                spool.close()
        except OSError as error:
            LOG.warning("old queues cannot be read", extra={"facts": {"error": type(error).__name__}})

"""A queue of records on disk: what was appended is there after a kill, until it is dropped.

A folder holds numbered segments, each a file of lines `CRC32 RECORD`. An append is one write and one fsync. A record
that was cut short by a kill was never acknowledged, so it is left out on reading; a record that is damaged otherwise
is counted, and its segment is put aside instead of deleted. Each process has a folder of its own, held by a file lock
that falls with it; the next one takes up what a dead one left.
"""

from __future__ import annotations

import fcntl
import io
import os
import threading
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

SEGMENT_BYTES = 8 << 20  # a segment is deleted as a whole, once all of it is dropped
LOCK = "lock"
SUFFIX = ".records"
DAMAGED = ".damaged"
OURS_ALONE = 0o600


class SpoolFull(Exception):  # noqa: N818 - a state, told to the sender
    """The queue holds as much as it may; nothing was appended."""


@dataclass(slots=True)
class _Segment:
    path: Path
    size: int  # bytes that are whole and on disk
    read: int = 0  # bytes that were handed out and dropped
    damaged: int = 0  # records that could not be read


class Spool:
    """One process's queue. Appending and reading may go on in two threads.

    Args:
        folder: the queue's own folder.
        max_bytes: the most it may hold.

    Raises:
        BlockingIOError: another process holds the folder.
        OSError: the folder cannot be made or read.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder = folder
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._held = _hold(folder / LOCK)
        self._segments = deque(_Segment(path, path.stat().st_size) for path in sorted(folder.glob(f"*{SUFFIX}")))
        self._next = 1 + max((int(s.path.name.removesuffix(SUFFIX)) for s in self._segments), default=0)
        self._file: int | None = None  # the last segment, when this process made it
        self._bytes = sum(segment.size for segment in self._segments)

    @property
    def bytes(self) -> int:
        """What waits, in bytes on disk. Waits for nobody."""
        return self._bytes

    def append(self, records: Sequence[bytes]) -> None:
        """Put records on disk; when it returns they survive a kill and a loss of power.

        Args:
            records: without line breaks.

        Raises:
            SpoolFull: they do not fit; none was appended.
            OSError: the disk refused them; none was appended.
        """
        block = b"".join([b"%08x %s\n" % (zlib.crc32(record), record) for record in records])
        if self._bytes + len(block) > self._max_bytes:
            raise SpoolFull
        with self._lock:
            file = self._open()
            segment = self._segments[-1]
            try:
                written = 0
                while written < len(block):
                    written += os.pwrite(file, block[written:], segment.size + written)
                os.fsync(file)
            except OSError:
                with suppress(OSError):
                    os.ftruncate(file, segment.size)
                self._close_file()  # what the disk holds of it is unknown: the next append begins another
                raise
            segment.size += len(block)
            self._bytes += len(block)

    def read(self, limit_bytes: int) -> tuple[list[bytes], int]:
        """The oldest records, whole ones only.

        Args:
            limit_bytes: about how much at once; one record is read however long it is.

        Returns:
            the records, and what to `drop` when they are dealt with (0: nothing waits).
        """
        with self._lock:
            first = next((s for s in self._segments if s.read < s.size), None)
            if first is None:
                return [], 0
            start, end = first.read, first.size
        with first.path.open("rb") as file:
            file.seek(start)
            block = file.read(min(limit_bytes, end - start))
            if not block.endswith(b"\n") and start + len(block) < end:
                block += file.readline()
        records: list[bytes] = []
        for line in io.BytesIO(block):
            record = _checked(line)
            if record is not None:
                records.append(record)
            elif line.endswith(b"\n"):
                first.damaged += 1
        return records, len(block)

    def drop(self, size: int) -> int:
        """Forget the oldest records.

        Args:
            size: as `read` returned it.

        Returns:
            how many damaged records the segment had, when it was the segment's end.
        """
        with self._lock:
            segment = next(s for s in self._segments if s.read < s.size)
            segment.read += size
            self._bytes -= size
            if segment.read < segment.size:
                return 0
            if self._file is not None and segment is self._segments[-1]:
                if segment.size < SEGMENT_BYTES:
                    os.ftruncate(self._file, 0)
                    segment.size = segment.read = 0
                    return 0
                self._close_file()
            self._segments.remove(segment)
            if segment.damaged:
                segment.path.rename(segment.path.with_name(segment.path.name + DAMAGED))
            else:
                segment.path.unlink()
            return segment.damaged

    def close(self) -> None:
        """Let go of the folder; an empty one is removed."""
        self._close_file()
        if not self.bytes:
            for segment in self._segments:
                segment.path.unlink(missing_ok=True)
            if not any(self.folder.glob(f"*{DAMAGED}")):
                (self.folder / LOCK).unlink(missing_ok=True)
                with suppress(OSError):
                    self.folder.rmdir()
                    self.folder.parent.rmdir()
        os.close(self._held)

    def _open(self) -> int:
        if self._file is not None and self._segments[-1].size < SEGMENT_BYTES:
            return self._file
        self._close_file()
        path = self.folder / f"{self._next:012d}{SUFFIX}"
        self._file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, OURS_ALONE)
        self._next += 1
        self._segments.append(_Segment(path, 0))
        _sync_folder(self.folder)
        return self._file

    def _close_file(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def claim(root: Path, max_bytes: int) -> Spool:
    """A folder below `root` that no other process holds, with what a dead one may have left in it.

    Raises:
        OSError: the folder cannot be made.
    """
    number = 0
    while True:
        try:
            return Spool(root / str(number), max_bytes)
        except BlockingIOError:
            number += 1


def abandoned(root: Path, max_bytes: int) -> Iterator[Spool]:
    """What dead processes left below `root`, in folders that nobody holds now."""
    for folder in sorted(root.glob("[0-9]*")):
        if any(folder.glob(f"*{SUFFIX}")):
            with suppress(BlockingIOError, FileNotFoundError):
                yield Spool(folder, max_bytes)


def _checked(line: bytes) -> bytes | None:
    digits, _, record = line.partition(b" ")
    if not line.endswith(b"\n") or len(digits) != 8 or digits != b"%08x" % zlib.crc32(record[:-1]):
        return None
    return record[:-1]


def _hold(path: Path) -> int:
    while True:
        file = os.open(path, os.O_CREAT | os.O_RDWR, OURS_ALONE)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(file).st_ino == path.stat().st_ino:
                return file
        except FileNotFoundError:  # the one before removed it between our opening and our locking
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except BaseException:
            os.close(file)
            raise
        os.close(file)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

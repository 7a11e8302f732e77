"""A disk that takes no more: how the libraries say so, and how to be told before it is too late."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

FREE_SPACE = "free some space and run the same command again; finished work is kept"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def is_disk_full(error: BaseException) -> bool:
    """Whether an error, or the one it arose from, tells of a disk that takes no more, in whichever library's words.

    Safetensors, tokenizers and SQLite repeat the system's words; numpy and torch only say that less was written than
    should have been.
    """
    met: BaseException | None = error
    while met is not None:
        if _says_full(met):
            return True
        met = met.__cause__ or met.__context__
    return False


def _says_full(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in _FULL
    text = str(error)
    if any(os.strerror(number) in text for number in _FULL):
        return True
    if isinstance(error, RuntimeError):
        return "inline_container.cc" in text or "iostream error" in text
    return isinstance(error, OSError) and " requested and " in text


def in_plain_words(error: BaseException) -> str:
    """What the system says of an error, or else its type: what a library adds may hold anything."""
    return os.strerror(error.errno) if isinstance(error, OSError) and error.errno else type(error).__name__


def free_bytes(path: Path) -> str:
    """How much the disk under a path still takes, for a message."""
    there = next(folder for folder in (path, *path.parents) if folder.exists())
    return f"{shutil.disk_usage(there).free:,} bytes free"


def reserve_space(path: Path) -> None:
    """Have the disk set aside what a file's length promises, before it is written through a memory map.

    On a full disk this is an error; the write would kill the process (SIGBUS).

    Raises:
        OSError: the disk is full.
    """
    with path.open("r+b") as stream:
        os.posix_fallocate(stream.fileno(), 0, path.stat().st_size)

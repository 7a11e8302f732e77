"""Durable progress: one JSON line per finished piece of work."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


class Journal:
    """Lines appended to a file; a line cut short by a kill is dropped when the file is read again.

    Args:
        path: the file; made when first written to.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def rows(self) -> Iterator[dict[str, Any]]:
        """Every whole line. What follows the last whole line is cut off, so that the next append starts afresh."""
        if not self._path.is_file():
            return
        whole = 0
        with self._path.open("rb") as stream:
            for line in stream:
                try:
                    row = json.loads(line) if line.endswith(b"\n") else None
                except ValueError:
                    row = None
                if row is None:
                    break
                whole += len(line)
                yield row
        if whole < self._path.stat().st_size:
            os.truncate(self._path, whole)

    def append(self, row: Mapping[str, object]) -> None:
        """Add a line and hand it to the disk."""
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")
            stream.flush()
            os.fsync(stream.fileno())

"""Tables of any domain."""

from __future__ import annotations

from pathlib import Path

from data_synthesis.sources.tabled import Tabled


def locate(folder: Path) -> dict[str, Path]:
    """The input files by table name."""
    raise NotImplementedError(folder)


def read(files: dict[str, Path], *, train_until: str | None, live_at: str | None) -> Tabled:
    """Read them."""
    raise NotImplementedError(files, train_until, live_at)

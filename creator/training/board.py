"""TensorBoard logs, where they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


class Board:
    """Writes figures for TensorBoard.

    Args:
        folder: where the event files go; None writes nothing and imports nothing.
        step: the step that training goes on from; what an earlier start wrote of later steps is taken back.
    """

    def __init__(self, folder: Path | None, step: int) -> None:
        self._writer = None
        if folder is not None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(folder), purge_step=step + 1)

    def write(self, step: int, figures: Mapping[str, float]) -> None:
        """Write the figures of a step; those of a validation go beside their training figure."""
        if self._writer is not None:
            for name, value in figures.items():
                held = name.removeprefix("valid_")
                self._writer.add_scalar(f"{held}/{'valid' if held != name else 'train'}", value, step)

    def close(self) -> None:
        """Write what is left."""
        if self._writer is not None:
            self._writer.close()

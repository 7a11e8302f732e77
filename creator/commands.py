"""The commands that `creator` brings to the program."""

from __future__ import annotations

from creator.core.command import Command
from creator.pipeline.run import RunOptions

COMMANDS: tuple[Command, ...] = (
    Command(
        "run",
        "bring every stage of a run up to date, from the logs to the store and the report",
        RunOptions,
        "creator.pipeline.run:run",
        "hllm-creator run --config configs/demo.toml --out runs/demo --set clusters.k=40",
    ),
)

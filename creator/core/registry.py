"""Every package's commands, found through the entry-point group `hllm_creator.commands`."""

from __future__ import annotations

from importlib.metadata import entry_points

from creator.core.command import Command

GROUP = "hllm_creator.commands"
ORDER = (
    "ingest",
    "synthesize",
    "examples",
    "pretrain",
    "train",
    "train-verifier",
    "align",
    "embed",
    "choose-k",
    "cluster",
    "assign",
    "prune",
    "generate",
    "audit",
    "review",
    "publish",
    "release",
    "key",
    "serve",
    "evaluate",
    "experiment",
    "export",
    "convert",
    "run",
    "report",
)


def commands() -> dict[str, Command]:
    """Every installed command by name, in the order of the data's way through the system."""
    found = [command for point in entry_points(group=GROUP) for command in point.load()]

    def place(command: Command) -> tuple[int, str]:
        first = command.name.split()[0]
        return (ORDER.index(first) if first in ORDER else len(ORDER), command.name)

    return {command.name: command for command in sorted(found, key=place)}

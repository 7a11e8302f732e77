"""The commands that `data_synthesis` brings to the program."""

from __future__ import annotations

from creator.core.command import Command

COMMANDS: tuple[Command, ...] = ()

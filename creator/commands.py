"""The commands that `creator` brings to the program."""

from __future__ import annotations

from creator.core.command import Command

COMMANDS: tuple[Command, ...] = ()

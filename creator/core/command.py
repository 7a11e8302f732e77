"""Commands: options declared once as a dataclass, read from the command line or from a configuration section.

A command's options are a frozen dataclass whose fields are made with `option(...)`. From it come the flags, the
`--help` text, the configuration keys and the error messages, so that there is one definition of every setting.
This module imports nothing heavy: `hllm-creator --help` loads every command's declaration.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import inspect
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from creator.core.errors import UsageError

T = TypeVar("T")


def option(default: object = dataclasses.MISSING, *, help: str, flags: Sequence[str] = (), writes: bool = False) -> Any:
    """Declare one setting.

    Args:
        default: its value when it is not given; left out, the setting is required.
        help: one line for `--help`.
        flags: further short flags, such as ("-k",).
        writes: the setting is a path that the command writes to beside its `out`; a run does not take what lies
            there for an input.
    """
    return dataclasses.field(default=default, metadata={"help": help, "flags": tuple(flags), "writes": writes})


@dataclass(frozen=True, slots=True)
class Command:
    """One command of the program.

    Args:
        name: as typed, possibly two words ("evaluate titles").
        summary: one line for the list of commands.
        options: the dataclass of its settings.
        run: "package.module:function", imported when the command runs; it takes the options and returns a flat
            summary that `--json` prints.
        example: a call a newcomer can copy.
    """

    name: str
    summary: str
    options: type
    run: str
    example: str

    def execute(self, options: object) -> Mapping[str, object]:
        """Import the command's function and call it."""
        module, _, function = self.run.partition(":")
        return getattr(importlib.import_module(module), function)(options)


@dataclass(frozen=True, slots=True)
class _Shape:
    """How a field's annotation is read from text: its element type, its choices, and whether it repeats."""

    convert: type
    choices: tuple[str, ...]
    many: bool
    boolean: bool


def _shape(annotation: object) -> _Shape:
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        annotation = next(a for a in typing.get_args(annotation) if a is not type(None))
    if typing.get_origin(annotation) is typing.Literal:
        return _Shape(str, typing.get_args(annotation), many=False, boolean=False)
    if typing.get_origin(annotation) is tuple:
        inner = _shape(typing.get_args(annotation)[0])
        return dataclasses.replace(inner, many=True)
    if annotation is bool:
        return _Shape(bool, (), many=False, boolean=True)
    if isinstance(annotation, type) and annotation in (str, int, float, Path):
        return _Shape(annotation, (), many=False, boolean=False)
    raise TypeError(f"an option cannot have the type {annotation!r}")


def add_arguments(parser: argparse.ArgumentParser, options: type) -> None:
    """Give the parser one flag for each field of an options dataclass: what must be given, its own, what it shares."""
    hints = typing.get_type_hints(options)
    for field in _in_order(options):
        shape = _shape(hints[field.name])
        required = field.default is dataclasses.MISSING
        text = field.metadata["help"]
        if required:
            text += " (required)"
        elif field.default not in (None, "", ()) and not shape.boolean:
            text += f" (default: {field.default})"
        keywords: dict[str, Any] = {"dest": field.name, "help": text.replace("%", "%%"), "default": argparse.SUPPRESS}
        if shape.boolean:
            keywords["action"] = argparse.BooleanOptionalAction
        else:
            keywords["metavar"] = _placeholder(field.name, shape)
            if shape.many:
                keywords |= {"nargs": "*", "action": "extend"}
        parser.add_argument(*field.metadata["flags"], _flag(field.name), **keywords)


def required_flags(options: type) -> list[str]:
    """The flags that must be given, each with what follows it, as a usage line shows them."""
    hints = typing.get_type_hints(options)
    return [
        f"{_flag(field.name)} {_placeholder(field.name, _shape(hints[field.name]))}"
        for field in dataclasses.fields(options)
        if field.default is dataclasses.MISSING
    ]


def _in_order(options: type) -> list[dataclasses.Field[object]]:
    own = inspect.get_annotations(options)
    return sorted(
        dataclasses.fields(options), key=lambda field: (field.default is not dataclasses.MISSING, field.name not in own)
    )


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _placeholder(name: str, shape: _Shape) -> str:
    return "|".join(shape.choices) or _metavar(name, shape)


def _metavar(name: str, shape: _Shape) -> str:
    if shape.convert is Path:
        return name.upper()
    return {int: "N", float: "X"}.get(shape.convert, "TEXT")


def read_options(options: type[T], values: Mapping[str, object], where: str) -> T:
    """Make the options from raw values (flags' text, or a configuration section's), reporting all faults at once.

    Args:
        options: the dataclass to fill.
        values: raw value by field name.
        where: how the faults name their place: "hllm-creator train" or "[model]".

    Raises:
        UsageError: a value is missing, unknown, or of the wrong type or range; every such fault is listed.
    """
    hints = typing.get_type_hints(options)
    known = {field.name: field for field in dataclasses.fields(typing.cast(Any, options))}
    faults: list[str] = []
    for name in values:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else f"; it has: {', '.join(known)}"
            faults.append(f"{where}: no setting '{name}'{hint}")
    made: dict[str, object] = {}
    for name, field in known.items():
        if name in values:
            try:
                made[name] = _convert(_shape(hints[name]), values[name])
            except ValueError as error:
                faults.append(f"{where}: {name}: {error}")
        elif field.default is dataclasses.MISSING:
            faults.append(f"{where}: '{name}' is required ({field.metadata['help']})")
    if not faults and hasattr(options, "faults"):
        faults = [
            f"{where}: {fault}"
            for fault in typing.cast(Any, options).faults(
                types.SimpleNamespace(**{**{n: f.default for n, f in known.items()}, **made})
            )
        ]
    if faults:
        raise UsageError(faults)
    return options(**made)


def _convert(shape: _Shape, value: object) -> object:
    if shape.many:
        parts = typing.cast(Sequence[object], value if isinstance(value, list | tuple) else [value])
        return tuple(_convert(dataclasses.replace(shape, many=False), part) for part in parts)
    if value is None:
        return None
    if shape.choices:
        if value not in shape.choices:
            raise ValueError(f"got '{value}', expected one of {', '.join(shape.choices)}")
        return value
    if shape.boolean:
        if isinstance(value, bool) or value in ("true", "false"):
            return value in (True, "true")
        raise ValueError(f"got '{value}', expected true or false")
    if shape.convert is int and isinstance(value, float | bool):
        raise ValueError(f"got {value}, expected a whole number")
    try:
        return shape.convert(typing.cast(Any, value))
    except (TypeError, ValueError):
        kind = {int: "a whole number", float: "a number", Path: "a path"}.get(shape.convert, "text")
        raise ValueError(f"got '{value}', expected {kind}") from None

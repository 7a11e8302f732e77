"""The program `hllm-creator`: finds every package's commands by entry point and runs one."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import NoReturn

from creator.core.command import Command, add_arguments, read_options, required_flags
from creator.core.disk import FREE_SPACE, in_plain_words, is_disk_full
from creator.core.errors import HllmCreatorError, UsageError
from creator.core.registry import commands


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError([f"{self.prog}: {message}"], cure=f"{self.prog} --help")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit status: 0 done, 1 the work failed, 2 the call or configuration is wrong."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        return _main(arguments)
    except HllmCreatorError as error:
        return _fail(str(error), error.exit_code, arguments)
    except KeyboardInterrupt:
        return _fail("interrupted; run the same command again to go on where it stopped", 130, arguments)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # the world's faults (a full disk, a missing right) are told; the code's are raised
        place = f": {error.filename}" if isinstance(error, OSError) and error.filename else ""
        if is_disk_full(error):
            return _fail(str(HllmCreatorError(f"the disk is full{place}", cure=FREE_SPACE)), 1, arguments)
        if not isinstance(error, OSError):
            raise
        return _fail(f"{in_plain_words(error)}{place}", 1, arguments)


def _fail(what: str, status: int, arguments: Sequence[str]) -> int:
    print(f"hllm-creator: {what}", file=sys.stderr)
    if "--json" in arguments:
        print(json.dumps({"status": "failed", "error": what}, ensure_ascii=False))
    return status


def parser_of(command: Command) -> argparse.ArgumentParser:
    """The parser of one command's flags; required settings are checked later, with all the others."""
    parser = _Parser(
        prog=f"hllm-creator {command.name}",
        usage=" ".join(("%(prog)s", *required_flags(command.options), "[options]")),
        description=command.summary,
        allow_abbrev=False,
        epilog=f"example:\n  {command.example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser, command.options)
    parser.add_argument("--json", action="store_true", help="print one machine-readable summary line last")
    return parser


def _main(arguments: list[str]) -> int:
    known = commands()
    words = next((n for n in (2, 1) if " ".join(arguments[:n]) in known), 0)
    if not words:
        return _overview(arguments, known)
    command = known[" ".join(arguments[:words])]
    values = vars(parser_of(command).parse_args(arguments[words:]))
    as_json = values.pop("json")
    summary = command.execute(read_options(command.options, values, f"hllm-creator {command.name}"))
    if as_json:
        print(json.dumps({"status": "done", **summary}, ensure_ascii=False, default=str))
    return 0


def _overview(arguments: list[str], known: dict[str, Command]) -> int:
    if arguments[:1] == ["--version"]:
        print(f"hllm-creator {version('hllm-creator')}")
        return 0
    width = max((len(name) for name in known), default=0)
    text = (
        "usage: hllm-creator COMMAND [options]      (hllm-creator COMMAND --help explains one)\n\n"
        "Personalised ad titles that are true.\n\n"
        + "\n".join(f"  {name:<{width}}  {command.summary}" for name, command in known.items())
        + "\n\nexample:\n  hllm-creator run --config configs/demo.toml --out runs/demo"
    )
    first = arguments[0] if arguments else ""
    if first in ("", "-h", "--help"):
        print(text)
        return 0 if first else 2
    family = [name for name in known if name.split()[0] == first]
    if family and set(arguments[1:]) <= {"-h", "--help"}:
        print("\n".join(f"  {name:<{width}}  {known[name].summary}" for name in family))
        return 0
    from difflib import get_close_matches

    near = get_close_matches(" ".join(arguments[:2]), known, n=1) or get_close_matches(first, known, n=1)
    raise UsageError(
        [f"no command '{first}'" + (f"; did you mean '{near[0]}'?" if near else "")], cure="hllm-creator --help"
    )


if __name__ == "__main__":
    sys.exit(main())

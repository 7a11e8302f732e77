"""One declaration gives flags, configuration keys and messages; every fault is told at once."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Literal

import pytest

from creator.core.command import add_arguments, option, read_options
from creator.core.errors import UsageError


@dataclass(frozen=True, slots=True)
class Options:
    out: Path = option(help="where to")
    source: Literal["logs", "tables"] = option("logs", help="where from")
    steps: int = option(10, help="how many steps")
    rate: float = option(1e-3, help="how fast, 100% at most")
    shuffle: bool = option(True, help="in any order")
    limit: int | None = option(None, help="at most", flags=("-n",))
    names: tuple[str, ...] = option((), help="which ones")
    sizes: tuple[int, ...] = option((1, 2), help="how big")

    @staticmethod
    def faults(options: SimpleNamespace) -> list[str]:
        found = []
        if options.steps < 1:
            found.append(f"steps: got {options.steps}, expected at least 1")
        if not 0 < options.rate <= 1:
            found.append(f"rate: got {options.rate}, expected above 0, at most 1")
        return found


def _parse(*words: str) -> dict[str, object]:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_arguments(parser, Options)
    return vars(parser.parse_args(words))


def test_flags_become_typed_options_and_the_rest_keep_their_defaults() -> None:
    values = _parse(
        "--out",
        "a b",
        "--steps",
        "3",
        "--rate=0.5",
        "--no-shuffle",
        "-n",
        "7",
        "--names",
        "x",
        "y",
        "--names=-z",
        "--sizes",
        "5",
    )
    made = read_options(Options, values, "cmd")
    assert made == Options(Path("a b"), "logs", 3, 0.5, False, 7, ("x", "y", "-z"), (5,))
    assert read_options(Options, _parse("--out", "o"), "cmd") == Options(Path("o"), sizes=(1, 2))


def test_a_configuration_section_reads_like_the_flags() -> None:
    section = {"out": "o", "steps": 3, "rate": 1, "shuffle": False, "limit": None, "names": ["x"], "sizes": [5, 6]}
    assert read_options(Options, section, "[s]") == Options(Path("o"), "logs", 3, 1.0, False, None, ("x",), (5, 6))


def test_all_faults_are_told_at_once_with_their_place_and_a_near_name() -> None:
    with pytest.raises(UsageError) as caught:
        read_options(
            Options,
            {"sauce": "x", "source": "web", "steps": "ten", "rate": "fast", "shuffle": "maybe", "sizes": [1, "big"]},
            "[s]",
        )
    assert sorted(caught.value.faults) == sorted(
        [
            "[s]: no setting 'sauce'; did you mean 'source'?",
            "[s]: source: got 'web', expected one of logs, tables",
            "[s]: steps: got 'ten', expected a whole number",
            "[s]: rate: got 'fast', expected a number",
            "[s]: shuffle: got 'maybe', expected true or false",
            "[s]: sizes: got 'big', expected a whole number",
            "[s]: 'out' is required (where to)",
        ]
    )
    assert caught.value.exit_code == 2
    assert str(caught.value).startswith("7 faults:\n  - ")


def test_range_faults_are_told_together() -> None:
    with pytest.raises(UsageError) as caught:
        read_options(Options, {"out": "o", "steps": 0, "rate": 2}, "cmd")
    assert caught.value.faults == (
        "cmd: steps: got 0, expected at least 1",
        "cmd: rate: got 2.0, expected above 0, at most 1",
    )


@pytest.mark.parametrize("value", [2.5, True, "2.5", ""])
def test_a_whole_number_is_never_rounded_from_something_else(value: object) -> None:
    with pytest.raises(UsageError, match="expected a whole number"):
        read_options(Options, {"out": "o", "steps": value}, "cmd")


def test_an_annotation_that_no_flag_can_carry_is_a_programming_error() -> None:
    @dataclass
    class Odd:
        table: dict[str, int] = option(help="no")

    with pytest.raises(TypeError, match="cannot have the type"):
        add_arguments(argparse.ArgumentParser(), Odd)


def test_help_names_defaults_choices_and_what_is_required(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser, Options)
    parser.print_help()
    text = " ".join(capsys.readouterr().out.split())
    for words in (
        "--out OUT where to (required)",
        "--source logs|tables",
        "how many steps (default: 10)",
        "how fast, 100% at most (default: 0.001)",
        "--no-shuffle",
    ):
        assert words in text

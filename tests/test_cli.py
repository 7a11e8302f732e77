"""The program's manners: exit codes, no traceback, quick and useful help."""

from __future__ import annotations

import json
import resource
import shlex
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from creator import cli
from creator.core.command import Command, option
from creator.core.errors import InputError
from creator.core.registry import commands

CONTRACT = {
    "ingest",
    "synthesize",
    "train",
    "embed",
    "cluster",
    "prune",
    "generate",
    "audit",
    "publish",
    "serve",
    "run",
}


def _call(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "creator", *words], capture_output=True, text=True, check=False)


def test_help_lists_the_contracts_commands_in_half_a_second() -> None:
    took_s = []
    for _ in range(5):
        before = _processor_s()
        done = _call("--help")
        took_s.append(_processor_s() - before)
    assert done.returncode == 0
    assert {line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")} >= CONTRACT
    assert statistics.median(took_s) < 0.5


def _processor_s() -> float:
    """What the child processes have taken of the processors: the wait on a busy machine is not the program's doing."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_commands_help_has_an_example_that_parses(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = commands()[name]
    with pytest.raises(SystemExit) as caught:
        cli.main([*name.split(), "--help"])
    assert caught.value.code == 0
    assert f"example:\n  {command.example}" in capsys.readouterr().out
    words = shlex.split(command.example)
    words = words[words.index("hllm-creator") + 1 :]
    assert words[: len(name.split())] == name.split()
    cli.parser_of(command).parse_args(words[len(name.split()) :])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["clutser"], "no command 'clutser'; did you mean 'cluster'?"),
        (["run"], "2 faults:\n  - hllm-creator run: 'config' is required"),
        (["run", "--config"], "expected one argument"),
        (["run", "--config", "none.toml", "--out", "x", "--frobnicate"], "unrecognized arguments: --frobnicate"),
        (["run", "--config", "none.toml", "--out", "x"], "--config none.toml: No such file"),
    ],
)
def test_a_wrong_call_exits_2_and_says_what_is_wrong(words: list[str], said: str) -> None:
    done = _call(*words)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_no_words_at_all_show_the_help_and_exit_2() -> None:
    done = _call()
    assert done.returncode == 2
    assert "usage: hllm-creator" in done.stdout


def test_a_family_of_commands_lists_its_members() -> None:
    done = _call("release", "--help")
    assert done.returncode == 0
    assert "release list" in done.stdout


@dataclass(frozen=True, slots=True)
class Options:
    how: str = option("well", help="how it goes")


def go(options: Options) -> dict[str, object]:
    match options.how:
        case "badly":
            raise InputError("it went badly", cure="go well")
        case "full":
            raise OSError(28, "No space left on device", "some/file")
        case "stopped":
            raise KeyboardInterrupt
        case "wrongly":
            raise ZeroDivisionError
        case _:
            return {"rows": 3, "path": Path("x")}


@pytest.fixture
def _program(monkeypatch: pytest.MonkeyPatch) -> None:
    command = Command("go", "go somewhere", Options, "tests.test_cli:go", "hllm-creator go")
    monkeypatch.setattr(cli, "commands", lambda: {"go": command})


@pytest.mark.usefixtures("_program")
@pytest.mark.parametrize(
    ("how", "status", "said"),
    [
        ("badly", 1, "hllm-creator: it went badly; try: go well"),
        ("full", 1, "hllm-creator: the disk is full: some/file; try: free some space"),
        ("stopped", 130, "run the same command again"),
    ],
)
def test_a_failure_has_its_exit_code_one_line_and_a_json_summary(
    how: str, status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["go", "--how", how, "--json"]) == status
    out, err = capsys.readouterr()
    assert said in err
    assert err.count("\n") == 1
    assert json.loads(out.splitlines()[-1])["status"] == "failed"


@pytest.mark.usefixtures("_program")
def test_a_defect_of_the_program_is_not_dressed_up_as_a_users_fault() -> None:
    with pytest.raises(ZeroDivisionError):
        cli.main(["go", "--how", "wrongly"])


@pytest.mark.usefixtures("_program")
def test_json_prints_one_summary_line_last(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["go", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"status": "done", "rows": 3, "path": "x"}


def test_a_reader_that_leaves_early_is_no_traceback() -> None:
    done = subprocess.run(
        f"{sys.executable} -m creator --help | true", shell=True, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr

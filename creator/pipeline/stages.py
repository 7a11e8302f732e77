"""The stages of a run, and the plan that a configuration makes of them.

A stage's settings are a section of the configuration; its keys are the options of the stage's command. Options that
name an artefact of the run (`data`, `model`, ...), `out` and `run` are filled in here.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

from creator.core.command import Command, read_options
from creator.core.errors import UsageError

Settings = dict[str, dict[str, object]]


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of a run.

    Args:
        section: its section of the configuration, and its name in messages.
        command: the command that does the work.
        gives: the option by which later commands read its output.
        outputs: what it leaves in RUN; the first is what `gives` names.
        kind: the artefact's kind, or "" when the outputs are plain files.
        optional: done only if the configuration has its section.
        closing: what it prints ends every run, also one that finds it fresh.
        also: options of its command that read an earlier stage under another name, as (option, that stage's `gives`).
    """

    section: str
    command: str
    gives: str
    outputs: tuple[str, ...]
    kind: str = ""
    optional: bool = False
    closing: bool = False
    also: tuple[tuple[str, str], ...] = ()


STAGES = (
    Stage("data", "ingest", "data", ("data",), "data"),
    Stage("examples", "synthesize", "examples", ("examples",), "examples"),
    Stage("pretrain", "pretrain", "init", ("pretrained",), "model", optional=True),
    Stage("model", "train", "model", ("model",), "model"),
    Stage("embeddings", "embed", "embeddings", ("embeddings",), "embeddings"),
    Stage("clusters", "cluster", "clusters", ("clusters",), "clusters"),
    Stage("pairs", "prune", "pairs", ("pairs",), "pairs"),
    Stage("titles", "generate", "titles", ("titles",), "titles"),
    Stage("audit", "audit", "audit", ("audit",), "audit", also=(("ads", "data"),)),
    Stage("store", "publish", "store", ("store.db",)),
    Stage("evaluation_titles", "evaluate titles", "evaluation_titles", ("evaluation_titles",), "evaluation"),
    Stage("evaluation_matching", "evaluate matching", "evaluation_matching", ("evaluation_matching",), "evaluation"),
    Stage("report", "report", "report", ("report.html", "summary.json"), closing=True),
)


@dataclass(frozen=True, slots=True)
class Job:
    """A stage with its settings, ready to run.

    Args:
        stage: which stage.
        options: the command's options, complete.
        reads: the earlier stages whose outputs it reads.
        filled: the options that the run fills in, by name.
    """

    stage: Stage
    options: object
    reads: tuple[Stage, ...]
    filled: Mapping[str, object]

    def settings(self) -> dict[str, object]:
        """The options that the configuration decides, defaults included."""
        return {name: getattr(self.options, name) for name in self._fields() if name not in self.filled}

    def written(self) -> set[str]:
        """The options that are paths the command writes to."""
        return {name for name, field in self._fields().items() if field.metadata["writes"]}

    def _fields(self) -> dict[str, dataclasses.Field[object]]:
        return {field.name: field for field in dataclasses.fields(cast(Any, self.options))}

    def arguments(self) -> list[str]:
        """The command line of the job, after the program's name."""
        words = self.stage.command.split()
        for name, field in self._fields().items():
            value = getattr(self.options, name)
            flag = "--" + name.replace("_", "-")
            if value is None or (value == field.default and name not in self.filled):
                continue
            if isinstance(value, bool):
                words.append(flag if value else flag.replace("--", "--no-", 1))
            elif isinstance(value, tuple):
                words += [f"{flag}={part}" for part in cast(tuple[object, ...], value)]
            else:
                words.append(f"{flag}={value}")
        return words


def read_settings(config: Path, changes: Sequence[str]) -> Settings:
    """Read a configuration and apply `section.key=value` changes to it.

    Args:
        config: a TOML file of sections.
        changes: each overrides one key; the value is TOML (a number, true, a list) or else plain text.

    Raises:
        UsageError: the file is missing or no TOML, or a change has another form; all faults are listed.
    """
    try:
        raw = tomllib.loads(config.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError([f"--config {config}: {error.strerror}"], cure="the configurations lie in configs/") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError([f"{config} is not TOML: {error}"], cure="mend the file; it must be UTF-8 text") from None
    settings: Settings = {name: value for name, value in raw.items() if isinstance(value, dict)}
    faults = [f"{config}: '{name}' stands outside any section" for name in raw if name not in settings]
    for change in changes:
        name, equals, value = change.partition("=")
        section, dot, key = name.partition(".")
        if not (equals and dot and section and key):
            faults.append(f"--set {change}: expected section.key=value")
            continue
        settings.setdefault(section, {})[key] = _value(value)
    if faults:
        raise UsageError(faults)
    return settings


def _value(text: str) -> object:
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
    return value if isinstance(value, bool | int | float | list | str) else text


def plan(settings: Settings, run: Path, known: Mapping[str, Command], stages: Sequence[Stage] = STAGES) -> list[Job]:
    """Check every section against its command's options and fill in the run's own paths.

    Args:
        settings: sections of raw values.
        run: the RUN folder.
        known: the program's commands by name.
        stages: the stages in order.

    Raises:
        UsageError: with the faults of all sections.
    """
    sections = [stage.section for stage in stages]
    faults: list[str] = []
    for section in settings:
        if section not in sections:
            near = get_close_matches(section, sections, n=1)
            hint = f"did you mean [{near[0]}]?" if near else f"there are: {', '.join(sections)}"
            faults.append(f"no section [{section}]; {hint}")
    jobs: list[Job] = []
    done: list[Stage] = []
    for stage in stages:
        if stage.optional and stage.section not in settings:
            continue
        if stage.command not in known:
            faults.append(f"[{stage.section}]: the command '{stage.command}' is not installed")
        else:
            try:
                jobs.append(_job(stage, settings.get(stage.section, {}), run, known[stage.command].options, done))
            except UsageError as error:
                faults += error.faults
        done.append(stage)
    if faults:
        raise UsageError(faults)
    return jobs


def _job(stage: Stage, given: Mapping[str, object], run: Path, options: type, earlier: Sequence[Stage]) -> Job:
    names = {field.name for field in dataclasses.fields(options)}
    read = {other.gives: other for other in earlier}
    read |= {name: read[source] for name, source in stage.also if source in read}
    read = {name: other for name, other in read.items() if name in names}
    own = {"out": stage, "run": stage} if stage.kind else {"out": stage, "run": stage, stage.gives: stage}
    filled: dict[str, object] = {
        name: _address(name, run / other.outputs[0]) if name != "run" else run
        for name, other in {**read, **own}.items()
        if name in names
    }
    if stage.gives == "store" and "store" in given:  # titles may go to another store than the run's own
        filled.pop("store", None)
    where = f"[{stage.section}]"
    faults = [f"{where}: '{name}' is filled in by the run" for name in given if name in filled]
    try:
        made = read_options(options, {**given, **filled}, where)
    except UsageError as error:
        raise UsageError([*faults, *error.faults]) from None
    if faults:
        raise UsageError(faults)
    reads = tuple(earlier) if "run" in filled else tuple(dict.fromkeys(read.values()))
    return Job(stage, made, reads, filled)


def _address(name: str, path: Path) -> object:
    return f"sqlite:///{path}" if name == "store" else path

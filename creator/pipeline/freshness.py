"""Which stages are stale: records of what each stage was made from, beside the artefacts.

`RUN/.stages/SECTION.json` is written just before a stage starts and holds digests of its settings and inputs. A stage
is fresh while its output is whole and the record still says the same. An output appears under its name only when it is
whole, so a record that was written before a kill is enough to know a finished output again after it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import cast

from creator.core.artefacts import Artefact, config_digest, file_digest, open_artefact, write_text
from creator.core.errors import ArtefactError
from creator.pipeline.stages import Job, Stage

HASHED_WHOLE_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Record:
    """What a stage was made from.

    Args:
        settings: digest of each setting's value by name (for a path, of what lies there).
        inputs: digest of each artefact it reads, by the artefact's name.
        finished: whether the stage was seen to end well.
    """

    settings: Mapping[str, str]
    inputs: Mapping[str, str]
    finished: bool = False


def stage_record(job: Job, run: Path) -> Record:
    """The record that a stage would get if it ran now; its inputs must be whole."""
    written = job.written()
    settings = {
        name: config_digest(value) if name in written else setting_digest(value)
        for name, value in job.settings().items()
    }
    if job.stage.closing:  # its words name the folder
        settings["run"] = config_digest(str(run))
    return Record(settings, {stage.section: output_digest(stage, run) for stage in job.reads})


def staleness(job: Job, run: Path, now: Record) -> str:
    """Why a stage must run, in a few words, or "" when it is fresh.

    Raises:
        ArtefactError: its output is there but no run made it.
    """
    stage = job.stage
    before = read_record(stage, run)
    present = [name for name in stage.outputs if (run / name).exists()]
    if before is None:
        if present and stage.kind:
            raise ArtefactError(f"{run / present[0]} was not made by a run", cure="move it away, or name another --out")
        return "new"
    if len(present) < len(stage.outputs) and not _elsewhere(job):
        return "unfinished" if not before.finished else "its output is gone"
    if stage.kind and (fault := _damage(run / stage.outputs[0], stage.kind)):
        return fault
    if not stage.kind and not before.finished:
        return "unfinished"
    changed = [*_differences(before.settings, now.settings), *_differences(before.inputs, now.inputs)]
    return f"changed: {', '.join(changed)}" if changed else ""


def _differences(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]


def begin(job: Job, run: Path, record: Record) -> None:
    """Set what is stale aside, then write down what the stage is about to be made from.

    In that order, the record before the output, so that after a kill no output stands beside another's record.
    """
    output, place = run / job.stage.outputs[0], _place(job.stage, run)
    if job.stage.kind and output.exists():
        sweep(job.stage, run)
        shutil.copyfile(place, _aside(place))
        output.replace(_aside(output))
    _write(job.stage, run, record)


def give_back(job: Job, run: Path) -> None:
    """Put back what `begin` set aside: the stage failed, and what it was to replace is not lost."""
    output, place = run / job.stage.outputs[0], _place(job.stage, run)
    if _aside(output).exists() and _aside(place).exists() and not output.exists():
        shutil.copyfile(_aside(place), place)
        _aside(output).replace(output)
        _aside(place).unlink()


def finish(job: Job, run: Path, record: Record, words: str) -> None:
    """Write down that the stage ended well, and what it said if that is to be said again.

    Raises:
        ArtefactError: it did not leave a whole output.
    """
    for name in job.stage.outputs:
        if not (run / name).exists() and not _elsewhere(job):
            raise ArtefactError(f"'{job.stage.command}' ended without making {run / name}")
    if job.stage.kind:
        open_artefact(run / job.stage.outputs[0], job.stage.kind)
    if job.stage.closing:
        write_text(_place(job.stage, run).with_suffix(".txt"), words)
    _write(job.stage, run, replace(record, finished=True))
    sweep(job.stage, run)


def read_words(stage: Stage, run: Path) -> str:
    """What a closing stage said when it last ran; "" for the others."""
    return _place(stage, run).with_suffix(".txt").read_text(encoding="utf-8") if stage.closing else ""


def sweep(stage: Stage, run: Path) -> None:
    """Delete what was set aside."""
    shutil.rmtree(_aside(run / stage.outputs[0]), ignore_errors=True)
    _aside(_place(stage, run)).unlink(missing_ok=True)


def read_record(stage: Stage, run: Path) -> Record | None:
    """The record a stage has, or None."""
    try:
        raw = json.loads(_place(stage, run).read_text(encoding="utf-8"))
        return Record(raw["settings"], raw["inputs"], raw["finished"])
    except (OSError, ValueError, KeyError):
        return None


def output_digest(stage: Stage, run: Path) -> str:
    """Identity of a finished stage's output; a store changes by itself, so its record stands for it."""
    if stage.kind:
        return open_artefact(run / stage.outputs[0], stage.kind).digest
    record = read_record(stage, run)
    return config_digest(None if record is None else [record.settings, record.inputs])


def setting_digest(value: object) -> str:
    """Identity of a setting's value; a path, or a text that names one, stands for what lies there."""
    if isinstance(value, tuple):
        return config_digest([setting_digest(part) for part in cast(tuple[object, ...], value)])
    if isinstance(value, Path) or (isinstance(value, str) and _exists(value)):
        return _path_digest(Path(value))
    return config_digest(value)


def _exists(text: str) -> bool:
    try:
        return os.sep in text and Path(text).exists()
    except (OSError, ValueError):
        return False


def _path_digest(path: Path) -> str:
    """Content of a file or folder; a file of more than 64 MiB counts by its size and time of change."""
    if not path.exists():
        return config_digest(["nothing there", str(path)])
    found = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    return config_digest([[str(p.relative_to(path)), _content(p)] for p in found])


def _content(path: Path) -> object:
    stat = path.stat()
    return file_digest(path) if stat.st_size <= HASHED_WHOLE_BYTES else [stat.st_size, stat.st_mtime_ns]


def _damage(path: Path, kind: str) -> str:
    try:
        artefact: Artefact = open_artefact(path, kind)
    except ArtefactError:
        return "its output is not whole"
    listed = cast(Mapping[str, Mapping[str, int]], artefact.manifest.get("files") or {})
    for name, entry in listed.items():
        file = path / name
        if not file.is_file() or file.stat().st_size != entry["bytes"]:
            return f"{name} is missing or cut short"
    return ""


def _elsewhere(job: Job) -> bool:
    """Whether the titles go to a store outside the run."""
    return job.stage.gives == "store" and "store" not in job.filled


def _aside(path: Path) -> Path:
    return path.with_name(path.name + ".stale")


def _place(stage: Stage, run: Path) -> Path:
    return run / ".stages" / f"{stage.section}.json"


def _write(stage: Stage, run: Path, record: Record) -> None:
    place = _place(stage, run)
    place.parent.mkdir(parents=True, exist_ok=True)
    write_text(place, json.dumps(asdict(record), indent=1))

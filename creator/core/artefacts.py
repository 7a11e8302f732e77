"""Artefact folders: written aside, renamed when whole, with `manifest.json` last.

A stage writes into `OUT.partial`; work that a kill interrupts finds its half-done folder there and goes on. When the
stage is done the manifest is written and the folder takes its name in one rename, so that a folder under its own name
is always whole.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import cast

from creator.core.disk import FREE_SPACE, free_bytes, in_plain_words, is_disk_full
from creator.core.errors import ArtefactError

SCHEMA_VERSION = 1
MANIFEST = "manifest.json"
MADE_BY = {
    "data": "ingest",
    "examples": "synthesize",
    "model": "train",
    "embeddings": "embed",
    "clusters": "cluster",
    "pairs": "prune",
    "titles": "generate",
    "audit": "audit",
    "verifier": "train-verifier",
    "evaluation": "evaluate",
}

_NO_PLACE = (errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOTDIR, errno.EEXIST)


@dataclass(frozen=True, slots=True)
class Artefact:
    """A whole artefact folder, opened for reading.

    Args:
        path: the folder.
        kind: "data", "examples", "model", "embeddings", "clusters", "pairs", "titles" or "audit".
        manifest: what its manifest says.
    """

    path: Path
    kind: str
    manifest: Mapping[str, object]

    @property
    def digest(self) -> str:
        """Identity of the content: a SHA-256 over the files' digests, the settings and the facts, but no times."""
        return config_digest(
            [self.manifest.get(name) for name in ("schema_version", "kind", "config", "files", "facts")]
        )

    @property
    def facts(self) -> dict[str, object]:
        """What the stage wrote down about its output beyond the rows (split times, figures)."""
        return dict(cast(Mapping[str, object], self.manifest.get("facts") or {}))


@dataclass(slots=True)
class Draft:
    """An artefact being written.

    Args:
        path: the folder to write files into; files of an interrupted attempt with the same fingerprint are in it.
        resumed: whether such files were found.
        rows: row counts to record, by name; set them before the draft closes.
        facts: further figures to record.
    """

    path: Path
    resumed: bool
    rows: dict[str, int] = field(default_factory=lambda: dict[str, int]())
    facts: dict[str, object] = field(default_factory=lambda: dict[str, object]())


def open_artefact(path: Path, kind: str) -> Artefact:
    """Open a whole artefact folder of the given kind.

    Raises:
        ArtefactError: the folder is missing, unfinished, of another kind or of another schema version.
    """
    cure = f"make it with 'hllm-creator {MADE_BY.get(kind, kind)}'"
    if not path.is_dir():
        got = "a file" if path.exists() else "nothing there"
        raise ArtefactError(f"no {kind} folder at {path}", got=got, cure=cure)
    try:
        manifest = dict(json.loads((path / MANIFEST).read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise ArtefactError(f"{path} is not a finished {kind} folder", got=f"no {MANIFEST}", cure=cure) from None
    except (OSError, ValueError, TypeError):
        raise ArtefactError(f"the {MANIFEST} in {path} cannot be read", cure=f"delete the folder and {cure}") from None
    if manifest.get("kind") != kind:
        raise ArtefactError(f"{path} holds another artefact", got=manifest.get("kind"), expected=kind, cure=cure)
    if manifest.get("schema_version") != SCHEMA_VERSION:
        raise ArtefactError(
            f"{path} has another schema version",
            got=manifest.get("schema_version"),
            expected=SCHEMA_VERSION,
            cure=f"delete the folder and {cure}",
        )
    return Artefact(path, kind, manifest)


@contextmanager
def write_artefact(
    out: Path,
    kind: str,
    *,
    config: Mapping[str, object],
    inputs: Mapping[str, Artefact | Path] | None = None,
) -> Generator[Draft]:
    """Write an artefact folder that appears whole or not at all.

    Args:
        out: the folder to make.
        kind: what it holds (see `Artefact.kind`).
        config: the settings that shape its content; a draft left by a kill is taken up only if they are the same.
        inputs: the artefacts or plain files it is made from, by name.

    Yields:
        the draft to write into.

    Raises:
        ArtefactError: `out` exists already, or the disk is full.

    What a fault leaves in the draft stays for the next attempt; a draft without anything in it does not.
    """
    if out.exists():
        raise ArtefactError(f"{out} exists already", cure="name another --out, or delete it first")
    digests = {
        name: source.digest if isinstance(source, Artefact) else file_digest(source)
        for name, source in (inputs or {}).items()
    }
    fingerprint = config_digest({"kind": kind, "config": config, "inputs": digests, "schema": SCHEMA_VERSION})
    partial = out.with_name(out.name + ".partial")
    mark = partial / ".fingerprint"
    try:
        resumed = mark.is_file() and mark.read_text(encoding="utf-8") == fingerprint
        if not resumed:
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            write_text(mark, fingerprint)
        draft = Draft(partial, resumed)
        started = time.time()
        yield draft
        files = {
            str(p.relative_to(partial)): {"sha256": file_digest(p), "bytes": p.stat().st_size}
            for p in sorted(partial.rglob("*"))
            if p.is_file() and not p.name.startswith(".") and p != partial / MANIFEST
        }
        manifest = {
            "schema_version": SCHEMA_VERSION,
            "kind": kind,
            "code_version": version("hllm-creator"),
            "config": json.loads(json.dumps(config, default=str)),
            "config_hash": config_digest(config),
            "inputs": digests,
            "rows": draft.rows,
            "facts": draft.facts,
            "files": files,
            "created_unix_s": round(time.time()),
            "took_s": round(time.time() - started, 1),
        }
        write_text(partial / MANIFEST, json.dumps(manifest, indent=1, ensure_ascii=False, allow_nan=False))
        mark.unlink()
        partial.replace(out)
        _sync(out.parent)
    except Exception as error:
        if is_disk_full(error):
            raise ArtefactError(
                f"the disk is full while writing {out}", got=free_bytes(partial), cure=FREE_SPACE
            ) from None
        if isinstance(error, OSError) and error.errno in _NO_PLACE and str(partial) in str(error.filename or ""):
            raise ArtefactError(
                f"{out} cannot be written", got=in_plain_words(error), cure="name another --out"
            ) from None
        raise
    finally:
        _drop_if_empty(partial)


def write_text(path: Path, text: str) -> None:
    """Write a small file whole: aside, synced to disk, then renamed."""
    aside = path.with_name(f".{path.name}.tmp")
    try:
        with aside.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def config_digest(config: object) -> str:
    """SHA-256 of anything JSON can carry, in hexadecimal; key order does not matter."""
    return hashlib.sha256(json.dumps(config, sort_keys=True, default=str, ensure_ascii=False).encode()).hexdigest()


def _drop_if_empty(partial: Path) -> None:
    if partial.is_dir() and all(path.name == ".fingerprint" for path in partial.iterdir()):
        shutil.rmtree(partial, ignore_errors=True)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

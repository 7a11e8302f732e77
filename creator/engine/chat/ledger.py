"""Every answer that was paid for, on disk before it is used: nothing is asked twice, whatever dies in between."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from creator.core.errors import InputError
from creator.engine.chat.question import Answer

HEADER = {"hllm-creator": "answers", "version": 1}


class Ledger:
    """An append-only file of answers by question. One process at a time may hold it.

    Args:
        path: JSON Lines; made when it is not there. A line that a kill cut short is dropped.

    Raises:
        InputError: the file is something else, or another process holds it.
    """

    def __init__(self, path: Path) -> None:
        self._answers: dict[str, Answer] = {}
        self._batches: dict[str, dict[str, str]] = {}
        self.tokens = 0
        self.cost_usd = 0.0
        path.parent.mkdir(parents=True, exist_ok=True)
        self._stream = path.open("a+b")
        try:
            fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._stream.close()
            raise InputError(f"{path} is in use by another process", cure="wait for it, or name another file") from None
        try:
            self._load(path)
        except InputError:
            self._stream.close()
            raise

    def _load(self, path: Path) -> None:
        self._stream.seek(0)
        whole = 0
        for number, line in enumerate(self._stream):
            row = _read(line)
            if number == 0 and row != HEADER and not (row is None and json.dumps(HEADER).encode().startswith(line)):
                raise InputError(f"{path} is no file of answers", cure="name another --answers")
            if row is None:
                break
            whole += len(line)
            if number:
                self._take(row)
        os.truncate(path, whole)
        if whole == 0:
            self._write(HEADER)

    def _take(self, row: Mapping[str, Any]) -> None:
        if "key" in row:
            answer = Answer(**row["answer"])
            self._answers[row["key"]] = answer
            self.tokens += answer.tokens_in + answer.tokens_out
            self.cost_usd += answer.cost_usd
        elif "batch" in row:
            self._batches[row["batch"]] = row["keys"]
        elif "collected" in row:
            self._batches.pop(row["collected"], None)

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, key: str) -> Answer | None:
        """The answer to a question, if it was asked before."""
        return self._answers.get(key)

    def record(self, key: str, step: str, answer: Answer) -> None:
        """Keep an answer; it is on disk when this returns."""
        if key in self._answers:
            return
        row = {"key": key, "step": step, "answer": asdict(answer)}
        self._write(row)
        self._take(row)

    def open_batches(self) -> dict[str, dict[str, str]]:
        """Batches handed in and not collected yet: by id, the key of each question in it and its step."""
        return {batch: dict(keys) for batch, keys in self._batches.items()}

    def record_batch(self, batch: str, keys: Mapping[str, str]) -> None:
        """Remember a batch that was handed in, with the step of each of its questions."""
        row = {"batch": batch, "keys": dict(keys)}
        self._write(row)
        self._take(row)

    def record_collected(self, batch: str) -> None:
        """Remember that all answers of a batch are here."""
        row = {"collected": batch}
        self._write(row)
        self._take(row)

    def _write(self, row: Mapping[str, object]) -> None:
        self._stream.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
        self._stream.flush()
        os.fsync(self._stream.fileno())

    def close(self) -> None:
        """Let other processes have the file."""
        self._stream.close()


def _read(line: bytes) -> Any:
    try:
        return json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return None

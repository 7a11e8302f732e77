"""The Batch API beside the scripted endpoint: files in, files out, done after a number of looks."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.scripted_endpoint import Response, Script, completion


@dataclass
class Batches:
    """Files and batches of one endpoint.

    Args:
        script: answers each question; the number counts questions of all batches.
        looks: how often a batch must be looked at before it is done.
        broken_looks: how many first looks are answered with an error.
        ends: the status a batch ends with.
    """

    script: Script
    looks: int = 1
    broken_looks: int = 0
    ends: str = "completed"
    files: dict[str, bytes] = field(default_factory=dict)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)
    paid: Counter[str] = field(default_factory=Counter)
    answered: int = 0

    def __call__(self, handler: Any) -> tuple[int, bytes] | None:
        """Answer a request that is no chat completion."""
        path = handler.path.partition("/v1")[2].partition("?")[0]
        if handler.command == "GET":
            return self._get(path)
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        if path == "/files":
            return 200, json.dumps(self._file(_uploaded(body))).encode()
        if path == "/batches":
            return 200, json.dumps(self._create(json.loads(body))).encode()
        return None

    def _get(self, path: str) -> tuple[int, bytes] | None:
        if path == "/batches":
            return 200, json.dumps({"object": "list", "data": list(self.batches.values()), "has_more": False}).encode()
        if match := re.fullmatch(r"/files/(\w+)/content", path):
            return 200, self.files[match[1]]
        if match := re.fullmatch(r"/batches/(\w+)", path):
            self.seen[match[1]] += 1
            if self.seen.total() <= self.broken_looks:
                return 500, b"{}"
            if self.seen[match[1]] > self.looks:
                self._finish(self.batches[match[1]])
            return 200, json.dumps(self.batches[match[1]]).encode()
        return None

    def _file(self, content: bytes) -> dict[str, Any]:
        name = f"file{len(self.files)}"
        self.files[name] = content
        return {"id": name, "object": "file", "bytes": len(content), "created_at": 0, "filename": "q.jsonl",
                "purpose": "batch", "status": "processed"}  # fmt: skip

    def _create(self, body: dict[str, Any]) -> dict[str, Any]:
        name = f"batch{len(self.batches)}"
        self.batches[name] = {"id": name, "object": "batch", "endpoint": body["endpoint"], "created_at": 0,
                              "completion_window": "24h", "input_file_id": body["input_file_id"],
                              "status": "in_progress", "metadata": body.get("metadata")}  # fmt: skip
        return self.batches[name]

    def _finish(self, batch: dict[str, Any]) -> None:
        if batch["status"] != "in_progress":
            return
        good: list[str] = []
        bad: list[str] = []
        for line in self.files[batch["input_file_id"]].splitlines():
            row = json.loads(line)
            step = row["body"]["response_format"]["json_schema"]["name"]
            response = self.script(self.answered + len(bad), step, row["body"])
            made = self._row(row, response)
            (good if response.status == 200 else bad).append(json.dumps(made))
            if response.status == 200:
                self.answered += 1
                self.paid[json.dumps(row["body"], sort_keys=True)] += 1
        batch["status"] = self.ends
        batch["output_file_id"] = self._file("\n".join(reversed(good)).encode())["id"]
        batch["error_file_id"] = self._file("\n".join(bad).encode())["id"] if bad else None

    @staticmethod
    def _row(row: dict[str, Any], response: Response) -> dict[str, Any]:
        text = response.text if isinstance(response.text, str) else json.dumps(response.text)
        body = completion(text, 100, response) if response.status == 200 else {"error": {}}
        return {"id": "r", "custom_id": row["custom_id"], "response": {"status_code": response.status, "body": body}}


def _uploaded(body: bytes) -> bytes:
    """The file of a multipart form."""
    boundary = body.partition(b"\r\n")[0]
    for part in body.split(boundary):
        head, _, content = part.partition(b"\r\n\r\n")
        if b"filename=" in head:
            return content.removesuffix(b"\r\n")
    raise ValueError("no file in the form")

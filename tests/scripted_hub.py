"""A data set hub on loopback: one data set, kept in memory, as far as `datasets` asks to push and to load it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "a" * 40


@dataclass
class Hub:
    """What the hub holds and was asked.

    Args:
        name: of its one data set.
        url: where it is.
        files: by path.
        blobs: large files by their SHA-256.
        created: what was asked when the data set was made; None before.
        keys: the authorisations seen.
    """

    name: str
    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    created: dict[str, Any] | None = None
    keys: set[str] = field(default_factory=set)

    def answer(self, path: str, body: bytes) -> tuple[int, object]:
        """Status and content for a request."""
        api = f"/api/datasets/{self.name}"
        if path == "/api/repos/create":
            self.created = json.loads(body)
            return 200, {"url": f"{self.url}/datasets/{self.name}", "id": self.name}
        if path == "/api/validate-yaml":
            return 200, {"errors": [], "warnings": []}
        if self.created is None:
            return 404, {}
        if path.endswith("/info/lfs/objects/batch"):
            objects = [
                {"oid": o["oid"], "size": o["size"], "actions": {"upload": {"href": f"{self.url}/lfs/{o['oid']}"}}}
                for o in json.loads(body)["objects"]
            ]
            return 200, {"transfer": "basic", "objects": objects}
        if path.startswith("/lfs/"):
            self.blobs[path.removeprefix("/lfs/")] = body
            return 200, {}
        if path.endswith("/preupload/main"):
            asked = json.loads(body)["files"]
            return 200, {
                "files": [
                    {
                        "path": f["path"],
                        "uploadMode": "lfs" if f["path"].endswith(".parquet") else "regular",
                        "shouldIgnore": False,
                    }
                    for f in asked
                ]
            }
        if "/commit/" in path:
            for row in map(json.loads, body.splitlines()):
                if row["key"] == "lfsFile":
                    self.files[row["value"]["path"]] = self.blobs[row["value"]["oid"]]
                if row["key"] == "file":
                    self.files[row["value"]["path"]] = base64.b64decode(row["value"]["content"])
            return 200, {
                "commitUrl": f"{self.url}/datasets/{self.name}/commit/{COMMIT}",
                "commitOid": COMMIT,
                "success": True,
            }
        if re.fullmatch(rf"{api}(/revision/\w+)?", path):
            return 200, {"id": self.name, "sha": COMMIT, "siblings": [{"rfilename": f} for f in self.files], "tags": []}
        if path.startswith(f"{api}/tree/"):
            return self._tree(path.removeprefix(f"{api}/tree/").partition("/")[2])
        if path.startswith(f"{api}/paths-info/"):
            return 200, [_entry(f, content) for f, content in self.files.items()]
        if match := re.fullmatch(rf"/datasets/{self.name}/resolve/\w+/(.*)", path):
            return (200, self.files[match[1]]) if match[1] in self.files else (404, {})
        return 404, {}

    def _tree(self, folder: str) -> tuple[int, object]:
        start = f"{folder}/" if folder else ""
        own = {f: content for f, content in self.files.items() if f.startswith(start)}
        if folder and not own:
            return 404, {}
        folders = sorted({start + f.removeprefix(start).split("/")[0] for f in own if "/" in f.removeprefix(start)})
        files = [_entry(f, content) for f, content in own.items() if "/" not in f.removeprefix(start)]
        return 200, files + [{"type": "directory", "path": path, "oid": COMMIT} for path in folders]


def _entry(path: str, content: bytes) -> dict[str, object]:
    return {"type": "file", "path": path, "size": len(content), "oid": COMMIT}


@contextmanager
def hub(name: str) -> Iterator[Hub]:
    """Serve a hub on a free port."""
    held = Hub(name)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def _do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            held.keys.add(self.headers.get("Authorization") or "")
            status, made = held.answer(self.path.partition("?")[0], body)
            content = made if isinstance(made, bytes) else json.dumps(made).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            if status == 404:
                self.send_header("X-Error-Code", "RepoNotFound" if held.created is None else "EntryNotFound")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_HEAD = do_POST = do_PUT = _do  # noqa: N815 - the library's names

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    held.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield held
    finally:
        server.shutdown()
        server.server_close()

"""A chat endpoint on loopback whose every response a test decides; it keeps its own count of what it served."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Served:
    """What the endpoint counted."""

    requests: int = 0
    answered: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    steps: Counter[str] = field(default_factory=Counter)
    paid: Counter[str] = field(default_factory=Counter)
    """Whole answers, by the request's body: above 1 something was paid for twice."""
    keys: set[str] = field(default_factory=set)
    at_once: int = 0
    most_at_once: int = 0


@dataclass
class Response:
    """One response.

    Args:
        text: the answer's content; a mapping is written as JSON.
        status: other than 200, an error.
        headers: besides the usual.
        wait_s: before anything is sent.
        trickle_s: between the bytes of the body.
        cut: "body" ends the connection before the body is whole, "json" sends a whole body that is cut JSON.
        finish: why the model ended.
        refusal: what it says instead of an answer.
        code: of an error.
        reasoning: thinking given apart.
    """

    text: object = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    wait_s: float = 0.0
    trickle_s: float = 0.0
    cut: str = ""
    finish: str = "stop"
    refusal: str | None = None
    code: str | None = None
    reasoning: str | None = None


Script = Callable[[int, str, dict[str, Any]], Response]
"""(number of the request from 0, the step's name, the request) -> the response."""


@contextmanager
def endpoint(script: Script, extra: Callable[[Any], tuple[int, bytes] | None] | None = None) -> Iterator[Any]:
    """Serve a script on a free port; gives an object with `url` and `served`."""
    served, lock = Served(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            self._other()

        def _other(self) -> None:
            made = extra(self) if extra else None
            status, body = made or (404, b"{}")
            self._send(status, body, {})

        def do_POST(self) -> None:
            if not self.path.endswith("/chat/completions"):
                self._other()
                return
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            form = body["response_format"]
            step = form.get("json_schema", {}).get("name", form["type"])
            with lock:
                number = served.requests
                served.requests += 1
                served.steps[step] += 1
                served.keys.add(self.headers.get("Authorization", ""))
                served.at_once += 1
                served.most_at_once = max(served.most_at_once, served.at_once)
            try:
                self._respond(script(number, step, body), body)
            finally:
                with lock:
                    served.at_once -= 1

        def _respond(self, response: Response, body: dict[str, Any]) -> None:
            time.sleep(response.wait_s)
            if response.status != 200:
                with lock:
                    served.statuses[response.status] += 1
                error = {"error": {"message": "no, sk-secret-key-of-the-test", "code": response.code}}
                self._send(response.status, json.dumps(error).encode(), response.headers)
                return
            text = response.text if isinstance(response.text, str) else json.dumps(response.text, ensure_ascii=False)
            tokens_in = len(json.dumps(body["messages"])) // 4
            made = json.dumps(completion(text, tokens_in, response)).encode()
            if response.cut == "json":
                made = made[: len(made) // 2]
            whole = self._send(200, made, response.headers, response)
            if whole and not response.cut:
                with lock:
                    served.statuses[200] += 1
                    served.answered += 1
                    served.tokens_in += tokens_in
                    served.tokens_out += len(text) // 4
                    served.paid[json.dumps(body, sort_keys=True)] += 1

        def _send(self, status: int, body: bytes, headers: dict[str, str], response: Response | None = None) -> bool:
            try:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                if response and response.cut == "body":
                    self.wfile.write(body[: len(body) // 2])
                    self.close_connection = True
                elif response and response.trickle_s:
                    for start in range(len(body)):
                        self.wfile.write(body[start : start + 1])
                        self.wfile.flush()
                        time.sleep(response.trickle_s)
                else:
                    self.wfile.write(body)
                return True
            except OSError:  # whoever asked has gone
                self.close_connection = True
                return False

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *_: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()

    @dataclass
    class Running:
        url: str
        served: Served

    try:
        yield Running(f"http://127.0.0.1:{server.server_address[1]}/v1", served)
    finally:
        server.shutdown()
        server.server_close()


def completion(text: str, tokens_in: int, response: Response | None = None) -> dict[str, Any]:
    """A chat completion as the endpoint writes it."""
    response = response or Response()
    message = {"role": "assistant", "content": text if response.refusal is None else None, "refusal": response.refusal}
    if response.reasoning:
        message["reasoning_content"] = response.reasoning
    return {
        "id": "c",
        "object": "chat.completion",
        "created": 0,
        "model": "scripted",
        "choices": [{"index": 0, "finish_reason": response.finish, "message": message}],
        "usage": {
            "prompt_tokens": tokens_in,
            "completion_tokens": len(text) // 4,
            "total_tokens": tokens_in + len(text) // 4,
        },
    }

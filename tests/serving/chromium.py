"""Headless Chromium, spoken to over its own DevTools protocol: no driver is needed beside the browser."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ENDS = {"Enter": "\r"}


@dataclass
class Tab:
    """One page of a browser.

    Args:
        socket: its DevTools connection.
        requests: every address it asked for.
        faults: exceptions of its scripts, and what its log calls an error.
    """

    socket: ClientConnection
    requests: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    _sent: int = 0

    def does(self, method: str, **params: object) -> dict[str, Any]:
        self._sent += 1
        self.socket.send(json.dumps({"id": self._sent, "method": method, "params": params}))
        while True:
            message = json.loads(self.socket.recv(timeout=60))
            if message.get("id") == self._sent:
                assert "error" not in message, message
                return message["result"]
            self._note(message)

    def goes(self, address: str) -> None:
        self.does("Page.navigate", url=address)
        self.until("document.readyState === 'complete'")

    def js(self, expression: str) -> Any:
        result = self.does("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def until(self, expression: str, wait_s: float = 60.0) -> None:
        end = time.monotonic() + wait_s
        while not self.js(expression):
            assert time.monotonic() < end, f"it never came to hold: {expression}"
            time.sleep(0.05)

    def presses(self, key: str) -> None:
        text = ENDS.get(key, key if len(key) == 1 else "")
        self.does("Input.dispatchKeyEvent", type="keyDown", key=key, **({"text": text} if text else {}))
        self.does("Input.dispatchKeyEvent", type="keyUp", key=key)

    def types(self, text: str) -> None:
        self.does("Input.insertText", text=text)

    def leaves(self, act: str) -> None:
        """Do something that leads to another page, and wait for that."""
        self.js("window.still_here = true")
        self.js(act)
        self.until("!window.still_here && document.readyState === 'complete'")

    def is_as_wide_as(self, width: int, height: int) -> None:
        self.does(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    def is_photographed(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.does("Page.captureScreenshot", captureBeyondViewport=True)["data"]))

    def _note(self, message: dict[str, Any]) -> None:
        method, params = message.get("method"), message.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        if method == "Runtime.exceptionThrown":
            self.faults.append(params["exceptionDetails"]["text"])
        if method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.faults.append(params["entry"]["text"])


@contextmanager
def open_tab(folder: Path) -> Iterator[Tab]:
    """A fresh browser with one page."""
    assert PROGRAM is not None
    flags = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-port=0")
    process = subprocess.Popen(
        [PROGRAM, *flags, f"--user-data-dir={folder}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        port, end = folder / "DevToolsActivePort", time.monotonic() + 60
        while not port.is_file() or not port.read_text().strip():
            assert process.poll() is None, "the browser ended"
            assert time.monotonic() < end, "the browser never listened"
            time.sleep(0.05)
        address = f"http://127.0.0.1:{port.read_text().split()[0]}/json/list"
        page = next(each for each in httpx.get(address).json() if each["type"] == "page")
        with connect(page["webSocketDebuggerUrl"], max_size=1 << 27, open_timeout=60) as socket:
            tab = Tab(socket)
            for domain in ("Page", "Network", "Runtime", "Log"):
                tab.does(f"{domain}.enable")
            yield tab
    finally:
        process.terminate()
        process.wait(timeout=60)

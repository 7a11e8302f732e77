"""Debian's Chromium, driven by Playwright: it keeps a list of what it asked for and of what its pages complained of."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WAIT_MS = 60_000  # a busy machine is no defect
DESKTOP, PHONE = (1280, 860), (390, 844)
PICTURES = os.environ.get("SCREENSHOTS")
"""A folder for pictures of the pages, for whoever wants to look at them."""


@dataclass
class Window:
    """One page of a browser of its own.

    Args:
        page: Playwright's.
        asked: every address that was asked for.
        complaints: errors of its scripts and of its console.
    """

    page: Page
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(WAIT_MS)
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)

    def signs_in(self, key: str, name: str) -> None:
        self.page.goto("/console/sign-in")
        self.page.get_by_label("Your name").fill(name)
        self.page.get_by_label("API key").fill(key)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url("**/console")

    def barriers(self) -> list[str]:
        """What axe calls serious or critical, as "rule: element"."""
        found = Axe().run(self.page).response["violations"]
        grave = [each for each in found if each["impact"] in ("serious", "critical")]
        return [f"{each['id']}: {node['target']} {node['failureSummary']}" for each in grave for node in each["nodes"]]

    def is_wider_than_shown(self) -> bool:
        return self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth")

    def is_photographed(self, name: str) -> None:
        if PICTURES:
            Path(PICTURES).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser with a profile of its own."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=PROGRAM, args=list(FLAGS), timeout=WAIT_MS)
        yield browser
        browser.close()


@contextmanager
def window(browser: Browser, address: str, size: tuple[int, int] = DESKTOP) -> Iterator[Window]:
    """A window with cookies of its own."""
    shape = {"width": size[0], "height": size[1]}
    with browser.new_context(base_url=address, viewport=shape, has_touch=size == PHONE) as context:
        yield Window(context.new_page())

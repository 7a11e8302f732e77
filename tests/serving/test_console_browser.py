"""The console in real headless Chromium: review by keyboard, release, a served title; every page on a phone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.review.bring import bring
from serving.store import Store
from tests.serving.artefacts import GOOD, write_folders
from tests.serving.chromium import PROGRAM, Tab, open_tab
from tests.serving.service import Service, serve

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(PROGRAM is None, reason="no Chromium on this machine (Debian's package 'chromium')"),
]
ADMIN = "the desk's key"
PAGES = ("", "/clusters", "/review?state=all", "/ad?id=a1", "/audits", "/releases", "/history", "/settings")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    path = str(tmp_path / "store.db")
    with Store(path) as store:
        bring(store, write_folders(tmp_path / "first").inputs())
    with serve(path, keys=f"admin:{ADMIN}") as running:
        yield running


@pytest.fixture
def tab(service: Service, tmp_path: Path) -> Iterator[Tab]:
    """A browser whose owner has signed in."""
    with open_tab(tmp_path / "browser") as opened:
        opened.goes(f"{service.http.base_url}/console/sign-in")
        opened.js("document.querySelector('[name=name]').focus()")
        opened.types("Ada")
        opened.js("document.querySelector('[name=key]').focus()")
        opened.types(ADMIN)
        opened.leaves("document.querySelector('form.stack button').click()")
        yield opened
        home = str(service.http.base_url).rstrip("/")
        assert [a for a in opened.requests if not a.startswith((home, "about:", "data:", "chrome:"))] == []
        assert opened.faults == []


def state(tab: Tab, number: int) -> str:
    return tab.js(f"document.querySelectorAll('[data-card]')[{number}].querySelector('.state').innerText")


def test_titles_are_reviewed_by_keyboard_released_and_served(tab: Tab, service: Service):
    home = service.http.base_url
    tab.goes(f"{home}/console/review?check=passing")
    assert tab.js("document.querySelectorAll('[data-card]').length") == len(GOOD)
    tab.presses("j")
    tab.presses("a")
    tab.until("document.querySelectorAll('[data-card]')[0].classList.contains('approved')")
    assert "approved by Ada" in state(tab, 0)
    tab.until("document.activeElement === document.querySelectorAll('[data-card]')[0]")
    tab.presses("j")
    tab.presses("e")
    tab.types("Bike pump at half price")
    tab.until("document.querySelectorAll('.instant .fails').length === 1")
    tab.presses("Escape")
    tab.presses("r")
    tab.types("dull")
    tab.presses("Enter")
    tab.until("document.querySelectorAll('[data-card]')[1].classList.contains('rejected')")
    tab.goes(f"{home}/console/settings")
    tab.leaves("document.querySelector('[name=required]').click()")
    tab.goes(f"{home}/console/releases")
    tab.leaves("document.querySelector('form[action$=publish] button').click()")
    assert "Release 1 is live." in tab.js("document.body.innerText")
    assert service.title("u-climber", "a1")["title"] == GOOD[0][3]
    assert service.title("u-cyclist", "a1")["source"] == "original"


def test_every_page_fits_a_phone_and_has_no_empty_control(tab: Tab, service: Service):
    """Set SCREENSHOTS to a folder to look at the pages."""
    shown = os.environ.get("SCREENSHOTS")
    for width, height in ((390, 844), (1280, 900)):
        tab.is_as_wide_as(width, height)
        for page in PAGES:
            tab.goes(f"{service.http.base_url}/console{page}")
            assert tab.js("document.documentElement.scrollWidth <= window.innerWidth"), (page, width)
            small = "[...document.querySelectorAll('button:not([hidden])')].filter(b => b.offsetHeight < 24).length"
            assert tab.js(small) == 0, page  # WCAG 2.2, 2.5.8
            if shown:
                tab.is_photographed(Path(shown) / f"{width}-{page.strip('/').partition('?')[0] or 'overview'}.png")

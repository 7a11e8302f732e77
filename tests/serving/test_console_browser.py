"""The console in real headless Chromium: the whole path by keyboard and by hand, and every page for everybody."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from serving.store import Store
from tests.serving.browser import PHONE, PROGRAM, WAIT_MS, Window, chromium, window
from tests.serving.service import Service, serve
from tests.serving.showcase import FAULTY, THINGS, show

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        PROGRAM is None and not os.environ.get("CI"), reason="no Chromium on this machine (Debian's package 'chromium')"
    ),
]
ADMIN = "the desk's key"
PAGES = {
    "overview": "/console",
    "clusters": "/console/clusters",
    "review": "/console/review?state=all",
    "ad": "/console/ad?id=a01",
    "audits": "/console/audits?kind=number",
    "releases": "/console/releases?before=1&after=1",
    "experiments": "/console/experiments",
    "experiment": "/console/experiment?key=spring-titles",
    "history": "/console/history",
    "settings": "/console/settings?advertiser=Korrik",
    "sign-in": "/console/sign-in",
    "told": "/console/ad?id=none",
}
TITLES = 24
expect.set_options(timeout=WAIT_MS)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shown")
    with Store(str(folder / "store.db")) as store:
        show(store, folder)
    return folder / "store.db"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def service(shown: Path, tmp_path: Path) -> Iterator[Service]:
    with serve(str(shutil.copy(shown, tmp_path / "store.db")), keys=f"admin:{ADMIN}") as running:
        yield running


@pytest.fixture
def desk(browser: Browser, service: Service) -> Iterator[Window]:
    """A window whose owner has signed in; nothing it does may ask another host for anything, or go wrong unseen."""
    home = str(service.http.base_url).rstrip("/")
    with window(browser, home) as opened:
        opened.signs_in(ADMIN, "Ada")
        yield opened
        assert len(opened.asked) > 3
        assert [address for address in opened.asked if not address.startswith((f"{home}/console", "data:"))] == []
        assert opened.complaints == []


def state(page: Page, number: int) -> str:
    return page.locator("[data-card]").nth(number).locator(".state").inner_text()


def test_titles_are_reviewed_by_keyboard_released_and_served(desk: Window, service: Service):
    page, before = desk.page, service.title("u0000", "a05")
    assert before["source"] == "original"
    page.goto("/console/settings")
    page.get_by_role("button", name="Require approval").click()
    page.goto("/console/review?state=open")
    cards = page.locator("[data-card]")
    expect(cards.first).to_be_visible()

    # approve the first by key; its card stays, says so, and keeps the focus
    page.keyboard.press("j")
    expect(cards.nth(0)).to_be_focused()
    page.keyboard.press("a")
    expect(cards.nth(0)).to_have_class("one card approved")
    assert state(page, 0) == "approved by Ada"
    expect(cards.nth(0)).to_be_focused()
    expect(page.locator("#said")).to_have_text("This title is approved by Ada.")

    # edit the second: the audit follows the typing, refuses what is untrue, and lets the truth in
    page.keyboard.press("j")
    page.keyboard.press("e")
    field = cards.nth(1).get_by_label("Title", exact=True)
    expect(field).to_be_focused()
    page.keyboard.insert_text("Bike pump at half price")
    instant = cards.nth(1).locator(".instant")
    expect(instant.locator(".verdict")).to_contain_text("Does not pass the check")
    expect(instant.locator("mark.error")).to_have_text("half")
    page.keyboard.press("Enter")
    expect(cards.nth(1).get_by_role("alert")).to_contain_text("do not pass the check")
    expect(page.locator(".htmx-settling")).to_have_count(0)  # the card that came back is in its place
    expect(cards.nth(1)).to_be_focused()
    page.keyboard.press("e")
    expect(field).to_be_focused()
    page.keyboard.insert_text("20% off selected Korrik gear")
    expect(instant.locator(".verdict")).to_contain_text("Passes the check")
    expect(instant.locator(".width").first).to_have_text("28 of 30")  # Google Ads, counted by hand
    page.keyboard.press("Enter")
    expect(cards.nth(1)).to_have_class("one card approved")
    expect(cards.nth(1).locator("h2")).to_have_text("20% off selected Korrik gear")

    # reject the third with a reason, take that back, reject it again to be written anew
    page.keyboard.press("j")
    page.keyboard.press("r")
    page.keyboard.insert_text("dull")
    page.keyboard.press("Enter")
    expect(cards.nth(2)).to_have_class("one card rejected")
    page.keyboard.press("u")
    expect(cards.nth(2)).to_have_class("one card open")
    page.keyboard.press("r")
    page.keyboard.insert_text("say more of the camp")
    cards.nth(2).get_by_role("button", name="Reject and write again").click()
    expect(cards.nth(2).locator(".state")).to_have_text("rejected by Ada, to be written again")
    page.keyboard.press("Escape")

    page.goto("/console/releases")
    page.get_by_role("button", name="Publish draft 2").click()
    expect(page.get_by_role("status")).to_have_text("Release 2 is live.")
    assert service.title("u0000", "a01")["title"] == "Climbing rope: 20% off selected Korrik gear"
    assert service.title("u0001", "a01")["title"] == "20% off selected Korrik gear"
    assert service.title("u0002", "a01")["source"] == "original"

    # the difference, and back
    page.get_by_role("link", name="with 1").click()
    expect(page.locator("#difference")).to_contain_text("1 changed, 0 added, 14 removed, 1 the same")
    page.get_by_role("button", name="Make 1 live").click()
    expect(page.get_by_role("status")).to_have_text("Release 1 is live.")
    assert service.title("u0002", "a01")["title"] == "Sleeping mat: 20% off selected Korrik gear"
    page.goto("/console/history")
    said = page.locator(".history").inner_text()
    for told in ("rollback", "publish", "again", "undo", "reject", "edit", "approve", "say more of the camp"):
        assert told in said, told


def test_many_are_chosen_decided_and_taken_back_at_once(desk: Window):
    page = desk.page
    page.goto("/console/review?check=passing")
    bulk = page.locator("#bulk")
    expect(bulk).to_be_hidden()
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(bulk).to_contain_text("1 chosen")
    page.get_by_role("button", name="Choose all here").click()
    expect(bulk).to_contain_text("12 chosen")
    page.get_by_role("button", name="Approve the chosen").click()
    expect(page.locator("#said")).to_have_text("Decided on 12 titles.")
    expect(page.get_by_role("navigation", name="By decision")).to_contain_text("approved (12)")
    page.get_by_role("button", name="Undo this").click()
    expect(page.locator("#said")).to_have_text("Taken back for 12 titles.")
    page.get_by_role("button", name="Choose all here").click()
    page.get_by_label("Reason to reject them").fill("another season")
    page.get_by_role("button", name="Reject, write again").click()
    expect(page.get_by_role("navigation", name="By decision")).to_contain_text("rejected (12)")


def test_a_key_and_a_guide_are_made_and_an_experiment_begun_and_halted(desk: Window, service: Service):
    page = desk.page
    page.goto("/console/settings")
    page.get_by_label("Whose it is").fill("the ad server")
    page.get_by_label("What it is for").select_option("write")
    page.get_by_role("button", name="Make a key").click()
    key = page.locator("[data-key]").inner_text()
    sent = {"event_id": "x1", "kind": "exposure", "user_id": "u0001", "ad_id": "a01"}
    assert service.send(sent, key=key).status_code in (200, 202)
    page.goto("/console/settings")
    assert key not in page.content()
    page.get_by_label("Advertiser").fill("Tolm")
    page.get_by_label("Banned words").fill("fly box")
    page.get_by_role("button", name="Keep this guide").click()
    page.goto("/console/audits?kind=channel")
    expect(page.get_by_role("status")).to_have_text("0 titles")  # what was checked before is checked again when decided
    page.goto("/console/review?state=all&page=2")
    card = page.get_by_label("Title for cluster 3 of ad a06, open")
    card.get_by_role("button", name="Approve").click()
    expect(card.get_by_role("alert")).to_contain_text("do not pass the check")

    page.goto("/console/experiments")
    expect(page.locator("svg.intervals")).to_have_count(1)
    page.get_by_label("Name, as the events will carry it").fill("autumn")
    page.get_by_label("Pace").select_option("fixed")
    page.get_by_label("Share of users, in percent").first.fill("100")
    page.get_by_role("button", name="Begin").click()
    expect(page.get_by_role("status")).to_have_text("It has begun.")
    page.get_by_role("link", name="autumn").click()
    expect(page.get_by_text("Too few clicks to tell an effect yet.")).to_be_visible()
    page.get_by_label("Why, for the history").fill("wrong season")
    page.get_by_role("button", name="Halt").click()
    expect(page.get_by_role("status")).to_have_text("It is halted.")
    expect(page.locator("article").first).to_contain_text("wrong season")


@pytest.mark.parametrize("size", [(1280, 860), PHONE], ids=["desktop", "phone"])
def test_every_page_fits_its_screen_and_has_no_barrier(browser: Browser, service: Service, size: tuple[int, int]):
    home = str(service.http.base_url).rstrip("/")
    swept = 0
    with window(browser, home, size) as seen:
        seen.signs_in(ADMIN, "Ada")
        for scheme in ("light", "dark"):
            seen.page.emulate_media(color_scheme=scheme)
            for name, address in PAGES.items():
                seen.page.goto(address)
                if name == "review":  # with an editor and its audit open
                    seen.page.locator("[data-edit]").first.click()
                    expect(seen.page.locator(".instant .verdict").first).to_be_visible()
                assert seen.barriers() == [], (name, scheme)
                assert not seen.is_wider_than_shown(), (name, scheme)
                seen.is_photographed(f"{size[0]}-{scheme}-{name}")
                swept += 1
        assert [address for address in seen.asked if not address.startswith((f"{home}/console", "data:"))] == []
        assert [said for said in seen.complaints if "404" not in said] == []  # "told" is a 404
    assert swept == 2 * len(PAGES)


def test_the_showcase_has_what_the_pages_are_to_show(shown: Path):
    with Store(str(shown)) as store:
        release = store.releases()[0]
        kinds = store.count_events()
    assert release.counts["titles"] == 4 * len(THINGS)
    assert len(FAULTY) < TITLES
    assert kinds["click"] > 100

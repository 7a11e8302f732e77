"""The audit's page in real headless Chromium: a reviewer filters, searches and sorts it; no title becomes markup."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from eval.audit import audit
from eval.audit_options import AuditOptions
from tests.serving.browser import PROGRAM, WAIT_MS, chromium, window

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        PROGRAM is None and not os.environ.get("CI"), reason="no Chromium on this machine (Debian's package 'chromium')"
    ),
]
expect.set_options(timeout=WAIT_MS)
AD = {
    "ad_id": "tent",
    "title": "Arven Dome Tent, 2.4 kg",
    "description": "A dome tent that pitches in six minutes. <b>Sewn</b> in Portugal.",
    "selling_points": ["Pitches in six minutes"],
    "attributes": {"price": "$180"},
}
TITLES = (
    ("t1", "A Dome Tent That Pitches in Six Minutes", "ok"),
    ("t2", "A Dome Tent That Pitches in Nine Minutes", "number"),
    ("t3", "The World's Best Dome Tent", "superlative"),
    ("t4", "<img src=x onerror=alert()> Dome Tent", "injection"),
    ("t5", "A Dome Tent Sewn in Norway", "ok"),  # labelled wrongly on purpose: a false alarm to the page
    ("t6", "Hello, Sunshine!", "ok"),
)


def ids(page: Page) -> list[str]:
    """The titles shown, by what the cards say of them."""
    return [line.split("ad tent")[1].strip()[:2] for line in page.locator("#list .about").all_text_contents()]


def test_a_reviewer_filters_searches_and_sorts_without_anything_becoming_markup(tmp_path: Path) -> None:
    rows = [json.dumps({"title_id": i, "ad_id": "tent", "title": t, "label": label}) for i, t, label in TITLES]
    (tmp_path / "titles.jsonl").write_text("\n".join(rows), encoding="utf-8")
    (tmp_path / "ads.jsonl").write_text(json.dumps(AD), encoding="utf-8")
    out = tmp_path / "AUDIT"
    audit(AuditOptions(ads=tmp_path / "ads.jsonl", titles=tmp_path / "titles.jsonl", out=out))
    with chromium() as browser, window(browser, "http://127.0.0.1") as seen:
        page = seen.page
        page.goto((out / "report.html").as_uri())
        expect(page.locator("#shown")).to_have_text("6 of 6 titles")
        assert ids(page) == ["t1", "t2", "t3", "t4", "t5", "t6"]
        page.get_by_label("Verdict").select_option("unsupported")
        assert ids(page) == ["t2", "t3", "t4", "t5"]
        page.get_by_label("Kind of error").select_option("number")
        assert ids(page) == ["t2"]
        expect(page.locator("#list mark")).to_have_text("Nine Minutes")
        page.locator("#list summary").click()
        expect(page.locator("#list dl mark").first).to_contain_text("six minutes")
        page.get_by_label("Kind of error").select_option("")
        page.get_by_label("Verdict").select_option("false alarm")
        assert ids(page) == ["t5"]
        page.get_by_label("Verdict").select_option("")
        page.get_by_label("Search").fill("WORLD'S")
        assert ids(page) == ["t3"]
        page.get_by_label("Search").fill("no such words")
        expect(page.locator("#list")).to_contain_text("No title fits")
        page.get_by_label("Search").fill("")
        page.get_by_label("Order").select_option("title")
        assert ids(page) == ["t4", "t5", "t2", "t1", "t6", "t3"]
        page.get_by_label("Order").select_option("score")
        assert ids(page)[0] == "t4"
        assert page.locator("#list img").count() == 0
        assert seen.complaints == []
        assert [address for address in seen.asked if not address.startswith("file:")] == []
        assert seen.barriers() == []

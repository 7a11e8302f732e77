"""The page of an EXAMPLES folder: its figures are those of the rows, its texts are shown and never run."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

import pandas as pd

from data_synthesis.llm.report import Wording, wording_of
from tests.data_synthesis.llm.conftest import Outcome
from tests.scripted_endpoint import Response, endpoint
from tests.scripted_teacher import good_answer


def rows_of(page: str, caption: str) -> dict[str, list[str]]:
    """The cells of a table by the text of their row's first."""
    (table,) = re.findall(rf"<table><caption>{re.escape(caption)}</caption>(.*?)</table>", page, re.DOTALL)
    rows = [
        re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL) for row in re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)
    ]
    return {html.unescape(cells[0]): cells[1:] for cells in rows if cells}


def test_funnel_reasons_cost_and_coverage_are_those_of_the_rows(synthesize: Callable[..., Outcome]) -> None:
    def script(number: int, step: str, body: dict[str, Any]) -> Response:
        if step == "title" and number % 3 == 0:
            return Response(refusal="no")
        return Response(good_answer(step, body))

    with endpoint(script) as server:
        made = synthesize(server.url, "--copies", "99", "--concurrency", "1")
    page = (made.out / "report.html").read_text("utf-8")
    kept, rejected = made.examples, made.rejected
    assert 0 < len(rejected) < 14
    outcomes = rows_of(page, "Rows and their cost")
    assert outcomes.pop("kept") == [str(len(kept)), f"{kept['cost_usd'].sum():.4f}"]
    expected = {
        reason: [str(len(rows)), f"{rows['cost_usd'].sum():.4f}"] for reason, rows in rejected.groupby("reason")
    }
    assert outcomes == expected
    coverage = pd.read_parquet(made.out / "coverage.parquet")
    for ad_id, points in coverage.groupby("ad_id"):
        shown = rows_of(page, str(ad_id))
        assert shown == {
            point: [str(planned), str(count)]
            for point, planned, count in zip(points["selling_point"], points["planned"], points["kept"], strict=True)
        }
    side_by_side = page.partition("Side by side")[2].partition("Selling points")[0]
    shown_titles = {html.unescape(cell) for cell in re.findall(r"<tr><td>(.*?)</td>", side_by_side)}
    assert shown_titles
    assert shown_titles <= set(kept["title"])
    for steps in made.facts["funnel"].values():
        for step, count in steps.items():
            assert f'<td>{step}</td><td class="n">{count:,}</td>' in page


def test_length_and_diversity_by_hand() -> None:
    # neighbouring pairs: (a, b), (a, b), (b, c), and of "A B" (A, B): three different ones of four
    assert wording_of(["a b", "a b c", "A B"]) == Wording(3, 2 / 3, (2, 2, 3), (3, 3, 5), 3 / 4)
    assert wording_of([]) is None


def test_the_page_runs_nothing_and_loads_nothing(synthesize: Callable[..., Outcome]) -> None:
    def script(_: int, step: str, body: dict[str, Any]) -> Response:
        evil = {"title": "<script>alert(1)</script> <img src=x>"}
        return Response(evil if step in ("title", "correction") else good_answer(step, body))

    with endpoint(script) as server:
        made = synthesize(server.url, "--limit", "3", "--heldout", "1")
    page = (made.out / "report.html").read_text("utf-8")
    assert "default-src 'none'" in page
    assert "&lt;script&gt;alert" in page
    for mark in ("<script", "<img", "<link", "http://", "https://", "javascript:"):
        assert mark not in page

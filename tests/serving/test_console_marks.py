"""Evidence in title and source, and how channels take a title."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from creator.core.records import Ad, AdId
from serving.console.marks import mark_sources, mark_title, previews

AD = Ad(
    AdId("a1"),
    "Korrik sale: 20% off ropes",
    "20% off selected Korrik gear. The range includes a climbing rope.",
    ("climbing rope",),
    {"brand": "Korrik"},
)


def findings(*entries: tuple[str, int, int, str, str, float]) -> str:
    names = ("kind", "span", "claim", "evidence", "source_field", "score")
    return json.dumps([dict(zip(names, (k, [a, b], "", e, f, s), strict=True)) for k, a, b, e, f, s in entries])


def test_words_of_the_ad_are_marked_and_findings_come_first():
    title = "Climbing ropes: half price from Korrik"
    found = findings(("number", 16, 20, "20% off", "title", 0.9), ("unsupported", 21, 26, "", "", 0.3))
    pieces = mark_title(title, found, AD)
    assert "".join(p.text for p in pieces) == title
    assert [(p.text, p.kind) for p in pieces if p.kind] == [
        ("Climbing", "borne"),
        ("ropes", "borne"),  # "rope" in the ad
        ("half", "error"),
        ("price", "doubt"),
        ("Korrik", "borne"),
    ]
    assert "20% off" in next(p.note for p in pieces if p.kind == "error")


def test_the_source_shows_what_the_title_takes_and_what_speaks_against_it():
    sources = {
        s.field: s.pieces
        for s in mark_sources(
            ["Climbing rope at half price"], [findings(("number", 17, 21, "20% off", "title", 0.9))], AD
        )
    }
    assert set(sources) == {"title", "description", "selling_points[0]", "attributes.brand"}
    assert [(p.text, p.kind) for p in sources["title"] if p.kind] == [("20% off", "error"), ("ropes", "borne")]
    assert [p.text for p in sources["description"] if p.kind == "borne"] == ["climbing", "rope"]


def test_a_channel_shows_what_fits_and_counts_wide_characters_double():
    shown = {p.channel: p for p in previews("登山绳八折优惠限时抢购今天下单明天就到")}  # 19 wide characters
    google = shown["Google Ads"]
    assert (google.length, google.longest, len(google.shown), len(google.over)) == (38, 30, 15, 4)
    assert google.faults == ("38 of at most 30 characters",)
    assert shown["Merchant Center"].over == ""
    assert not shown["Ocean Engine"].faults


@given(st.text(max_size=80), st.lists(st.tuples(st.integers(0, 90), st.integers(0, 90)), max_size=4))
def test_pieces_are_the_text_whatever_it_is(title: str, spans: list[tuple[int, int]]):
    found = findings(*(("number", a, b, title[:3], "title", 0.9) for a, b in spans))
    assert "".join(p.text for p in mark_title(title, found, AD)) == title
    assert all(p.shown + p.over == title for p in previews(title))
    for source in mark_sources([title], [found], AD):
        assert "".join(p.text for p in source.pieces)

"""A brand guide holds what it says: banned and required words, capitals, insertion tokens."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creator.core.errors import InputError
from creator.core.records import Ad, AdId, FindingKind, Verdict
from creator.facts.guide import (
    EVERYBODY,
    BrandGuide,
    Capitalisation,
    as_json,
    from_json,
    guide_findings,
    instructions,
    read_guides,
    with_guides,
)
from creator.facts.verifier import check_title

AD = Ad(
    AdId("a1"),
    "Korrik sale {KeyWord:Ropes}: 20% off",
    "20% off selected Korrik gear. The range includes a climbing rope and an iPhone mount.",
    attributes={"brand": "Korrik"},
)


def faults(title: str, **rules: object) -> list[tuple[str, str]]:
    guide = BrandGuide("Korrik", **rules)  # type: ignore[arg-type]
    found = list(guide_findings(title, AD, guide))
    assert all(f.kind is FindingKind.CHANNEL and f.claim == title[slice(*f.span)] and f.score == 1 for f in found)
    return [(f.source_field.removeprefix("guide."), f.claim) for f in found]


@pytest.mark.parametrize(
    ("title", "found"),
    [
        ("A cheap rope", ["cheap"]),
        ("CHEAP, cheap rope", ["CHEAP", "cheap"]),
        ("ｃｈｅａｐ rope", ["ｃｈｅａｐ"]),
        ("Cheaper rope", []),
        ("A rope at  rock   bottom", ["rock   bottom"]),
        ("最便宜的绳子", ["便宜"]),
    ],
)
def test_a_banned_phrase_is_found_as_whole_words_however_it_is_written(title: str, found: list[str]):
    assert faults(title, banned=("cheap", "rock bottom", "便宜")) == [("banned", word) for word in found]


def test_each_required_phrase_must_be_there():
    assert faults("Korrik rope", required=("korrik", "20% off")) == [("required", "Korrik rope")]
    assert faults("Korrik rope, 20% off", required=("korrik", "20% off")) == []


@pytest.mark.parametrize(
    ("title", "found"),
    [
        ("{KeyWord:Ropes} 20% off", []),  # the ad's own
        ("{Pack:City} ropes", []),  # the guide's
        ("{keyword:Ropes} 20% off", ["{keyword:Ropes}"]),
        ("{KeyWord:Ropes 20% off", ["{"]),
        ("Ropes} 20% off", ["}"]),
    ],
)
def test_an_insertion_token_is_kept_letter_by_letter(title: str, found: list[str]):
    assert faults(title, tokens=("{Pack:City}",)) == [("tokens", token) for token in found]


@pytest.mark.parametrize(
    ("case", "title", "found"),
    [
        (Capitalisation.TITLE, "Climbing Rope for 20% Off", []),
        (Capitalisation.TITLE, "Climbing rope for you", ["rope"]),
        (Capitalisation.TITLE, "An iPhone Mount", []),  # as the ad writes it
        (Capitalisation.SENTENCE, "Climbing rope by Korrik", []),
        (Capitalisation.SENTENCE, "Climbing Rope by Korrik", ["Rope"]),
        (Capitalisation.SENTENCE, "climbing rope", ["climbing"]),
        (Capitalisation.SENTENCE, "20% off {KeyWord:Ropes}", ["off"]),
        (Capitalisation.ANY, "cLIMBING rOPE", []),
    ],
)
def test_capitals_are_as_the_guide_asks(case: Capitalisation, title: str, found: list[str]):
    assert faults(title, capitalisation=case) == [("capitalisation", word) for word in found]


def test_a_true_title_that_breaks_the_guide_may_not_be_published():
    title = "Climbing rope: 20% off selected Korrik gear"
    assert check_title(title, AD).publishable
    for guides in ({}, {"Korrik": BrandGuide("Korrik")}, {"Other": BrandGuide("Other", banned=("rope",))}):
        assert with_guides(check_title, guides)(title, AD) == check_title(title, AD)
    for name in ("Korrik", EVERYBODY):
        found = with_guides(check_title, {name: BrandGuide(name, banned=("rope",))})(title, AD)
        assert (found.verdict, found.publishable) == (Verdict.UNSUPPORTED, False)
        assert [f.source_field for f in found.findings] == ["guide.banned"]
    own = {"Korrik": BrandGuide("Korrik"), EVERYBODY: BrandGuide(EVERYBODY, banned=("rope",))}
    assert with_guides(check_title, own)(title, AD).publishable


texts = st.text(max_size=12)


@given(
    st.builds(
        BrandGuide,
        texts,
        texts,
        st.lists(texts, max_size=3).map(tuple),
        st.lists(texts, max_size=3).map(tuple),
        st.sampled_from(Capitalisation),
        st.lists(texts, max_size=3).map(tuple),
    ),
    st.text(max_size=60),
)
def test_guides_go_through_json_and_never_raise_whatever_the_title(guide: BrandGuide, title: str):
    assert from_json(as_json(guide)) == guide
    assert read_guides(f"[{as_json(guide)}]") == {guide.advertiser: guide}
    for finding in guide_findings(title, AD, guide):
        assert 0 <= finding.span[0] <= finding.span[1] <= len(title)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"banned": "x"}]', '[{"capitalisation": "loud"}]', "[[]]"])
def test_what_is_no_list_of_guides_is_one_clear_error(text: str):
    with pytest.raises(InputError, match="brand guides"):
        read_guides(text)


def test_the_writer_is_told_every_rule_that_is_checked():
    guide = BrandGuide("Korrik", "plain", ("Korrik",), ("cheap",), Capitalisation.TITLE, ("{Pack:City}",))
    told = " ".join(instructions(guide))
    assert all(word in told for word in ("plain", "Korrik", "cheap", "title case", "{Pack:City}"))
    assert instructions(BrandGuide("Korrik")) == []
    assert json.loads(as_json(guide))["banned"] == ["cheap"]

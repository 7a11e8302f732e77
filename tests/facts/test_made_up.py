"""What a verifier learns from beside the catalogue, what it is calibrated on, and what it reads of an ad."""

from __future__ import annotations

import re
from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from creator.core.records import Ad, AdId, FindingKind
from creator.facts.learned.evidence import MOST_WORDS, Statements, evidence_for
from creator.facts.learned.made_up import made_up_titles
from creator.facts.learned.shelf import shelf_titles
from creator.facts.learned.titles import KINDS
from tests.facts.shelf import TENT

NUMERALS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
SPELT = {word: str(n) for n, word in enumerate(NUMERALS, start=2)}


def figures(text: str) -> set[str]:
    """The figures of a text, spelt ones too."""
    found: list[str] = re.findall(r"\d+|[a-z]+", text.casefold())
    return {word for word in found if word.isdigit()} | {SPELT[word] for word in found if word in SPELT}


def test_made_up_titles_are_whole_of_every_kind_and_follow_from_the_seed() -> None:
    rows = made_up_titles(400, 3, seed=5)
    assert {row.kind for row in rows} == {None, *KINDS}
    true = sum(row.kind is None for row in rows)
    assert true == len(rows) - true
    for row in rows:
        assert not re.search(r"[{}]", f"{row.title} {row.ad.title} {row.ad.description} {row.ad.selling_points}")
    assert rows == made_up_titles(400, 3, seed=5)
    assert rows[0] != made_up_titles(400, 3, seed=6)[0]


def test_a_true_made_up_title_has_no_figure_that_its_ad_has_not() -> None:
    counted = 0
    for row in made_up_titles(600, 3, seed=7):
        text = f"{row.ad.title} {row.ad.description} {' '.join(row.ad.selling_points)}"
        counts = re.search("three colours|two days a week", row.title.casefold())  # of things, not in the ad's words
        own = figures(row.title)
        if row.kind is None and own and not counts:
            counted += 1
            assert own <= figures(text), (row.title, text)
    assert counted > 300


def test_no_made_up_title_is_true_and_wrong_of_one_ad() -> None:
    labels: dict[tuple[str, str], set[FindingKind | None]] = defaultdict(set)
    for row in made_up_titles(1500, 4, seed=11):
        labels[row.ad.ad_id, row.title.casefold()].add(row.kind)
    both = [title for title, kinds in labels.items() if None in kinds and len(kinds) > 1]
    assert both == []


def test_the_shelf_is_hand_labelled_and_kept_apart_from_made_up_ads() -> None:
    rows = shelf_titles()
    assert {row.kind for row in rows} >= {None, *KINDS} - {FindingKind.UNIT}
    assert len({row.ad.ad_id for row in rows}) >= 12
    made = {row.ad.title for row in made_up_titles(200, 1, seed=0)}
    assert not made & {row.ad.title for row in rows}


def test_a_verifier_reads_the_ad_s_title_and_then_what_the_title_speaks_of() -> None:
    ad = Ad(
        AdId("a"),
        "Orrin Desk",
        "Its legs are steel. The motor has a guarantee of five years. Cables go into a tray.",
        ("Five years of guarantee on the motor", "Legs of steel"),
        {"width": "140 cm"},
    )
    told = evidence_for("A Motor With Five Years of Guarantee", ad).split(" | ")
    assert told[:2] == ["Orrin Desk", "The motor has a guarantee of five years."]
    assert "Five years of guarantee on the motor" not in told  # it says nothing new
    assert "Its legs are steel." in told


@given(st.text(max_size=300), st.text(max_size=60))
def test_any_text_can_be_read_as_evidence(description: str, title: str) -> None:
    ad = Ad(AdId("a"), TENT.title, description)
    assert evidence_for(title, ad).startswith(TENT.title)


def test_evidence_ends_where_it_is_long_enough() -> None:
    ad = Ad(AdId("a"), "Rope", ". ".join(f"Strand number {n} is of fibre {n * 7}" for n in range(200)))
    told = Statements.of(ad).for_title("A Rope of Fibre 77")
    assert "Strand number 11 is of fibre 77" in told.split(" | ")[1]
    assert len(told.split()) <= MOST_WORDS + 12

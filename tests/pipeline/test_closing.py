"""The last words of a run name real titles, and the user they ask for is one the service has a title for."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pandas as pd

from creator.core.data import Data
from creator.core.records import Ad, AdId
from creator.pipeline.closing import ask, lines, table

ADS = {AdId(name): Ad(AdId(name), f"Original {name}", "D.") for name in ("a1", "a2", "a3")}
DATA = cast(Data, SimpleNamespace(ads=ADS))
TITLES = pd.DataFrame(
    [
        (0, "a1", "For ropes", 1, 0.5),
        (1, "a1", "For bikes", 1, 2.0),
        (0, "a2", "Same", 1, 0.1),
        (1, "a2", "Same", 1, 0.2),
    ],
    columns=["cluster_id", "ad_id", "title", "rank", "personalisation"],
)
ASSIGNMENT = pd.DataFrame(
    [("u1", 0, 0.9), ("u2", 0, 0.8), ("u3", 1, 0.2), ("u4", 1, 0.7), ("u5", -1, 0.1)],
    columns=["user_id", "cluster_id", "similarity"],
)


def test_the_table_shows_originals_and_the_distinct_titles_of_the_largest_clusters() -> None:
    told = "\n".join(table(DATA, TITLES, ASSIGNMENT["cluster_id"].value_counts()))
    assert told.startswith("4 titles of 2 ads")
    rows = [line.split(maxsplit=1) for line in told.splitlines() if line.strip()][1:]
    expected = (
        "a1 everybody else          Original a1",
        "cluster 0, 2 users      For ropes",
        "cluster 1, 2 users      For bikes",
        "a2 everybody else          Original a2",
        "cluster 0, 2 users      Same",
    )
    assert tuple(" ".join(row) for row in rows) == expected


def test_the_user_to_ask_for_is_the_nearest_of_the_cluster_with_the_most_personal_title() -> None:
    asked = ask(TITLES, ASSIGNMENT)
    assert asked is not None
    assert (asked.user_id, asked.ad_id, asked.title) == ("u4", "a1", "For bikes")


def test_a_cluster_without_members_is_not_asked_for() -> None:
    asked = ask(TITLES, ASSIGNMENT[ASSIGNMENT["cluster_id"] != 1])
    assert asked is not None
    assert (asked.user_id, asked.title) == ("u1", "For ropes")
    assert ask(TITLES, ASSIGNMENT.iloc[4:]) is None
    assert ask(TITLES.iloc[:0], ASSIGNMENT) is None


def test_ids_and_folders_with_odd_characters_survive_the_shell() -> None:
    asked = ask(TITLES.assign(ad_id="a&1 x"), ASSIGNMENT.assign(user_id="u'9"))
    assert asked is not None
    told = "\n".join(lines(Path("my run"), asked))
    assert "--store 'sqlite:///my run/store.db'" in told
    assert "user_id=u%279&ad_id=a%261+x'" in told

"""What a run says last: a table of the titles it made, and how to ask the service for one of them."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from urllib.parse import urlencode

import pandas as pd
import pyarrow as pa

from creator.core.data import Data, open_data, read_table

TITLES = pa.schema([("cluster_id", pa.int64()), ("ad_id", pa.string()), ("title", pa.string()), ("rank", pa.int64()),
                    ("personalisation", pa.float64())])  # fmt: skip
ASSIGNMENT = pa.schema([("user_id", pa.string()), ("cluster_id", pa.int64()), ("similarity", pa.float64())])
ADS_SHOWN = 8
CLUSTERS_SHOWN = 3
TITLE_WIDTH = 100


@dataclass(frozen=True, slots=True)
class Asked:
    """One real user whose cluster has a title of one ad."""

    user_id: str
    ad_id: str
    title: str


def show(run: Path) -> None:
    """Print the titles of a run beside the originals, then the lines that start the service and ask it."""
    data = open_data(run / "data")
    titles = read_table(run / "titles" / "titles.parquet", TITLES)
    titles = titles[titles["rank"] == 1]
    assignment = read_table(run / "clusters" / "assignment.parquet", ASSIGNMENT)
    print("\n".join(["", *table(data, titles, assignment["cluster_id"].value_counts())]))
    asked = ask(titles, assignment)
    if asked is not None:
        print("\n".join(["", *lines(run, asked)]), flush=True)


def table(data: Data, titles: pd.DataFrame, sizes: pd.Series[int]) -> list[str]:
    """The ads whose clusters differ most in title: the original, then the titles of their largest clusters.

    Args:
        data: the ads.
        titles: one row a (cluster, ad), the title to publish.
        sizes: users by cluster.
    """
    sized = titles.assign(users=titles["cluster_id"].map(sizes).fillna(0).astype(int))
    variety = sized.groupby("ad_id")["title"].nunique().sort_values(ascending=False, kind="stable")
    shown = [str(ad_id) for ad_id in variety.index[:ADS_SHOWN]]
    told = [f"{len(titles):,} titles of {len(variety):,} ads; {len(shown)} of the ads with the most different titles:"]
    for ad in [data.ads[ad_id] for ad_id in data.ads if ad_id in shown]:
        told.append(f"\n  {ad.ad_id:<24}{'everybody else':<24}{_short(ad.title)}")
        own = sized[sized["ad_id"] == ad.ad_id].sort_values(["users", "cluster_id"], ascending=[False, True])
        for row in own.drop_duplicates("title").head(CLUSTERS_SHOWN).itertuples():
            told.append(f"  {'':<24}{f'cluster {row.cluster_id}, {row.users:,} users':<24}{_short(str(row.title))}")
    return told


def ask(titles: pd.DataFrame, assignment: pd.DataFrame) -> Asked | None:
    """The user nearest to the centroid of the cluster with the most personal title, or None when there is none."""
    members = assignment[assignment["cluster_id"].isin(titles["cluster_id"])]
    personal = titles[titles["cluster_id"].isin(members["cluster_id"])]
    if personal.empty:
        return None
    chosen = personal.sort_values("personalisation", ascending=False, kind="stable").iloc[0]
    own = members[members["cluster_id"] == chosen["cluster_id"]].sort_values(
        "similarity", ascending=False, kind="stable"
    )
    return Asked(str(own.iloc[0]["user_id"]), str(chosen["ad_id"]), str(chosen["title"]))


def lines(run: Path, asked: Asked) -> list[str]:
    """The calls that start the service on the run's own store and ask it for one title."""
    beside = Path(os.path.relpath(sys.executable)).with_name("hllm-creator")
    program = str(beside) if beside.is_file() else "hllm-creator"
    store = f"sqlite:///{run / 'store.db'}"
    query = urlencode({"user_id": asked.user_id, "ad_id": asked.ad_id})
    return [
        f"the report          {run / 'report.html'}",
        f"start the service   {program} serve --store {shlex.quote(store)}",
        f"ask it for a title  curl {shlex.quote(f'http://127.0.0.1:8080/v1/title?{query}')}",
        f"it should answer    {asked.title}",
    ]


def _short(title: str) -> str:
    return shorten(title, TITLE_WIDTH, placeholder=" ...")

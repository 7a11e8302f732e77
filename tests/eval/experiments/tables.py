"""Event tables of a made-up experiment, with every count known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

START = 1_700_000_000.0
DAY = 86_400.0


def write_events(
    path: Path, *, users: int = 1_500, lift: float = 0.0, lose: float = 0.0, seed: int = 3
) -> pd.DataFrame:
    """Two arms by the user's parity, 10 days of past and 10 of the experiment, three clusters, two ads.

    Args:
        path: .parquet, .csv or .jsonl.
        users: how many.
        lift: what "personal" does to the click rate.
        lose: share of the treatment's users whose events were lost.
    """
    draw = np.random.default_rng(seed)
    rows: list[dict[str, object]] = []
    for user in range(users):
        arm = ("control", "personal")[user % 2]
        if arm == "personal" and draw.random() < lose:
            continue
        cluster, rate = user // 2 % 3, 0.1 * np.exp(draw.normal(0, 0.5))
        for tagged in (False, True):
            for _ in range(1 + draw.poisson(4)):
                ad = f"a{draw.integers(2)}"
                at = START + (10 * DAY if tagged else 0) + draw.random() * 10 * DAY
                treated = tagged and arm == "personal"
                row = {"user_id": f"u{user}", "ad_id": ad, "timestamp": at, "cluster_id": cluster,
                       "title_id": f"t-{ad}-{cluster}" if treated else None,
                       "experiment": "titles" if tagged else None, "variation": arm if tagged else None}  # fmt: skip
                rows.append({"event_id": f"e{len(rows)}", "kind": "exposure", **row})
                if draw.random() < rate * (1 + lift * treated):
                    rows.append({"event_id": f"e{len(rows)}", "kind": "click", **row, "timestamp": at + 5})
    frame = pd.DataFrame(rows)
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    elif path.suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_json(path, orient="records", lines=True)
    return frame

"""The tables of TITLES."""

from __future__ import annotations

import pyarrow as pa

TITLES = pa.schema(
    [
        ("title_id", pa.string()),
        ("cluster_id", pa.int64()),
        ("ad_id", pa.string()),
        ("title", pa.string()),
        ("rank", pa.int64()),
        ("logprob", pa.float64()),
        ("personalisation", pa.float64()),
        ("verdict", pa.string()),
        ("findings", pa.string()),
        ("provenance", pa.string()),
    ]
)
REJECTED = TITLES.append(pa.field("reason", pa.string()))
OUTCOMES = pa.schema(
    [
        ("cluster_id", pa.int64()),
        ("ad_id", pa.string()),
        ("outcome", pa.string()),  # "title", or "original": users of the cluster see the ad's own title
        ("reason", pa.string()),  # why the original, else ""
        ("made_from", pa.string()),  # digest of the ad, the centroid's soft token and the model
        ("kept", pa.bool_()),  # whether its titles are those of an earlier call
    ]
)

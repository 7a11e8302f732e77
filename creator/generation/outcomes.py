"""What became of each pair: a title, or the original and why; and which titles of an earlier call still stand."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import pandas as pd

from creator.core.artefacts import Artefact, config_digest
from creator.core.data import read_table
from creator.generation.gate import Gate
from creator.generation.pairs import Pair
from creator.generation.titles_table import OUTCOMES, TITLES
from creator.models.assembly import Float

Standing = dict[str, list[dict[str, object]]]


def origins_of(pairs: Sequence[Pair], soft_tokens: Float, model: Artefact) -> dict[str, str]:
    """By `Pair.key`, the identity of everything that a pair's titles are written from, but the drawing."""
    clusters = [config_digest(token) for token in soft_tokens.round(5).tolist()]
    ads = {pair.ad.ad_id: pair.ad for pair in pairs}
    facts = {ad_id: config_digest({**asdict(ad), "attributes": dict(ad.attributes)}) for ad_id, ad in ads.items()}
    return {pair.key: config_digest([model.digest, clusters[pair.row], facts[pair.ad.ad_id]]) for pair in pairs}


def standing_titles(previous: Artefact, pairs: Sequence[Pair], origins: Mapping[str, str], gate: Gate) -> Standing:
    """The rows of an earlier call's titles that need not be written again, by `Pair.key`.

    A pair's titles stand while its ad, its centroid and the model are what they were and the best of them still
    passes the gate.

    Raises:
        ArtefactError: the earlier folder's tables do not read.
    """
    outcomes = read_table(previous.path / "outcomes.parquet", OUTCOMES)
    known = {
        f"{cluster}/{ad_id}": digest
        for cluster, ad_id, digest, outcome in zip(
            outcomes["cluster_id"], outcomes["ad_id"], outcomes["made_from"], outcomes["outcome"], strict=True
        )
        if outcome == "title"
    }
    rows: dict[str, list[dict[str, object]]] = defaultdict(list)
    for row in read_table(previous.path / "titles.parquet", TITLES).sort_values("rank").to_dict("records"):
        rows[f"{row['cluster_id']}/{row['ad_id']}"].append({str(name): value for name, value in row.items()})
    out: Standing = {}
    for pair in pairs:
        found = rows.get(pair.key)
        if not found or known.get(pair.key) != origins[pair.key]:
            continue
        title = str(found[0]["title"])
        if not gate.refusal(title, pair.ad, gate.check(title, pair.ad), "stop"):
            out[pair.key] = found
    return out


def outcomes_of(
    pairs: Sequence[Pair],
    titled: set[str],
    rejected: pd.DataFrame,
    origins: Mapping[str, str],
    standing: Standing,
) -> pd.DataFrame:
    """The rows of outcomes.parquet, one a pair."""
    reasons: dict[str, Counter[str]] = defaultdict(Counter)
    for cluster, ad_id, reason in zip(rejected["cluster_id"], rejected["ad_id"], rejected["reason"], strict=True):
        reasons[f"{cluster}/{ad_id}"][str(reason)] += 1
    rows = [
        {
            "cluster_id": pair.cluster_id,
            "ad_id": pair.ad.ad_id,
            "outcome": "title" if pair.key in titled else "original",
            "reason": "" if pair.key in titled else _because(reasons[pair.key]),
            "made_from": origins[pair.key],
            "kept": pair.key in standing,
        }
        for pair in pairs
    ]
    return pd.DataFrame(rows, columns=OUTCOMES.names)


def _because(reasons: Counter[str]) -> str:
    counted = "; ".join(f"{count} {reason}" for reason, count in reasons.most_common())
    return f"no candidate passes: {counted}" if counted else "no candidate was written"

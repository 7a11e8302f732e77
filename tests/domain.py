"""A small generated shop for outdoor gear: the tests' own domain, as tables that `ingest --source tables` reads.

Users have one or two favourite activities and mostly buy things for them; each ad covers several activities, so that
users of different tastes care about different selling points. Everything follows from the seed.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

THINGS = {
    "climbing": ["climbing rope", "chalk bag", "climbing shoes", "belay glove", "sling set"],
    "cycling": ["bike pump", "cycling jersey", "bottle cage", "chain oil", "helmet light"],
    "camping": ["tent peg set", "sleeping mat", "camp stove", "folding lantern", "water filter"],
    "fishing": ["fishing line", "fly box", "landing net", "wader boots", "reel case"],
    "running": ["running socks", "running vest", "trail shoes", "race belt", "soft flask"],
}
BRANDS = ["Arven", "Korrik", "Tolm"]
DAY_S = 86_400.0
START_S = 1_700_000_000.0


def write_shop(folder: Path, *, users: int = 60, events: int = 25, ads: int = 8, seed: int = 7) -> Path:
    """Write items.jsonl, events.csv, ads.jsonl and impressions.jsonl into a folder; returns the folder."""
    draw = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    items = [
        (f"i{n:03d}", f"{brand} {thing}", f"For {activity}.")
        for n, (activity, thing, brand) in enumerate((a, t, b) for a, ts in THINGS.items() for t in ts for b in BRANDS)
    ]
    by_activity = {a: [i for i, _, d in items if a in d] for a in THINGS}
    _jsonl(folder / "items.jsonl", [{"item_id": i, "title": t, "description": d} for i, t, d in items])
    rows, tastes = ["user_id,item_id,timestamp,weight"], {}
    for u in range(users):
        user = f"u{u:03d}"
        tastes[user] = draw.sample(sorted(THINGS), k=2)
        for e in range(events):
            activity = (
                tastes[user][0]
                if draw.random() < 0.7
                else (tastes[user][1] if draw.random() < 0.7 else draw.choice(sorted(THINGS)))
            )
            when = START_S + e * DAY_S + draw.random() * DAY_S
            rows.append(f"{user},{draw.choice(by_activity[activity])},{when:.0f},1.0")
    (folder / "events.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    adverts = []
    for a in range(ads):
        covered = draw.sample(sorted(THINGS), k=3)
        brand, percent = draw.choice(BRANDS), draw.choice([10, 15, 20, 25])
        things = [draw.choice(THINGS[c]) for c in covered]
        adverts.append(
            {
                "ad_id": f"a{a:02d}",
                "title": f"{brand} outdoor sale: {percent}% off selected gear",
                "description": f"{percent}% off selected {brand} gear for "
                + ", ".join(covered[:-1])
                + f" and {covered[-1]}. The range includes a {things[0]}, a {things[1]} and a {things[2]}.",
                "selling_points": [f"{thing} for {activity}" for thing, activity in zip(things, covered, strict=True)]
                + [f"{percent}% off selected gear"],
                "attributes": {"brand": brand, "discount": f"{percent}%"},
                "category": "outdoor gear",
                "locale": "en",
            }
        )
    _jsonl(folder / "ads.jsonl", adverts)
    seen = []
    for user, taste in tastes.items():
        for advert in draw.sample(adverts, k=min(5, len(adverts))):
            fits = any(t in point for t in taste for point in advert["selling_points"])
            seen.append(
                {
                    "user_id": user,
                    "ad_id": advert["ad_id"],
                    "timestamp": START_S + events * DAY_S,
                    "clicked": draw.random() < (0.5 if fits else 0.05),
                }
            )
    _jsonl(folder / "impressions.jsonl", seen)
    return folder


def _jsonl(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")

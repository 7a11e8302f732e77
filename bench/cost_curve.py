"""Figure 6: what a whole run costs at 100, 1,000 and 10,000 ads and K = 16, 64, 256; fitted, and extrapolated.

    python bench/cost_curve.py --run runs/demo --budget-s 420

Each part of a run is timed by itself at several sizes, on the run's model and data, until the time is spent: items,
users and ads embedded, k-means, the match head, titles written (vLLM), checked and scored. Every part is a rate times a
count, which is what makes a sum of them a curve: a cell of the table is measured where its pairs fitted into the
budget and else the sum. A run has more ads than the catalogue by repeating its ads under new ids with their words in
another order, so that no prefix is found in the cache that a new ad would not have had.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from demo_run import DemoRun

from clustering.kmeans import fit
from creator.core.records import Ad, AdId
from creator.engine.contract import EngineStats
from creator.generation.gate import Gate
from creator.generation.pairs import Pair
from creator.generation.scoring import Scorer, Wanted
from creator.generation.writer import Answer, Written

CELLS = [(ads, k) for ads in (100, 1_000, 10_000) for k in (16, 64, 256)]


@dataclass
class Part:
    """One part of a run: seconds for a count of things, measured at one or more sizes."""

    name: str
    unit: str
    measured: list[tuple[int, float]]

    @property
    def seconds_each(self) -> float:
        """Least squares through the origin."""
        counts, seconds = (np.array(side, dtype=float) for side in zip(*self.measured, strict=True))
        return float((counts * seconds).sum() / (counts**2).sum())


def timed(work: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    started = time.monotonic()
    work()
    return time.monotonic() - started


def new_ads(ads: list[Ad], count: int) -> list[Ad]:
    """As many ads as asked for: those there are, and then the same words in another order."""
    draw, out = random.Random(0), list(ads[:count])
    while len(out) < count:
        ad = ads[len(out) % len(ads)]
        points = list(ad.selling_points)
        draw.shuffle(points)
        words = ad.title.split()
        draw.shuffle(words)
        out.append(replace(ad, ad_id=AdId(f"x{len(out)}"), title=" ".join(words), selling_points=tuple(points)))
    return out


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=Path("runs/demo"))
    parser.add_argument("--budget-s", type=float, default=420.0, help="for titles; the other parts take a minute")
    parser.add_argument("--candidates", type=int, default=4)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    run = DemoRun.read(options.run)
    model, data = run.model, run.data
    parts: dict[str, Part] = {}

    texts = sorted(set(data.item_texts))
    random.Random(0).shuffle(texts)
    sizes = (256, 512)
    parts["items"] = Part(
        "items embedded", "item", [(n, timed(lambda n=n: model.encode_texts(texts[:n]))) for n in sizes]
    )
    users = np.load(options.run / "embeddings" / "users.npy")
    items = np.load(options.run / "embeddings" / "items.npy")
    resident = peak_bytes()
    histories, before, length = data.histories, data.live_at, model.config.history
    event_bytes = (peak_bytes() - resident) / len(histories.timestamps)
    print(
        f"reading {len(histories.timestamps):,} events takes {event_bytes:,.0f} bytes of memory each at its peak",
        flush=True,
    )
    windows = [histories.window(b, before, length) for b in range(256)]
    ages = [histories.ages(b, before, length) for b in range(256)]
    parts["users"] = Part(
        "users embedded",
        "user",
        [(n, timed(lambda n=n: model.encode_users(items, windows[:n], ages[:n]))) for n in (128, 256)],
    )
    centroids = {k: users[:k] if k <= len(users) else users for k in (16, 64, 256)}
    many = np.random.default_rng(0).normal(users.mean(0), users.std(0), (50_000, users.shape[1])).astype(np.float32)
    parts["clusters"] = Part(
        "users clustered, per centroid",
        "user x centroid",
        [
            (len(many) * k, timed(lambda k=k: fit(many, k, metric="euclidean", seed=0, restarts=1, iterations=10)))
            for k in (16, 64)
        ],
    )
    ads = new_ads([ad for ad in data.ads.values() if ad.selling_points], 10_000)
    vectors = model.encode_texts([ad.text for ad in ads[:200]])
    parts["match"] = Part(
        "pairs scored by the match head",
        "pair",
        [
            (64 * 200, timed(lambda: matched(run, centroids[64], vectors))),
            (256 * 200, timed(lambda: matched(run, centroids[256], vectors))),
        ],
    )
    rng = np.random.default_rng(0)
    kept_share = kept_of(run)
    worker = run.writer(candidates=options.candidates, temperature=0.7)()
    written: list[tuple[int, float]] = []
    stats, answers, budget, first = EngineStats(), dict[str, tuple[Answer, ...]](), options.budget_s, 0
    pairs: list[Pair] = []
    for count in (8, 32, 64, 128, 256, 512, 1024):
        block = [
            Pair(int(row), int(row), ad)
            for ad in ads[first : first + count]
            for row in rng.choice(len(run.audience.soft_tokens), min(6, len(run.audience.soft_tokens)), replace=False)
        ]
        if written and written[-1][1] * 2.2 > budget:
            break  # twice the pairs would not fit

        def keep(what: Written | EngineStats) -> None:
            nonlocal stats
            if isinstance(what, EngineStats):
                stats += what
            else:
                answers[what.key] = what.answers

        took = timed(lambda block=block: worker.run(block, keep))
        budget, first = budget - took, first + count
        written.append((len(block), took))
        pairs += block
        print(f"  {len(block):,} pairs written in {took:.1f} s", flush=True)
    worker.close()
    parts["titles"] = Part(f"pairs written, {options.candidates} candidates", "pair", written[1:] or written)
    some = pairs[-min(300, len(pairs)) :]
    gate = Gate()
    parts["gate"] = Part("pairs checked", "pair", [(len(some), timed(lambda: gate.sort(some, answers)))])
    passed, _ = gate.sort(some, answers)
    wanted = [Wanted(one.pair.key, one.pair.row, one.pair.ad, (one.title,)) for one in passed]
    scorer = Scorer(model, run.audience)
    if wanted:
        took = timed(lambda: scorer.run(wanted, lambda _: None))
        parts["score"] = Part("pairs scored under both users", "pair", [(len(some), took)])

    report(parts, stats, len(pairs), kept_share, options)


def peak_bytes() -> int:
    """The most memory this process has held."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def matched(run: DemoRun, users: np.ndarray, ads: np.ndarray) -> object:
    """The match head over all pairs, its counts at zero."""
    from creator.core.acts import LogCounts

    counts = LogCounts(
        np.zeros((len(users), len(ads)), np.float32), np.zeros(len(ads), np.float32), np.zeros(len(users), np.float32)
    )
    return run.model.match_probabilities(users, ads, counts if run.model.reads_counts else None)


def kept_of(run: DemoRun) -> float:
    """Pairs kept an ad in the run's PAIRS."""
    return len(run.pairs) / len({pair.ad.ad_id for pair in run.pairs})


def report(parts: dict[str, Part], stats: EngineStats, pairs: int, kept: float, options: argparse.Namespace) -> None:
    """Print the parts, the table of cells and the extrapolation."""
    each = {name: part.seconds_each for name, part in parts.items()}
    print("\npart: measured as (count, seconds); seconds each")
    for part in parts.values():
        shown = ", ".join(f"({count:,}, {seconds:.2f})" for count, seconds in part.measured)
        print(f"  {part.name:<44}{shown}: {part.seconds_each:.3g} s a {part.unit}")
    prompt, computed, out = (
        x / max(1, pairs) for x in (stats.prompt_tokens_submitted, stats.prompt_tokens_computed, stats.output_tokens)
    )
    print(f"a pair: {prompt:,.0f} prompt tokens submitted, {computed:,.0f} computed, {out:,.0f} written")
    print(f"kept: {kept:.1f} pairs an ad")

    def cost(users: float, items: float, ads: float, k: float) -> dict[str, float]:
        titles = ads * min(k, kept)
        return {
            "items": items * each["items"],
            "users": users * each["users"],
            "clusters": users * k * each["clusters"],
            "match": ads * k * each["match"] + ads * each["items"],
            "titles": titles * each["titles"],
            "gate and score": titles * (each["gate"] + each.get("score", 0.0)),
        }

    print(f"\n{'ads':>8}{'K':>6}{'pairs':>10}{'tokens, millions':>18}{'minutes':>10}   most of it")
    rows = []
    for ads, k in CELLS:
        found = cost(2_500, 16_427, ads, k)
        titles = ads * min(k, kept)
        rows.append({"ads": ads, "k": k, "pairs": titles, "minutes": sum(found.values()) / 60})
        most = max(found, key=lambda name: found[name])
        print(
            f"{ads:>8,}{k:>6}{titles:>10,.0f}{titles * (prompt + out) / 1e6:>18,.1f}{sum(found.values()) / 60:>10,.1f}"
            f"   {most} {found[most] / sum(found.values()):.0%}"
        )
    for users, items, ads, k in ((10e6, 1e6, 100_000, 1_000), (100e6, 10e6, 100_000, 10_000)):
        found = cost(users, items, ads, k)
        print(f"\n{users:,.0f} users, {items:,.0f} items, {ads:,} ads, K = {k:,}, on one machine like this one:")
        for name, seconds in sorted(found.items(), key=lambda entry: -entry[1]):
            print(f"  {name:<16}{seconds / 3600:>12,.1f} hours")
    if options.json:
        print(json.dumps({"each": each, "cells": rows, "prompt_tokens": prompt, "computed": computed, "output": out}))


if __name__ == "__main__":
    main()

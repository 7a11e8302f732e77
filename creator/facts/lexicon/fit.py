"""Learn `weights.json` from labelled titles: `python -m creator.facts.lexicon.fit FOLDER...`.

Each folder holds ads.jsonl and titles.jsonl (label "ok" or the kind of error, and a note that says what is wrong). A
title is wrong if one of its words is; which one, the note tells where it repeats it, and otherwise the likeliest is
taken (noisy-or over the words, a logistic regression for each). Every folder in turn is left out to tell what the
weights are worth on titles they have not seen; the weights that are written come from all of them.
"""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_matrix

from creator.core.records import Ad, FindingKind
from creator.facts import checks
from creator.facts.evidence import AdFacts
from creator.facts.features import meaning_features
from creator.facts.learned.shelf import shelf_titles
from creator.facts.reading import Reading
from creator.facts.strangers import Seen, read_strangers
from creator.facts.text import Word, split, stem_of
from creator.facts.weighing import AT_FAULT, joint

OK = "ok"
OURS = {FindingKind.UNSUPPORTED, FindingKind.ENTITY, FindingKind.WRONG_PRODUCT}
OTHERS = {FindingKind.NUMBER, FindingKind.UNIT, FindingKind.NEGATION}  # their other words are mostly right
PENALTY, RARE, OTHER_WORDS, CAUGHT = 3.0, 3, 0.3, 0.5
SMALLEST = 0.02


@dataclass(frozen=True, slots=True)
class Labelled:
    """A labelled title, read.

    Args:
        source: the folder it comes from.
        label: "ok" or the kind of error.
        words: for each word that the ad does not carry its features.
        told: for each of them, whether the note speaks of it.
        caught: whether another check stops the title anyway.
    """

    source: str
    label: str
    words: tuple[frozenset[str], ...]
    told: tuple[bool, ...]
    caught: bool


@dataclass(frozen=True, slots=True)
class Bag:
    """Words of one title of which at least one, or none, is at fault."""

    wrong: bool
    weight: float
    words: tuple[frozenset[str], ...]


def read_title(source: str, label: str, title: str, note: str, facts: AdFacts) -> Labelled:
    """Read one labelled title."""
    seen: list[tuple[str, Seen]] = []

    def record(found: Sequence[Word], *about: object) -> list[object]:
        seen.extend((found[s.word].text.removesuffix("'s"), s) for s in read_strangers(found, *about))  # type: ignore[arg-type]
        return []

    with patch.object(checks, "strangers", record):
        caught = any(f.score >= 0.5 for f in checks.findings_of(Reading.of(title, facts)))
    told = {w.stem for w in split(note) if w.kind != "sign"}
    return Labelled(
        source,
        label,
        tuple(frozenset((*meaning_features(text), *s.features)) for text, s in seen),
        tuple(stem_of(text) in told for text, _ in seen),
        caught,
    )


def read_folder(folder: Path) -> list[Labelled]:
    """Read a folder's titles."""
    ads = {}
    for row in _rows(folder / "ads.jsonl"):
        ad = Ad(
            row["ad_id"], row["title"], row["description"], tuple(row["selling_points"]), row["attributes"],
            row["category"],
        )  # fmt: skip
        ads[ad.ad_id] = AdFacts.of(ad)
    return [
        read_title(folder.name, row["label"], row["title"], row["note"], ads[row["ad_id"]])
        for row in _rows(folder / "titles.jsonl")
    ]


def read_shelf() -> list[Labelled]:
    """The labelled titles that a learned verifier is calibrated on."""
    return [
        read_title("shelf", row.kind.value if row.kind else OK, row.title, "", AdFacts.of(row.ad))
        for row in shelf_titles()
    ]


def _rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def bags_of(titles: Sequence[Labelled]) -> list[Bag]:
    """What the titles tell of their words."""
    bags: list[Bag] = []
    for title in titles:
        told = tuple(w for w, of in zip(title.words, title.told, strict=True) if of)
        untold = tuple(w for w, of in zip(title.words, title.told, strict=True) if not of)
        if title.label == OK:
            bags.append(Bag(False, 1.0, title.words))
        elif title.label in OURS:
            bags.append(Bag(True, CAUGHT if title.caught and not told else 1.0, told or title.words))
            bags.append(Bag(False, OTHER_WORDS, untold if told else ()))
        elif title.label in OTHERS:
            bags.append(Bag(False, OTHER_WORDS, untold))
    return [bag for bag in bags if bag.words]


def fit(bags: Sequence[Bag]) -> dict[str, float]:
    """Weights by noisy-or logistic regression with a ridge penalty; the bias is free."""
    counts = Counter(name for bag in bags for word in bag.words for name in word)
    names = sorted(name for name, count in counts.items() if count >= RARE)
    at = {name: n for n, name in enumerate(names)}
    rows = [[at[name] for name in word if name in at] for bag in bags for word in bag.words]
    matrix = csr_matrix(
        (np.ones(sum(map(len, rows))), np.concatenate(rows).astype(int), np.cumsum([0, *map(len, rows)])),
        shape=(len(rows), len(names)),
    )
    bag_of = np.repeat(np.arange(len(bags)), [len(bag.words) for bag in bags])
    wrong = np.array([bag.wrong for bag in bags])
    weight = np.array([bag.weight for bag in bags])
    penalty = np.array([0.01 if name == "bias" else PENALTY for name in names])

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        right = -np.logaddexp(0, matrix @ w)  # log of the chance that a word is right
        none = np.bincount(bag_of, right, minlength=len(bags))
        some = np.clip(-np.expm1(none), 1e-9, 1)
        pull = np.where(wrong, -(1 - some) / some, 1.0) * weight
        slope = matrix.T @ ((1 - np.exp(right)) * pull[bag_of])
        cost = -(weight * np.where(wrong, np.log(some), none)).sum()
        return cost + 0.5 * (penalty * w * w).sum(), slope + penalty * w

    start = np.array([-1.0 if name == "bias" else 0.0 for name in names])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 200}).x
    return dict(zip(names, found.tolist(), strict=True))


def told_of(titles: Sequence[Labelled], learned: dict[str, float]) -> str:
    """Recall of our kinds and false alarms, as text."""
    wrong = [t for t in titles if t.label in OURS]
    right = [t for t in titles if t.label == OK]

    def stops(title: Labelled) -> bool:
        sums = (sum(learned.get(name, 0.0) for name in word) for word in title.words)
        return joint(1 / (1 + math.exp(-total)) for total in sums) >= AT_FAULT

    hits, alarms = sum(t.caught or stops(t) for t in wrong), sum(map(stops, right))
    return f"recall {hits}/{len(wrong)} false alarms {alarms}/{len(right)}"


def main() -> None:
    """Leave every folder out once, then write `weights.json` from all of them."""
    titles = [t for folder in map(Path, sys.argv[1:]) for t in read_folder(folder)] + read_shelf()
    for name in sorted({t.source for t in titles}):
        learned = fit(bags_of([t for t in titles if t.source != name]))
        print(name, "left out:", told_of([t for t in titles if t.source == name], learned), flush=True)
    kept = {name: round(w, 2) for name, w in fit(bags_of(titles)).items() if abs(w) >= SMALLEST}
    text = json.dumps(dict(sorted(kept.items())), indent=0, ensure_ascii=False) + "\n"
    Path(__file__).with_name("weights.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

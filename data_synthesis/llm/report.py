"""The page of an EXAMPLES folder: where the rows went and at what cost, which points lead, examples side by side."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from creator.core.artefacts import write_text
from creator.core.data import read_profile
from data_synthesis.llm.coverage import PointCoverage
from data_synthesis.teacher import Written

ADS_SHOWN, TITLES_SHOWN, REJECTED_SHOWN = 12, 4, 30


@dataclass(frozen=True, slots=True)
class Wording:
    """How titles are worded.

    Args:
        titles: how many.
        distinct: share of different ones.
        words: words at the 5th, 50th and 95th percentile.
        characters: the same of characters.
        distinct_pairs: different pairs of neighbouring words over all such pairs (distinct-2, Li et al., 2016).
    """

    titles: int
    distinct: float
    words: tuple[int, int, int]
    characters: tuple[int, int, int]
    distinct_pairs: float


def wording_of(titles: Sequence[str]) -> Wording | None:
    """Length and diversity of titles; None without titles."""
    if not titles:
        return None
    split = [title.split() for title in titles]
    pairs = [pair for words in split for pair in pairwise(words)]
    return Wording(
        len(titles),
        len({title.casefold() for title in titles}) / len(titles),
        _spread([len(words) for words in split]),
        _spread([len(title) for title in titles]),
        len(set(pairs)) / len(pairs) if pairs else 0.0,
    )


def _spread(values: Sequence[int]) -> tuple[int, int, int]:
    ordered = sorted(values)
    low, middle, high = (ordered[min(len(ordered) - 1, int(share * len(ordered)))] for share in (0.05, 0.5, 0.95))
    return low, middle, high


def write_report(
    path: Path, answers: Sequence[Written], coverage: Sequence[PointCoverage], facts: Mapping[str, object]
) -> None:
    """Write the page; every text in it is escaped, and it loads nothing from anywhere.

    Args:
        path: the file.
        answers: all rows, kept and rejected.
        coverage: of the selling points.
        facts: the figures of the manifest.
    """
    kept = [answer for answer in answers if not answer.reason]
    reasons = Counter(answer.reason for answer in answers if answer.reason)
    spent: dict[str, float] = defaultdict(float)
    for answer in answers:
        spent[answer.reason or "kept"] += answer.cost_usd
    source = Path(__file__).with_name("report.html.jinja").read_text(encoding="utf-8")
    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True).from_string(
        source
    )
    write_text(
        path,
        page.render(
            facts={name: value for name, value in facts.items() if name != "funnel"},
            funnel=facts["funnel"],
            reasons=[(reason, count, spent[reason]) for reason, count in reasons.most_common()],
            kept=len(kept),
            kept_usd=spent["kept"],
            coverage=_by_ad(coverage),
            wording=wording_of([answer.title for answer in kept]),
            ads=_side_by_side(kept),
            rejected=[answer for answer in answers if answer.reason and answer.title][:REJECTED_SHOWN],
        ),
    )


def _by_ad(coverage: Sequence[PointCoverage]) -> dict[str, list[PointCoverage]]:
    ads: dict[str, list[PointCoverage]] = {}
    for point in coverage:
        ads.setdefault(point.ad_id, []).append(point)
    return dict(list(ads.items())[: 4 * ADS_SHOWN])


def _side_by_side(kept: Sequence[Written]) -> list[tuple[str, list[tuple[Written, str]]]]:
    """Ads with the most different leads: the original title, and titles that lead differently with their readers."""
    of_ad: dict[str, dict[str, Written]] = {}
    for answer in kept:
        of_ad.setdefault(answer.task.ad.ad_id, {}).setdefault(answer.selling_points[0], answer)
    chosen = sorted(of_ad.values(), key=len, reverse=True)[:ADS_SHOWN]
    return [
        (next(iter(leads.values())).task.ad.title, [(a, _interests(a)) for a in list(leads.values())[:TITLES_SHOWN]])
        for leads in chosen
    ]


def _interests(answer: Written) -> str:
    profile = read_profile(answer.profile)
    return ", ".join(str(phrase) for name in ("long_term", "short_term") for phrase in _many(profile.get(name))[:4])


def _many(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else []

"""What contrastive decoding and ranking by personalisation bring, and what keeping within a length while drawing does.

    python bench/decoding.py --run runs/demo --ads 24

The same pairs and seed each time; the title of a pair is the best of four candidates that pass the gate. Told are
    titled        pairs with a title
    own cluster   titles likelier under their own centroid than under the ad's other kept centroids, one by one; 0.5
                  is chance
    gain          log p(title | own centroid) - log p(title | mean user), nats, the mean
    alike         pairs of an ad's clusters that got the very same title
The model judges its own titles: a higher gain says that it heard the cluster, not that a person clicks.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from itertools import combinations
from pathlib import Path

import numpy as np
from demo_run import DemoRun

from creator.engine.contract import EngineName, LengthLimit, SamplingSettings, open_engine
from creator.facts.channels import CHANNELS, Channel
from creator.generation.gate import Gate
from creator.generation.pairs import Pair
from creator.generation.rank import Candidate, rank_candidates
from creator.generation.score import ScoreRequest, score_titles
from creator.generation.writer import Answer, write_prompts
from creator.models.word_table import PromptParts

Best = dict[str, str]
Answers = dict[str, tuple[Answer, ...]]


class Desk:
    """One engine, and the prompts of the pairs with what they are weighed against."""

    def __init__(self, run: DemoRun, pairs: list[Pair], name: EngineName) -> None:
        parts = PromptParts.read(run.folder / "model")
        self.prompts = write_prompts(parts, pairs, run.audience.soft_tokens, run.audience.mean)
        self.tokens, self.end = parts.config.title_tokens, parts.prompts.end
        longest = max(len(prompt.embeds) for prompt in self.prompts) + self.tokens
        self.engine = open_engine(name, run.folder / "model" / "creative_llm", context_tokens=longest)

    def write(self, contrast: float, limits: tuple[LengthLimit, ...] = ()) -> Answers:
        """Four candidates of each pair, by its key."""
        how = SamplingSettings(self.tokens, 0.7, 0.95, 4, 0, (self.end,), limits, contrast)
        found = self.engine.generate(self.prompts, how)
        return {
            done.prompt_id: tuple(Answer(c.text, c.logprob, c.finish_reason) for c in done.candidates) for done in found
        }


def score(run: DemoRun, pairs: list[Pair], titles: list[str], rows: list[int | None]) -> np.ndarray:
    """Log-probabilities under the soft tokens of rows, None the mean user's."""
    soft = [run.audience.mean if row is None else run.audience.soft_tokens[row] for row in rows]
    return score_titles(run.model, [ScoreRequest(p.ad, s, t) for p, s, t in zip(pairs, soft, titles, strict=True)])


def choose(run: DemoRun, pairs: list[Pair], answers: Answers, gate: Gate, by: str) -> Best:
    """The best passing title of each pair: by the whole ranking, or by its own likelihood alone."""
    passed, _ = gate.sort(pairs, answers)
    if not passed:
        return {}
    mine, titles = [one.pair for one in passed], [one.title for one in passed]
    own = score(run, mine, titles, [pair.row for pair in mine])
    mean = score(run, mine, titles, [None] * len(mine))
    by_ad: dict[str, dict[int, list[Candidate]]] = defaultdict(lambda: defaultdict(list))
    for n, one in enumerate(passed):
        found = Candidate(one.title, one.verdict, own[n], own[n] - mean[n])
        by_ad[one.pair.ad.ad_id][one.pair.cluster_id].append(found)
    if by == "likelihood":
        best = {ad: {c: max(x, key=lambda y: y.logprob) for c, x in some.items()} for ad, some in by_ad.items()}
    else:
        best = {ad: {c: x[0] for c, x in rank_candidates(some).items()} for ad, some in by_ad.items()}
    return {f"{cluster}/{ad}": x.title for ad, some in best.items() for cluster, x in some.items()}


def judge(run: DemoRun, pairs: list[Pair], best: Best) -> dict[str, float]:
    """The figures of the table."""
    of_ad: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        of_ad[pair.ad.ad_id].append(pair)
    titled = [pair for pair in pairs if pair.key in best]
    asked, rows, wins = list[Pair](), list[int | None](), 0
    for pair in titled:
        for row in (pair.row, None, *(other.row for other in of_ad[pair.ad.ad_id] if other.row != pair.row)):
            asked.append(pair)
            rows.append(row)
    scores = score(run, asked, [best[pair.key] for pair in asked], rows)
    at, gains, against = 0, list[float](), 0
    for pair in titled:
        others = len(of_ad[pair.ad.ad_id]) - 1
        own, mean, rest = scores[at], scores[at + 1], scores[at + 2 : at + 2 + others]
        gains.append(own - mean)
        wins += int((rest < own).sum())
        against += others
        at += 2 + others
    alike = [
        best[a.key] == best[b.key]
        for some in of_ad.values()
        for a, b in combinations([pair for pair in some if pair.key in best], 2)
    ]
    return {
        "titled": len(titled) / len(pairs),
        "own cluster": wins / max(1, against),
        "gain": float(np.mean(gains)) if gains else float("nan"),
        "alike": float(np.mean(alike)) if alike else float("nan"),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=Path("runs/demo"))
    parser.add_argument("--ads", type=int, default=24)
    parser.add_argument("--engine", choices=("vllm", "transformers"), default="vllm")
    parser.add_argument("--contrasts", type=float, nargs="*", default=[0.5, 1.0, 2.0])
    parser.add_argument("--channel", default="google_ads_editor", help="for the last two rows")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    run = DemoRun.read(options.run)
    pairs = run.ads_of(0, options.ads)
    rows: list[dict[str, object]] = []
    rule = CHANNELS[Channel(options.channel)]
    limit = LengthLimit(rule.longest, rule.wide_units, rule.narrow_units)
    desk = Desk(run, pairs, options.engine)
    plain = desk.write(0.0)
    print(f"{len(pairs)} pairs of {options.ads} ads, 4 candidates, {options.engine}")
    print(f"{'':<46}{'titled':>8}{'own cluster':>13}{'gain':>7}{'alike':>7}")
    everywhere, there = Gate(), Gate(channels=(Channel(options.channel),))

    def tell(name: str, best: Best) -> None:
        figures = judge(run, pairs, best)
        rows.append({"name": name, **figures})
        print(
            f"{name:<46}{figures['titled']:>8.1%}{figures['own cluster']:>13.3f}{figures['gain']:>7.2f}"
            f"{figures['alike']:>7.1%}",
            flush=True,
        )

    tell("the likeliest that passes", choose(run, pairs, plain, everywhere, "likelihood"))
    tell("ranked (personalisation, difference)", choose(run, pairs, plain, everywhere, "rank"))
    for weight in options.contrasts:
        started = time.monotonic()
        answers = desk.write(weight)
        took = time.monotonic() - started
        tell(f"contrast {weight:g}, the likeliest that passes", choose(run, pairs, answers, everywhere, "likelihood"))
        tell(f"contrast {weight:g}, ranked ({took:.0f} s)", choose(run, pairs, answers, everywhere, "rank"))
    tell(f"{options.channel}: drawn freely, then checked", choose(run, pairs, plain, there, "rank"))
    within = desk.write(0.0, (limit,))
    desk.engine.close()
    tell(f"{options.channel}: kept within while drawing", choose(run, pairs, within, there, "rank"))
    if options.json:
        print(json.dumps(rows))


if __name__ == "__main__":
    main()

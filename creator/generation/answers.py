"""What the Creative LLM answers for each pair: spread over workers, and on disk as soon as it is finished."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from creator.core.progress import Progress
from creator.engine.contract import EngineStats, LengthLimit
from creator.engine.spread import Spread, spread
from creator.facts.channels import CHANNELS, Channel
from creator.generation.forecast import CALIBRATION_PAIRS, Forecaster
from creator.generation.journal import Journal
from creator.generation.options import GenerateOptions
from creator.generation.pairs import Audience, Pair
from creator.generation.writer import Answer, MakeWriter, Written
from creator.models.assembly import HllmCreator

JOURNAL = ".candidates.jsonl"
STATS = ".stats.jsonl"
BLOCK_PAIRS = 128  # what a worker of several is given at a time, and a lost Ray worker costs
HERE_BYTES = 256 << 20  # of prompts that are laid out at once where there is one worker

Answers = dict[str, tuple[Answer, ...]]


def answer_pairs(
    options: GenerateOptions, model: HllmCreator, pairs: Sequence[Pair], audience: Audience, folder: Path
) -> tuple[Answers, EngineStats]:
    """Every pair's answers by `Pair.key`, from the journal in `folder` or from the engine.

    Raises:
        EngineError: the engine failed; what was finished before is in the journal.
        ForecastOnlyError: `options.forecast`, once it was told.
    """
    journal, done = Journal(folder / JOURNAL), Journal(folder / STATS)
    answers: Answers = {row["key"]: tuple(Answer(**one) for one in row["answers"]) for row in journal.rows()}
    stats = sum((EngineStats(**row) for row in done.rows()), EngineStats())
    todo = [pair for pair in pairs if pair.key not in answers]
    where = placing(options)
    tokens = prompt_tokens(model, todo)
    forecaster = Forecaster.of(options, model.config.title_tokens, todo, tokens, max(1, where.workers))
    forecaster.begin(len(pairs))
    if not todo:
        return answers, stats
    make = MakeWriter(
        options.model.resolve(),
        options.worker_engine if options.engine == "ray" else options.engine,
        options.dtype,
        options.candidates,
        options.temperature,
        options.top_p,
        options.seed,
        options.contrast,
        audience,
        length_limits(options),
        max(tokens.values()),
    )
    progress = Progress("generate", len(pairs), "pairs", done=len(pairs) - len(todo))

    def keep(what: Written | EngineStats) -> None:
        nonlocal stats
        if isinstance(what, EngineStats):
            stats += what
            done.append(asdict(what))
            forecaster.measured(what)
        elif what.key not in answers:  # a worker that was replaced tells again what its predecessor told
            answers[what.key] = what.answers
            journal.append({"key": what.key, "answers": [asdict(answer) for answer in what.answers]})
            progress.advance()

    try:
        spread(make, blocks_of(todo, tokens, model.creative.width, where), keep, where)
    finally:
        progress.close()
    return answers, stats


def placing(options: GenerateOptions) -> Spread:
    """Where the workers run."""
    if options.engine == "ray":
        return Spread("ray", options.workers, options.ray_address)
    return Spread.on_this_machine(options.workers)


def length_limits(options: GenerateOptions) -> tuple[LengthLimit, ...]:
    """The channels' longest titles, for the engine."""
    rules = [CHANNELS[Channel(name)] for name in options.channels]
    return tuple(LengthLimit(rule.longest, rule.wide_units, rule.narrow_units) for rule in rules)


def prompt_tokens(model: HllmCreator, pairs: Sequence[Pair]) -> dict[str, int]:
    """How long each ad's prompts are, by ad_id, soft token included."""
    found: dict[str, int] = {}
    for pair in pairs:
        if pair.ad.ad_id not in found:
            words = model.prompts.prompt(pair.ad)
            found[pair.ad.ad_id] = len(words.before) + 1 + len(words.after)
    return found


def blocks_of(pairs: Sequence[Pair], tokens: Mapping[str, int], width: int, where: Spread) -> list[list[Pair]]:
    """Pairs in blocks for the workers, in order; the first block is small, to measure by.

    An ad's pairs stay together unless they are more than a block holds. One worker gets blocks as large as memory
    allows, since an engine idles while the last titles of a block are finished; several get smaller ones, so that
    they end together and little is lost with one of them.
    """
    blocks: list[list[Pair]] = [[]]
    size = 0
    for n, pair in enumerate(pairs):
        cost = 4 * width * tokens[pair.ad.ad_id]
        full = len(blocks[-1]) >= (CALIBRATION_PAIRS if len(blocks) == 1 else BLOCK_PAIRS)
        if where.how == "here" and len(blocks) > 1:
            full = size + cost > HERE_BYTES
        same_ad = n > 0 and pairs[n - 1].ad.ad_id == pair.ad.ad_id
        if full and (not same_ad or len(blocks[-1]) >= 2 * BLOCK_PAIRS or where.how == "here"):
            blocks.append([])
            size = 0
        blocks[-1].append(pair)
        size += cost
    return [block for block in blocks if block]

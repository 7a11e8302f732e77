"""What the Creative LLM answers for each pair: prompts of embeddings in, candidates out and on disk when finished."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path

import torch

from creator.core.progress import Progress, say
from creator.engine.contract import Completion, EngineStats, Prompt, SamplingSettings, open_engine
from creator.generation.journal import Journal
from creator.generation.options import GenerateOptions
from creator.generation.pairs import Pair
from creator.models.assembly import Float, HllmCreator

JOURNAL = ".candidates.jsonl"
STATS = ".stats.json"


@dataclass(frozen=True, slots=True)
class Answer:
    """One candidate as the engine gave it.

    Args:
        text: what was written, without its end.
        logprob: of the whole answer, nats.
        finish: "stop", or "length" when it ran into the longest title.
    """

    text: str
    logprob: float
    finish: str


Answers = dict[str, list[Answer]]


def answer_pairs(
    options: GenerateOptions, model: HllmCreator, pairs: Sequence[Pair], centroids: Float, folder: Path
) -> tuple[Answers, EngineStats]:
    """Every pair's answers by `Pair.key`, from the journal in `folder` or from the engine.

    Raises:
        EngineError: the engine failed; what was finished before is in the journal.
    """
    journal = Journal(folder / JOURNAL)
    answers: Answers = {row["key"]: [Answer(**answer) for answer in row["answers"]] for row in journal.rows()}
    before = EngineStats()
    if (folder / STATS).is_file():
        before = EngineStats(**json.loads((folder / STATS).read_text(encoding="utf-8")))
    todo = [pair for pair in pairs if pair.key not in answers]
    if not todo:
        return answers, before
    say(f"generate: {len(todo):,} pairs to write, {len(pairs) - len(todo):,} already written")
    prompts = write_prompts(model, todo, model.soft_tokens(centroids))
    engine = open_engine(
        options.engine,
        options.model / "creative_llm",
        context_tokens=max(len(prompt.embeds) for prompt in prompts) + model.config.title_tokens,
        dtype=options.dtype,
    )
    progress = Progress("generate", len(pairs), "pairs", done=len(pairs) - len(todo))

    def keep(done: Completion) -> None:
        found = [Answer(c.text, c.logprob, c.finish_reason) for c in done.candidates]
        answers[done.prompt_id] = found
        journal.append({"key": done.prompt_id, "answers": [asdict(answer) for answer in found]})
        progress.advance()

    try:
        engine.generate(prompts, _sampling(options, model), keep)
        stats = before + engine.stats
    finally:
        progress.close()
        engine.close()
    (folder / STATS).write_text(json.dumps(asdict(stats)), encoding="utf-8")
    return answers, stats


def write_prompts(model: HllmCreator, pairs: Sequence[Pair], soft_tokens: Float) -> list[Prompt]:
    """Each pair's prompt as embeddings, its cluster's soft token in its slot.

    Args:
        model: the model.
        pairs: those of one ad together.
        soft_tokens: [K, D].
    """
    out: list[Prompt] = []
    with torch.inference_mode():
        for _, of_ad in groupby(pairs, key=lambda pair: pair.ad.ad_id):
            same = list(of_ad)
            words = model.prompts.prompt(same[0].ad)
            before, after = (
                model.creative.embed_tokens(torch.tensor(ids)).float() for ids in (words.before, words.after)
            )
            for pair in same:
                soft = torch.from_numpy(soft_tokens[pair.row]).unsqueeze(0)
                out.append(Prompt(pair.key, torch.cat([before, soft, after])))
    return out


def _sampling(options: GenerateOptions, model: HllmCreator) -> SamplingSettings:
    return SamplingSettings(
        max_tokens=model.config.title_tokens,
        temperature=options.temperature,
        top_p=options.top_p,
        n=1 if options.temperature == 0 else options.candidates,
        seed=options.seed,
        stop_token_ids=(model.prompts.end,),
    )

"""One worker of `generate`: an engine, and the prompts it is given. Made where it works, on any machine.

pairs of some ads -> [instruction | ad | soft token | cue] as embeddings -> engine -> candidates of each pair
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import torch

from creator.engine.contract import (
    Completion,
    DType,
    EngineName,
    EngineStats,
    LengthLimit,
    Prompt,
    SamplingSettings,
    open_engine,
)
from creator.generation.pairs import Audience, Pair
from creator.models.assembly import Float
from creator.models.word_table import PromptParts


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


@dataclass(frozen=True, slots=True)
class Written:
    """What was written for one pair."""

    key: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class MakeWriter:
    """Makes a worker; small enough to be sent to another machine, where `model` must be the same folder.

    Args:
        model: MODEL folder.
        engine: what runs the Creative LLM.
        dtype: number format of the engine.
        candidates, temperature, top_p, seed, contrast: how titles are drawn.
        audience: whom titles are written for; `contrast` weighs against its mean user.
        limits: lengths that titles keep within.
        prompt_tokens: of the longest prompt.
    """

    model: Path
    engine: EngineName
    dtype: DType
    candidates: int
    temperature: float
    top_p: float
    seed: int
    contrast: float
    audience: Audience = field(repr=False)
    limits: tuple[LengthLimit, ...]
    prompt_tokens: int

    def __call__(self) -> Writer:
        """Load the model into an engine.

        Raises:
            EngineError, ModelError: the engine cannot start, or the folder does not read.
        """
        return Writer(self)


class Writer:
    """An engine with what its prompts are made of; see `MakeWriter`."""

    def __init__(self, made: MakeWriter) -> None:
        self._made = made
        self._parts = PromptParts.read(made.model)
        config = self._parts.config
        self._settings = SamplingSettings(
            max_tokens=config.title_tokens,
            temperature=made.temperature,
            top_p=made.top_p,
            n=1 if made.temperature == 0 else made.candidates,
            seed=made.seed,
            stop_token_ids=(self._parts.prompts.end,),
            limits=made.limits,
            contrast=made.contrast,
        )
        self._engine = open_engine(
            made.engine,
            made.model / "creative_llm",
            context_tokens=made.prompt_tokens + config.title_tokens,
            dtype=made.dtype,
        )

    def run(self, block: Sequence[Pair], keep: Callable[[Written | EngineStats], None]) -> None:
        """Write the candidates of some pairs, those of one ad together; then say what it took."""
        before = self._engine.stats
        audience = self._made.audience
        mean = audience.mean if self._made.contrast else None
        prompts = write_prompts(self._parts, block, audience.soft_tokens, mean)
        self._engine.generate(prompts, self._settings, lambda done: keep(_written(done)))
        keep(self._engine.stats - before)

    def close(self) -> None:
        """Free the engine."""
        self._engine.close()


def write_prompts(
    parts: PromptParts, pairs: Sequence[Pair], soft_tokens: Float, mean: Float | None = None
) -> list[Prompt]:
    """Each pair's prompt as embeddings, its centroid's soft token in its slot.

    Args:
        parts: of the model.
        pairs: those of one ad together.
        soft_tokens: [K, D].
        mean: [D] of whom to weigh against.
    """
    out: list[Prompt] = []
    with torch.inference_mode():
        for _, of_ad in groupby(pairs, key=lambda pair: pair.ad.ad_id):
            same = list(of_ad)
            ids = parts.prompts.prompt(same[0].ad)
            before, after = (parts.words[list(some)].float() for some in (ids.before, ids.after))
            against = None if mean is None else torch.cat([before, torch.from_numpy(mean).unsqueeze(0), after])
            for pair in same:
                soft = torch.from_numpy(soft_tokens[pair.row]).unsqueeze(0)
                out.append(Prompt(pair.key, torch.cat([before, soft, after]), against))
    return out


def _written(done: Completion) -> Written:
    return Written(done.prompt_id, tuple(Answer(c.text, c.logprob, c.finish_reason) for c in done.candidates))

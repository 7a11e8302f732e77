"""Titles drawn from the Creative LLM under training, and how likely titles are under a reader and the mean reader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from creator.align.asked import Asked, Asking
from creator.models.assembly import HllmCreator
from creator.models.creative import Branch, Row, RowBatch

ROWS_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Drawn:
    """A title as it was written.

    Args:
        token_ids: its tokens, the end included where it ended.
        text: the same as text.
        finished: whether it ended by itself.
    """

    token_ids: list[int]
    text: str
    finished: bool


@torch.no_grad()
def draw_titles(
    model: HllmCreator, llm: Any, prompts: Sequence[Sequence[int]], count: int, temperature: float
) -> list[list[Drawn]]:
    """`count` titles for each prompt.

    Args:
        model: whose prompts they are.
        llm: its Creative LLM, soft tokens lent.
        prompts: token ids.
        count: draws of each.
        temperature: of the draws.
    """
    out: list[list[Drawn]] = []
    end, was_training = model.prompts.end, llm.training
    llm.eval()
    for start in range(0, len(prompts), ROWS_AT_ONCE):
        part = prompts[start : start + ROWS_AT_ONCE]
        longest = max(map(len, part))
        ids = torch.tensor([[end] * (longest - len(p)) + list(p) for p in part], device=model.device)
        mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in part], device=model.device)
        written = llm.generate(
            input_ids=ids,
            attention_mask=mask,
            do_sample=True,
            temperature=temperature,
            top_k=0,
            num_return_sequences=count,
            max_new_tokens=model.config.title_tokens,
            eos_token_id=end,
            pad_token_id=end,
        )[:, longest:].tolist()
        found = [_drawn(model, tokens, end) for tokens in written]
        out += [found[n : n + count] for n in range(0, len(found), count)]
    llm.train(was_training)
    return out


def _drawn(model: HllmCreator, tokens: list[int], end: int) -> Drawn:
    finished = end in tokens
    kept = tokens[: tokens.index(end)] if finished else tokens
    text: str = model.creative.tokenizer.decode(kept, skip_special_tokens=True)
    return Drawn([*kept, end] if finished else kept, text.strip(), finished)


@torch.no_grad()
def log_likelihoods(
    model: HllmCreator, asking: Asking, titles: Sequence[tuple[Asked, Sequence[int]]], readers: Sequence[int]
) -> torch.Tensor:
    """Summed log-probability of titles for their ads, each under one reader: [N] fp32.

    Args:
        model: the model.
        asking: who the readers are.
        titles: N (pair, token ids of a title with its end).
        readers: [N] rows of `asking.soft`.
    """
    soft = torch.from_numpy(asking.soft).to(model.device)
    out: list[torch.Tensor] = []
    for start in range(0, len(titles), ROWS_AT_ONCE):
        rows: list[Row] = []
        for (asked, tokens), reader in zip(
            titles[start : start + ROWS_AT_ONCE], readers[start : start + ROWS_AT_ONCE], strict=True
        ):
            prompt = model.prompts.prompt(asked.ad)
            rows.append(Row(prompt.before, [Branch(reader, prompt.after, list(tokens) or [model.prompts.end])]))
        out.append(model.creative.answer_logprobs(RowBatch.of(rows).to(model.device), soft))
    return torch.cat(out) if out else torch.zeros(0)


def personal(model: HllmCreator, asking: Asking, titles: Sequence[tuple[Asked, Sequence[int]]]) -> list[float]:
    """How much likelier each title is under its reader than under the mean reader, nats."""
    own = log_likelihoods(model, asking, titles, [asked.reader for asked, _ in titles])
    mean = log_likelihoods(model, asking, titles, [asking.mean_reader] * len(titles))
    return (own - mean).tolist()

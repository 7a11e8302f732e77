"""The Creative LLM's loss on rows that several processes share."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from creator.models.creative import CreativeLLM, Row, RowBatch
from creator.training.workers import workers


def row_loss(creative: CreativeLLM, rows: Sequence[Row], soft_tokens: Tensor) -> Tensor:
    """Cross-entropy of the rows' answers, the mean over supervised tokens; each process runs its share of the rows.

    Args:
        creative: the Creative LLM.
        rows: the same in every process, at least one.
        soft_tokens: [B, D].

    Returns:
        this process's part: its mean over processes is the loss on all rows.
    """
    group = workers()
    mine = [rows[n] for n in group.share(len(rows))]
    # with nothing of its own a process still takes part in the pass, as FSDP needs, but counts for nothing
    loss = creative.loss(RowBatch.of(mine or rows[:1]).to(soft_tokens.device), soft_tokens)
    return loss * group.part_of(_supervised(mine), _supervised(rows))


def _supervised(rows: Sequence[Row]) -> int:
    return sum(len(branch.answer) for row in rows for branch in row.branches)

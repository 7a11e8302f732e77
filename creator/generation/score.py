"""Log-probabilities of given titles under given soft tokens: conditioning, personalisation and own-cluster preference.

Requests on one ad share a row, so that the ad is read once for many titles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from creator.core.progress import Progress
from creator.core.records import Ad
from creator.models.assembly import HllmCreator
from creator.models.creative import Branch, Row, RowBatch

TITLES_PER_ROW = 16
ROWS = 4


@dataclass(frozen=True, slots=True)
class ScoreRequest:
    """How likely is this title for this ad under this soft token?

    Args:
        ad: the ad.
        soft_token: [D], from `HllmCreator.soft_tokens`.
        title: the title.
    """

    ad: Ad
    soft_token: npt.NDArray[np.float32]
    title: str


@torch.inference_mode()
def score_titles(model: HllmCreator, requests: Sequence[ScoreRequest], *, label: str = "") -> npt.NDArray[np.float64]:
    """Summed log-probability of each title and its end, [N], in nats.

    Args:
        model: the model.
        requests: in any order; those on one ad are run together.
        label: shows progress under that name.
    """
    by_ad: dict[str, list[int]] = {}
    for n, request in enumerate(requests):
        by_ad.setdefault(request.ad.ad_id, []).append(n)
    groups = [
        numbers[start : start + TITLES_PER_ROW]
        for numbers in by_ad.values()
        for start in range(0, len(numbers), TITLES_PER_ROW)
    ]
    groups.sort(key=len)
    out = np.empty(len(requests))
    progress = Progress(label, len(requests), "titles") if label else None
    for start in range(0, len(groups), ROWS):
        part = groups[start : start + ROWS]
        numbers = [n for group in part for n in group]
        soft = torch.from_numpy(np.stack([requests[n].soft_token for n in numbers])).to(model.device)
        rows, users = [], iter(range(len(numbers)))
        for group in part:
            prompt = model.prompts.prompt(requests[group[0]].ad)
            rows.append(
                Row(
                    prompt.before,
                    [Branch(next(users), prompt.after, model.prompts.title(requests[n].title)) for n in group],
                )
            )
        out[numbers] = model.creative.answer_logprobs(RowBatch.of(rows).to(model.device), soft).double().cpu().numpy()
        if progress:
            progress.advance(len(numbers))
    if progress:
        progress.close()
    return out

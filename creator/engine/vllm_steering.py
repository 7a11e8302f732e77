"""Contrast and lengths inside vLLM: a logits processor that sees the rows of its batch.

With a contrast every row runs twice, once for each of its two prompts, in step: both get the same scores and the same
seed, so they draw the same token. The engine admits the two together and only where a step has room for both whole
prompts; should they fall out of step nevertheless, the processor raises instead of weighing what does not belong
together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from creator.engine.contract import SamplingSettings
from creator.engine.folder import ModelFolder
from creator.engine.steering import Limiter, contrasted

TAG = "steered"


@dataclass(frozen=True, slots=True)
class SteeredRow:
    """A row of vLLM's batch that is steered.

    Args:
        number: of the row within the engine's call.
        against: whether it runs the prompt that the row is weighed against.
        answer: its tokens so far; vLLM appends to it.
    """

    number: int
    against: bool
    answer: list[int]


class Steered:
    """What an engine and the processor inside it share; they live in one process.

    Args:
        folder: the model's folder.
    """

    def __init__(self, folder: ModelFolder) -> None:
        self._folder, self._settings = folder, SamplingSettings()
        self._limiter: Limiter | None = None

    def begin(self, settings: SamplingSettings) -> None:
        """Steer by other settings from now on."""
        self._settings, self._limiter = settings, None

    def processor(self) -> type:
        """The class that vLLM makes its processor from."""
        from vllm.v1.sample.logits_processor import BatchUpdate, LogitsProcessor
        from vllm.v1.sample.logits_processor.builtin import process_dict_updates

        steered = self

        class Steering(LogitsProcessor):
            """Steers the rows whose requests are tagged."""

            def __init__(self, vllm_config: Any, device: torch.device, is_pin_memory: bool) -> None:
                self._rows: dict[int, SteeredRow] = {}

            def is_argmax_invariant(self) -> bool:
                return False

            def update_state(self, batch_update: BatchUpdate | None) -> None:
                process_dict_updates(self._rows, batch_update, lambda params, _, answer: _tagged(params, answer))

            def apply(self, logits: torch.Tensor) -> torch.Tensor:
                return steered.steer(logits, self._rows) if self._rows else logits

        return Steering

    def steer(self, logits: torch.Tensor, rows: dict[int, SteeredRow]) -> torch.Tensor:
        """Steer a batch's scores in place.

        Args:
            logits: [R, V].
            rows: the steered rows by their place among the R.

        Raises:
            RuntimeError: a row and the one it is weighed against are not at the same token.
        """
        own = {row.number: place for place, row in rows.items() if not row.against}
        other = {row.number: place for place, row in rows.items() if row.against}
        scores = logits[list(own.values())]
        if weight := self._settings.contrast:
            together = own.keys() == other.keys()
            if not together or any(len(rows[own[n]].answer) != len(rows[other[n]].answer) for n in own):
                raise RuntimeError("a prompt and the one it is weighed against fell out of step")
            scores = contrasted(scores, logits[[other[n] for n in own]], weight)
        if self._settings.limits:
            self._limiter = self._limiter or self._folder.limiter(self._settings, logits.device)
            assert self._limiter is not None
            scores = self._limiter(scores, [rows[place].answer for place in own.values()])
        logits[list(own.values())] = scores.to(logits.dtype)
        if other:
            logits[[other[n] for n in own]] = scores.to(logits.dtype)
        return logits


def _tagged(params: Any, answer: list[int]) -> SteeredRow | None:
    tag = (params.extra_args or {}).get(TAG)
    return None if tag is None else SteeredRow(tag[0], tag[1], answer)

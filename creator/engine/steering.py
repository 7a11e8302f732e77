"""What is done to the scores of the next token: contrast with another prompt, and lengths that are kept within.

Both engines draw after this. Shapes: R rows, V vocabulary.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from creator.engine.contract import PLAUSIBLE, LengthLimit

Floats = npt.NDArray[np.float32]


def contrasted(own: torch.Tensor, other: torch.Tensor, weight: float) -> torch.Tensor:
    """Scores of contrastive decoding: what the own prompt makes likelier than the other one does.

    Args:
        own: [R, V] logits under the own prompts.
        other: [R, V] logits under the prompts they are weighed against.
        weight: w >= 0; 0 leaves the own distribution, cut to what is plausible.

    Returns:
        [R, V] (1 + w) log p_own - w log p_other, -inf where p_own is below `PLAUSIBLE` times its maximum
        (arXiv 2210.15097, equations 2 and 3, with the weight of arXiv 2305.14739).
    """
    mine, theirs = own.float().log_softmax(-1), other.float().log_softmax(-1)
    plausible = mine >= mine.amax(-1, keepdim=True) + math.log(PLAUSIBLE)
    return ((1 + weight) * mine - weight * theirs).masked_fill(~plausible, -torch.inf)


class TokenLengths:
    """How long each token of a vocabulary makes an answer; spaces in front of an answer do not count.

    A token that is a part of a character counts one, so that a character written byte by byte counts too much, never
    too little.

    Args:
        tokenizer: of the vocabulary.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.special: tuple[int, ...] = tuple(tokenizer.all_special_ids)
        anchor = _plain_token(tokenizer)
        before = len(_decoded(tokenizer, [anchor])[0])
        texts = _decoded(tokenizer, [[*anchor, token] for token in range(len(tokenizer))])
        added = [text[before:] for text in texts]
        shown = [[c for c in text if unicodedata.category(c) not in ("Mn", "Me", "Cf")] for text in added]
        wide = [sum(unicodedata.east_asian_width(c) in "WF" for c in some) for some in shown]
        self.wide: Floats = np.array(wide, dtype=np.float32)
        self.narrow: Floats = np.array([len(some) for some in shown], dtype=np.float32) - self.wide
        self.leading: Floats = np.array([len(text) - len(text.lstrip()) for text in added], dtype=np.float32)

    def room(self, answer: Sequence[int], limit: LengthLimit) -> float:
        """What is left of a limit after these tokens, in its units."""
        tokens = np.array(answer, dtype=np.int64)
        total = float((self.wide[tokens] * limit.wide_units + self.narrow[tokens] * limit.narrow_units).sum())
        return limit.longest - total + self._in_front(tokens) * limit.narrow_units

    def has_begun(self, answer: Sequence[int]) -> bool:
        """Whether anything but spaces was written."""
        tokens = np.array(answer, dtype=np.int64)
        return bool((self.wide[tokens] + self.narrow[tokens] > self.leading[tokens]).any())

    def _in_front(self, tokens: npt.NDArray[np.int64]) -> float:
        blank = self.wide[tokens] + self.narrow[tokens] <= self.leading[tokens]
        first = len(tokens) if blank.all() else int(np.argmin(blank)) + 1
        return float(self.leading[tokens[:first]].sum())


class Limiter:
    """Forbids tokens that would make an answer longer than its limits; a stop token always fits.

    Args:
        lengths: of the vocabulary.
        limits: to keep within.
        stop_ids: tokens that end an answer.
        device: where the scores are.
    """

    def __init__(
        self, lengths: TokenLengths, limits: Sequence[LengthLimit], stop_ids: Sequence[int], device: torch.device
    ) -> None:
        self._lengths, self._limits, self._device = lengths, tuple(limits), device
        self._units = [
            torch.from_numpy(lengths.wide * x.wide_units + lengths.narrow * x.narrow_units).to(device) for x in limits
        ]
        self._free = [torch.from_numpy(lengths.leading * x.narrow_units).to(device) for x in limits]
        self._special = torch.tensor(lengths.special, dtype=torch.long, device=device)
        self._stop_ids = torch.tensor(list(stop_ids), dtype=torch.long, device=device)

    def __call__(self, scores: torch.Tensor, answers: Sequence[Sequence[int]]) -> torch.Tensor:
        """Scores [R, V] with -inf at what does not fit behind each row's answer so far."""
        # a model's output layer may be wider than its tokenizer's vocabulary
        vocabulary = min(scores.shape[1], len(self._lengths.wide))
        begun = torch.tensor([self._lengths.has_begun(answer) for answer in answers], device=self._device)
        too_long = torch.zeros(scores.shape, dtype=torch.bool, device=self._device)
        for limit, units, free in zip(self._limits, self._units, self._free, strict=True):
            room = torch.tensor([self._lengths.room(answer, limit) for answer in answers], device=self._device)
            added = torch.where(begun[:, None], units, units - free)
            too_long[:, :vocabulary] |= (added > room[:, None] + 1e-4)[:, :vocabulary]
        too_long[:, self._special] = True  # they write nothing, so they would always fit and never end
        too_long[:, self._stop_ids] = False
        return scores.masked_fill(too_long, -torch.inf)


def _plain_token(tokenizer: Any) -> list[int]:
    """A token of letters, to stand in front of each other one: alone, some tokenizers drop its space."""
    special = set(tokenizer.all_special_ids)
    for token in range(len(tokenizer)):
        if token not in special and _decoded(tokenizer, [[token]])[0].isalnum():
            return [token]
    return []


def _decoded(tokenizer: Any, token_ids: Sequence[Sequence[int]]) -> list[str]:
    return tokenizer.batch_decode(token_ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)

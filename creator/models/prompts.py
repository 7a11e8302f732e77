"""What the Creative LLM reads: the parts of a prompt around the soft token, as token ids."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from creator.core.records import Ad
from creator.models.config import ModelConfig


@dataclass(frozen=True, slots=True)
class Prompt:
    """Token ids on both sides of the soft token.

    Args:
        before: what stands in front of it; the same for every user of an ad when the position is "ad_first".
        after: what stands between it and the title.
    """

    before: tuple[int, ...]
    after: tuple[int, ...]


class PromptWriter:
    """Writes prompts under a model's conventions.

    Args:
        config: the model's conventions.
        tokenizer: the Creative LLM's tokenizer.
    """

    def __init__(self, config: ModelConfig, tokenizer: Any) -> None:
        self._config, self._tokenizer = config, tokenizer
        self._instruction = self.words(config.instruction)
        self._cue = self.words(config.cue)
        self._space = " " if config.cue and not config.cue[-1].isspace() else ""
        self.end: int = tokenizer.eos_token_id

    def words(self, text: str) -> list[int]:
        """Token ids of a text, no special tokens."""
        return self._tokenizer(text, add_special_tokens=False)["input_ids"]

    def prompt(self, ad: Ad, order: Sequence[int] | None = None) -> Prompt:
        """The prompt of an ad.

        Args:
            ad: the ad.
            order: the order in which its selling points are listed. Training shuffles it, or the Creative LLM learns
                the order instead of the user; as given when None.
        """
        facts = self.words(ad_text(ad, order, self._config.ad_template))[: self._config.ad_tokens]
        if self._config.position == "ad_first":
            return Prompt((*self._instruction, *facts), tuple(self._cue))
        return Prompt(tuple(self._instruction), (*facts, *self._cue))

    def title(self, title: str) -> list[int]:
        """A title's token ids, its end included; a longer one is cut so that the end always fits."""
        return [*self.words(self._space + title)[: self._config.title_tokens - 1], self.end]

    def profile_prompt(self) -> list[int]:
        """The words between the reconstruction soft token and the profile."""
        return self.words(self._config.profile_instruction)

    def profile(self, profile: str) -> list[int]:
        """A profile's token ids, its end included, cut likewise."""
        return [*self.words(profile)[: self._config.profile_tokens - 1], self.end]


def ad_text(ad: Ad, order: Sequence[int] | None = None, template: str = "") -> str:
    """An ad as the Creative LLM reads it: as the template has it, or its title, then one selling point a line (or its
    description)."""
    if template:
        parts = re.split(r"(\{title\}|\{description\})", template)
        return "".join({"{title}": ad.title, "{description}": ad.description}.get(part, part) for part in parts)
    points = [ad.selling_points[i] for i in order] if order is not None else list(ad.selling_points)
    return f"Ad: {ad.title}\n" + "\n".join(f"- {point}" for point in points or [ad.description])

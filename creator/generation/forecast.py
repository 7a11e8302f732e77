"""What a run of `generate` will cost, told before the bulk of it: pairs and tokens by counting, minutes by measuring.

The first `CALIBRATION_PAIRS` pairs are the measurement. They are part of the work: nothing is written twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from creator.core.errors import HllmCreatorError
from creator.core.progress import say
from creator.engine.contract import EngineStats
from creator.generation.options import GenerateOptions
from creator.generation.pairs import Pair

CALIBRATION_PAIRS = 48


class ForecastOnlyError(HllmCreatorError):
    """Not a fault: the forecast that was asked for is made. `facts` are for the command's summary."""

    def __init__(self, facts: Mapping[str, object]) -> None:
        super().__init__("the forecast is made")
        self.facts = dict(facts)


@dataclass
class Forecaster:
    """Counts what is to be done, measures the first of it and tells the rest.

    Args:
        pairs: to write.
        candidates: of each pair.
        prompt_tokens: to submit, all candidates counted.
        longest_output_tokens: what the answers have at most.
        workers: how many share the work.
        only: stop once the forecast is told.
    """

    pairs: int
    candidates: int
    prompt_tokens: int
    longest_output_tokens: int
    workers: int
    only: bool
    _seen: EngineStats = field(default_factory=EngineStats)
    _told: bool = False

    @classmethod
    def of(
        cls,
        options: GenerateOptions,
        title_tokens: int,
        todo: Sequence[Pair],
        tokens: Mapping[str, int],
        workers: int,
    ) -> Forecaster:
        """From the pairs to write and how long each ad's prompts are."""
        candidates = 1 if options.temperature == 0 else options.candidates
        submitted = sum(tokens[pair.ad.ad_id] for pair in todo) * candidates * (2 if options.contrast else 1)
        longest = len(todo) * candidates * title_tokens
        return cls(len(todo), candidates, submitted, longest, workers, options.forecast)

    def begin(self, all_pairs: int) -> None:
        """Say what is known without measuring."""
        say(
            f"generate: {self.pairs:,} pairs to write, {all_pairs - self.pairs:,} already written; "
            f"{self.candidates} candidates each, {self.prompt_tokens:,} prompt tokens to submit, at most "
            f"{self.longest_output_tokens:,} to write"
        )
        if self.only and not self.pairs:
            raise ForecastOnlyError({"pairs": 0, "minutes": 0.0})

    def measured(self, did: EngineStats) -> None:
        """Take in what a block took; after enough pairs, tell the forecast once.

        Raises:
            ForecastOnlyError: it is told, and nothing more is wanted.
        """
        self._seen += did
        if self._told or self._seen.prompts < min(CALIBRATION_PAIRS, self.pairs):
            return
        self._told = True
        facts = self.facts()
        left = self.pairs - self._seen.prompts
        if left > 0:
            say(
                f"forecast: about {facts['minutes']} minutes for the remaining {left:,} pairs, "
                f"{facts['output_tokens']:,} tokens to write in all and {facts['prompt_tokens_computed']:,} of the "
                f"{self.prompt_tokens:,} prompt tokens to compute (measured on {self._seen.prompts} pairs in "
                f"{self._seen.wall_s:.1f} s, {self.workers} at a time)"
            )
        if self.only:
            raise ForecastOnlyError(facts)

    def facts(self) -> dict[str, object]:
        """The forecast: tokens in all, minutes for what is left."""
        seen = self._seen
        share = self.pairs / max(1, seen.prompts)
        left = max(0, self.pairs - seen.prompts)
        computed = seen.prompt_tokens_computed / max(1, seen.prompt_tokens_submitted)
        return {
            "pairs": self.pairs,
            "candidates_per_pair": self.candidates,
            "prompt_tokens": self.prompt_tokens,
            "prompt_tokens_computed": round(computed * self.prompt_tokens),
            "output_tokens": round(seen.output_tokens * share),
            "measured_pairs": seen.prompts,
            "minutes": round(left * seen.wall_s / max(1, seen.prompts) / self.workers / 60, 1),
        }
